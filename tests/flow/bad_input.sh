#!/usr/bin/env bash
# Bad input: each gives a message that says what and where, and the right exit code; nothing on disk is lost.
. "$(dirname "$0")/lib.sh"
plugins=$2
model='model: {builtin: location_scale}'
small='bank: {rows: 600, shard_rows: 256}'

# the study file
study unknown-key "$model" 'bank: {row: 100}'
expect 2 'unknown-key.yaml:3: .*row.*rows' "$infermill" simulate unknown-key.yaml
study wrong-type "$model" 'bank: {rows: many}'
expect 2 'wrong-type.yaml:3: .*rows.*many' "$infermill" simulate wrong-type.yaml
study negative "$model" 'bank: {rows: -5}'
expect 2 'negative.yaml:3: .*rows.*-5' "$infermill" simulate negative.yaml
study trailing "$model" 'bank: {rows: 100 or so}'
expect 2 'trailing.yaml:3' "$infermill" simulate trailing.yaml
study no-model
expect 2 'no-model.yaml.*model' "$infermill" simulate no-model.yaml
study unknown-model 'model: {builtin: dmm}'
expect 2 'dmm.*ddm' "$infermill" simulate unknown-model.yaml
expect 1 'nowhere.yaml' "$infermill" simulate nowhere.yaml
expect 2 'simulat' "$infermill" simulaet x.yaml
expect 2 'jobs' "$infermill" simulate unknown-key.yaml -j none

# plugins
study no-plugin 'model: {plugin: ./none.so}'
expect 1 'none.so' "$infermill" simulate no-plugin.yaml -j 1
study wrong-abi "model: {plugin: $plugins/plugin_wrong_abi.so}"
expect 1 'plugin_wrong_abi.so.*(abi|ABI)' "$infermill" simulate wrong-abi.yaml -j 1

# banks
study good "$model" "$small" 'train: {epochs: 1, validation_rows: 100, batch_size: 32}' \
    'diagnose: {datasets: 20, draws: 50}' 'infer: {data: good.csv, columns: {y: value}}'
"$infermill" simulate good.yaml -j 2
"$infermill" bank verify bank
study other-model 'model: {builtin: ddm}' "$small"
expect 1 'location_scale|another model|other model' "$infermill" simulate other-model.yaml -j 1
study other-seed "$model" 'bank: {rows: 600, shard_rows: 256, seed: 9}'
expect 1 'seed' "$infermill" simulate other-seed.yaml -j 1
expect 1 'no bank|does not exist|no such|missing' "$infermill" bank info nobank
cp -r bank torn
truncate -s 5000 torn/shards/0000001.h5
expect 1 '0000001|shard 1' "$infermill" bank verify torn
study torn "$model" 'bank: {path: torn, rows: 600, shard_rows: 256}' 'train: {epochs: 1, validation_rows: 100, batch_size: 32}'
expect 1 '0000001|shard 1' "$infermill" train torn.yaml -j 1
study too-few "$model" 'bank: {rows: 5000, shard_rows: 256}'
expect 2 '600 of .*5000.*simulate' "$infermill" train too-few.yaml -j 1

# amortizers and real data
expect 1 'infermill train' "$infermill" diagnose good.yaml -j 1
"$infermill" train good.yaml -j 1
sed -i 's/epochs: 1/epochs: 2/' good.yaml
expect 1 'train.epochs: 1 against 2' "$infermill" train good.yaml -j 1
sed -i 's/epochs: 2/epochs: 1/' good.yaml
expect 3 'diagnose' "$infermill" infer good.yaml -j 1 # there is no data either: the gate speaks first
printf 'id,values\na,1\n' >good.csv
expect 1 'value.*values' "$infermill" infer good.yaml -j 1 --unverified test
printf 'id,value\na,1\na,two\n' >good.csv
expect 1 'good.csv:3: .*two' "$infermill" infer good.yaml -j 1 --unverified test
rm good.csv
expect 1 'good.csv' "$infermill" infer good.yaml -j 1 --unverified test
"$here/newer_format.py" good/amortizer.h5 2>/dev/null && {
    expect 1 'newer infermill' "$infermill" infer good.yaml -j 1 --unverified test
}

# folders that can not be written; root writes anywhere, so root asks a mount or skips
mkdir locked && cp good.yaml locked/ && chmod 500 locked
if [ "$(id -u)" -ne 0 ]; then
    expect 1 'locked' "$infermill" simulate locked/good.yaml -j 1
elif unshare -m true 2>/dev/null; then
    expect 1 'locked' unshare -m bash -c "mount -t tmpfs -o ro none '$work/locked' -o remount,ro 2>/dev/null ||
        { mount --bind '$work/locked' '$work/locked' && mount -o remount,ro,bind '$work/locked'; }
        exec '$infermill' simulate '$work/locked/good.yaml' -j 1"
fi

# a full disk: nothing sealed is lost, and the campaign goes on when there is room
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    mkdir full
    cat >full.sh <<FULL
set -e
mount -t tmpfs -o size=700k none '$work/full'
printf 'study: full\nmodel: {builtin: location_scale}\nbank: {rows: 4096, shard_rows: 256}\n' >'$work/full/study.yaml'
code=0
'$infermill' simulate '$work/full/study.yaml' -j 2 >'$work/said' 2>&1 || code=\$?
[ \$code -eq 1 ] && grep -qE 'space|full' '$work/said' || { cat '$work/said'; echo "full disk: exit \$code"; exit 1; }
'$infermill' bank verify '$work/full/bank'
mount -o remount,size=50m '$work/full'
'$infermill' simulate '$work/full/study.yaml' -j 2
'$infermill' bank verify '$work/full/bank' | grep -q '4096 rows'
FULL
    unshare -m bash full.sh || fail "full disk"
fi
echo passed
