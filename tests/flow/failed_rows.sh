#!/usr/bin/env bash
# Rows that fail: crashes are marked, counted and tried again; too many stop the campaign with a table; a simulator that is
# no function of its seed is found.   failed_rows.sh INFERMILL PLUGINS
# SPDX-License-Identifier: Apache-2.0
source "$(dirname "$0")/lib.sh"
plugin=$2/moody.so

# $1: name; the rest: settings of the bank
moody() {
    study "$1" "model: {plugin: $plugin, isolate: true}" "bank: {path: $1, rows: 3000, shard_rows: 256, seed: 5$2}"
}

moody whole ""
expect 0 '3,000 rows' "$infermill" simulate whole.yaml -j 2

# Crashed rows are marked, left alone by a second call, and made whole by --retry: the bank is then that of no crash at all.
moody bank ""
MOODY_CRASH=0.98 expect 0 '3,000 rows' "$infermill" simulate bank.yaml -j 2
expect 0 'crashed' "$infermill" bank info bank
expect 0 'nothing to do' "$infermill" simulate bank.yaml -j 2
expect 0 '' "$infermill" simulate --retry bank.yaml -j 2
same_shards whole bank
expect 0 'nothing to do' "$infermill" simulate --retry bank.yaml -j 2

# Rows simulated again are the same, or it is told where they are not.
expect 0 '100 rows simulated again are the same bit for bit' "$infermill" simulate --check 100 whole.yaml -j 2
MOODY_MEMORY=1 expect 1 'observable y, value 1: got .*, expected ' "$infermill" simulate --check 100 whole.yaml -j 2
MOODY_MEMORY=1 expect 1 'take all randomness from the host table' "$infermill" simulate --check 100 whole.yaml -j 2
MOODY_MEMORY=1 expect 1 'no function of its seed' "$infermill" simulate whole.yaml --bank anew -j 2

# Too many failed rows: the region and the reason; complete shards are kept, and a higher limit goes on with them.
moody limit ", failure_limit: 0.2"
MOODY_NONFINITE=0.6 expect 1 'nonfinite .* of rows with x above' "$infermill" simulate limit.yaml -j 2
MOODY_NONFINITE=0.6 expect 1 'more than the share of 0.2 that bank.failure_limit allows' "$infermill" simulate limit.yaml -j 2
moody limit ", failure_limit: 0.5"
MOODY_NONFINITE=0.6 expect 0 '3,000 rows' "$infermill" simulate limit.yaml -j 2
expect 0 'nonfinite' "$infermill" bank info limit
