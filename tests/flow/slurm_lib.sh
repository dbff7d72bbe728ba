# Sourced by the Slurm tests after lib.sh: a real Slurm with two nodes on this machine, of which the installed services know nothing. Its
# daemons are munged, slurmctld and two slurmd, each of these in a mount and a UTS namespace of its own: a host name (n1, n2), a /tmp.
# The work folder is what the nodes share, as on a cluster; so it must not lie in /tmp.
[ "$(id -u)" = 0 ] && unshare -m -u true 2>/dev/null || { echo "skipped: no namespaces here (unshare -m -u)"; exit 77; }
for program in munged slurmctld slurmd sbatch; do
    command -v $program >/dev/null || { echo "skipped: no $program here"; exit 77; }
done
case $work in /tmp/*) fail "the work folder is in /tmp, which each node has for itself" ;; esac
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
slurm=$work/slurm
declare -A daemon # name -> PID

free_port() { # free_port FROM: the first port that nobody listens at
    local port=$1
    while ss -Hltn "sport = :$port" | grep -q .; do port=$((port + 1)); done
    echo "$port"
}

slurm_conf() {
    local base=$((20000 + $$ % 20000))
    local control node1 node2
    control=$(free_port $base) node1=$(free_port $((base + 10))) node2=$(free_port $((base + 20)))
    cat >"$slurm/slurm.conf" <<END
ClusterName=two
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$control
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge.sock
CredType=cred/munge
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool-%n
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd-%n.pid
SlurmctldLogFile=$slurm/slurmctld.log
SlurmdLogFile=$slurm/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
ReturnToService=1
SlurmdTimeout=20
KillWait=5
JobRequeue=1
SchedulerParameters=sched_interval=1,sched_min_interval=100000,batch_sched_delay=0,bf_interval=2,bf_resolution=1
NodeName=n1 NodeAddr=127.0.0.1 Port=$node1 CPUs=2 RealMemory=4000
NodeName=n2 NodeAddr=127.0.0.1 Port=$node2 CPUs=2 RealMemory=4000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=60 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=urgent Nodes=n1,n2 MaxTime=60 State=UP PriorityTier=10 PreemptMode=OFF
END
    export SLURM_CONF=$slurm/slurm.conf
}

start_node() { # start_node NAME
    unshare -m -u bash -c "hostname $1 && mount -t tmpfs none /tmp && exec slurmd -D -N $1" >>"$slurm/slurmd-$1.out" 2>&1 &
    daemon[$1]=$!
}

start_controller() {
    slurmctld -D "$@" >>"$slurm/slurmctld.out" 2>&1 &
    daemon[slurmctld]=$!
}

# until_true SECONDS command...: it succeeds in time
until_true() {
    local left=$(($1 * 5))
    shift
    until "$@"; do
        [ $((left--)) -gt 0 ] || return 1
        sleep 0.2
    done
}

nodes_are_idle() { [ "$(sinfo -h -o '%n %t' 2>/dev/null | sort | tr '\n' ' ')" = "n1 idle n2 idle " ]; }

slurm_start() {
    mkdir -p "$slurm/state" "$slurm/spool-n1" "$slurm/spool-n2"
    chmod 755 "$work"
    dd if=/dev/urandom of="$slurm/munge.key" bs=128 count=1 status=none
    chmod 400 "$slurm/munge.key"
    munged --foreground --force --key-file="$slurm/munge.key" --socket="$slurm/munge.sock" --pid-file="$slurm/munge.pid" \
        --log-file="$slurm/munge.log" --seed-file="$slurm/munge.seed" >"$slurm/munged.out" 2>&1 &
    daemon[munged]=$!
    until_true 10 test -S "$slurm/munge.sock" || { cat "$slurm"/munge*.out; fail "munged did not start"; }
    slurm_conf
    start_controller -c
    start_node n1
    start_node n2
    until_true 30 nodes_are_idle || { tail -n 5 "$slurm"/*.out "$slurm"/*.log; sinfo -N -l; fail "the nodes did not come up"; }
}

slurm_stop() {
    scancel --user=root 2>/dev/null || true
    for name in n1 n2 slurmctld munged; do kill "${daemon[$name]}" 2>/dev/null || true; done
    pkill -9 -f "$slurm/spool-" 2>/dev/null || true # batch shells
    for p in $(pgrep slurmstepd || true); do # of this Slurm alone
        ! grep -qzF "SLURM_CONF=$slurm/" "/proc/$p/environ" 2>/dev/null || kill -9 "$p" 2>/dev/null || true
    done
    wait 2>/dev/null || true
}

# job_is ID STATES...: its state is one of these
job_is() {
    local state
    [ -n "$1" ] || fail "no job"
    state=$(scontrol show job "$1" -o 2>/dev/null | grep -oE 'JobState=[A-Z_]+' | head -n 1)
    shift
    [[ " $* " = *" ${state#JobState=} "* ]]
}
nodes_answer() { ! sinfo -h -o '%t' | grep -qE 'down|unk|\*'; }
