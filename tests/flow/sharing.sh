#!/usr/bin/env bash
# sharing.sh PROGRAM PLUGINS: a bank of a group: read-only, read while it is written, asked for by two campaigns at once, made
# by one user and continued by another, moved, under strange names, and offered to studies of another model.
. "$(dirname "$0")/lib.sh"
plugins=$2
export MOODY_MICROSECONDS=0

small=("train: {epochs: 1, validation_rows: 50}"
    "network: {summary: {width: 16, summary_dim: 4, embed_dim: 8}, inference: {width: 16, depth: 1}}"
    "diagnose: {datasets: 300, draws: 50}")
gaussian() { # gaussian NAME BANK ROWS [LINES]: a study of location_scale
    local name=$1 bank=$2 rows=$3
    shift 3
    study "$name" 'model: {builtin: location_scale}' "bank: {path: '$bank', rows: $rows, seed: 3, shard_rows: 256}" "${small[@]}" "$@"
}

# Root may do anything, so where root runs the tests others play the group: two users and a group that they share.
ada=(env) ben=(env) players=1
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$work"
    mkdir -m 777 home shared-results
    user() { echo "setpriv --reuid=$1 --regid=$2 --groups=$3 env HOME=$work/home TMPDIR=$work/home"; }
    group=100 # users
    ada=($(user 65534 65534 $group)) ben=($(user 2 2 $group))
    if "${ada[@]}" "$infermill" models >/dev/null 2>&1; then
        players=2
    else
        echo "other users can not run $infermill: one user plays both"
        ada=(env) ben=(env)
    fi
fi

# ---- read-only ----
gaussian made bank 700
"$infermill" simulate made.yaml -j 1 -q
chmod -R a-w bank
before=$(cd bank && find . -type f -exec cat {} + | cksum)
gaussian reading bank 700
mkdir -p -m 777 reading
"${ada[@]}" "$infermill" bank info bank >said || fail "bank info of a read-only bank"
expect 0 'every checksum holds' "${ada[@]}" "$infermill" bank verify bank
expect 0 'validation loss' "${ada[@]}" "$infermill" train reading.yaml -j 1
expect 0 'nothing to do, bank .*bank has all 700 rows' "${ada[@]}" "$infermill" simulate reading.yaml -j 2
(umask 000 && "${ada[@]}" "$infermill" bank export bank "reading/flat.csv" -q) || fail "export of a read-only bank"
if [ $players -eq 2 ] || [ "$(id -u)" -ne 0 ]; then
    expect 1 'bank/lock.*(Permission denied|Read-only)' "${ada[@]}" "$infermill" simulate reading.yaml --rows 900 -j 2
fi
[ "$(cd bank && find . -type f -exec cat {} + | cksum)" = "$before" ] || fail "a read-only bank was changed"
chmod -R u+w bank

# ---- moved, linked, under strange names ----
odd="an 'odd'"' "bänk" $HOME'
mkdir "$odd"
mv bank "$odd/bank"
expect 0 'every checksum holds' "$infermill" bank verify "$odd/bank"
mkdir 'a study of μ'
sed -e "s|path: 'bank'|path: \"../${odd//\"/\\\\\"}/bank\"|" -e 's/^study: .*/study: "it is μ: here"/' made.yaml >'a study of μ/my study.yaml'
expect 0 'validation loss' "$infermill" train 'a study of μ/my study.yaml' -j 2
expect 0 '800 rows in' "$infermill" simulate 'a study of μ/my study.yaml' --rows 800 -j 2
expect 0 'every checksum holds' "$infermill" bank verify "$odd/bank"
ln -s "$odd/bank" linked
expect 0 '^# 800 rows' "$infermill" bank info linked
expect 0 'rows in' "$infermill" simulate made.yaml --bank linked --rows 1000 -j 2
expect 0 '^# 1000 rows' "$infermill" bank info "$odd/bank"
"$infermill" simulate made.yaml --bank whole --rows 1000 -j 1 -q
same_shards whole "$odd/bank"

# ---- two users of a group ----
mkdir group growing # the bank and the results
[ $players -eq 1 ] || chgrp $group group growing
chmod 2775 group growing
gaussian growing "$work/group/bank" 600
(umask 002 && "${ada[@]}" "$infermill" simulate growing.yaml -j 2 -q) || fail "a campaign of the first user"
(umask 002 && "${ben[@]}" "$infermill" simulate growing.yaml --rows 900 -j 2 -q) || fail "the second user can not go on"
(umask 002 && "${ada[@]}" "$infermill" simulate growing.yaml --rows 1000 -j 2 -q) || fail "the first user can not go on after the second"
private=$(find group -not -perm -g=w -o -not -group "$(stat -c %g group)")
[ -z "$private" ] || fail "not for the group: $(ls -ld $private)"
same_shards whole group/bank

# ---- readers beside a running campaign, whose last shard grows ----
study live "model: {plugin: $plugins/moody.so}" 'bank: {path: live-bank, rows: 300, seed: 5, shard_rows: 256}' "${small[@]}"
"$infermill" simulate live.yaml -j 1 -q
export MOODY_MICROSECONDS=1000
(for rows in 700 1100 1500 1900 2300; do "$infermill" simulate live.yaml --rows $rows -j 2 -q || exit 1; done) >live.said 2>&1 &
campaign=$!
reads=0
while kill -0 $campaign 2>/dev/null; do
    "$infermill" bank verify live-bank >said 2>&1 || { cat said; fail "verify beside a campaign"; }
    "$infermill" bank info live-bank >said 2>&1 || { cat said; fail "info beside a campaign"; }
    "$infermill" train live.yaml -o "live-results-$reads" -j 1 >said 2>&1 || { cat said; fail "training beside a campaign"; }
    reads=$((reads + 1))
done
end_of $campaign
[ $code -eq 0 ] || { cat live.said; fail "a campaign that was read"; }
[ $reads -ge 3 ] || fail "only $reads readers came"

# ---- two campaigns on one bank ----
export MOODY_MICROSECONDS=20000
sed -i 's/rows: 300/rows: 4000/' live.yaml
"$infermill" simulate live.yaml -j 2 >first.said 2>&1 &
first=$!
wait_for live-bank/lock $first
holder=$(sed 's/.*"pid": *\([0-9]*\).*/\1/' live-bank/lock)
expect 1 "live-bank/lock: run [0-9a-f]{32} on $(uname -n) \(pid $holder\) is writing since 20..-..-.. ..:..:.. UTC" "$infermill" simulate live.yaml -j 2
if [ $players -eq 2 ] && unshare -m mount -t proc -o hidepid=2 proc /proc 2>/dev/null; then
    chmod 777 live-bank live && chmod 666 live/log # a cluster that hides the processes of others: the holder's beat tells
    hidden() { unshare -m bash -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' - "${ben[@]}" "$@"; }
    expect 1 "live-bank/lock: run .*\(pid $holder\) is writing" hidden "$infermill" simulate live.yaml -j 1
    grep -q 'watching for' said || fail "the holder was not hidden"
fi
kill -0 $first || fail "the first campaign did not live on"
kill -KILL $(family $first) 2>/dev/null || true
end_of $first
[ -e live-bank/lock ] || fail "the killed campaign left no lock behind"
export MOODY_MICROSECONDS=0
expect 0 'is dead, its lock is taken over' "$infermill" simulate live.yaml -j 2
"$infermill" simulate live.yaml --bank live-whole -j 1 -q
same_shards live-whole live-bank

# ---- a bank of another model ----
cat >simulator.sh <<'END'
# simulator.sh VERSION UPPER LENGTH: answers JSON lines
while read -r line; do
    case $line in
    *describe*) echo '{"name": "told", "version": "'"$1"'", "parameters": [{"name": "beta", "lower": 0, "upper": '"$2"'}],' \
        '"observables": [{"name": "y", "kind": "set", "dims": ['"$3"', 1]}]}' ;;
    *) [[ $line =~ \"index\":\ *([0-9]+).*\"seed\":\ *([0-9]+) ]]
        y=$(printf ", [0.${BASH_REMATCH[2]}]%.0s" $(seq "$3"))
        echo "{\"parameters\": {\"beta\": 0.$((BASH_REMATCH[1] % 9 + 1))}, \"observables\": {\"y\": [${y#, }]}}" ;;
    esac
done
END
told() { # told NAME VERSION UPPER LENGTH
    study "$1" "model: {command: [bash, simulator.sh, '$2', '$3', '$4']}" 'bank: {path: told-bank, rows: 300, shard_rows: 256}' "${small[@]}"
}
told one 1 1 2
expect 0 '300 rows' "$infermill" simulate one.yaml -j 2
expect 0 'validation loss' "$infermill" train one.yaml -j 2

refused() { # refused NAME WORDS: this study may not grow the bank, train on it, diagnose or replace its amortizer
    expect 1 "another model.*$2" "$infermill" simulate "$1.yaml" --rows 600 -j 2
    expect 1 "another model.*$2" "$infermill" train "$1.yaml" -j 2
    expect 1 "another model.*$2" "$infermill" diagnose "$1.yaml" -o one -j 2
    expect 1 "another model.*$2" "$infermill" train "$1.yaml" -o one -j 2
}
told version 2 1 2
refused version 'model told: version 1 against 2'
told bound 1 1.5 2
refused bound 'parameter beta: bounds \(0, 1\) against \(0, 1.5\)'
told shape 1 1 3
refused shape 'observable y: dims\[0\] is 2 against 3'
told prior 1 1 2
echo 'parameters: {beta: "beta(2, 2)"}' >>prior.yaml
refused prior "parameter beta: prior the simulator's own against beta\(2, 2\)"
echo passed
