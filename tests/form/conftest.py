"""The settings form as a form generator shows it, in a browser; skipped, and loudly, where the tools are missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from form_host import FormHost
from support.browser import Browser

HERE = Path(__file__).parent
PROGRAMS = ("node", "npm", "chromium", "chromedriver")


@pytest.fixture(scope="session")
def programs():
    """Paths of the programs that build and show the form: CI must have them, elsewhere its tests are skipped."""
    found = {name: shutil.which(name) for name in PROGRAMS}
    missing = [name for name, path in found.items() if not path]
    missing += [] if _packages_are_installed() else ["the packages of tests/form/package-lock.json"]
    if not missing:
        return found
    reason = f"the settings form is not tested: no {', no '.join(missing)}; `bash tests/form/install.sh` installs them"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    return pytest.skip(reason)


def _packages_are_installed():
    installed = HERE / "node_modules" / ".package-lock.json"
    if not installed.exists():
        return False
    found = json.loads(installed.read_text(encoding="utf-8"))["packages"]
    wanted = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    needed = {path: one["version"] for path, one in wanted.items() if path and not one.get("optional")}
    return all(found.get(path, {}).get("version") == version for path, version in needed.items())


@pytest.fixture(scope="session")
def page(programs, tmp_path_factory):
    """Build the page: its files and the bundle of `form.jsx`."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("index.html", "form.css"):
        shutil.copy(HERE / "page" / name, folder)
    build = [programs["npm"], "run", "--silent", "build", "--", f"--outfile={folder / 'form.js'}"]
    built = subprocess.run(
        build, cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def window(programs, tmp_path_factory):
    """One browser window for the tests of a module: left open it would take processor time from all that follow."""
    browser = Browser(programs["chromedriver"], programs["chromium"], tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def serving(page):
    """One host for all tests, so that the browser keeps the page's program."""
    with FormHost(page) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def host(serving):
    """The host with nothing submitted yet."""
    serving.submitted.clear()
    return serving


@pytest.fixture
def browser(window, host, request):
    """The window with a fresh form in it; `FORM_PICTURES=folder` keeps a picture of how each test left it."""
    window.open(host.url)
    window.find("#root")
    yield window
    if os.environ.get("FORM_PICTURES"):
        picture = Path(os.environ["FORM_PICTURES"]) / f"{request.node.originalname}.png"
        picture.write_bytes(window.picture())
