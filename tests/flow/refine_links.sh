#!/usr/bin/env bash
# refine_links.sh PROGRAM PLUGINS PYTHON: a refinement whose workers come over bad links (late, slow, cut in the middle of a message,
# gone for a while) comes to the same weights and bank, and so it does with a worker 1,000 times slower than the others. A worker
# with another version of the simulator is refused.
. "$(dirname "$0")/refine_lib.sh"
python=${3:-python3}
[ -n "$python" ] || python=python3
export MOODY_MICROSECONDS=500
begin 2400

# link NAME OPTIONS...: a proxy before the hub; its port is in $port, what it did is in NAME.link when it is terminated
link() {
    local name=$1
    shift
    "$python" "$here/proxy.py" "${endpoint##*:}" "$@" >"$name.link" &
    proxy=$!
    wait_for "$name.link" $proxy
    port=$(head -1 "$name.link")
}

# over NAME WORKERS OPTIONS...: workers whose only way to the hub is such a link
over() {
    local name=$1 workers=$2 k
    shift 2
    case_of "$name"
    hub "$name" 1
    link "$name" "$@"
    for ((k = 0; k < workers; k++)); do worker "$name" "tcp://127.0.0.1:$port"; done
    comes_to_its_end "$name"
    workers_end "$name"
    kill -TERM $proxy
    end_of $proxy
    tail -1 "$name.link"
    as_undisturbed "$name"
}

over late 2 --delay 0.2
over trickle 2 --rate 60000
over cut 2 --cut-after 60000
grep -q ' [1-9][0-9]* cut' cut.link || fail "no connection was cut"
over outage 2 --outage 0.2:3
grep -q ' [1-9][0-9]* cut' outage.link || fail "the outage came too late"

case_of slow
hub slow 1
(export MOODY_MICROSECONDS=500000; worker slow; echo $worker >slow.worker)
worker slow
comes_to_its_end slow
as_undisturbed slow

# the same simulator under another version: told, refused for good; the others go on
cc -O2 -shared -fPIC -I"$here/../.." -o other.so -DVERSION=2 -x c - -x none -lm <<END || fail "a plugin"
$(sed 's/\.version = "[^"]*"/.version = "other"/' "$here/../workers/plugins/moody.c")
END
case_of version
sed "s|$plugins/moody.so|$work/other.so|" offline/refined.yaml >version/other.yaml
hub version 1
(cd version && expect 1 "version|another simulator|fingerprint" timeout 60 "$infermill" worker --connect "$endpoint" other.yaml)
worker version
comes_to_its_end version
as_undisturbed version

# too many rows that fail end it, with the way to see which
case_of failing
hub failing 1
(export MOODY_NONFINITE=0.2; worker failing; echo $worker >failing.worker)
for k in $(seq 300); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
! kill -0 $pid 2>/dev/null || { cat failing.said; fail "four of five rows fail, and refinement goes on"; }
end_of $pid
[ $code -eq 1 ] && grep -qE 'fresh rows failed, more than the share of 0.5 that bank.failure_limit allows, such as row [0-9]+ \(.*y' failing.said || { cat failing.said; fail "rows that fail: exit $code"; }
grep 'fresh rows failed' failing.said
echo passed
