#!/usr/bin/env bash
# Jobs that lose something under Slurm: a killed rank, a hung one and a dead node put the job back into the queue, and its end
# is that of an undisturbed run; of an array only the task that was hit returns; scancel is final; restarts have a cap.
# tier: full    timeout: 300
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
study 2 1200
sed -i 's/\[hybrid, logistic\]/[hybrid]/' study.yaml
slurm_lease=15
slurm_up 4
two=(--nodes=2 --ntasks-per-node=1)
ranks 2 crossval study.yaml --out one >/dev/null 2>one.err || { cat one.err >&2; not_ok "crossval under mpirun"; exit 1; }

working() { # ID RUN RANKS: in the middle of the study
  has_ranks "$1" "$3" && [ -d "$2/units" ]
}
# begin LABEL RUN OPTIONS...: submit crossval on two nodes and wait until it is at work; its number in $id
begin() {
  local label=$1 run=$2
  shift 2
  id=$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out "$run" "$@")
  if until_true 60 working "$id" "$run" 2; then ok "$label"; else
    not_ok "$label" "not at work: $(job "$id" JobState) $(job "$id" ExitCode), ranks $(ranks_of "$id" | tr '\n' ' ')"
    show "$id"
  fi
}
# again LABEL ID RESTARTS RUN: the job has come to the end of the undisturbed run
again() {
  ended "$2" 120
  if [ "$state $(job "$2" Restarts)" = "COMPLETED 0:0 $3" ]; then ok "$1"; else
    not_ok "$1" "state $state, $(job "$2" Restarts) restarts"
    show "${2%_*}"
  fi
  same_run "$1: same end" one "$4"
}
runs() { [ "$(job "$1" JobState)" = RUNNING ]; }
no_ranks() { [ -z "$(ranks_of "$1")" ]; }

killed() {
  begin "a job to be hit" hit
  kill -9 "$(ranks_of "$id" | shuf -n 1)"
  again "a killed rank" "$id" 1 hit
}

capped() {
  CRMPI_MAX_RESTARTS=0 begin "a job that may not return" capped
  kill -9 "$(ranks_of "$id" | head -n 1)"
  ended "$id" 30
  check "CRMPI_MAX_RESTARTS=0: the code of the killed rank stands" grep -Exq 'FAILED 1(37|43):0' <<<"$state"
  check "and the output says so" grep -q 'after 0 restarts, the most that CRMPI_MAX_RESTARTS allows' ./*-"$id".out
  again "the same line again" "$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out capped)" 0 capped
}

cancelled() {
  begin "a job to be cancelled" cancelled
  scancel "$id"
  check "its ranks are gone within 5 s" until_true 5 no_ranks "$id"
  ended "$id" 10
  check "scancel is final" test "${state% *} $(job "$id" Restarts)" = "CANCELLED 0"
  again "the same line after scancel" "$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out cancelled)" 0 cancelled
}

# The last task of an array has the number of the array itself: hitting the other one shows whether it is told from it.
array_task() {
  local array task
  array=$(submit --nodes=1 --ntasks-per-node=1 --array=4-5 "$jobs/crossval-cpu.sbatch" study.yaml --out array)
  until_true 30 runs "${array}_4" # before that both tasks are one record
  task=$(job "${array}_4" JobId)
  if until_true 30 working "$task" array-seed4 1; then ok "a task to be hit"; else not_ok "a task to be hit" "not at work"; fi
  kill -9 "$(ranks_of "$task")"
  again "a killed task of an array" "${array}_4" 1 array-seed4
  ended "${array}_5" 30
  check "the other task was left alone" test "$state $(job "${array}_5" Restarts)" = "COMPLETED 0:0 0"
}

hung() {
  begin "a job that will hang" hung --set watchdog.limit=2
  kill -STOP "$(ranks_of "$id" | shuf -n 1)"
  again "a hung rank" "$id" 1 hung
  check "the rank that hung is named" grep -q 'rank [01] .*process [0-9]*) has not answered: it is stopped' ./*-"$id".out
}

beside killed capped cancelled array_task
beside hung

# ---- a node dies, with the script and a rank on it: last, since it stays down ----
begin "a job on two nodes" lost
first=$(job "$id" BatchHost)
kill_node "$first"
scontrol update nodename="$first" state=down reason="died in a test"
again "a node that died" "$id" 1 lost
check "it went on elsewhere" test "$(job "$id" BatchHost)" != "$first"
check "no process is left" test -z "$(pgrep -x crmpi)"
exit "$failed"
