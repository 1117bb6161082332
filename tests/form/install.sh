#!/usr/bin/env bash
# Installs what the tests of the form need: Chromium and its driver from Debian, the packages of package-lock.json.
set -euo pipefail
cd "$(dirname "$0")"

packages=()
command -v chromium > /dev/null || packages+=(chromium fonts-dejavu-core)
command -v chromedriver > /dev/null || packages+=(chromium-driver)
command -v node > /dev/null || packages+=(nodejs)
command -v npm > /dev/null || packages+=(npm)
if [ ${#packages[@]} -gt 0 ]; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -qq -y --no-install-recommends "${packages[@]}" > /dev/null
fi

npm ci --silent
chromium --version 2> /dev/null
