#!/usr/bin/env bash
# install.sh build|test: installs the Debian packages of cluster/packages.txt that are missing, as root or through sudo.
# `test` installs those of `build` too.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
want=${1:-build}
case $want in
build) kinds='^build$' ;;
test) kinds='^(build|test)$' ;;
*) echo "usage: install.sh build|test" >&2; exit 2 ;;
esac

mapfile -t packages < <(awk -v kinds="$kinds" '$1 ~ kinds { print $2 }' "$here/packages.txt")
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "install.sh: these packages are missing: ${missing[*]}; run as root, or install sudo" >&2
        exit 1
    }
    sudo=(sudo)
fi
echo "installing ${#missing[@]} packages: ${missing[*]}"
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
