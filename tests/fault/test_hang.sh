#!/usr/bin/env bash
# A rank that hangs: a random rank of a short study is stopped (SIGSTOP) at a random moment, on 2 to 4 ranks.  The job ends
# within the limit + 10 s with code 5, the line and RUN/health name the rank and the section, no process is left, and the
# same command on another number of ranks ends with the digests of a run that was not disturbed.  Once; 50 times with tier
# long (CRM_HANGS names another number, CRM_SEED the random numbers).  A stop that is shorter than the limit does no harm.
# timeout: 2400
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
cd "$TMP" || exit 1
count=${CRM_HANGS:-$(by_tier 50 1 1)} limit=2
most_more=$(by_tier 3 2 1) # ranks are 2 or up to so many less one more: those that wait take their cores
RANDOM=${CRM_SEED:-$$}
launcher=''

clean() { # what still runs if a check went wrong
  local f
  [ -z "$launcher" ] || kill -9 "$launcher" 2>/dev/null
  for f in "$TMP"/pid.*; do
    [ ! -f "$f" ] || kill -9 "$(<"$f")" 2>/dev/null
  done
  rm -rf "$TMP"
}
trap clean EXIT

cat >study.yaml <<Y
data: {path: $TMP/small.h5}
synth: {customers: 240, seed: 7}
eval: {models: [logistic, hybrid], folds: 2, group_ranks: 2}
train: {epochs: 30, patience: 0, members: 1, lane_rows: 8, lanes: 4}
model: {text_dim: 8, text_filters: 4, rnn_units: 4, event_dim: 4, months: [4], hidden: [8], fusion: 8, event_steps: 6,
  documents: 2, text_length: 12}
watchdog: {limit: $limit}
Y

# study RANKS RUN ARGS...: its ranks leave their process ids in pid.RANK; launcher is mpirun
study() {
  rm -f pid.* "$2.err"
  # shellcheck disable=SC2016
  mpirun --oversubscribe --bind-to none -n "$1" bash -c 'echo $$ >"$1/pid.$OMPI_COMM_WORLD_RANK"; exec "${@:2}"' _ \
    "$TMP" "$CRMPI" crossval study.yaml --out "${@:2}" >"$2.out" 2>"$2.err" &
  launcher=$!
}
now() { # ms
  local t=${EPOCHREALTIME/[.,]/}
  echo $((t / 1000))
}
pause() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }
runs() { # PID: there and no zombie, which is left where the first process does not reap
  [ -d "/proc/$1" ] && ! grep -qs '^State:.Z' "/proc/$1/status"
}
begun() { # RUN: the study is in its folder
  for _ in $(seq 1500); do
    [ ! -e "$1/config.yaml" ] || return 0
    runs "$launcher" || return 1
    sleep 0.02
  done
  return 1
}
ends() { # SECONDS: code of the launcher, 124 when it goes on
  local end=$(($(now) + $1 * 1000))
  while runs "$launcher"; do
    [ "$(now)" -lt $end ] || { code=124; return; }
    sleep 0.05
  done
  code=0
  wait "$launcher" || code=$?
  launcher=''
}
gone() { # the launcher leaves the last of it to the system
  local f
  for _ in $(seq 100); do
    for f in pid.*; do
      runs "$(<"$f")" && sleep 0.05 && continue 2
    done
    return 0
  done
  return 1
}

"$CRMPI" synth study.yaml >/dev/null 2>synth.err || { not_ok "synthetic data" "$(cat synth.err)"; exit 1; }
study 2 whole
begun whole || not_ok "the study begins" "$(cat whole.err)"
start=$(now)
ends 120
length=$(($(now) - start))
[ $length -lt 4000 ] || length=4000 # a busy machine
check "a study that is not disturbed" [ "$code" = 0 ]
[ "$code" = 0 ] || { cat whole.err >&2; exit 1; }
want=$(digests whole)
check "it leaves no folder of health" [ ! -e whole/health ]
echo "# it takes $length ms"

# Time that the job may take: where others keep the cores busy, the launcher has 10 s more.
allowed() { # ms
  awk -v cores="$(nproc)" -v limit="$limit" '{ print 1000 * (limit + ($1 > 2 * cores ? 20 : 10)) }' /proc/loadavg
}

# hang I: 0 when all held, 2 when the study was over before
hang() {
  local n=$((2 + RANDOM % most_more)) run=run$1 victim moment process took bad=''
  victim=$((RANDOM % n)) moment=$((RANDOM % (length * 9 / 10 + 1)))
  rm -rf "$run"
  study $n "$run"
  begun "$run" || bad+=" it did not begin;"
  pause $moment
  process=$(<"pid.$victim")
  kill -STOP "$process" 2>/dev/null || { ends 60; return 2; }
  start=$(now)
  ends $((limit + 30))
  took=$(($(now) - start))
  if [ $code = 0 ] || { [ $code = 124 ] && grep -q '^run folder' "$run.out"; }; then # stopped behind its last wait
    kill -CONT "$process" 2>/dev/null
    ends 60
    return 2
  fi
  [ $code = 5 ] || bad+=" exit code $code;"
  [ $took -le "$(allowed)" ] || bad+=" it took $took ms;"
  gone || bad+=" a process is left;"
  grep -Eq "^crmpi: error: rank [0-9]+ \(host [^)]+\): (waited [0-9]+ s in (import|load|step|reduction|checkpoint)|heard nothing for [0-9]+ s, in ).*; rank $victim \(host [^,]+, process $process\) has not answered" \
    "$run.err" || bad+=" message;"
  [ "$(grep -c 'crmpi: error' "$run.err")" = 1 ] || bad+=" $(grep -c 'crmpi: error' "$run.err") messages;"
  # in its folder, or in that of the machine before the run has one
  if [ -e "$run/health" ]; then
    grep -qs "^verdict .*rank $victim " "$run"/health/[0-9]* || bad+=" no file names it;"
    grep -Eqs '^section (import|load|step|reduction|checkpoint)$' "$run"/health/[0-9]* || bad+=" no section;"
  fi
  grep "crmpi: error" "$run.err" >message
  n=$((1 + RANDOM % 4))
  study $n "$run"
  ends 120
  [ $code = 0 ] || bad+=" going on on $n ranks: exit code $code: $(tail -n 2 "$run.err");"
  [ "$(digests "$run")" = "$want" ] || bad+=" other digests on $n ranks;"
  [ ! -e "$run/health" ] || bad+=" the folder of health is left;"
  echo "# rank $victim stopped after $moment ms: $took ms until the end, $(sed -nE 's/.*((waited|heard).* in [a-z ]+( at step [0-9]+)?);.*/\1/p' message)"
  [ -n "$bad" ] || { rm -rf "$run"*; return 0; }
  echo "#  $bad $(cat message)" >&2
  return 1
}

# predict_ends: rank 1 is stopped before it has read its rows
predict_ends() {
  local code=0
  # shellcheck disable=SC2016
  mpirun --oversubscribe --bind-to none -n 2 bash -c 'echo $$ >"$1/pid.$OMPI_COMM_WORLD_RANK"; exec "${@:2}"' _ \
    "$TMP" "$CRMPI" predict whole --set watchdog.limit=1 --set data.path="$TMP/many.h5" --out "$TMP/many.csv" \
    >predict.out 2>predict.err &
  launcher=$!
  for _ in $(seq 1000); do
    ! grep -qs many.h5 "/proc/$(<pid.1)/maps" || break
    sleep 0.005
  done 2>/dev/null
  kill -STOP "$(<pid.1)"
  ends 40
  [ "$code" = 5 ] && grep -q 'rank 1 .* has not answered' predict.err && return 0
  echo "# exit code $code"
  cat predict.err
  return 1
}

# apart: two groups of one rank that work alone; one that is stopped is noticed before the other needs it
apart() {
  local bad='' process
  rm -rf apart
  study 2 apart --set eval.group_ranks=1 --set eval.folds=6 --set train.epochs=3000
  begun apart || bad+=" it did not begin;"
  sleep 2
  process=$(<pid.1)
  kill -STOP "$process"
  start=$(now)
  ends $((limit + 60))
  [ "$code" = 5 ] || bad+=" exit code $code;"
  [ $(($(now) - start)) -le "$(allowed)" ] || bad+=" it took $(($(now) - start)) ms;"
  grep -q "heard nothing for .*rank 1 (host [^,]*, process $process) has not answered.*what each rank did: apart/health" apart.err || bad+=" message;"
  gone || bad+=" a process is left;"
  [ -z "$bad" ] && return 0
  echo "# $bad"
  cat apart.err
  return 1
}

done_=0 wrong=0 over=0
while [ $done_ -lt "$count" ] && [ $over -lt $((count + 10)) ]; do
  hang $done_
  case $? in
  0) done_=$((done_ + 1)) ;;
  2) over=$((over + 1)) ;;
  *) wrong=$((wrong + 1)) done_=$((done_ + 1)) ;;
  esac
done
check "a random rank is stopped: $((done_ - wrong)) of $count as they should be ($over were over before)" \
  [ "$((done_ - wrong))" = "$count" ]

# Shorter than the limit.
study 3 short
begun short || not_ok "the study begins" "$(cat short.err)"
pause $((RANDOM % (length / 2)))
process=$(<"pid.$((RANDOM % 3))")
kill -STOP "$process" 2>/dev/null
sleep 1
kill -CONT "$process" 2>/dev/null
ends 120
check "a rank that is stopped for 1 s does no harm" [ "$code" = 0 ]
check "and changes no result" [ "$(digests short)" = "$want" ]
[ "$failed" = 0 ] || tail -n 5 short.err >&2

# One that waits for the lock of the run folder sleeps, and is not blocked.
mkdir locked
(exec 9>locked/.lock && flock 9 && exec sleep 8) &
sleep 0.3
ranks 2 crossval study.yaml --out locked --set record.lock_wait=60 --set watchdog.limit=1 >locked.out 2>locked.err
code=$?
check "a rank that waits for the lock of its run folder is left alone" [ $code = 0 ]
check "and says once what it waits for" [ "$(grep -c 'locked: waits up to 60 s (record.lock_wait) for another process' locked.err)" = 1 ]
[ $code = 0 ] || grep crmpi: locked.err >&2

# Each rank with a disk of its own at the same place: they are not taken for a folder that all see.
mkdir own
# shellcheck disable=SC2016
own=(unshare --mount --propagation private bash -c 'mount -t tmpfs own "$1" && exec "$2" --rank reading "$1"' _ "$TMP/own"
  "$CRM_BUILD_DIR/tests/test_fault_hang_ranks")
if unshare --mount --propagation private mount -t tmpfs own own 2>/dev/null && [ -x "${own[-1]}" ]; then
  check "disks of the same name are no shared folder" crm_mpirun 2 "${own[@]}"
else
  skip "disks of the same name are no shared folder" "no file system can be mounted here"
fi

# A command without a run folder is watched, too.
"$CRMPI" synth study.yaml --set data.path="$TMP/many.h5" --set synth.customers=6000 >/dev/null 2>&1
[ "$(by_tier 1 1 0)" = 0 ] || check "a rank that is stopped while the other computes alone" apart
check "predict ends when a rank is stopped" predict_ends
exit "$failed"
