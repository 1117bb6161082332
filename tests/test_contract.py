"""The contract with the host: how the plugin is found and loaded, and that code, docs and contract say the same."""

import importlib.metadata
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import seam
from collecting import SOURCES, Answer

from signal_client_oci import plugin
from signal_client_oci.devhost import hookspecs
from signal_client_oci.devhost.artifact_rules import HOST_FIELDS
from signal_client_oci.devhost.conformance import PollTerms, checked_poll
from signal_client_oci.sandbox.poison import poisoned  # noqa: F401  (see below)

ROOT = Path(__file__).parent.parent
