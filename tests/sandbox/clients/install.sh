#!/usr/bin/env bash
# Installs the official clients that the sandbox is tested with, each into a folder of its own: the OCI command line
# (its dependencies do not fit the plugin's), and the packages of package-lock.json.
set -euo pipefail
cd "$(dirname "$0")"

if [ "$(.venv/bin/oci --version 2> /dev/null)" != 3.95.1 ]; then
  rm -rf .venv
  python3 -m venv .venv
  .venv/bin/pip install --quiet --no-compile oci-cli==3.95.1
fi
npm ci --silent
