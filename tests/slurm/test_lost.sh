#!/usr/bin/env bash
# Jobs that lose something under Slurm: a killed rank and a dead node put the job back into the queue, and its end is that of an
# undisturbed run; of an array only the task that was hit returns; scancel is final; restarts have a cap.    tier: full
# timeout: 240
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
study 3 60
slurm_up 4
two=(--nodes=2 --ntasks-per-node=1)
ranks 1 crossval study.yaml --out one >/dev/null 2>one.err || { cat one.err >&2; not_ok "crossval under mpirun"; exit 1; }

working() { # ID RUN RANKS: in the middle of the study
  has_ranks "$1" "$3" && [ -d "$2/units" ]
}
# again LABEL ID RESTARTS RUN: the job has come to the end of the undisturbed run
again() {
  ended "$2" 90
  if [ "$state $(job "$2" Restarts)" = "COMPLETED 0:0 $3" ]; then ok "$1"; else
    not_ok "$1" "state $state, $(job "$2" Restarts) restarts"
    show "$2"
  fi
  same_run "$1: same end" one "$4"
}
no_ranks() { [ -z "$(ranks_of "$1")" ]; }

# Four jobs at a time: most of each is waiting for Slurm.
hit=$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out hit)
capped=$(CRMPI_MAX_RESTARTS=0 submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out capped)
cancelled=$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out cancelled)
array=$(submit --nodes=1 --ntasks-per-node=1 --array=4-5 "$jobs/crossval-cpu.sbatch" study.yaml --out array)

if until_true 30 working "$hit" hit 2; then ok "a job to be hit"; else not_ok "a job to be hit"; fi
kill -9 "$(ranks_of "$hit" | shuf -n 1)"
if until_true 30 working "$capped" capped 2; then ok "a job that may not return"; else not_ok "a job that may not return"; fi
kill -9 "$(ranks_of "$capped" | head -n 1)"
if until_true 30 working "$cancelled" cancelled 2; then ok "a job to be cancelled"; else not_ok "a job to be cancelled"; fi
scancel "$cancelled"
check "its ranks are gone within 5 s" until_true 5 no_ranks "$cancelled"
# the last task of an array has the number of the array itself: the other one shows whether it is told from it
if until_true 30 working "$(job "${array}_4" JobId)" array-seed4 1; then ok "a task to be hit"; else not_ok "a task to be hit"; fi
kill -9 "$(ranks_of "$(job "${array}_4" JobId)")"

ended "$capped" 30
check "CRMPI_MAX_RESTARTS=0: the code of the killed ranks stands" grep -Exq 'FAILED 1(37|43):0' <<<"$state"
check "and the output says so" grep -q 'after 0 restarts, the most that CRMPI_MAX_RESTARTS allows' ./*-"$capped".out
again "a killed rank" "$hit" 1 hit
again "a killed task of an array" "${array}_4" 1 array-seed4
ended "${array}_5" 30
check "the other task of the array was left alone" test "$state $(job "${array}_5" Restarts)" = "COMPLETED 0:0 0"
ended "$cancelled" 10
check "scancel is final" test "${state% *} $(job "$cancelled" Restarts)" = "CANCELLED 0"
cancelled=$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out cancelled)
capped=$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out capped)
again "the same line after scancel" "$cancelled" 0 cancelled
again "the same line after too many restarts" "$capped" 0 capped

# ---- a node dies, with the script and a rank on it ----
lost=$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out lost)
if until_true 30 working "$lost" lost 2; then ok "a job on two nodes"; else not_ok "a job on two nodes"; fi
first=$(job "$lost" BatchHost)
kill_node "$first"
scontrol update nodename="$first" state=down reason="died in a test"
again "a node that died" "$lost" 1 lost
check "it went on elsewhere" test "$(job "$lost" BatchHost)" != "$first"
check "no process is left" test -z "$(pgrep -x crmpi)"
exit "$failed"
