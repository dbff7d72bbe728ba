#!/usr/bin/env bash
# refine_namespaces.sh PROGRAM PLUGINS SECONDS...: hub and workers in two network namespaces, with keys, on a cable (veth) that is
# pulled out for so many seconds while rows are under way: the same weights, and the bank of a campaign. Skipped where no
# namespace may be made.
. "$(dirname "$0")/refine_lib.sh"
shift 2
hub_side=infermill-$$-hub worker_side=infermill-$$-worker address=10.213.77
remove() {
    ip netns del $hub_side 2>/dev/null || true
    ip netns del $worker_side 2>/dev/null || true
}
trap 'kill -9 $(jobs -p) $(cat "$work"/*.pid 2>/dev/null) 2>/dev/null || true; remove; rm -rf "$work"' EXIT
{ ip netns add $hub_side && ip netns add $worker_side &&
    ip -n $hub_side link add hub type veth peer name worker netns $worker_side; } 2>/dev/null || {
    echo 'skipped: no network namespace may be made here'
    exit 77
}
ip -n $hub_side address add $address.1/24 dev hub
ip -n $worker_side address add $address.2/24 dev worker
for side in "$hub_side lo" "$hub_side hub" "$worker_side lo" "$worker_side worker"; do ip -n ${side% *} link set ${side#* } up; done

"$infermill" keys new hub --keys here -q >said
"$infermill" keys new worker --keys there -q >said
"$infermill" keys admit there/worker.public --keys here -q >said
"$infermill" keys admit here/hub.public --keys there -q >said

export MOODY_MICROSECONDS=1000
begin 4800
hub_in=(ip netns exec $hub_side) worker_in=(ip netns exec $worker_side) worker_options=(--keys "$work/there" --hub-key hub)
for seconds in "$@"; do
    [ -n "$seconds" ] || continue
    name=cut-$seconds
    case_of "$name"
    hub "$name" 1 --listen "tcp://$address.1:4777" --keys "$work/here"
    worker "$name" "tcp://$address.1:4777"
    worker "$name" "tcp://$address.1:4777"
    until grep -q 'round 1 of 5' "$name.said" || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    kill -0 $pid 2>/dev/null || { cat "$name.said"; fail "$name: the cable was pulled too late"; }
    ip -n $hub_side link set hub down
    sleep "$seconds"
    kill -0 $pid 2>/dev/null || { cat "$name.said"; fail "$name: the cable was pulled too late"; }
    ip -n $hub_side link set hub up
    began=$(date +%s)
    comes_to_its_end "$name"
    echo "$name: ended $(($(date +%s) - began)) s after the cable was back"
    as_undisturbed "$name"
done
# a valid key that nobody admitted gets nowhere; an admitted one may also look; a revoked one is shut out where it is connected
"$infermill" keys new stranger --keys strange -q >said
"$infermill" keys admit here/hub.public --keys strange -q >said
case_of keys
hub keys 1 --listen "tcp://$address.1:4777" --keys "$work/here"
worker keys "tcp://$address.1:4777"
revoked=$worker
in_there() { ip netns exec $worker_side timeout 60 "$infermill" "$@" --connect "tcp://$address.1:4777" --hub-key hub; }
expect 1 'no hub|not admit' in_there worker --keys "$work/strange" --patience 2 keys/refined.yaml
expect 0 '"workers": *\[' in_there status --keys "$work/there" --json
"$infermill" keys revoke worker --keys here -q >said
"$infermill" keys new second --keys second -q >said
"$infermill" keys admit second/second.public --keys here -q >said
"$infermill" keys admit here/hub.public --keys second -q >said
worker_options=(--keys "$work/second" --hub-key hub)
worker keys "tcp://$address.1:4777"
comes_to_its_end keys
grep -q 'which is not admitted any more' keys.said || { cat keys.said; fail "the revoked worker was not shut out"; }
! kill -0 "$revoked" 2>/dev/null && grep -q 'refuse' keys.workers || { cat keys.workers; fail "the revoked worker was not told"; }
as_undisturbed keys
echo passed
