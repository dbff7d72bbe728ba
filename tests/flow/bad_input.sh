#!/usr/bin/env bash
# bad_input.sh PROGRAM PLUGINS [PYTHON]: each gives one message that says what, where, got and expected, and the right exit
# code; nothing on disk is lost. What needs a mount is skipped where mounts are not allowed, and says so.
. "$(dirname "$0")/lib.sh"
plugins=$2
python=${3:-}
model='model: {builtin: location_scale}'
small='bank: {rows: 600, shard_rows: 256}'
train='train: {epochs: 1, validation_rows: 100, batch_size: 32}'

# refuses CODE WORDS command...: as expect, and the error is told once, in one line, naming no rank
refuses() {
    expect "$@"
    [ "$(grep -c '^error: ' said)" -eq 1 ] || { cat said; fail "not one error: ${*:3}"; }
    ! grep -q '^error: rank' said || { cat said; fail "a rank is named: ${*:3}"; }
}

# state PATH...: of all files below, but the log
state() { find "$@" -type f ! -name log -exec md5sum {} + | sort; }

# ---- the study file: told before a rank is started ----
study unknown-key "$model" 'bank: {row: 100}'
refuses 2 'unknown-key.yaml:3: bank: unknown key "row"; did you mean "rows"' "$infermill" simulate unknown-key.yaml
study wrong-type "$model" 'bank: {rows: many}'
refuses 2 'wrong-type.yaml:3: bank.rows: got "many", expected an integer' "$infermill" simulate wrong-type.yaml
study negative "$model" 'bank: {rows: -5}'
refuses 2 'negative.yaml:3: bank.rows: -5 .*expected an integer from 1' "$infermill" simulate negative.yaml
study trailing "$model" 'bank: {rows: 100 or so}'
refuses 2 'trailing.yaml:3: bank.rows: got "100 or so"' "$infermill" simulate trailing.yaml
study no-model
refuses 2 'no-model.yaml:1: the key "model" is missing' "$infermill" simulate no-model.yaml
study unknown-model 'model: {builtin: dmm}'
refuses 2 'no built-in simulator "dmm".*did you mean "ddm"' "$infermill" simulate unknown-model.yaml -j 2
refuses 1 'nowhere.yaml: No such file' "$infermill" simulate nowhere.yaml
expect 2 'unknown command "simulaet"; did you mean "simulate"' "$infermill" simulaet x.yaml
expect 2 'jobs: got "none", expected a whole number' "$infermill" simulate unknown-key.yaml -j none

# ---- plugins ----
study no-plugin 'model: {plugin: ./none.so}'
refuses 1 'no-plugin.yaml: model.plugin: .*none.so: No such file' "$infermill" simulate no-plugin.yaml -j 2
study wrong-abi "model: {plugin: $plugins/plugin_abi.so}"
refuses 1 'plugin_abi.so: built for simulator interface 77, this program has interface 5' "$infermill" simulate wrong-abi.yaml -j 2
[ ! -e bank ] || fail "a bank was begun"

# ---- banks ----
study good "$model" "$small" "$train" 'diagnose: {datasets: 300, draws: 50}' 'infer: {data: good.csv, columns: {y: value}, draws: 50}'
"$infermill" simulate good.yaml -j 2 -q
whole=$(state bank)
study other-model 'model: {builtin: ddm}' "$small" "$train"
for command in simulate train; do
    refuses 1 'another model.*location_scale against ddm' "$infermill" $command other-model.yaml -j 2
done
study other-seed "$model" 'bank: {rows: 600, shard_rows: 256, seed: 9}' "$train"
refuses 1 'begun with seed 1, this study says 9' "$infermill" simulate other-seed.yaml -j 2
study too-few "$model" 'bank: {rows: 5000, shard_rows: 256}'
refuses 2 '600 of .*5000 rows.*infermill simulate too-few.yaml' "$infermill" train too-few.yaml -j 2
refuses 1 'nobank: no bank here.*infermill simulate' "$infermill" bank info nobank
[ "$whole" = "$(state bank)" ] || fail "the bank was changed"

cp -r bank torn
study torn "$model" 'bank: {path: torn, rows: 600, shard_rows: 256}' "$train"
truncate -s 5000 torn/shards/0000001.h5
expect 1 'shard 1, rows 256 to 511: .*0000001.h5: .*5000 bytes, the catalog has' "$infermill" bank verify torn
refuses 1 'shard 1.*0000001.h5: .*5000 bytes, the catalog has' "$infermill" train torn.yaml -j 2
refuses 1 'shard 1 is damaged.*without its file its rows are simulated again' "$infermill" simulate torn.yaml -j 2
rm torn/shards/0000001.h5
"$infermill" simulate torn.yaml -j 2 -q
same_shards bank torn

# ---- amortizers ----
refuses 1 'no amortizer.*infermill train.*good/amortizer.h5' "$infermill" diagnose good.yaml -j 2
"$infermill" train good.yaml -j 2 -q
learned=(good/amortizer.h5 good/checkpoint.h5 good/history.json)
trained=$(state "${learned[@]}")
refuses 1 'train.epochs: 1 against 2: give --again' "$infermill" train good.yaml --epochs 2 -j 2
refuses 3 'no gate record. Run `infermill diagnose`' "$infermill" infer good.yaml -j 2 # the data are missing too: the gate speaks first
study ddm-data 'model: {builtin: ddm}'
refuses 2 'no real data: give --data' "$infermill" infer ddm-data.yaml -j 2
unverified=("$infermill" infer good.yaml -j 2 --unverified test)
cp good/amortizer.h5 kept.h5
if [ -n "$python" ] && "$python" -c 'import h5py' 2>said; then
    "$python" -c 'import h5py; h5py.File("good/amortizer.h5", "r+").attrs["format_version"] = 99' || fail "h5py"
    for command in train diagnose; do
        refuses 1 'good/amortizer.h5: made by a newer infermill: format 99' "$infermill" $command good.yaml -j 2
    done
    refuses 1 'good/amortizer.h5: made by a newer infermill: format 99' "${unverified[@]}"
else
    echo "skipped: a newer amortizer (no Python with h5py)"
fi
truncate -s 5000 good/amortizer.h5
refuses 1 'good/amortizer.h5: .*truncated' "${unverified[@]}"
cp kept.h5 good/amortizer.h5

# ---- real data ----
refuses 1 'good.csv: can not be read: No such file' "${unverified[@]}"
printf 'id,values\na,1\n' >good.csv
refuses 1 'good.csv: there is no column "value"; the columns are: id, values' "${unverified[@]}"
printf 'id,value\na,1\na,two\n' >good.csv
refuses 1 'good.csv:3: value: got "two", expected a number' "${unverified[@]}"
printf 'id,value\n' >good.csv
refuses 1 'good.csv: a header and no rows' "${unverified[@]}"
[ -z "$(ls good | grep posterior)" ] || fail "a posterior of bad data: $(ls good)"

# people without a posterior, beside others who have theirs; the exit code is 0
people 1 >good.csv
{ printf 'few,1\nfew,2\n'; for i in $(seq 201); do echo "many,$i"; done; } >>good.csv
{ for i in $(seq 30); do echo "gap,$i"; done; echo 'gap,'; for i in $(seq 30); do echo "nan,$i"; done; echo 'nan,nan'; } >>good.csv
expect 0 '^p1 .*accepted' "${unverified[@]}"
grep -q '^few .* nan .*no posterior: n = 2, outside the trained range 20 to 200' said || fail "few"
grep -q '^many .* nan .*no posterior: n = 201, outside the trained range 20 to 200' said || fail "many"
grep -q '^gap .* nan .*no posterior: value is NaN or empty in line' said || fail "gap"
grep -q '^nan .* nan .*no posterior: value is NaN or empty in line' said || fail "nan"
grep -q '5 data sets: 1 accepted' said || fail "not one accepted"
[ "$trained" = "$(state "${learned[@]}")" ] || fail "results of the training were changed"

# reaction times: a negative one, one given as 0, one that no lapse explains, an unknown response
study times 'model: {builtin: ddm}' 'bank: {path: times-bank, rows: 600, shard_rows: 256}' "$train" \
    'infer: {data: times.csv, columns: {y: {value: rt, sign: response}}, draws: 50}'
"$infermill" simulate times.yaml -j 2 -q
"$infermill" train times.yaml -j 2 -q
awk 'BEGIN { srand(2); print "id,rt,response"; for (p = 1; p <= 3; p++) for (i = 0; i < 60; i++)
    print "t" p "," (p == 2 && i == 7 ? -0.4 : 0.3 + rand()) "," (rand() < 0.7 ? 1 : -1) }' >times.csv
expect 0 '^t2 .* nan .*no posterior: .*negative' "$infermill" infer times.yaml -j 2 --unverified test
grep -q '3 data sets: 2 accepted' said || { cat said; fail "others than t2 lost their posterior"; }
sed 's/,1$/,left/' times.csv >words.csv
refuses 1 'words.csv:[0-9]+: response: got "left"' "$infermill" infer times.yaml -j 2 --unverified test --data words.csv --out words.h5
[ ! -e words.h5 ] || fail "a posterior of words"

# ---- folders that can not be written, and full disks ----
mounts=no
[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null && mounts=yes
mkdir locked && cp -r good good.yaml good.csv bank locked
sed -i 's/rows: 600/rows: 1200/' locked/good.yaml
before=$(state locked)
if [ "$(id -u)" -ne 0 ]; then # root writes anywhere
    chmod -R a-w locked
    read_only=("$infermill")
elif [ $mounts = yes ]; then
    printf 'set -e\nmount --bind locked locked\nmount -o remount,ro,bind locked\nexec "$@"\n' >read_only.sh
    read_only=(unshare -m bash read_only.sh "$infermill")
fi
if [ -n "${read_only[*]:-}" ]; then
    for command in simulate train diagnose; do
        refuses 1 'locked/good.*(Read-only|Permission)' "${read_only[@]}" $command locked/good.yaml -j 2
    done
    refuses 1 'locked/good.*(Read-only|Permission)' "${read_only[@]}" infer locked/good.yaml -j 2 --unverified test --draws 60
    [ "$before" = "$(state locked)" ] || fail "files of a read-only folder changed"
else
    echo "skipped: a read-only folder (root without mounts)"
fi

if [ $mounts = no ]; then
    echo "skipped: a full disk (no mounts)"
    echo passed
    exit 0
fi
# a disk of 700 kB: nothing sealed is lost, and each stage goes on when there is room
mkdir full
cat >full.sh <<'FULL'
mount -t tmpfs -o size=700k none full
cp good.yaml good.csv full/
sed -i 's/rows: 600/rows: 2048/' full/good.yaml
"$infermill" simulate full/good.yaml --rows 256 -j 2 -q
expect 1 'full/bank/.*(space|disk)' "$infermill" simulate full/good.yaml -j 2
expect 0 'every checksum holds' "$infermill" bank verify full/bank
sealed=$(ls full/bank/shards | wc -l)
[ "$sealed" -ge 1 ] && [ -z "$(find full -name '*.part*' -o -name lock)" ] || fail "a full disk left $(find full)"
mount -o remount,size=50m full
"$infermill" simulate full/good.yaml -j 2 -q
expect 0 '2048 rows in 8 shards' "$infermill" bank verify full/bank
fill() { # leaves this many kB free
    rm -f full/fill
    fallocate -l $(($(df --output=avail full | tail -1) - $1))k full/fill
}
fill 300
refuses 1 'full/good/checkpoint.h5.*: No space left on device$' "$infermill" train full/good.yaml -j 2
[ -z "$(find full -name '*.part*' -o -name lock)" ] || fail "left behind: $(find full)"
rm full/fill
"$infermill" train full/good.yaml -j 2 -q
fill 40
for command in diagnose "infer --unverified test --draws 5000"; do
    expect 1 'full/good/.*: No space left on device$' "$infermill" $command full/good.yaml -j 2 # where it ends, one rank may find it alone
done
[ ! -e full/good/gate.json ] && [ ! -e full/good/posterior.h5 ] || fail "results from a full disk"
rm full/fill
"$infermill" infer full/good.yaml -j 2 -q --unverified test --draws 5000 >said
FULL
export -f expect refuses fail
export infermill
unshare -m bash -eu full.sh || fail "a full disk"
echo passed
