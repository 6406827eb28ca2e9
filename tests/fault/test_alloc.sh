#!/bin/bash
# Memory that is not there: the program with its k-th allocation failing, command by command.  It ends with the code for
# memory and one sentence, on all ranks, leaves nothing half written, and what a run left goes on to the same bits.  Some 40
# values of k, and some in the build with AddressSanitizer, which finds what is not given back; with tier long every k, or
# for each command as many as CRM_ALLOC_RUNS says.  tests/fault/test_alloc.c does the same inside one process, for opening
# and importing.
# tier: full  timeout: 7000  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
cd "$TMP" || exit 1
library=$TMP/alloc_fault.so
compiler=$(command -v "${CC:-cc}" || command -v gcc || command -v clang) || { skip "failing allocations" "no C compiler"; exit 0; }
"$compiler" -std=c11 -O1 -fno-omit-frame-pointer -shared -fPIC -o "$library" "$CRM_SOURCE_DIR/tests/fault/alloc_fault.c" -ldl ||
  { not_ok "alloc_fault.so is compiled"; exit 1; }

# With an allocation failing: a program that lib.sh takes for crmpi.
real=$CRMPI
cat >faulty <<F
#!/bin/sh
exec env LD_PRELOAD="\$FAULT_BEFORE$library" "\$FAULT_PROGRAM" "\$@"
F
chmod +x faulty
export FAULT_PROGRAM=$real FAULT_BEFORE='' ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=1:exitcode=0:abort_on_error=1
export CRM_ALLOC_LOG=$TMP/log CRM_ALLOC_FAIL=0
absorbed='' # yes: a fault may also leave the result as it is

# ---- input ----
table 40 in.csv
cat >bad.yaml <<Y
data: {path: in.csv, lable: churn}
eval: {folds: x, models: [logistik]}
Y
cat >good.yaml <<Y
data: {label: churn, id: id}
train: {epochs: 2, lane_rows: 8, validation: 0}
model: {hidden: [4], fusion: 4, months: [4], rnn_units: 4, text_dim: 4, text_filters: 4, heads: [sentiment]}
Y
"$real" synth --set data.path=in.h5 --set synth.customers=40 --set synth.reviews=1 >/dev/null 2>&1 || not_ok "synth"
"$real" train good.yaml --set data.path=in.csv --set eval.models=[logistic] --out run >/dev/null 2>err || not_ok "train" "$(cat err)"

# name | exit code without a fault | share of the runs | arguments; $in is the folder with the input
commands="
info|0|1|info
help|0|1|train --help
wrong config|2|2|crossval IN/bad.yaml --out out
describe|0|2|describe IN/in.h5
import|0|3|import IN/good.yaml --set data.path=IN/in.csv
synth|0|2|synth --set data.path=out.h5 --set synth.customers=20
train logistic|0|3|train IN/good.yaml --set data.path=IN/in.csv --set eval.models=[logistic] --out out
train hybrid|0|4|train IN/good.yaml --set data.path=IN/in.h5 --set eval.models=[hybrid] --out out
predict|0|3|predict IN/run --set data.path=IN/in.csv --out out
"
shares=21

# run RANKS ARGS...: in an empty folder; the exit code of all ranks
run() {
  local n=$1
  shift
  rm -rf "$TMP/here" "$TMP/log" "$TMP/t"
  mkdir "$TMP/here" "$TMP/t" # ranks of the run before may still remove Open MPI's folder in theirs
  export TMPDIR=$TMP/t
  cd "$TMP/here" || return 98
  CRMPI=$TMP/faulty RUN_TIMEOUT=${limit:-60} exits "$n" "$@" >"$TMP/out" 2>"$TMP/err"
}

# half_written: what a failed command may not leave
half_written() {
  find . -name '*.tmp' -print
  find "$TMPDIR" -maxdepth 1 -name 'crmpi-*' -print
  [ ! -e out ] || [ -d out ] || echo out
  [ ! -e out.h5 ] || "$real" describe out.h5 >/dev/null 2>"$TMP/err2" || echo "a partial out.h5: $(head -c 300 "$TMP/err2")"
}

# goes_on ARGS...: a run folder that is there is finished by the next start, with the models of an undisturbed run
goes_on() {
  local f
  [ -d out ] || return 0
  "$real" "$@" >/dev/null 2>"$TMP/err2" || { echo "cannot be gone on with: $(head -c 300 "$TMP/err2")"; return; }
  for f in "$TMP/whole"/models/*.h5; do
    cmp -s "$f" "out/models/${f##*/}" || echo "goes on to another ${f##*/}"
  done
}

# kept: leaks of the program itself, as AddressSanitizer tells them; Open MPI has some of its own
kept() {
  awk -v RS='' '/leak of/ && /crm_mem_new/' "$TMP/err" | grep -E 'leak of|src/' | head -n 8
}

# keys_of RUN: the keys of its run.json, one a line
keys_of() {
  [ ! -e "$1/run.json" ] || grep -oE '"[^"]*":' "$1/run.json" | grep -v CRM_ALLOC | sort
}

# judge RC ARGS...: what is wrong with a run in which an allocation failed; nothing when all is well
judge() {
  local rc=$1 text
  shift
  grep -q '^failed ' "$TMP/log" 2>/dev/null || { [ "$rc" = "$code" ] || echo "exit code $rc without a fault"; return; }
  text=$(grep 'crmpi: error:' "$TMP/err" | sort -u) # without a group of ranks each of them speaks
  if [ "$rc" -ge 128 ] || grep -q 'Process received signal' "$TMP/err"; then
    echo "signal, exit code $rc: $(tail -n 30 "$TMP/err")"
  elif [ "$rc" = 2 ] && [ "$code" = 2 ] && grep -Eq '[0-9] errors?$' "$TMP/err"; then
    return # told all the same, but for the nearest key
  elif [ "$rc" = 0 ] && grep -Eq '(\.md was not written|starts? (is|are) not told).*memory' "$TMP/err"; then
    : # the page beside a data set, which is whole; the list of starts in run.json
  elif [ "$rc" = 0 ] && [ -n "$absorbed" ]; then
    # Absorbed: all keys of run.json are there, but for the names of the fault itself.
    [ "$(keys_of out)" = "$(keys_of "$TMP/whole")" ] || echo "run.json lacks $(diff <(keys_of "$TMP/whole") <(keys_of out) | head -n 3)"
    return
  elif [ "$rc" != 5 ]; then
    echo "exit code $rc: ${text:-$(tail -n 3 "$TMP/err" | head -c 300)}"
  elif [ "$(wc -l <<<"$text")" != 1 ] || ! grep -q 'memory' <<<"$text"; then
    echo "message: ${text:-none}"
  fi
  kept
  [ "$rc" = 0 ] || half_written
  goes_on "$@"
}

# every STEP RANKS ARGS...: each STEP-th of the allocations, on the rank CRM_ALLOC_RANK; the faults go to $bad
every() {
  local step=$1 n=$2 k rc why
  shift 2
  for ((k = 1 + (step > 1 ? RANDOM % step : 0); k <= count; k += step)); do
    CRM_ALLOC_FAIL=$k run "$n" "$@"
    rc=$?
    runs=$((runs + 1))
    why=$(judge "$rc" "$@")
    [ -z "$why" ] || { bad+="allocation $k of $count: $why
$(sed -n 's/^/    /; 2,12p' "$TMP/log")
"; wrong=$((wrong + 1)); }
    [ $wrong -lt "${CRM_ALLOC_MOST:-5}" ] || break
  done
}

# count_of RANKS ARGS...: allocations of a run in which none fails, into $count
count_of() {
  local rc
  CRM_ALLOC_FAIL=0 run "$@"
  rc=$?
  [ $rc = "$code" ] || not_ok "undisturbed" "exit code $rc, not $code: $(head -c 400 "$TMP/err")"
  count=$(sed -n 's/^calls //p' "$TMP/log" | tail -n 1)
  count=${count:-0}
  rm -rf "$TMP/whole"
  [ ! -d out ] || mv out "$TMP/whole"
}

# command NAME CODE RUNS RANKS RANK ARGS...
command_with() {
  local name=$1 step
  code=$2
  local most=$3 n=$4 rank=$5
  shift 5
  bad='' wrong=0 runs=0
  export CRM_ALLOC_RANK=$rank
  count_of "$n" "$@"
  [ "$count" -gt 10 ] || not_ok "$name: allocations are counted" "$count"
  step=$((1 + (count - 1) / (all_of_them ? all_of_them : most)))
  every "$step" "$n" "$@"
  cd "$TMP" || exit 1
  if [ -z "$bad" ]; then ok "$name ($runs of $count allocations)"; else not_ok "$name" "$bad"; fi
}

# all LABEL RUNS: the commands on one rank
all() {
  local label=$1 most=$2 name want share args
  while IFS='|' read -r name want share args; do
    [ -n "$name" ] || continue
    # shellcheck disable=SC2086
    command_with "$label$name" "$want" $((1 + most * share / shares)) 1 "" ${args//IN/$TMP}
  done <<<"$commands"
}

# two RUNS: loading on two ranks, the fault in either
two() {
  local rank
  for rank in 0 1; do
    command_with "describe on 2 ranks, fault in rank $rank" 0 "$1" 2 $rank describe "$TMP/in.h5"
    command_with "wrong config on 2 ranks, fault in rank $rank" 2 "$1" 2 $rank crossval "$TMP/bad.yaml" --out out
    command_with "import on 2 ranks, fault in rank $rank" 0 "$1" 2 $rank import "$TMP/good.yaml" --set data.path="$TMP/in.csv"
    command_with "train on 2 ranks, fault in rank $rank" 0 "$1" 2 $rank train "$TMP/good.yaml" \
      --set data.path="$TMP/in.csv" --set eval.models=[logistic] --out out
  done
}

# leaks RUNS: the commands on one rank in the build with AddressSanitizer
leaks() {
  local keep debug=${CRM_DEBUG_PROGRAM:-$CRM_SOURCE_DIR/build/debug/crmpi}
  if [ ! -x "$debug" ]; then
    skip "what is not given back" "no build in build/debug"
    return
  fi
  export FAULT_PROGRAM=$debug CRM_ALLOC_RANK='' # the commands before this one left theirs
  if CRMPI=$TMP/faulty alone --version 2>&1 | grep -q 'LeakSanitizer has encountered a fatal error'; then
    skip "what is not given back" "this system does not let a process trace itself"
    return
  fi
  # the check of the check: one block that is not given back on purpose; a word left on the stack may hide one of them
  for keep in 10 40 80 120 200 300; do
    CRM_ALLOC_KEEP=$keep run 1 describe "$TMP/in.h5"
    [ -z "$(kept)" ] || break
  done
  check "what is not given back is found" [ -n "$(kept)" ]
  limit=240 all "given back: " "$1"
}

RANDOM=7
one=$(by_tier 1 30 20) pair=1
all_of_them=$(by_tier "${CRM_ALLOC_RUNS:-1000000}" 0 0) # most for each command; 0: its share of the runs
all "" $one
# The libraries that read options and write records say that memory is out.  HDF5 and libsvm are left out: they crash by it.
export CRM_ALLOC_FROM=libyaml:libjansson
absorbed=yes
command_with "libyaml and libjansson: import" 0 $((one / 8 + 1)) 1 "" import "$TMP/good.yaml" --set data.path="$TMP/in.csv"
command_with "libyaml and libjansson: train" 0 $((one / 4 + 1)) 1 "" train "$TMP/good.yaml" --set data.path="$TMP/in.csv" \
  --set eval.models=[logistic] --out out
export CRM_ALLOC_FROM=program
absorbed=
limit=30 two $pair
leaks $((one / 3))
exit "$failed"
