#!/usr/bin/env bash
# full_disk.sh PROGRAM PLUGINS: a campaign, and a campaign of dear rows with a journal, on disks (tmpfs) of many sizes, from
# one that holds nothing to one that holds all: whatever did not fit is said with file and reason, what was sealed is
# sound, and with more room the same command goes on to the shards of a campaign that never lacked any. Skipped where no
# file system may be mounted.
. "$(dirname "$0")/lib.sh"
plugin=$2/moody.so
root=()
[ "$(id -u)" -eq 0 ] || root=(-r)
unshare "${root[@]}" -m mount -t tmpfs -o size=100k tmpfs "$work" 2>/dev/null || {
    echo 'skipped: no file system may be mounted here'
    exit 77
}

# Runs in a mount namespace of its own, so that the disk goes with it.
if [ "${FULL_DISK:-}" != inside ]; then
    FULL_DISK=inside unshare "${root[@]}" -m "$here/full_disk.sh" "$@"
    exit
fi
trap 'umount "$work/disk"; rm -rf "$work"' EXIT

disk() { # disk KILOBYTES: the folder `disk` is that large from now on
    mount -o remount,size="$1k" "$work/disk"
}

mkdir disk
mount -t tmpfs -o size=4k tmpfs disk
study small "model: {plugin: $plugin}" 'bank: {path: disk/bank, rows: 1500, seed: 5, shard_rows: 256, journal_seconds: 0.01}' \
    'train: {validation_rows: 100}'
study whole "model: {plugin: $plugin}" 'bank: {path: bank, rows: 1500, seed: 5, shard_rows: 256}' 'train: {validation_rows: 100}'
"$infermill" simulate whole.yaml -q -j 1

for microseconds in 0 200; do
    full=0
    rm -rf disk/bank
    for size in 4 16 32 48 64 96 128 160 192 256 320 400 500 700 1000; do
        disk $size
        code=0
        MOODY_MICROSECONDS=$microseconds timeout -k 1 60 "$infermill" simulate small.yaml -q -j $((1 + size / 32 % 2)) >said 2>&1 || code=$?
        [ $code -le 1 ] || { cat said; fail "$size kB: exit $code"; }
        if [ $code -eq 1 ]; then
            full=$((full + 1))
            grep -q 'error: .*disk.*No space left' said || { cat said; fail "$size kB: no file and reason"; }
        fi
        [ ! -s disk/bank/catalog.jsonl ] || expect 0 'every checksum holds' "$infermill" bank verify disk/bank
        [ -z "$(find disk -name '*.part-*')" ] || fail "$size kB: left behind: $(find disk -name '*.part-*')"
    done
    [ $code -eq 0 ] || { cat said; fail 'the largest disk'; }
    [ $full -ge 3 ] || fail "only $full disks were too small"
    same_shards bank disk/bank
done
echo passed
