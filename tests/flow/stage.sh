#!/usr/bin/env bash
# stage.sh PROGRAM: training from a copy of the bank on a node's own disk: the same weights; a copy that is kept is used
# again, one that was damaged is made anew, a bank that is damaged is refused, and a disk without room is done without.
. "$(dirname "$0")/lib.sh"
bank='bank: {path: bank, rows: 1500, seed: 5, shard_rows: 256}'
trained() { # trained NAME SETTINGS
    study "$1" 'model: {builtin: location_scale}' "$bank" "train: {epochs: 2, validation_rows: 100$2}" 'diagnose: {datasets: 300, draws: 100, truth_test: false}'
}
gate() { local got=0; "$infermill" run "$@" || got=$?; [ $got -eq 0 ] || [ $got -eq 3 ]; }
same_weights() { [ "$(weights plain)" = "$(weights "$1")" ] || fail "$1: other weights"; }
export NODE=$work/node

trained plain ''
expect 0 '' gate plain.yaml -j 2
trained once ', stage: $NODE/deep/er'
expect 0 "the bank is read from $NODE/deep/er/infermill-bank-[0-9a-f]{16}$" gate once.yaml -j 2
same_weights once
[ -z "$(find node -type f)" ] || fail "the copy stays: $(find node)"

trained kept ', stage: "${NODE}", stage_keep: true'
expect 0 "the bank is read from $NODE/infermill-bank-[0-9a-f]{16}$" gate kept.yaml -j 1
same_weights kept
copy=$(dirname node/infermill-bank-*/shards)
[ -d "$copy/shards" ] || fail "no copy was kept: $(find node)"
trained again ', stage: node, stage_keep: true'
expect 0 "infermill-bank-[0-9a-f]{16}, which was there and is whole" gate again.yaml -j 2
same_weights again

# where the bank is read is no setting of the weights: nothing is trained anew
trained plain ', stage: node, stage_keep: true'
expect 0 '' gate plain.yaml -j 2
! grep -q 'the bank is read from' said || { cat said; fail "plain was trained again"; }

# one byte of a row in the copy, a shard that is cut, one that is gone, a killed copy without its catalog
n=0
spoil() {
    n=$((n + 1))
    trained spoilt$n ', stage: node, stage_keep: true'
    expect 0 'the copy is not whole .*, it is made anew' gate spoilt$n.yaml -j 2
    same_weights spoilt$n
}
shard=$(ls "$copy"/shards/* | sed -n 2p)
printf '\377' | dd of="$shard" bs=1 seek=$(($(stat -c %s "$shard") / 2)) conv=notrunc status=none
spoil
truncate -s 1000 "$shard"
spoil
rm "$shard"
spoil
rm "$copy/catalog.jsonl"
spoil

# the bank itself: said before anything is trained on
cp -r bank damaged
shard=$(ls damaged/shards/* | sed -n 2p)
printf '\377' | dd of="$shard" bs=1 seek=$(($(stat -c %s "$shard") / 2)) conv=notrunc status=none
sed 's/path: bank/path: damaged/; s/stage_keep: true/stage_keep: false/; s/^study: again/study: wrong/; s/stage: node/stage: other/' again.yaml >wrong.yaml
expect 1 'damaged: copied to a node: .*damaged in [0-9]+ places' "$infermill" train wrong.yaml -j 2
[ -z "$(find other -type f)" ] || fail "a damaged copy stays: $(find other)"

trained nowhere ', stage: $NOWHERE_TO_BE_FOUND'
expect 2 'train.stage: the environment has no variable "NOWHERE_TO_BE_FOUND"' "$infermill" train nowhere.yaml -j 2
trained file ', stage: plain.yaml/x'
expect 0 'warning: train: the bank is read where it lies, not from train.stage: ' gate file.yaml -j 2
same_weights file

root=()
[ "$(id -u)" -eq 0 ] || root=(-r)
mkdir little
trained full ', stage: little'
if unshare "${root[@]}" -m mount -t tmpfs -o size=64k tmpfs little 2>/dev/null; then
    inside() { unshare "${root[@]}" -m bash -c 'mount -t tmpfs -o size=64k tmpfs little && "$0" run full.yaml -j 2; got=$?; find little -type f; [ $got -eq 0 ] || [ $got -eq 3 ]' "$infermill"; }
    expect 0 'the bank is read where it lies, not from train.stage: .*/shards/.*bytes' inside
    ! grep -q '^little/' said || fail "a part of the copy stays: $(cat said)"
    same_weights full
else
    echo 'not tried: a full disk (no file system may be mounted here)'
fi
echo passed
