#!/usr/bin/env bash
# make_deb.sh FOLDER: on a fresh Debian 12, installs what a build needs, builds, and puts the Debian package into FOLDER.
# The source folder is left as it is.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: make_deb.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
bash cluster/install.sh build
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DINFERMILL_TESTS=OFF >"$build/log" 2>&1 || { cat "$build/log" >&2; exit 1; }
cmake --build "$build" -j "${JOBS:-$(nproc)}" >>"$build/log" 2>&1 || { tail -n 40 "$build/log" >&2; exit 1; }
cpack -G DEB --config "$build/CPackConfig.cmake" -B "$build/deb" >>"$build/log" 2>&1 || { tail -n 40 "$build/log" >&2; exit 1; }
cp "$build"/deb/*.deb "$out/"
ls "$out"/infermill_*.deb
