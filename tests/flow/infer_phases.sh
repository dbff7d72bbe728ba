#!/usr/bin/env bash
# infer_phases.sh PROGRAM PYTHON [ROWS [FORMAT [DRAWS [KEEP]]]]: seconds of each part of an inference of ROWS data sets of
# iat_ddm on one rank, from the times of its calls (strace): what rank 0 does alone, the blocks, and the sealing of one. The network
# is hardly trained, so that only rates mean something. FORMAT: h5 or csv; with 10 draws the blocks take little time.
. "$(dirname "$0")/lib.sh"
python=${2:-} rows=${3:-2000} format=${4:-h5} draws=${5:-10} keep=${6:-summary}
strace -o /dev/null true 2>/dev/null || { echo "skipped: no strace here"; exit 77; }
[ -n "$python" ] && "$python" -c 'import h5py' 2>/dev/null || { echo "skipped: no interpreter with h5py"; exit 77; }

study s 'model: {builtin: iat_ddm}' 'bank: {path: bank, rows: 2000, seed: 3}' 'train: {epochs: 2, validation_rows: 200}' \
    'infer: {id: id, columns: {y: [time, condition]}}'
"$infermill" simulate s.yaml -q
"$infermill" train s.yaml -q
"$infermill" simulate s.yaml --observations-only data.h5 --rows "$rows" --seed 77 -q
[ "$format" = h5 ] || "$python" - <<'END'
import h5py
with h5py.File("data.h5") as f, open("data.csv", "w") as out:
    out.write("id,time,condition\n")
    for first in range(0, len(f["observables/y"]), 10000):
        for i, y in enumerate(f["observables/y"][first:first + 10000].tolist(), first):
            out.write("".join(f"{i},{t:.4f},{c:g}\n" for t, c in y))
END
strace -f --seccomp-bpf -T -ttt -e trace=openat,rename,fsync -o calls "$infermill" infer s.yaml --model s/amortizer.h5 --data data.$format \
    --out out.h5 --draws "$draws" --keep "$keep" --unverified rates -j 1 >said 2>&1 || { cat said; fail "infer: exit $?"; }
cat >phases.py <<'END'
import os, re, statistics, sys
data, rows = sys.argv[1], int(sys.argv[2])
calls, open_ = [], {}
for line in open("calls"):
    pid, at, words = re.match(r"(\d+) +([\d.]+) (.*)", line).groups()
    if words.endswith("<unfinished ...>"):
        open_[pid] = float(at), words
        continue
    if words.startswith("<... ") and pid in open_:
        at, begun = open_.pop(pid)
        words = begun + words
    took = re.search(r"<([\d.]+)>$", words)
    calls.append((float(at), words, float(took[1]) if took else 0.0))
calls.sort()

def first(*words):
    return next(at for at, call, _ in calls if all(w in call for w in words))

def last(*words):
    return max(at + took for at, call, took in calls if all(w in call for w in words))
made, sealed = {}, []
for at, call, took in calls:
    block = re.search(r"out\.h5\.blocks/(\d{7})\.h5\.part", call)
    if block and "O_CREAT" in call:
        made[block[1]] = at
    elif block and call.startswith("rename"):
        sealed.append(at + took - made[block[1]])
begin, pack, packed = first(f'"{data}"'), first("data.pack", "O_CREAT"), first("data.pack", "O_RDONLY")
block, blocks = first("out.h5.blocks/0", ".part", "O_CREAT"), last("rename", "out.h5.blocks/0")
join, joined = first('"out.h5.part"', "O_CREAT"), last('"out.h5.part"', "rename")
size, result = os.path.getsize(data) / 1e6, os.path.getsize("out.h5") / 1e6

def tell(what, seconds, megabytes=0):
    rate = f", {megabytes / seconds:.0f} MB/s" if megabytes else ""
    print(f"{what:<24} {seconds:8.2f} s  {rows / seconds:9.0f} data sets/s{rate}")
print(f"{rows} data sets, {data} of {size:.0f} MB, {len(sealed)} blocks, a result of {result:.0f} MB")
tell("counted and hashed", pack - begin, size)
tell("packed", packed - pack, size)
tell("looked at", block - packed)
tell("blocks but the first", blocks - block)
tell("read back and judged", join - blocks)
tell("joined", joined - join, result)
print(f"a block is sealed in {1e3 * statistics.median(sealed):.1f} ms")
END
"$python" phases.py data.$format "$rows"
echo passed
