#!/bin/bash
# The files of a run are bound to their unit, model and run: results and models of another unit or run, links, and whatever is
# damaged or missing in a finished run are named and made again; .digest as well, when all results tell the same run; each time
# the result of the undisturbed run. What belongs to the folder of a run cannot be the place of its verification.
# timeout: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
cd "$TMP" || exit 1
table 120 rows.csv
cat >study.yaml <<Y
data: {path: rows.csv, label: churn, id: id}
eval: {folds: 2, models: [logistic, rule]}
Y
alone import study.yaml --set data.store=rows.h5 >/dev/null 2>err || not_ok "import" "$(cat err)"
study() { # RUN ARGS...
  local run=$1
  shift
  alone crossval study.yaml --set data.path=rows.h5 --out "$run" "$@" >said 2>err
}
study whole || { not_ok "the undisturbed run" "$(cat err)"; exit 1; }
study other --set logistic.c=0.01 --set rule.min_leaf=20 || study other --set logistic.c=0.01 ||
  not_ok "another run" "$(cat err)"

# again: a copy of the undisturbed run in "run"; unfinished: one that was ended before its summary
again() { rm -rf run && cp -r whole run; }
unfinished() { again && rm run/summary.json run/run.json run/predictions.h5; }
# mended PATTERN ARGS...: the command names what is wrong, and the run is as the undisturbed one
mended() {
  local pattern=$1 f
  shift
  study run "$@" || { cat err; return 1; }
  grep -Eq -- "$pattern" err || { cat err; return 1; }
  for f in summary.json predictions.h5 units.json config.yaml models/logistic.h5 models/rule.h5 models/rule.txt; do
    cmp "whole/$f" "run/$f" || return 1
  done
  [ "$(wc -l <run/metrics.jsonl)" = "$(wc -l <whole/metrics.jsonl)" ] || return 1
  study run && grep -q 'run is finished; this is its result' err && ! grep -q 'crossval:' err || { cat err; return 1; }
}
flip() {
  local at byte
  at=$(($(stat -c %s "$1") / 2))
  byte=$(od -An -tu1 -j "$at" -N 1 "$1")
  # shellcheck disable=SC2059
  printf "\\x$(printf %x $((byte ^ 8)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

unfinished && cp run/units/logistic-r0-f0.h5 run/units/logistic-r0-f1.h5
check "the result of another unit is named and made again" mended \
  'logistic-r0-f1.h5: is of logistic-r0-f0 of run [0-9a-f]{32}, not of logistic-r0-f1 of run .*; the unit is run again'
unfinished && cp other/units/logistic-r0-f1.h5 run/units/
check "the result of another run" mended 'logistic-r0-f1.h5: is of logistic-r0-f1 of run .*, not of .*; the unit is run again'
unfinished && cp other/models/logistic.h5 run/models/
check "the model of another run" mended 'models/logistic.h5: is not the model of this run: its digest is .*the unit is run again'
again && flip run/predictions.h5
check "damage in a finished run" mended 'was finished, but run/predictions.h5: was changed or damaged .*is made again now'
unfinished && printf 'garbage' >run/.digest
check "a damaged .digest" mended 'run/.digest: is damaged; it is made again'
again && cp other/models/logistic.h5 run/models/
fail_ranks=2 fails "predict refuses the model of another run" 3 \
  'models/logistic.h5: is not the model of this run: its digest is [0-9a-f]{32}, that of logistic-all is [0-9a-f]{32}; the command' \
  predict run --set data.path=rows.csv
fail_ranks=2 fails "verify --out in the run" 2 'is in the folder of the run' verify whole --out whole/models/x
check "which stays as it is" test ! -e whole/models/x
[ "${CRM_TIER:-default}" != default ] || { skip "other files of a run" "tier: full"; exit "$failed"; }

unfinished && rm run/.digest
check "a missing .digest" mended 'run/.digest: is missing; it is made again'
unfinished && rm run/.digest && cp other/units/rule-r0-f0.h5 run/units/
study run
check "not when results tell different runs" test $? = 2 -a ! -e run/.digest
unfinished && printf 'garbage' >run/.digest && rm -r run/units
study run
check "nor when none tells one" test $? = 3
again && ln -sf /nowhere run/units/rule-r0-f1.h5 && rm run/run.json
check "a link that leads nowhere" mended 'rule-r0-f1.h5: is a link that leads to no file; it is removed and the unit is run again'
unfinished && ln -sf . run/units/rule-r0-f1.h5
check "a link to a folder" mended 'rule-r0-f1.h5: is a link that leads to no file; it is removed'
unfinished && rm run/units/rule-r0-f1.h5 && mkdir run/units/rule-r0-f1.h5
study run
check "a folder is not removed" test $? = 3 -a -d run/units/rule-r0-f1.h5
check "and named" grep -q 'rule-r0-f1.h5: is no file, and a result is to be written there; remove it' err

# finished NAME PATTERN COMMAND: the same in a finished run in which COMMAND has changed something
finished() {
  again && eval "$3"
  check "finished: $1" mended "was finished, but run/$2.*; what is not whole is made again now"
}
finished "run.json is cut" 'run.json: is damaged' 'truncate -s 100 run/run.json'
finished "run.json is changed" 'run.json: was changed' "sed -i 's/\"rows\": 120/\"rows\": 121/' run/run.json"
finished "summary.json is cut" 'summary.json: was changed' 'truncate -s 100 run/summary.json'
finished "predictions.h5 is cut" 'predictions.h5: was changed' 'truncate -s 100 run/predictions.h5'
finished "units.json is missing" 'units.json: is missing' 'rm run/units.json'
finished "a unit is missing" 'units/rule-r0-f0.h5: No such' 'rm run/units/rule-r0-f0.h5'
finished "metrics.jsonl is missing" 'metrics.jsonl: is missing' 'rm run/metrics.jsonl'
finished "a model is changed" 'models/logistic.h5: was changed' 'flip run/models/logistic.h5'
finished "a text of a model is changed" 'models/rule.txt: was changed' 'echo >>run/models/rule.txt'
finished "config.yaml is changed" 'config.yaml: was changed' "sed -i 's/^eval.seed: 0/eval.seed: 7/' run/config.yaml"
check "such a start is told in run.json" grep -q '"resumes": 1' run/run.json
again && truncate -s 100 run/summary.json
fails "report of a summary that was cut says what to do" 3 'is no JSON.*same --out makes it again' report run
again && flip run/predictions.h5
fails "so does verify" 3 'predictions.h5: was changed.*same --out makes it again' verify run

# --- experiments ---
null() { alone calibrate study.yaml --set data.path=rows.h5 --set calibrate.replicates=20 --out "$@" >said 2>err; }
null nul && null nul2 --set eval.seed=3 || not_ok "calibrate" "$(cat err)"
cp nul/calibrate.json kept.json
cp nul2/null/000001.h5 nul/null/ && rm nul/calibrate.json && null nul
check "experiments of another run are named" grep -q '000001.h5: is of null-000001 of run .*run again' err
check "and run again" cmp kept.json nul/calibrate.json
exit "$failed"
