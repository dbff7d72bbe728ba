#!/usr/bin/env bash
# The quickstart's study in full: reaction times of 14 people, compared with a long Markov chain on the same likelihood.
# The test prints the table and fails where the typical person is off: for a parameter, the median of |mean - mean of the
# chain| / sd above 0.25, or the median ratio of sds outside 0.8 to 1.25.
. "$(dirname "$0")/lib.sh"
python=$2
golden=$here/../golden/ddm_people.csv
study=$here/../../cluster/studies/reaction-times
[ -n "$python" ] && [ -x "$python" ] || { echo "skipped: no Python given"; exit 77; }
cp "$study/study.yaml" "$study/cavanagh_reaction_times.csv" .
"$infermill" run study.yaml
"$python" "$here/compare_people.py" reaction-times/posterior.h5 "$golden"
echo passed
