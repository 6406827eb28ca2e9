#!/bin/bash
# Signals to stop: USR1, USR2, TERM, HUP at random moments of one process, USR1, USR2 and TERM to mpirun: code 75 within
# 5 s, what was saved is told, and the same command again ends with the bits of the undisturbed run.  In a fit that has no
# place to stop, twice, under nohup, while data are made.  CRM_SEED=N repeats the moments; CRM_STOPS=N sets their number.
# timeout: 1200
# shellcheck source=tests/fault/job.sh
. "$(dirname "$0")/job.sh"
stops=${CRM_STOPS:-$(by_tier 24 1 1)}
undisturbed 1

# until FILE: until it is there, at most 20 s
until_there() {
  local end=$((SECONDS + 20))
  until [ -e "$1" ]; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.01
  done
}

# until_saved: until the net of the job has a checkpoint
until_saved() {
  local end=$((SECONDS + 20))
  until [ -n "$(newest run)" ]; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.01
  done
}

# ended: waits for the job; sets code and passed (microseconds since sent)
ended() {
  wait "$job" 2>/dev/null
  code=$?
  passed=$(($(now) - sent))
}

# signal_last SIGNAL: to the last rank of the job, or to the only one; code 75 within 5 s
signal_last() {
  local last=$job
  for last in "$job" $(ranks_of "$job"); do :; done
  sent=$(now)
  kill -"$1" "$last"
  ended
  [ "$code" = 75 ] && [ "$passed" -lt 5000000 ] || { echo "code $code after $passed us: $(tail -n 3 err.txt)" >&2; return 1; }
}

# stopped_at_once: code 75 within 5 s, a line that names the signal, says what is left and what to do, and no error; or the
# job came to its end before
stopped_at_once() {
  if [ "$code" = 0 ]; then
    ends=$((ends + 1))
    [ "$stopped" -gt 0 ] || took=$((took * 3 / 4))
    return
  fi
  stopped=$((stopped + 1))
  [ "$passed" -le "$slowest" ] || slowest=$passed
  [ "$code" = 75 ] || bad+=" SIG$signal on $n: code $code: $(grep -a crmpi: err.txt | tail -n 2);"
  [ "$passed" -lt 5000000 ] || bad+=" SIG$signal on $n: $((passed / 1000)) ms;"
  [ "$code" != 75 ] || grep -Eq "stopped by SIG$signal: .*run the same command again" err.txt ||
    bad+=" SIG$signal on $n: told $(tail -n 3 err.txt);"
  ! grep -q 'crmpi: error' err.txt || bad+=" SIG$signal on $n: $(grep 'crmpi: error' err.txt);"
  if grep -q 'is saved at' err.txt; then
    saved=$((saved + 1))
    [ -n "$(newest run)" ] || bad+=" SIG$signal on $n: saved, but no checkpoint is there;"
  fi
}

short=$(by_tier "" "USR11 TERM1 HUP1 USR22" "TERM1 USR22") # signal and ranks, when each comes once
# the job again and again with a signal at a random moment, then to its end
bad='' stopped=0 saved=0 ends=0 slowest=0
for ((i = 0; i < stops || (stopped == 0 && i < stops + 3); i++)); do # again where all had ended before, as on a machine at work
  for n in 1 2; do
    for signal in USR1 USR2 TERM HUP; do
      [ "$n" = 1 ] || [ "$signal" = USR1 ] || [ "$signal" = USR2 ] || continue
      [ "$stops" -gt 1 ] || [[ " $short " == *" $signal$n "* ]] || continue
      rm -rf run
      in_background run "$n"
      until_there run/.lock || bad+=" no run folder;"
      draw $((took * 6 / 10))
      wait_for "$drawn"
      sent=$(now)
      kill -"$signal" "$job" 2>/dev/null
      ended
      stopped_at_once
      draw 3
      study run $((drawn + 1)) >again.txt 2>again.err || bad+=" again after SIG$signal: $(tail -n 2 again.err);"
      [ -z "$(differences run)" ] || bad+=" after SIG$signal on $n: $(differences run)"
    done
  done
done
echo "# $stopped stopped, $saved of them in a net, $ends had ended; slowest $((slowest / 1000)) ms"
if [ -z "$bad" ] && [ "$stopped" -gt 0 ]; then
  ok "signals at random moments: code 75 within 5 s, the same bits afterwards"
else
  not_ok "signals at random moments" "$stopped stopped; $bad"
fi

# ---- a net that is saved at its next step, on more ranks than one, and goes on on fewer ----
in_net() {
  rm -rf run
  in_background run 3 --set eval.group_ranks=3 --set checkpoint.steps=2
  until_saved || return 1
  sent=$(now)
  kill -USR1 "$job"
  ended
  [ "$code" = 75 ] && grep -q 'SIGUSR1: hybrid-r0-f[01] is saved at step' err.txt && [ -n "$(newest run)" ] || return 1
  study run 2 --set eval.group_ranks=2 >again.txt 2>again.err || return 1
  grep -q 'hybrid-r0-f[01]: goes on at step' again.err && same_end run
}
check "a net of 3 ranks is saved at the signal and goes on on 2" in_net

# ---- a disk that is full when the signal comes ----
full_disk() {
  rm -rf run
  CRM_IO_FAULT=/checkpoints/:1:ENOSPC+ LD_PRELOAD=$CRM_BUILD_DIR/tests/crm_io_fault.so ASAN_OPTIONS=verify_asan_link_order=0 "$CRMPI" \
    crossval job.yaml --out run --set eval.models=[hybrid] --set train.epochs=5000 --set train.patience=0 --set checkpoint.steps=0 >out.txt 2>err.txt &
  job=$!
  until_there run/config.yaml || return 1
  sleep 0.5
  sent=$(now)
  kill -USR1 "$job"
  ended
  [ "$code" = 75 ] && grep -q 'not saved at step .*No space left' err.txt &&
    grep -q 'SIGUSR1: hybrid-r0-f[01] could NOT be saved (see the warning) and begins anew' err.txt && return 0
  tail -n 4 err.txt >&2
  return 1
}
if [ -e "$CRM_BUILD_DIR/tests/crm_io_fault.so" ]; then
  check "a signal when the disk is full: it is told that nothing is saved" full_disk
else
  skip "a signal when the disk is full: it is told that nothing is saved" "crm_io_fault.so is not built"
fi

# ---- rows of customers in TMPDIR: gone at a signal, and without a name once they are open ----
many_rows() {
  awk 'BEGIN { print "id,spend,plan"; for (i = 0; i < 150000; i++) printf "%d,%d.5,%s\n", i, i % 97, i % 3 ? "a" : "b" }' >some.csv
  head -n 300 some.csv >few.csv
  { cat some.csv; for _ in 1 2 3 4 5 6 7 8 9; do tail -n +2 some.csv; done; } >many.csv
  gzip -1 -k many.csv
  alone train --set data.path=few.csv --set data.label=plan --set data.id=id --set eval.models=[logistic] --out model >out.txt 2>err.txt
}
# rows_go CSV SIGNAL WHAT: while the folder of that name is there
rows_go() {
  local n=1 there
  rm -rf unnamed
  mkdir unnamed
  TMPDIR=$TMP/unnamed started 1 predict model --set data.path="$1" --out "$TMP/cells.csv"
  until [ -n "$(find unnamed -path "*/crmpi-$3*" -type f 2>/dev/null)" ]; do
    [ $((n++)) -lt 2000 ] && alive "$job" || { echo "no rows came" >&2; return 1; }
  done
  sent=$(now)
  kill -"$2" "$job"
  ended
  there=$(find unnamed -mindepth 1)
  [ "$code" = 75 ] && grep -q 'stopped by SIG.*; nothing is kept, run the same command again$' err.txt && [ -z "$there" ] && return 0
  echo "code $code, left: $there, $(tail -n 2 err.txt)" >&2
  return 1
}
# kill -9 while rows are predicted: what the data set was made in is not there any more
rows_have_no_name() {
  local n=1 seen=0
  rm -rf unnamed
  mkdir unnamed
  TMPDIR=$TMP/unnamed started 2 predict model --set data.path=many.csv --out "$TMP/cells.csv"
  while :; do
    if [ -n "$(find unnamed -path '*/crmpi-predict*' 2>/dev/null)" ]; then
      seen=1
    elif [ $seen = 1 ]; then
      break
    fi
    [ $((n++)) -lt 2000 ] && alive "$job" || break
  done
  alive "$job" && [ $seen = 1 ] || { echo "rows: $seen, the end of predict came before" >&2; return 1; }
  sent=$(now)
  # shellcheck disable=SC2046
  kill -9 $(ranks_of "$job")
  ended
  [ -z "$(find unnamed -name 'crmpi-*')" ] && return 0
  find unnamed >&2
  return 1
}
if many_rows; then
  check "rows of predict have no name once they are open" rows_have_no_name
  check "predict leaves no rows in TMPDIR at TERM" rows_go many.csv TERM predict
  check "nor the text of a packed file at HUP" rows_go many.csv.gz HUP unpack
else
  not_ok "a model to predict with" "$(cat err.txt)"
fi

# ---- TERM to mpirun: it passes it on and kills a second later ----
term_to_mpirun() {
  local pids
  rm -rf run
  in_background run 2
  until_saved || return 1
  mapfile -t pids < <(ranks_of "$job")
  sent=$(now)
  kill -TERM "$job"
  ended
  all_gone 5 "${pids[@]}" || return 1
  [ "$code" != 0 ] && [ "$passed" -lt 5000000 ] || { echo "code $code after $passed us" >&2; return 1; }
  study run 1 >again.txt 2>again.err && same_end run
}
check "TERM to mpirun: all end, the same bits afterwards" term_to_mpirun

# ---- no place to stop: the grace ----
graced() { # libsvm looks nowhere, and takes minutes for classes that nothing tells apart
  rm -rf run
  awk 'BEGIN { srand(3); print "x,y,churn"
    for (i = 0; i < 3000; i++) printf "%.4f,%.4f,%s\n", rand() * 9, rand() * 9, rand() < .5 ? "no" : "yes" }' >noise.csv
  in_background run 1 --set data.path=noise.csv --set data.label=churn --set eval.models=[svm] --set svm.method=exact \
    --set svm.c=1e6 --set stop.grace=0.5
  until_there run/units || return 1
  wait_for 300000
  sent=$(now)
  kill -TERM "$job"
  ended
  [ "$code" = 75 ] && [ "$passed" -lt 2000000 ] && grep -q 'stopped by SIGTERM: no place to stop' err.txt
}
check "a fit that has no place to stop ends after stop.grace" graced
in_forest() { # the wish comes to the last rank only
  rm -rf run
  in_background run "$1" --set eval.models=[forest] --set forest.trees=100000 --set eval.group_ranks="$1" --set stop.grace=0
  until_there run/units || return 1
  wait_for 300000
  signal_last USR1 && grep -q 'SIGUSR1: forest-r0-f0 begins anew; 0 of 3 units' err.txt
}
check "a forest stops between two trees" in_forest 1
check "a forest stops on all ranks when one gets the signal" in_forest 2
in_trees() {
  rm -rf run
  in_background run 1 --set eval.models=[boosting] --set boosting.iterations=1000000 --set boosting.early_stopping=off \
    --set boosting.learning_rate=1e-5
  until_there run/units || return 1
  wait_for 300000
  sent=$(now)
  kill -USR2 "$job"
  ended
  [ "$code" = 75 ] && [ "$passed" -lt 2000000 ] && grep -q 'SIGUSR2: boosting-r0-f0 begins anew; 0 of 3 units' err.txt
}
check "boosting stops after a tree" in_trees

# ---- a signal to a rank that only waits: one that has no unit, one whose units are finished ----
# to_last: USR1 to the last rank of the job once the net has a checkpoint; the grace ends nobody
to_last() {
  until_saved || return 1
  signal_last USR1 && grep -q 'SIGUSR1: hybrid-[^ ]* is saved at step' err.txt && [ ! -e run/.stopped ]
}
long_net=(--set stop.grace=0 --set train.epochs=2000 --set train.patience=0 --set train.refit=false)
waits_for_one() {
  rm -rf run
  in_background run 3 --set eval.models=[hybrid] --set eval.split=holdout --set eval.final=false --set eval.group_ranks=1 \
    "${long_net[@]}"
  to_last
}
check "a rank without a unit passes its signal on" waits_for_one
waits_at_end() {
  rm -rf run
  in_background run 3 --set eval.models=[hybrid,logistic] --set eval.final=false "${long_net[@]}"
  to_last
}
check "a rank whose units are finished passes its signal on" waits_at_end

# ---- an error in one group of ranks, then a signal to the others ----
error_first() {
  rm -rf run
  in_background run 2 --set eval.models=[hybrid,boosting] --set optim.kind=sgd --set optim.lr=1000 --set optim.warmup=0 \
    --set optim.clip_norm=0 --set boosting.iterations=1000000 --set boosting.early_stopping=off \
    --set boosting.learning_rate=1e-5
  until_there run/.failed || return 1
  sent=$(now)
  kill -USR1 "$job"
  ended
  [ "$code" = 4 ] && [ "$passed" -lt 5000000 ] && grep -q 'crmpi: error: .*not finite' err.txt ||
    { echo "code $code after $passed us: $(grep -a crmpi: err.txt | tail -n 2)" >&2; return 1; }
}
check "an error of one group is told when the others are stopped" error_first

# ---- two signals, of which threads may take either first; signals that are ignored ----
twice() {
  rm -rf run
  in_background run 1
  until_saved || return 1
  sent=$(now)
  kill -USR1 "$job"
  kill -TERM "$job"
  ended
  [ "$code" = 75 ] && [ "$passed" -lt 5000000 ] && grep -qE 'stopped by SIG(USR1|TERM):' err.txt || return 1
  study run 1 >again.txt 2>again.err && same_end run
}
check "a second signal changes nothing" twice
ignored() {
  rm -rf run
  (trap '' HUP && exec "$CRMPI" crossval job.yaml --out run >out.txt 2>err.txt </dev/null) &
  job=$!
  until_there run/.lock || return 1
  kill -HUP "$job"
  sent=$(now)
  ended
  [ "$code" = 0 ] && same_end run
}
check "under nohup HUP stays ignored" ignored

# ---- calibrate stops between two experiments; data that are made stop with nothing half written ----
# in_calibrate RANKS REPLICATES: a signal to the last rank, once there is a block of experiments
in_calibrate() {
  rm -rf null
  started "$1" calibrate job.yaml --set eval.models=[logistic,naive_bayes] --set calibrate.replicates="$2" \
    --set stop.grace=0 --out null
  until_there null/null/000000.h5 || return 1
  signal_last USR1 && [ ! -e null/.stopped ] && grep -q "SIGUSR1: [1-9][0-9]* of $(($2 / 10)) blocks" err.txt
}
check "calibrate stops" in_calibrate 1 100000
check "calibrate stops on all ranks when one gets the signal" in_calibrate 2 2000

# makes PAUSE FOLDER RANKS ARGS...: a command that writes into the folder stops, and nothing is left in it
makes() {
  local pause=$1 folder=$2
  shift 2
  rm -rf "$folder" && mkdir "$folder"
  started "$@" --set stop.grace=0
  wait_for "$pause"
  signal_last TERM && [ -z "$(ls "$folder")" ] && grep -q 'stopped by SIGTERM.*: no data set is written' err.txt ||
    { echo "left: $(ls "$folder"); $(grep -a crmpi: err.txt)" >&2; return 1; }
}
synth=(synth --set data.path=made/large.h5 --set synth.customers=10000000)
check "synth stops and leaves nothing" makes 600000 made 1 "${synth[@]}"
check "synth stops on all ranks when one gets the signal" makes 1000000 made 2 "${synth[@]}"
{
  table 400 small.csv
  tail -n +2 small.csv >rows
  for ((i = 0; i < 7; i++)); do # 400 rows * 4^7, about 230 MB
    cat rows rows rows rows >fourfold && mv fourfold rows
  done
  head -n 1 small.csv
  cat rows
  rm rows
} >large.csv
import=(import --set data.path=large.csv --set data.store=read/large.h5 --set data.label=churn --set data.ignore=[id])
check "import stops and leaves nothing" makes 400000 read 1 "${import[@]}"
check "import stops on all ranks when one gets the signal" makes 500000 read 2 "${import[@]}"
cat >large.schema.yaml <<'Y'
tables:
  t:
    files: large.csv
    columns: {id: integer, age: integer, spend: real, calls: integer, city: category, plan: {type: category, case: upper}, churn: category}
entity: {table: t, key: none, profile: [age, spend, calls, city, plan]}
labels: {churn: {column: churn}}
Y
echo "data: {schema: large.schema.yaml, path: ., store: read/large.h5}" >large.yaml
[ "$(by_tier 1 1 0)" = 0 ] || check "import of tables stops and leaves nothing" makes 600000 read 1 import large.yaml
check "import of tables stops on all ranks when one gets the signal" makes 1200000 read 2 import large.yaml
exit "$failed"
