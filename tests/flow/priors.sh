#!/usr/bin/env bash
# priors.sh PROGRAM: priors in the study, from the file to the bank, and a bank of other priors.
. "$(dirname "$0")/lib.sh"
model='model: {builtin: ddm}'
train='train: {epochs: 1, validation_rows: 50}'

# two ways to write one prior make one bank
study flow "$model" 'parameters: {v: normal(0, 1), a: lognormal(0, 0.3), t0: truncated(normal(0.3, 0.1), 0, 1)}' \
    'bank: {path: one, rows: 600, shard_rows: 256}' "$train"
study block "$model" 'parameters:' '  t0: truncated(normal(0.3,0.1), 0, 1)' '  a: lognormal(0, 0.30)' '  v: normal(0, 1)' \
    'bank: {path: two, rows: 600, shard_rows: 256}' "$train"
"$infermill" simulate flow.yaml -j 2 -q
"$infermill" simulate block.yaml -j 1 -q
same_shards one two
grep -q 'prior: "normal(0, 1)"' one/bank.yaml || fail "bank.yaml names no prior"
grep -q 'prior: "truncated(normal(0.3, 0.1), 0, 1)"' one/bank.yaml || fail "bank.yaml names no truncated prior"

# the simulator's own prior gives another bank
study own "$model" 'bank: {path: own, rows: 600, shard_rows: 256}' "$train"
"$infermill" simulate own.yaml -j 2 -q
! cmp -s one/shards/0000000.h5 own/shards/0000000.h5 || fail "the study's prior changed nothing"
! grep -q prior own/bank.yaml || fail "a prior that nobody gave"

# another prior, or none, on the same bank
sed 's/normal(0, 1)/normal(0, 2)/; s/^study: flow/study: other/' flow.yaml >other.yaml
grep -v '^parameters' flow.yaml | sed 's/^study: flow/study: none/' >none.yaml
for command in simulate train; do
    expect 1 'another model.*parameter v: prior normal\(0, 1\) against normal\(0, 2\)' "$infermill" $command other.yaml -j 2
    expect 1 'another model.*parameter v: prior normal\(0, 1\) against the simulator.s own' "$infermill" $command none.yaml -j 2
done

# an amortizer remembers the prior that it was trained with
"$infermill" train flow.yaml -j 2 -q
cp flow/* other/
expect 1 'trained for another model: parameter v: prior normal\(0, 1\) against normal\(0, 2\)' "$infermill" diagnose other.yaml -j 2

# told with file and line, before anything is made
study wrong "$model" 'parameters: {v: normal(0, 1), a: lognorml(0, 0.3), t0: uniform(0, 1)}' 'bank: {path: wrong-bank}'
expect 2 'wrong.yaml:3: parameters.a: there is no prior "lognorml"; did you mean "lognormal"' "$infermill" simulate wrong.yaml -j 2
study beyond "$model" 'parameters: {v: normal(0, 1), a: normal(1, 1), t0: uniform(0, 1)}' 'bank: {path: wrong-bank}'
expect 2 'beyond.yaml:3: parameters.a: .*cut it: truncated\(normal\(1, 1\), 0, .inf\)' "$infermill" simulate beyond.yaml -j 2
[ ! -e wrong-bank ] || fail "a bank of a wrong prior"
echo passed
