#!/usr/bin/env bash
# install_deb.sh FILE.deb: installs the package with what it depends on, and nothing that it only suggests.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: install_deb.sh FILE.deb" >&2; exit 2; }
file=$(readlink -f "$1")
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$file" >/dev/null
apt-get clean
infermill --version
