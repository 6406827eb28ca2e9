# lib.sh - a Slurm of its own with four virtual nodes on this machine, for tests/slurm/test_*.sh, which source it first.
# shellcheck shell=bash disable=SC2034
#
# The test starts again inside a process namespace with itself as the first process: when it ends, however that comes about,
# the kernel ends controller, nodes and jobs with it.  A node is a slurmd with a host name and a /dev/shm of its own (ranks
# on different nodes would otherwise take each other's shared memory for theirs).  Everything lies under $TMP.

slurm_skip() {
  echo "1..0 # SKIP $1"
  exit 0
}

if [ "${CRM_SLURM_INSIDE:-}" != yes ]; then
  PATH=$PATH:/usr/sbin:/sbin
  for program in slurmctld slurmd munged sbatch srun scontrol scancel; do
    command -v "$program" >/dev/null || slurm_skip "no $program here: jobs/setup.sh --slurm installs Slurm and munge"
  done
  [ "$(id -u)" = 0 ] || slurm_skip "only root can start a Slurm of its own"
  slurm_in=(unshare --pid --fork --kill-child --mount-proc --mount --uts --propagation private)
  why=$("${slurm_in[@]}" true 2>&1) || slurm_skip "no process namespace can be made here: ${why:-unshare failed}"
  export PATH CRM_SLURM_INSIDE=yes
  exec "${slurm_in[@]}" bash "$0" "$@"
fi

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
unset OMPI_MCA_pml # Open MPI chooses, as on a cluster
cd "$TMP" || exit 1
tier=${CRM_TIER:-default}
jobs=$CRM_SOURCE_DIR/jobs
export CRMPI

slurm_end() {
  [ $$ != 1 ] || kill -9 -1 2>/dev/null # all but this process: the rest of the namespace, whose first it is
  cd / && rm -rf "$TMP"
}
trap slurm_end EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# Seconds that a job may take to be launched.  A job that goes back into the queue waits for so long, so tests of that set
# less; on a machine that stands still for longer, jobs end with "Job credential expired".
slurm_lease=120

slurm_conf() { # NODES PORT
  local i
  cat <<C
ClusterName=crmpi
SlurmctldHost=head(127.0.0.1)
SlurmctldPort=$2
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$TMP/slurm/munge.socket,cred_expire=$slurm_lease
StateSaveLocation=$TMP/slurm/state
SlurmdSpoolDir=$TMP/slurm/spool/%n
TmpFS=$TMP/slurm/tmp/%n
SlurmctldPidFile=$TMP/slurm/slurmctld.pid
SlurmdPidFile=$TMP/slurm/slurmd.%n.pid
SlurmctldLogFile=$TMP/slurm/slurmctld.log
SlurmdLogFile=$TMP/slurm/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=10000
SwitchType=switch/none
GresTypes=gpu
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout=60
KillWait=2
MessageTimeout=30
JobRequeue=0
C
  for ((i = 1; i <= $1; i++)); do
    echo "NodeName=v$i NodeAddr=127.0.0.1 Port=$(($2 + i)) CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1" \
      "RealMemory=4000 Gres=gpu:2"
  done
  echo "PartitionName=main Nodes=v[1-$1] Default=YES MaxTime=INFINITE State=UP"
}

# A port with as many free ones behind it.
slurm_ports() { # COUNT
  local first i
  for _ in 1 2 3 4 5 6 7 8 9; do
    first=$((20000 + RANDOM % 10000))
    for ((i = 0; i <= $1; i++)); do
      ! (: <"/dev/tcp/127.0.0.1/$((first + i))") 2>/dev/null || continue 2
    done
    echo "$first" && return 0
  done
  return 1
}

slurm_node() { # NAME: start it
  mkdir -p "$TMP/slurm/spool/$1" "$TMP/slurm/tmp/$1"
  # shellcheck disable=SC2016
  unshare --mount --uts --propagation private bash -c \
    'mount -t tmpfs -o mode=1777,size=1g tmpfs /dev/shm && hostname "$1" && exec slurmd -D -N "$1"' _ "$1" \
    >"$TMP/slurm/$1.out" 2>&1 </dev/null &
  node_pid[${1#v}]=$!
  disown
}

declare -A node_pid
slurm_is_up() { # NODES
  [ "$(timeout 5 sinfo -h -N -t idle -o %N 2>/dev/null | wc -l)" = "$1" ]
}
slurm_up() { # [NODES]
  local nodes=${1:-4} port i
  port=$(slurm_ports "$nodes") || slurm_skip "no free ports"
  hostname head
  mkdir -p "$TMP/slurm/state"
  chmod 755 "$TMP" "$TMP/slurm"
  slurm_conf "$nodes" "$port" >"$TMP/slurm/slurm.conf"
  # devices that stand for two GPUs of each node: they are counted and given out, never used
  printf 'AutoDetect=off\nName=gpu File=/dev/null\nName=gpu File=/dev/zero\n' >"$TMP/slurm/gres.conf"
  export SLURM_CONF=$TMP/slurm/slurm.conf
  (umask 077 && head -c 1024 /dev/urandom >"$TMP/slurm/munge.key")
  # --force: its folder may lie below one that only root may enter
  munged --foreground --force --socket="$TMP/slurm/munge.socket" --key-file="$TMP/slurm/munge.key" --pid-file="$TMP/slurm/munged.pid" \
    --log-file="$TMP/slurm/munged.log" --seed-file="$TMP/slurm/munged.seed" >"$TMP/slurm/munged.out" 2>&1 </dev/null &
  disown # bash tells of children that are killed
  for ((i = 0; i < 50; i++)); do
    [ ! -S "$TMP/slurm/munge.socket" ] || break
    sleep 0.1
  done
  slurmctld -D >"$TMP/slurm/slurmctld.out" 2>&1 </dev/null &
  disown
  for ((i = 1; i <= nodes; i++)); do slurm_node "v$i"; done
  until_true 20 slurm_is_up "$nodes" && return 0
  tail -n 20 "$TMP"/slurm/*.log "$TMP"/slurm/*.out >&2
  slurm_skip "slurmctld and its nodes did not come up within 20 s: $(tail -qn 1 "$TMP/slurm/slurmctld.log" "$TMP/slurm/munged.out" 2>/dev/null | tr '\n' ' ')"
}

# submit SCRIPT ARGUMENTS...: SCRIPT may have options of sbatch before it; prints the job's number
submit() {
  OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_tcp_if_include=lo sbatch --parsable "$@" 2>>"$TMP/sbatch.err"
}

# One field of a job, such as JobState, Restarts, ExitCode
job() { # ID FIELD
  scontrol -o show job "$1" 2>/dev/null | sed -n "s/.*\b$2=\([^ ]*\).*/\1/p" | head -n 1
}

# Wait until a command succeeds: until SECONDS COMMAND...
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

is_over() { # ID
  case "$(job "$1" JobState)" in
  '' | PENDING | RUNNING | COMPLETING | CONFIGURING | SUSPENDED | REQUEUED | REQUEUE_HOLD | SIGNALING | STAGE_OUT) return 1 ;;
  esac
}
# ended ID SECONDS: wait for the end of a job; its state and exit code in $state, such as "COMPLETED 0:0"
ended() {
  until_true "$2" is_over "$1"
  state="$(job "$1" JobState) $(job "$1" ExitCode)"
}

# Processes of the ranks of a job
ranks_of() { # ID
  local pids
  pids=$(pgrep -d ' ' -x crmpi) || return 0
  # shellcheck disable=SC2086
  (cd /proc && printf '%s/environ\n' $pids | xargs grep -lszx "SLURM_JOB_ID=$1" | cut -d / -f 1)
}
has_ranks() { # ID COUNT
  [ "$(ranks_of "$1" | wc -l)" = "$2" ]
}

# A node dies: everything in its host-name namespace at once.
kill_node() { # NAME
  local uts
  uts=$(readlink "/proc/${node_pid[${1#v}]}/ns/uts")
  find /proc -mindepth 3 -maxdepth 3 -path '/proc/[0-9]*/ns/uts' -lname "${uts/\[/\\[}" 2>/dev/null | cut -d / -f 3 | xargs kill -9
}

# same_run LABEL A B: summary, report and predictions of two run folders are the same bytes
same_run() {
  local f
  for f in summary.json report.md predictions.h5; do
    cmp -s "$2/$f" "$3/$f" || { not_ok "$1" "$f of $2 and $3 differ, or one is not there"; return; }
  done
  ok "$1"
}
# show JOB...: what jobs printed, for a failed check
show() {
  local id
  for id in "$@"; do sed "s/^/#   $id: /" "$TMP"/*-"$id".out >&2; done
}

# beside COMMAND...: each (words split at spaces) at the same time, most of which is waiting for Slurm; then their TAP in order
beside() {
  local command running=() i
  for command; do
    # shellcheck disable=SC2086
    (failed=0 && $command) >"beside-${#running[@]}" &
    running+=($!)
  done
  for ((i = 0; i < ${#running[@]}; i++)); do
    wait "${running[i]}"
    cat "beside-$i"
    ! grep -q '^not ok' "beside-$i" || failed=1
  done
}

# study FOLDS EPOCHS: a configuration of some seconds in study.yaml, and its table
study() {
  table 600 "$TMP/customers.csv"
  cat >"$TMP/study.yaml" <<Y
data: {path: customers.csv, label: churn, id: id}
eval: {models: [hybrid, logistic], folds: $1, seed: 4}
model: {hidden: [32, 16]}
train: {epochs: $2, lanes: 8, lane_rows: 8, validation: 0}
Y
}
