#!/usr/bin/env bash
# run.sh [--long] [ctest arguments]: on a fresh Debian 12 machine, installs what is missing, builds (warnings are errors),
# and runs every test; the unit tests once more under the address and undefined-behaviour sanitizers; and the fuzzers, for a
# moment each (two minutes with --long).
set -euo pipefail
cd "$(dirname "$0")/.."
long=OFF
if [ "${1:-}" = --long ]; then
    long=ON
    shift
fi
bash cluster/install.sh test

venv=build-tests/venv
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import h5py, h5netcdf, xarray, arviz, scipy, sklearn' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r tests/requirements.txt
fi

git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror

cmake -S . -B build-tests/release -DCMAKE_BUILD_TYPE=Release -DINFERMILL_WERROR=ON -DINFERMILL_LONG=$long \
    -DINFERMILL_PYTHON="$PWD/$venv/bin/python" >/dev/null
cmake --build build-tests/release -j "$(nproc)"
ctest --test-dir build-tests/release --output-on-failure -j "$(nproc)" "$@" # what would be disturbed by others runs alone

# valgrind, where there are neither ranks nor vector kernels
for test in cluster/test_arena cluster/test_yaml cluster/test_message storage/test_schema workers/test_check workers/test_prior; do
    valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite "build-tests/release/tests/$test"
done

# Instrumented code gains little from -O2, which takes half as long again to compile it.
cmake -S . -B build-tests/sanitize -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE='-O1 -g1' -DINFERMILL_WERROR=ON \
    -DINFERMILL_SANITIZE=ON -DINFERMILL_PYTHON="$PWD/$venv/bin/python" >/dev/null
cmake --build build-tests/sanitize -j "$(nproc)"
# Open MPI unloads its modules before leaks are looked for, so what it keeps can not be told apart: leaks count in the
# programs without ranks.
export UBSAN_OPTIONS=print_stacktrace=1 LSAN_OPTIONS=suppressions="$PWD/tests/leaks.supp"
ctest --test-dir build-tests/sanitize --output-on-failure -j "$(nproc)" -L unit -LE mpi "$@"
ASAN_OPTIONS=detect_leaks=0 ctest --test-dir build-tests/sanitize --output-on-failure -j "$(nproc)" -L mpi -LE between "$@"

bash tests/fuzz/fuzz.sh $([ $long = OFF ] || echo 120)
