# job.sh - for tests that end a job in the middle: a small study, its undisturbed result, ends of all its processes, and
# whether another run of it came to the same.  Sourced by tests/fault/test_*.sh, which is then in $TMP.
# shellcheck shell=bash disable=SC2034,SC2046,SC2154
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
cd "$TMP" || exit 1

# Nets with a search and a refit, and two classical models: at most 3 s.
write_job() {
  cat >job.yaml <<Y
data.path: $TMP/customers.h5
synth: {customers: 400, seed: 7}
eval: {folds: 2, models: [hybrid, boosting, logistic], target: churn}
model: {hidden: [12], fusion: 0, months: [6], rnn: gru, rnn_units: 6, text: cnn, text_dim: 6, text_filters: 4,
        heads: [sentiment]}
train: {epochs: 6, lanes: 4, lane_rows: 8, patience: 4, validation: 0.2, refit: true}
boosting: {iterations: 30}
checkpoint: {steps: 12, epochs: false, cost: 0}
Y
  alone synth job.yaml >/dev/null 2>synth.err || { cat synth.err >&2; return 1; }
}

# undisturbed RANKS: the job and its result in the folder "whole"; sets took (microseconds).  Ends the test when that fails.
undisturbed() {
  local begun
  echo "# seed $seed"
  write_job || { not_ok "data for the job"; exit 1; }
  begun=$(now)
  study whole "$1" >whole.txt 2>whole.err || { not_ok "the undisturbed run" "$(cat whole.err)"; exit 1; }
  took=$(($(now) - begun))
}

# wait_for MICROSECONDS
wait_for() { sleep "$(printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)))"; }

# study RUN RANKS ARGS...: the job on so many ranks, 1 without a launcher
study() {
  local run=$1 n=$2
  shift 2
  if [ "$n" = 1 ]; then
    alone crossval job.yaml --out "$run" "$@"
  else
    ranks "$n" crossval job.yaml --out "$run" "$@"
  fi
}

# started RANKS ARGS...: the program in the background; sets job (the launcher, or the process itself)
started() {
  local with=()
  [ "$1" = 1 ] || with=(mpirun --oversubscribe --bind-to none -n "$1")
  shift
  "${with[@]}" "$CRMPI" "$@" >out.txt 2>err.txt </dev/null &
  job=$!
}

# in_background RUN RANKS ARGS...: the job, likewise
in_background() { started "$2" crossval job.yaml --out "$1" "${@:3}"; }

# ranks_of JOB: its processes under mpirun
ranks_of() { ps -o pid=,comm= --ppid "$1" 2>/dev/null | awk '$2 == "crmpi" {print $1}'; }

# A test that is ended itself leaves no process.
end_job() {
  local p
  for p in $(jobs -pr); do kill -9 $(ranks_of "$p") "$p"; done
} 2>/dev/null
trap 'end_job; rm -rf "$TMP"' EXIT

# alive PID: a process that is no zombie
alive() {
  local state
  state=$(ps -o stat= -p "$1" 2>/dev/null) || return 1
  [ "${state:0:1}" != Z ]
}

# all_gone SECONDS PID...: whether all have ended within so many seconds
all_gone() {
  local until=$((SECONDS + $1 + 1)) p left
  shift
  while :; do
    left=
    for p in "$@"; do alive "$p" && left+=" $p"; done
    [ -n "$left" ] || return 0
    [ "$SECONDS" -lt "$until" ] || { echo "still there:$left" >&2; return 1; }
    sleep 0.05
  done
}

# now: seconds with six digits, in microseconds
now() { echo "${EPOCHREALTIME/./}"; }

# A generator of its own, so that a seed gives the same moments in every bash: below N
seed=${CRM_SEED:-$((EPOCHSECONDS % 1000000))}
state=$seed
draw() {
  state=$(((state * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff))
  drawn=$(((state >> 24) % $1))
}

# epochs RUN: metrics.jsonl without times
epochs() { sed -E 's/"(seconds|records_per_s)": *[^,}]*//g' "$1/metrics.jsonl"; }

# differences RUN: what is not as in the undisturbed run "whole"
differences() {
  local f
  cmp -s <(epochs whole) <(epochs "$1") || echo "metrics.jsonl differs;"
  for f in summary.json predictions.h5 models/hybrid.h5 models/boosting.h5 models/logistic.h5; do
    cmp -s "whole/$f" "$1/$f" || echo "$f differs;"
  done
  find "$1" \( -name '*.tmp' -o -name checkpoints -o -name .stopped -o -name .failed \) -printf '%P is left;\n'
}
# same_end RUN: whether there are none, told on stderr
same_end() {
  local bad
  bad=$(differences "$1")
  [ -z "$bad" ] || { echo "$bad" >&2; return 1; }
}

# newest RUN: "UNIT NUMBER" for each unit with a checkpoint that has its manifest
newest() {
  local d f n best
  for d in "$1"/checkpoints/*/; do
    best=-1
    for f in "$d"*.manifest; do
      n=${f##*/}
      n=${n%.manifest}
      [ -f "$f" ] && [ "$n" -gt "$best" ] && best=$n
    done
    [ "$best" -lt 0 ] || { d=${d%/}; echo "${d##*/} $best"; }
  done
}
