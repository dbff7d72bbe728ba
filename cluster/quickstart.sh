#!/usr/bin/env bash
# quickstart.sh: on a fresh Debian 12 machine, from nothing to posteriors of 14 real people: installs what is missing,
# builds, and runs the reaction-time study in build/quickstart (a second call finds everything done).
set -euo pipefail
cd "$(dirname "$0")/.."
bash cluster/install.sh build
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DINFERMILL_TESTS=OFF >build.log 2>&1 || { cat build.log >&2; exit 1; }
cmake --build build --target infermill -j "$(nproc)" >>build.log 2>&1 || { tail -n 40 build.log >&2; exit 1; }
mv build.log build/build.log

work=build/quickstart
mkdir -p "$work"
cp cluster/studies/reaction-times/study.yaml cluster/studies/reaction-times/cavanagh_reaction_times.csv "$work/"
build/infermill run "$work/study.yaml" "$@"
echo "report: $PWD/$work/reaction-times/report.html"
