#!/usr/bin/env bash
# The scripts of jobs/ under a Slurm of its own: import, train and crossval on two nodes give the bytes of one rank under
# mpirun.  Further tiers: 4 tasks, arrays, GPU scripts, wrong use, MPI that Slurm did not start.    timeout: 120
# shellcheck source=tests/slurm/lib.sh
. "$(dirname "$0")/lib.sh"
study 3 10
slurm_up 4
two=(--nodes=2 --ntasks-per-node=1)

ranks 1 crossval study.yaml --out one >one.txt 2>one.err || { cat one.err >&2; not_ok "crossval under mpirun"; exit 1; }
ok "crossval under mpirun"

# done_well LABEL ID: the job ends with 0 on its first start
done_well() {
  ended "$2" 60
  if [ "$state $(job "$2" Restarts)" = "COMPLETED 0:0 0" ]; then ok "$1"; else not_ok "$1" "state $state"; show "$2"; fi
}

import=$(submit "${two[@]}" "$jobs/import-cpu.sbatch" study.yaml --set data.store=import.h5)
cross=$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out two)
done_well "import, 2 tasks on 2 nodes" "$import"
done_well "crossval, 2 tasks on 2 nodes" "$cross"
check "the data set is the one of 1 rank" cmp import.h5 one.h5
same_run "the results are those of 1 rank" one two
check "both nodes were used" bash -c '[ "$(grep -o "\"host\": \"v[12]\"" two/run.json | sort -u | wc -l)" = 2 ]'

# A rank that crashes as it starts, TIMES times.
printf '#!/bin/bash\nfor ((i = 0; i < %s; i++)); do mkdir "crashed-%s-$i" 2>/dev/null && kill -SEGV $$; done\nexec "%s" "$@"\n' \
  1 one "$CRMPI" >crash-once
sed 's/< 1/< 9/; s/crashed-one/crashed-all/' crash-once >crash-always
chmod +x crash-once crash-always
one=(--nodes=1 --ntasks-per-node=1)
once=$(CRMPI=$PWD/crash-once submit "${one[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out crashed)
always=$(CRMPI=$PWD/crash-always submit "${one[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out none)
done_well "a crash at the start is started again" "$once"
same_run "with the same results" one crashed
check "which the output says" grep -q 'exit code 139 .* start 2 of at most 3' ./*-"$once".out
ended "$always" 30
check "three times at most" test "$state $(echo crashed-all-* | wc -w)" = "FAILED 139:0 3"
[ "$tier" != default ] || exit "$failed"

# ---- more tasks, other commands ----
train_digests() { sed -n '/"digests"/,$p' "$1/run.json" | grep -E '"(data|hybrid|logistic)"'; }
ranks 1 train study.yaml --out train-one >/dev/null 2>train.err || { cat train.err >&2; not_ok "train under mpirun"; }
four=$(submit --nodes=2 --ntasks-per-node=2 "$jobs/crossval-cpu.sbatch" --out=four study.yaml)
train=$(submit "${two[@]}" "$jobs/train-cpu.sbatch" study.yaml)
done_well "crossval, 4 tasks on 2 nodes" "$four"
done_well "train, 2 tasks on 2 nodes" "$train"
same_run "the results of 4 tasks are those of 1 rank" one four
check "so are the trained models" test "$(train_digests runs/study-train)" = "$(train_digests train-one)"
check "a run folder by default" test -s runs/study-train/models/hybrid.h5
again=$(submit "${two[@]}" "$jobs/crossval-cpu.sbatch" study.yaml --out two)
done_well "a finished study again" "$again"

# ---- arrays ----
printf 'study.yaml\nstudy.yaml --set eval.seed=4 --out chosen\n' >list
alone=(--nodes=1 --ntasks-per-node=1)
seeds=$(submit "${alone[@]}" --array=3-6 "$jobs/crossval-cpu.sbatch" study.yaml --out seeds)
lists=$(submit "${alone[@]}" --array=1-2 "$jobs/crossval-cpu.sbatch" --list list)
short=$(submit "${alone[@]}" --array=3 "$jobs/crossval-cpu.sbatch" --list list)
imports=$(submit "${alone[@]}" --array=1 "$jobs/import-cpu.sbatch" study.yaml)
for n in 3 4 5 6; do done_well "task $n of an array" "${seeds}_$n"; done
for n in 1 2; do done_well "task $n of a list" "${lists}_$n"; done
same_run "the task of seed 4 is that study" one seeds-seed4
check "the others are not" bash -c '! cmp -s one/summary.json seeds-seed3/summary.json'
check "four folders" test "$(find . -maxdepth 1 -name 'seeds-seed[3-6]' | wc -l)" = 4
same_run "line 1 of a list" one runs/study-crossval-1
same_run "line 2 of a list, with a folder of its own" one chosen

# refused LABEL ID TEXT: exit code 2, said in the output
refused() {
  ended "$2" 30
  if [ "$state" = "FAILED 2:0" ] && grep -q -- "$3" ./*-"${2%_*}"*.out; then ok "$1"; else not_ok "$1" "state $state" && show "${2%_*}"; fi
}
refused "a task without a line" "${short}_3" 'list has nothing on line 3'
refused "an array of imports of the same file" "${imports}_1" 'needs --list'

# ---- GPU scripts: Slurm counts devices, crmpi is told to make do without ----
gpu=$(submit "${two[@]}" --cpus-per-task=1 "$jobs/crossval-gpu.sbatch" study.yaml --out gpu --set device=auto)
none=$(submit "${two[@]}" --cpus-per-task=2 "$jobs/train-gpu.sbatch" study.yaml --out none)
done_well "crossval-gpu where device: auto finds the CPU" "$gpu"
same_run "and gives the same" one gpu
check "one GPU a task, not tied to it" test "$(job "$gpu" TresPerTask) $(job "$gpu" TresBind)" = "gres:gpu:1 gpu:none"
ended "$none" 30
check "train-gpu asks for a GPU, and there is none" test "$state" = "FAILED 5:0"

# ---- wrong use ----
refused "no configuration" "$(submit "${two[@]}" "$jobs/train-cpu.sbatch")" 'sbatch jobs/train-cpu.sbatch CONFIG.yaml'
refused "a configuration that is not there" "$(submit "${two[@]}" "$jobs/train-cpu.sbatch" nowhere.yaml)" 'nowhere.yaml: cannot be read'
refused "two of them" "$(submit "${two[@]}" "$jobs/train-cpu.sbatch" study.yaml more.yaml)" "'more.yaml' is one argument too many"
refused "a program that is not there" "$(CRMPI=$TMP/none submit "${two[@]}" "$jobs/train-cpu.sbatch" study.yaml)" 'none is not there'
bash "$jobs/import-cpu.sbatch" study.yaml >usage 2>&1
check "without sbatch: usage" test $? = 2 -a -n "$(grep 'sbatch jobs/import-cpu.sbatch' usage)"
check "help" bash -c 'bash "$0" --help | grep -q "^  sbatch jobs/train-gpu.sbatch CONFIG.yaml"' "$jobs/train-gpu.sbatch"

# ---- scripts elsewhere ----
mkdir "my jobs" && cp "$jobs"/*.sbatch "$jobs/slurm.sh" "my jobs/" && cp "$jobs/crossval-cpu.sbatch" lone.sbatch
echo "CRMPI=$CRMPI CRMPI_SRUN=--label" >"my jobs/site.sh"
elsewhere=$(CRMPI='' submit "${two[@]}" "my jobs/crossval-cpu.sbatch" study.yaml --out elsewhere)
lone=$(submit "${two[@]}" lone.sbatch study.yaml --out lone)
named=$(CRMPI_JOBS=$jobs submit "${two[@]}" lone.sbatch study.yaml --out named)
done_well "a folder of scripts with a site.sh" "$elsewhere"
check "site.sh counts" grep -q '^0: .*hybrid' ./*-"$elsewhere".out
refused "a script without slurm.sh" "$lone" 'name the folder jobs/ of crmpi in CRMPI_JOBS'
done_well "CRMPI_JOBS tells where it is" "$named"

# ---- MPI against Slurm ----
# alone_in LABEL TYPE: tasks that Slurm starts without PMIx do not run as so many studies of one rank each
alone_in() {
  srun --mpi="$2" --nodes=2 --ntasks=4 "$CRMPI" crossval study.yaml --out "$2" >"$2.out" 2>"$2.err"
  code=$?
  if [ $code = 2 ] && [ ! -e "$2" ] && [ "$(grep -c 'crmpi: error: .*4 tasks.*srun --mpi=pmix' "$2.err")" = 1 ]; then
    ok "$1"
  else
    not_ok "$1" "exit code $code: $(cat "$2.err")"
  fi
}
alone_in "srun --mpi=none is refused" none
alone_in "srun --mpi=pmi2 is refused" pmi2
refused "CRMPI_MPI=none in a script" "$(CRMPI_MPI=none submit "${two[@]}" "$jobs/train-cpu.sbatch" study.yaml)" 'without PMIx'
check "one task needs no PMIx" srun --mpi=none -n 1 "$CRMPI" info
printf '#!/bin/bash\n"$CRMPI" info\nmpirun --bind-to none "$CRMPI" info\n' >plain.sh
ended "$(submit -n 2 -o plain.out plain.sh)" 30
check "a script that forgot srun is told" test "$(grep -c 'this job has 2 tasks, the program runs as 1 rank' plain.out)" = 1
check "mpirun in a script" test "$(grep -c '^ranks *2' plain.out)" = 1
check "mpirun in a job" bash -c 'salloc -Q -N 2 --ntasks-per-node=2 mpirun --bind-to none "$0" info | grep -q "^ranks *4"' "$CRMPI"
exit "$failed"
