# shellcheck shell=bash
# slurm.sh - sourced by the *.sbatch scripts of this folder: what all of them do once Slurm has started them.
#
#   crm_job COMMAND cpu|gpu ARGUMENTS...    run one command of crmpi on the tasks of this job, then end the script; queue the
#                                           job again when the command stopped before its end
#
# Arguments are those of the command and --list FILE (see the head of each script).  These variables change what is done; set
# them before sbatch, or in a file site.sh beside this one, which may load modules too:
#
#   CRMPI                the program (default: of this checkout, build/cuda for gpu, else build/release; else from PATH)
#   CRMPI_MPI            how srun starts MPI (default: pmix)
#   CRMPI_SRUN           further options of srun, such as --cpu-bind=cores
#   CRMPI_MAX_RESTARTS   how often a job may be queued again (default: 20)
#   CRMPI_REQUEUE_ON     exit codes after which it is (default: 75, stopped at a checkpoint; 137 and 143, a rank was killed)
#   CRMPI_JOBS           the folder of this file, where the scripts cannot find it by themselves

crm_jobs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
crm_config='' crm_list='' crm_out='' crm_tasks='' crm_rest=()
# Set by a script before crm_job: crm_script, its name where that is not COMMAND-KIND; crm_shared=yes, tasks of an array share one run.

crm_say() {
    echo "$(date -u '+%F %T') $(basename "${crm_script:-crmpi}"): $*" >&2
}

# The head of the script; with a text: what is wrong, and exit code 2.
crm_usage() {
    [ $# = 0 ] || crm_say "$*"
    sed -n '2,/^#SBATCH/{/^#SBATCH/d; s/^# \{0,1\}//p}' "$0"
    [ $# != 0 ] || exit 0
    exit 2
}

# Sort arguments into crm_config, crm_list, crm_out, crm_rest; a second call adds to the first.
crm_read_arguments() {
    while [ $# -gt 0 ]; do
        case "$1" in
        -h | --help) crm_usage ;;
        --list=* | --out=* | --array=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
        --list | --out | --set | --init | --array)
            [ $# -gt 1 ] || crm_usage "$1 needs a value"
            case "$1" in
            --list) crm_list=$2 ;;
            --out) crm_out=$2 ;;
            --array) crm_tasks=$2 ;;
            *) crm_rest+=("$1" "$2") ;;
            esac
            shift
            ;;
        -*) crm_rest+=("$1") ;;
        *)
            [ -z "$crm_config" ] || crm_usage "'$1' is one argument too many (after '$crm_config')"
            crm_config=$1
            ;;
        esac
        shift
    done
}

# A task of an array: its line of the list, or its number as the seed; a run folder of its own.
crm_take_task() { # COMMAND
    local n=${SLURM_ARRAY_TASK_ID:-} line='' words own
    if [ -n "$crm_tasks" ]; then
        [ "${crm_shared:-}" = yes ] || crm_usage "--array is for sweep-array.sbatch, whose tasks share one sweep"
        [[ $crm_tasks == [1-9]* && $crm_tasks != *[!0-9]* ]] || crm_usage "--array '$crm_tasks': the number of tasks of the array"
        [ -n "$n" ] || crm_usage "--array is for arrays: sbatch --array=0-$((crm_tasks - 1))"
    fi
    if [ "${crm_shared:-}" = yes ]; then
        [ -z "$crm_list" ] || crm_usage "--list makes runs of their own; the tasks of this script share one"
        if [ -n "$crm_tasks" ]; then crm_rest+=(--array "$n/$crm_tasks"); else crm_rest+=(--join); fi
        crm_default_out "$1" ''
    elif [ -n "$crm_list" ]; then
        [ -n "$n" ] || crm_usage "--list is for arrays: sbatch --array=1-N"
        [ -r "$crm_list" ] || crm_usage "$crm_list: cannot be read"
        [ "$n" = 0 ] || line=$(sed -n "${n}p" "$crm_list")
        read -ra words <<<"$line"
        [ ${#words[@]} -gt 0 ] || crm_usage "$crm_list has nothing on line $n, the number of this task (lines count from 1)"
        own=$crm_out crm_out=''
        crm_read_arguments "${words[@]}"
        [ -n "$crm_out" ] || crm_out=${own:+$own-$n}
        crm_default_out "$1" "-$n"
    elif [ -n "$n" ]; then
        [ "$1" != import ] || crm_usage "an array of import needs --list FILE: one configuration on each line"
        crm_rest+=(--set "eval.seed=$n")
        crm_out=${crm_out:+$crm_out-seed$n}
        crm_default_out "$1" "-seed$n"
    else
        crm_default_out "$1" ''
    fi
}

# runs/<name of the configuration>-<command>; import knows itself where its data set goes.
crm_default_out() { # COMMAND SUFFIX
    [ -n "$crm_config" ] || crm_usage "a configuration is needed"
    [ -r "$crm_config" ] || crm_usage "$crm_config: cannot be read from $PWD"
    [ "$1" != import ] && [ -z "$crm_out" ] || return 0
    crm_out=$(basename "$crm_config")
    crm_out=runs/${crm_out%.*}-$1$2
}

# The program, into CRMPI.
crm_find_program() { # KIND
    local candidate places=("$crm_jobs/../build/release/crmpi" "$crm_jobs/../bin/crmpi")
    [ "$1" != gpu ] || places=("$crm_jobs/../build/cuda/crmpi" "${places[@]}")
    if [ -z "${CRMPI:-}" ]; then
        for candidate in "${places[@]}" "$(command -v crmpi)"; do
            [ ! -x "$candidate" ] || { CRMPI=$candidate && break; }
        done
    fi
    if [ ! -x "${CRMPI:-}" ]; then
        crm_say "${CRMPI:-crmpi} is not there or no program: build it (cmake --preset release && cmake --build --preset release)," \
            "or name it in CRMPI"
        exit 2
    fi
}

# crmpi keeps to the threads it is given, and lets ranks yield by itself where a node has more of them than cores.
crm_environment() {
    export OMP_NUM_THREADS=1
    export HDF5_USE_FILE_LOCKING=FALSE # file systems of clusters often have no locks; crmpi has one for each run folder
}

# Put this job back into the queue, if it may; never returns.
crm_requeue() { # CODE
    local id=$SLURM_JOB_ID lives=${SLURM_RESTART_COUNT:-0} most=${CRMPI_MAX_RESTARTS:-20}
    # each task of an array has a number of its own, but is known to scontrol by this name whether it waits or runs
    [ -z "${SLURM_ARRAY_JOB_ID:-}" ] || id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    if ! [ "$lives" -lt "$most" ]; then # also where one of them is no number
        crm_say "exit code $1 after $lives restarts, the most that CRMPI_MAX_RESTARTS allows; the same sbatch line goes on"
        exit "$1"
    fi
    crm_say "exit code $1: job $id goes back into the queue (restart $((lives + 1)) of at most $most)"
    if scontrol requeue "$id"; then
        sleep 120 # until Slurm ends this script, which is part of the job
    else
        crm_say "job $id could not be queued again; the same sbatch line goes on"
    fi
    exit "$1"
}

crm_job() { # COMMAND KIND ARGUMENTS...
    local command=$1 kind=$2 threads=${SLURM_CPUS_PER_TASK:-1} code=0 start began extra given
    shift 2
    : "${crm_script:=$command-$kind.sbatch}"
    crm_read_arguments "$@"
    [ -n "${SLURM_JOB_ID:-}" ] || crm_usage "this is a job script: sbatch starts it"
    crm_take_task "$command"
    # shellcheck source=/dev/null
    [ ! -f "$crm_jobs/site.sh" ] || . "$crm_jobs/site.sh"
    crm_find_program "$kind"
    crm_environment
    # srun may end the second task by a signal when the first one has found out, which would look like a job to be queued again.
    [ "${CRMPI_MPI:-pmix}" != none ] || [ "${SLURM_NTASKS:-1}" = 1 ] ||
        crm_usage "CRMPI_MPI=none starts the $SLURM_NTASKS tasks without PMIx, each a rank alone; srun --mpi=list shows what is offered"

    # What the job knows comes first, so that a --set of the user wins.
    given=("$crm_config" --set "train.threads=$threads")
    [ "$kind" != gpu ] || [ "$command" = import ] || given+=(--set device=cuda)
    # ranks of the life before may still be on their way out, on a node that Slurm has lost sight of
    [ "${SLURM_RESTART_COUNT:-0}" = 0 ] || given+=(--set record.lock_wait=300)
    given+=(${crm_rest[@]+"${crm_rest[@]}"}) # bash before 4.4 takes an empty list for unset
    [ -z "$crm_out" ] || given+=(--out "$crm_out")

    # A signal to the whole job (scancel --full) reaches srun and the ranks too: this shell only waits for them.  srun passes USR1
    # and USR2 on; at HUP it kills its step (137).  TERM is left alone: scancel ends a job by it, which must not be queued again.
    trap : USR1 USR2 HUP
    read -ra extra <<<"${CRMPI_SRUN:-}"
    crm_say "job $SLURM_JOB_ID, start $((${SLURM_RESTART_COUNT:-0} + 1)), ${SLURM_NTASKS:-?} tasks on ${SLURM_JOB_NODELIST:-?}:" \
        "$CRMPI $command ${given[*]}"
    for start in 1 2 3; do
        code=0 began=$SECONDS
        srun --mpi="${CRMPI_MPI:-pmix}" --kill-on-bad-exit=1 --export=ALL --cpus-per-task="$threads" "${extra[@]}" \
            "$CRMPI" "$command" "${given[@]}" || code=$?
        # Slurm's PMIx does not hold the barrier at the end of MPI_Init: a message of a rank that is ahead may reach one of Open MPI 4
        # that cannot take it yet, which then crashes.  Nothing has been done by then, and the next start goes well.
        [ "$code" = 139 ] && [ $((SECONDS - began)) -lt 60 ] && [ "$start" -lt 3 ] || break
        crm_say "exit code 139 (segmentation fault) within $((SECONDS - began + 1)) s: start $((start + 1)) of at most 3 in this job"
    done
    case " ${CRMPI_REQUEUE_ON:-75 137 143} " in
    *" $code "*) crm_requeue "$code" ;;
    esac
    [ "$code" = 0 ] || crm_say "exit code $code"
    exit "$code"
}
