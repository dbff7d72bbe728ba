#!/usr/bin/env bash
# snippet.sh PROGRAM README PYTHON: the README's Python lines read a bank without infermill, a compressed one too.
. "$(dirname "$0")/lib.sh"
readme=$2 python=${3:-}
[ -n "$python" ] || { echo "skipped: INFERMILL_PYTHON names no interpreter with h5py"; exit 77; }
sed -n '/^```python/,/^```/p' "$readme" | grep -v '^```' >snippet.py
[ "$(wc -l <snippet.py)" -gt 5 ] || fail "$readme has no lines of Python"
for compress in none deflate; do
    study "$compress" 'model: {builtin: location_scale}' "bank: {path: bank, rows: 3000, seed: 3, shard_rows: 256, compress: $compress}"
    "$infermill" simulate "$compress.yaml" -j 1 -q
    expect 0 '^3000 rows of mu, sigma and y$' "$python" snippet.py
    rm -rf bank
done
echo passed
