"""Everything is imported in the thread that polls, so a process that is forked during the first poll can go on."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from signal_client_oci.sandbox import Sandbox, system_clock

CHILD = """
import json, os, signal, sys, threading, warnings
from signal_client_oci import plugin
settings, elsewhere = json.load(sys.stdin), set()
def hook(event, args):
    if event == "import" and threading.current_thread() is not threading.main_thread():
        elsewhere.add(args[0])
sys.addaudithook(hook)
if sys.argv[1] == "validate":
    status = plugin.signal_client_validate_connection("oci-cloud", settings)["status"]
else:
    warnings.simplefilter("ignore", DeprecationWarning)
    for item in plugin.signal_client_poll("oci-cloud", "acme", settings, None, {}):
        status = item.get("status")
        child = os.fork()
        if not child:
            signal.alarm(20)  # a child that hangs would keep the pipes of this process open, and the test waiting
            import oci.cloud_guard, oci.identity, oci.audit, oci.loggingsearch
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            status = "failed"
            break
print(json.dumps([status, sorted(elsewhere)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("hook", ["poll", "validate"])
@pytest.mark.sampled(2)
def test_no_worker_thread_imports_anything(hook):
    """In the first poll and the first connection test of a process; a child that is forked at each item ends."""
    with Sandbox() as sandbox:
        tenancy = sandbox.add_tenancy("acme", regions=("us-ashburn-1",))
        then = system_clock() - timedelta(minutes=5)
        tenancy.emit_audit_event("us-ashburn-1", tenancy.ocid, processed=then)
        settings = tenancy.settings()
        settings["endpoint_template"] = settings["endpoint_template"].replace("127.0.0.1", "localhost")
        done = subprocess.run(
            [sys.executable, "-c", CHILD, hook],
            input=json.dumps(settings),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    status, elsewhere = json.loads(done.stdout)
    assert status != "failed"
    assert elsewhere == []
