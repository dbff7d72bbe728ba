#!/usr/bin/env bash
# fuzz.sh [SECONDS [TARGET ...]]: builds the fuzzers with clang and runs each for SECONDS (5 where it is not given, with a
# fixed seed and a bounded number of inputs), as many at once as there are cores. What ends one (a crash, a leak, an input
# of over 10 seconds) stays as build-tests/fuzz/found/TARGET-*. Inputs that reach new code are kept in build-tests/fuzz/kept
# for the next run when SECONDS is given. Skipped with a message where there is no clang with libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-}
[ $# -eq 0 ] || shift
build=build-tests/fuzz

printf 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 99; }' |
    clang -x c -fsanitize=fuzzer,address -o /dev/null - 2>/dev/null || {
    echo "skipped: no clang that has libFuzzer and the address sanitizer (Debian: clang, libclang-rt-dev)"
    exit 0
}
cmake -S . -B $build -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE='-O1 -g1' -DCMAKE_C_COMPILER=clang -DINFERMILL_FUZZ=ON \
    -DINFERMILL_TESTS=OFF >/dev/null
cmake --build $build -j "$(nproc)" --target fuzzers >$build/build.log || { tail -n 30 $build/build.log; exit 1; }

work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) # in memory where that is possible
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work FUZZ_BANK=$work/bank
export ASAN_OPTIONS=allocator_may_return_null=0 UBSAN_OPTIONS=print_stacktrace=1
ASAN_OPTIONS=detect_leaks=0 OMPI_MCA_ess_singleton_isolated=1 $build/tests/fuzz/seed_bank "$FUZZ_BANK" "$work/open"

# The inputs to start from: those of the repository, and files of the bank just made.
seeds() {
    local to=$work/seeds/$1
    mkdir -p "$to" "$build/kept/$1" "$build/found"
    [ ! -d "tests/fuzz/corpus/$1" ] || cp tests/fuzz/corpus/"$1"/* "$to"
    case $1 in
    card) cp "$FUZZ_BANK/bank.yaml" "$to" ;;
    journal) cp "$work"/open/journal/* "$to" ;;
    catalog) cp "$FUZZ_BANK/catalog.jsonl" "$to" ;;
    shard) cp "$FUZZ_BANK"/shards/*.h5 "$to" ;;
    esac
}

fuzz() { # fuzz TARGET
    local target=$1 limits=(-runs=20000 -seed=1 -max_total_time=5) kept=$work/new/$1
    mkdir -p "$kept"
    if [ -n "$seconds" ]; then
        limits=(-max_total_time="$seconds")
        kept=$build/kept/$1
    fi
    $build/tests/fuzz/fuzz_"$target" "${limits[@]}" -timeout=25 -max_len=65536 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/found/$target-" "$kept" "$work/seeds/$target" >"$work/$target.log" 2>&1 || {
        tail -n 60 "$work/$target.log"
        echo "FAILED: fuzz_$target; its input is in $build/found"
        return 1
    }
    echo "fuzz_$target: $(awk '/number_of_executed_units/ { print $2 }' "$work/$target.log") inputs," \
        "$(awk '/cov:/ { cov = $4 } END { print cov }' "$work/$target.log") edges"
}

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        source=${source##*/fuzz_}
        targets+=("${source%.c}")
    done
fi
failed=0 running=0
for target in "${targets[@]}"; do
    seeds "$target"
    fuzz "$target" &
    running=$((running + 1))
    if [ $running -ge "$(nproc)" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
done
while [ $running -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit $failed
