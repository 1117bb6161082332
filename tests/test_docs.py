"""The documentation and the code say the same."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from signal_client_oci import __version__
from signal_client_oci.errors.policies import DOMAIN_GROUP, statements
from signal_client_oci.settings.schema import settings_schema

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def _generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_settings_page_is_what_the_schema_says():
    """`docs/settings.md` is made from the schema and was not forgotten after a change."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == _generator().settings_page()


def test_every_setting_has_a_heading():
    """Each settings field has an entry of its own in the settings page."""
    headings = set(re.findall(r"^## `(\w+)`$", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert headings == set(settings_schema()["properties"])


def test_policy_in_the_setup_page_is_the_codes():
    """The setup page's statements are exactly those that the remedies and the command line name."""
    text = (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- policy:begin -->\n```\n(.*?)\n```\n<!-- policy:end -->", text, re.DOTALL)
    assert block
    assert block[1].splitlines() == statements(("audit", "logging", "cloud_guard", "identity"))


def test_the_security_page_lists_every_statement_with_its_source():
    """Least privilege by source: exactly the statements that the remedies and the command line name, each once."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w ]+) \| `(Allow group .*?)` \| \S.* \|$", text, re.MULTILINE)
    services = {"Audit": "audit", "Logging": "logging", "Cloud Guard": "cloud_guard", "all": "identity"}
    assert rows == [
        (source, statement) for source, service in services.items() for statement in statements((service,))
    ]
    assert not [row for row in rows if not re.search(r" to (?:read|inspect) ", row[1])]


def test_no_page_uses_a_subject_that_iam_does_not_know():
    """`Allow user` appears only where a page says that it does not exist."""
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            assert not re.search(r"^\s*Allow user ", line), f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Every relative link names a file that exists, and a heading that it has."""
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in _anchors(linked), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_run(page):
    """Each Python example in the docs runs as it stands."""
    for example in re.findall(
        r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        exec(compile(example, page.name, "exec"), {})
    assert page.exists()


def test_readme_shows_the_two_commands():
    """The README names both commands, each on a line that `.ci/run` can take."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (
        "    python3 -m venv .venv && .venv/bin/pip install '.[demo]' && .venv/bin/signal-client-oci demo\n"
        in text
    )
    assert "    python3 -m venv .venv && .venv/bin/pip install '.[dev]' && .venv/bin/pytest\n" in text


def test_version_is_one():
    """The version in the package and in the project file are the same."""
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["setup.md", "troubleshooting.md"])
def test_pages_agree_on_groups_in_domains(page):
    """A group is named with its domain if that is not Default, on every page that shows statements."""
    text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())
    assert "identity domain other than Default" in text or "of a domain other than Default" in text
    assert DOMAIN_GROUP in text
    assert "'Default'/" not in text


def test_setup_is_a_guide_as_the_host_checks_it():
    """The setup page has the front matter and the parts of an integration guide, in their order and no others."""
    text = (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")
    front, body = text.removeprefix("---\n").split("\n---\n", 1)
    tags = re.findall(r"^  - (\S+)$", front.partition("tags:")[2], re.MULTILINE)
    assert text.startswith("---\n")
    assert tags == ["integration", "cloud-security"]
    outside_code = re.sub(r"^```.*?^```", "", body, flags=re.MULTILINE | re.DOTALL)
    parts = re.findall(r"^## (.+)$", outside_code, re.MULTILINE)
    assert [re.sub(r"^(Step [0-9]): \S.*", r"\1", part) for part in parts] == [
        "Prerequisites",
        "Step 1",
        "Step 2",
        "Step 3",
        "Troubleshooting",
    ]
    assert all(re.fullmatch(r"Step [1-3]: \S.+", part) for part in parts[1:4])
