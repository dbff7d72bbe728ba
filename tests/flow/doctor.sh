#!/usr/bin/env bash
# doctor.sh PROGRAM ODD_FILES: what `infermill doctor` says of this machine, of bad folders, and where things are missing.
. "$(dirname "$0")/lib.sh"
odd_files=$2
root=()
[ "$(id -u)" -ne 0 ] || root=(--allow-run-as-root)

# checks: the lines "what verdict" of the JSON in `said`
checks() { python3 -c 'import json, sys
for c in json.load(open("said"))["checks"]: print(c["what"], c["verdict"], sep=":")'; }

mkdir bank
"$infermill" doctor --json bank >said || { cat said; fail "this machine"; }
checks >found
for check in MPI mpirun 'folder of ranks' 'starting ranks' HDF5 ZeroMQ folder 'fcntl locks' 'hard links' renames; do
    grep -qx "$check:ok" found || { cat said; fail "$check"; }
done
for check in 'shared memory' cores BLAS 'own kernels' 'open files' 'file system' 'free space' 'write speed' clock OMP_NUM_THREADS; do
    grep -q "^$check:" found || { cat said; fail "nothing about $check"; }
done
[ -z "$(ls -A bank)" ] || fail "left in the folder: $(ls -A bank)"
expect 0 '^[0-9]+ checks: 0 failed' "$infermill" doctor # this folder
! ls -A | grep -q infermill-doctor || fail "left: $(ls -A)"

# ---- bad folders ----
expect 1 'failed +folder +nowhere: No such file' "$infermill" doctor nowhere
expect 1 'doctor: 1 of [0-9]+ checks failed' "$infermill" doctor nowhere
touch file
expect 1 'file: got a file, expected a folder' "$infermill" doctor file
expect 2 'unexpected argument "b"' "$infermill" doctor a b
mkdir -- -odd
expect 0 '-odd can be written' "$infermill" doctor -- -odd
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    expect 1 'bank can not be written: Read-only file system' \
        unshare -m bash -c 'mount --bind bank bank && mount -o remount,ro,bind bank && exec "$0" doctor bank' "$infermill"
    expect 0 'warning +file system +tmpfs, local' unshare -m bash -c 'mount -t tmpfs tmpfs bank && exec "$0" doctor bank' "$infermill"
    expect 1 'failed +write speed .*No space' \
        unshare -m bash -c 'mount -t tmpfs -o size=8m tmpfs bank && exec "$0" doctor bank' "$infermill"
fi

# ---- a file system that lacks something ----
odd() { expect "$2" "$3" env LD_PRELOAD="$odd_files" ODD="$1" "$infermill" doctor bank; }
odd fcntl 0 'warning +fcntl locks +can not be locked: No locks available'
odd flock 0 'warning +flock +can not be locked'
odd free 0 'warning +fcntl locks +two processes hold the same lock'
odd free 0 'warning +locks of ranks +rank 1 on .* gets an fcntl lock'
odd link 1 'failed +hard links +none can be made: Operation not permitted'
odd rename 1 'failed +renames +a reader found no file'
odd nothing 0 'ok +renames'
[ -z "$(ls -A bank)" ] || fail "left in the folder: $(ls -A bank)"

# ---- a bad machine ----
expect 0 'warning +OMP_NUM_THREADS +8' env OMP_NUM_THREADS=8 "$infermill" doctor bank
expect 0 'export OMP_NUM_THREADS=1' env OMP_NUM_THREADS=8 "$infermill" doctor bank
expect 1 'warning +mpirun +not in PATH' env PATH=/nowhere "$infermill" doctor bank
expect 1 'failed +starting ranks' env PATH=/nowhere "$infermill" doctor bank
expect 1 'failed +open files +limit 100, hard limit 100' bash -c 'ulimit -n 100; exec "$0" doctor bank' "$infermill"
mkdir fake
printf '#!/bin/sh\necho "no ranks today" >&2\nexit 1\n' >fake/mpirun
chmod +x fake/mpirun
expect 1 'failed +starting ranks +[12] ranks could not be started' env PATH="$work/fake:$PATH" "$infermill" doctor bank
printf '#!/bin/sh\necho "welcome to the cluster"\n' >fake/mpirun
expect 1 'failed +starting ranks +findings: got "welcome' env PATH="$work/fake:$PATH" "$infermill" doctor bank

# ---- ranks that somebody else started ----
mpirun -q "${root[@]}" --oversubscribe -n 3 "$infermill" doctor --json bank >said || { cat said; fail "three ranks"; }
checks >found
for check in 'folder of ranks:ok' 'memory of ranks:ok' 'clocks of ranks:ok' 'ranks:ok'; do
    grep -qx "$check" found || { cat said; fail "$check, on three ranks"; }
done
grep -q 'given by mpirun' said && grep -q '3 ranks on 1 host' said || { cat said; fail "three ranks"; }
! grep -q '^starting ranks' found || fail "ranks started ranks"
expect 1 'failed +folder +nowhere' mpirun -q "${root[@]}" --oversubscribe -n 2 "$infermill" doctor nowhere
# another node, played: a host name and a disk of its own
if [ "$(id -u)" -eq 0 ] && unshare -m -u true 2>/dev/null; then
    other='hostname node2 && { [ "$1" = shared ] || mount -t tmpfs tmpfs bank; } && exec "$0" doctor bank'
    two() { mpirun -q "${root[@]}" --oversubscribe -n 1 "$infermill" doctor bank : -n 1 unshare -m -u bash -c "$other" "$infermill" "$1"; }
    expect 0 'ok +ranks on cores +2 ranks on 2 hosts' two shared
    expect 0 'ok +locks of ranks' two shared
    expect 1 'failed +folder of ranks +another one, or none, on node2' two alone
fi
echo passed
