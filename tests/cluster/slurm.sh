#!/bin/bash
# A Slurm of one node on loopback, for tests: no systemd, no cgroups, no accounting; all its state is under one folder.
#   slurm.sh start FOLDER   prints SLURM_CONF=FILE when the node is idle
#   slurm.sh stop FOLDER
# Needs Debian's slurm-wlm and munge, and root. Tried with Slurm 22.05.
set -eu
action=${1:?start or stop} dir=$(realpath -m "${2:?a folder for its state}")
node=$(hostname -s)

start() {
    mkdir -p "$dir"/{run,state,spool,log}
    chmod 755 "$dir" "$dir/run"   # munged refuses a socket's folder that others may write to
    # A key of this cluster's own, and a socket of its own: the machine's munge, where there is one, is not touched.
    (umask 077 && head -c 128 /dev/urandom > "$dir/munge.key")
    munged --key-file="$dir/munge.key" --socket="$dir/run/munge.socket" --pid-file="$dir/run/munged.pid" \
        --log-file="$dir/log/munged.log" --seed-file="$dir/run/munged.seed"
    cat > "$dir/slurm.conf" <<CONF
ClusterName=yolograft
SlurmctldHost=$node(127.0.0.1)
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000
PartitionName=test Nodes=$node Default=YES MaxTime=INFINITE State=UP
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.socket,cred_expire=10
SlurmUser=root
SlurmdUser=root
SlurmctldPort=${SLURM_TEST_PORT:-16817}
SlurmdPort=$((${SLURM_TEST_PORT:-16817} + 1))
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,requeue_setup_env_fail
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=20
CONF
    export SLURM_CONF="$dir/slurm.conf"
    slurmctld
    slurmd
    for _ in $(seq 100); do
        [ "$(sinfo --noheader --format=%t 2> /dev/null)" = idle ] && { echo "SLURM_CONF=$SLURM_CONF"; return; }
        sleep 0.2
    done
    echo "Slurm did not come up:" >&2
    tail -n 5 "$dir"/log/*.log >&2
    stop
    return 1
}

stop() {
    if [ -f "$dir/run/slurmctld.pid" ]; then
        SLURM_CONF="$dir/slurm.conf" timeout 10 scancel --user=root --signal=KILL --full 2> /dev/null || true
    fi
    for daemon in slurmd slurmctld munged; do
        pid=$(cat "$dir/run/$daemon.pid" 2> /dev/null) || continue
        kill "$pid" 2> /dev/null || continue
        for _ in $(seq 50); do kill -0 "$pid" 2> /dev/null || continue 2; sleep 0.1; done
        kill -KILL "$pid" 2> /dev/null || true
    done
}

"$action"
