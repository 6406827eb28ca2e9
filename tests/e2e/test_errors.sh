#!/bin/bash
# Bad input: one clear message, the same exit code on every rank, no hang, nothing left behind.  On 1 and 3 ranks; in the
# default tier on 3.
# timeout: 300  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
[ "${CRM_TIER:-default}" != default ] || fail_ranks=3
table 60 good.csv

xval() { # FILE-specific crossval arguments
  printf '%s\n' crossval base.yaml --out out --set "data.path=$1"
}
cat >base.yaml <<Y
data: {label: churn, id: id}
eval: {folds: 3, models: [logistic, rule]}
train: {epochs: 1}
Y
# run a crossval that must fail
bad() {
  local name=$1 code=$2 text=$3 file=$4
  shift 4
  # shellcheck disable=SC2046
  fails "$name" "$code" "$text" $(xval "$file") "$@"
}

bad "missing file" 3 "nowhere.csv: No such file" nowhere.csv
mkdir folder
bad "folder for a file" 3 "folder: is a folder" folder
: >empty.csv
bad "empty CSV" 3 "empty.csv:1" empty.csv
head -1 good.csv >header.csv
bad "header only" 3 "header.csv" header.csv
{ head -5 good.csv; echo "6,33,2.5"; tail -20 good.csv; } >ragged.csv
bad "ragged row with its line" 3 "ragged.csv:6" ragged.csv
sed '8s/^\([^,]*\),[^,]*,/\1,old,/' good.csv >text.csv
bad "text in a numeric column: line, column, policy" 3 "text.csv:8:.*age.*(data.bad_values|missing)" text.csv --set data.numeric=age
bad "unknown label column" 2 "churned.*churn" good.csv --set data.label=churned
sed 's/yes$/no/' good.csv >one.csv
bad "one class only" 3 "all rows have the same class" one.csv
{ head -1 good.csv; grep 'no$' good.csv; grep 'yes$' good.csv | head -2; } >rare.csv
bad "more folds than rows of the rarest class" 3 "eval.folds = 3.*2 rows" rare.csv
printf '\377\376broken,\n1,2\n' >latin.csv
bad "not UTF-8" 3 "latin.csv:1" latin.csv
printf 'id,churn\n1,"yes\n2,no\n' >quote.csv
bad "unterminated quote" 3 "quote.csv:2" quote.csv

"$CRMPI" synth --set data.path=whole.h5 --set synth.customers=300 >/dev/null 2>&1
size=$(stat -c %s whole.h5)
head -c $((size / 2)) whole.h5 >half.h5
fails "HDF5 that is truncated" 3 "half.h5.*truncated" crossval base.yaml --out out --set data.path=half.h5
head -c 100 whole.h5 >stub.h5
fails "HDF5 of 100 bytes" 3 "stub.h5" crossval base.yaml --out out --set data.path=stub.h5
"$CRMPI" crossval base.yaml --set data.path=good.csv --out run >/dev/null 2>&1
fails "HDF5 that is not a data set" 3 "predictions.h5.*data set|predictions.h5.*crmpi-dataset" crossval base.yaml --out out --set data.path=run/predictions.h5
fails "--out below a file" 3 "good.csv" crossval base.yaml --out good.csv/run --set data.path=whole.h5
mkdir foreign && echo hello >foreign/notes.txt
fails "--out that is another folder" 2 "foreign" crossval base.yaml --out foreign --set data.path=whole.h5
check "what was in it stays" grep -q hello foreign/notes.txt
fails "--out of another config" 2 "run" crossval base.yaml --out run --set data.path=good.csv --set eval.seed=9
cp good.csv precious.csv
fails "synth over a CSV" 2 "data.path: precious.csv.*not an HDF5 file" synth --set data.path=precious.csv --set synth.customers=20
fails "import over a text file" 2 "data.store: precious.csv.*not an HDF5 file" import base.yaml --set data.path=good.csv --set data.store=precious.csv
check "the file that was there stays" cmp good.csv precious.csv
cp run/predictions.h5 precious.h5
fails "synth over another HDF5 file" 2 "data.path: precious.h5.*not a data set" synth --set data.path=precious.h5 --set synth.customers=20
fails "import over another HDF5 file" 2 "data.store: precious.h5.*not a data set" import base.yaml --set data.path=good.csv --set data.store=precious.h5
fails "a run whose data set would replace one" 2 "data.store: precious.h5.*not a data set" crossval base.yaml --out out --set data.path=good.csv --set data.store=precious.h5
check "the HDF5 file that was there stays" cmp run/predictions.h5 precious.h5
cp whole.h5 again.h5
"$CRMPI" synth --set data.path=again.h5 --set synth.customers=20 >/dev/null 2>&1
check "synth over a data set" test $? = 0
rc=0
"$CRMPI" describe whole.h5 >/dev/full 2>stderr || rc=$?
check "output that cannot be written" test "$rc" = 3
fails "no --out" 2 "--out" crossval base.yaml --set data.path=whole.h5
fails "unknown command" 2 "crossvall.*crossval" crossvall base.yaml
fails "unknown option" 2 "eval.fold.*eval.folds" crossval base.yaml --out out --set eval.fold=3
fails "value out of range" 2 "train.lanes.*7.*power of two|train.lanes=7" crossval base.yaml --out out --set train.lanes=7
fails "unknown model" 2 "logistik.*logistic" crossval base.yaml --out out --set data.path=whole.h5 --set eval.models=logistik
check "refused before the import" test ! -e out.h5
fails "a width that is no number" 2 "model.hidden=abc.*allowed: integers" crossval base.yaml --out out --set data.path=good.csv --set eval.models=hybrid --set model.hidden=abc
check "refused before the import, too" test ! -e out.h5
fails "missing config" 3 "nowhere.yaml" crossval nowhere.yaml --out out
fails "device that is not there" 5 "cuda" crossval base.yaml --out out --set data.path=whole.h5 --set eval.models=hybrid --set device=cuda
fails "predict from a folder that is no run" 3 "foreign" predict foreign --set data.path=good.csv
fails "predict a model that was not fitted" 3 "hybrid.h5" predict run --model hybrid --set data.path=good.csv
fails "the models that were fitted are named" 3 "no fitted model 'hybrid'; it has: logistic, rule" predict run --model hybrid --set data.path=good.csv
"$CRMPI" crossval base.yaml --set data.path=good.csv --set eval.final=false --out bare >/dev/null 2>&1
fails "predict from a run without models" 3 "bare/models/logistic.h5.*is it finished.*eval.final" predict bare --set data.path=good.csv
sed 's/"rows": 60/"rows": 61/' run/summary.json >bare/summary.json
check "a number in summary.json was changed" test "$(cmp -s run/summary.json bare/summary.json; echo $?)" = 1
rm bare/report.md
fails "report of a summary that was edited" 3 "bare/summary.json: digests.summary: .*changed or damaged" report bare
check "no report is made of it" test ! -e bare/report.md
rm bare/summary.json
fails "report of a run that is not finished" 3 "bare/summary.json.*not finished" report bare
fails "report of a folder that is no run" 3 "foreign: is not a run folder" report foreign
cut -d, -f1,2,4- good.csv >narrow.csv
fails "predict with a column missing" 3 "spend" predict run --set data.path=narrow.csv

head -c 1048577 /dev/zero | tr '\0' '#' >large.yaml
fails "config file above 1 MiB" 2 "large.yaml: 1048577 bytes, a config file has at most 1048576" crossval large.yaml --out out
head -c 1048576 large.yaml >limit.yaml
fails "config file of 1 MiB is read" 2 "data.path is not set" crossval limit.yaml --out out
printf 'nonsense: [1\n' >syntax.yaml
fails "YAML syntax" 2 "syntax.yaml:[0-9]+:[0-9]+" crossval syntax.yaml --out out
printf 'train: {epochs: 0, lanes: x}\neval: {foldz: 3}\n' >three.yaml
fails "three errors in one pass" 2 "3 errors" crossval three.yaml --out out

# the wrong launcher: every rank comes up alone although Slurm granted three
SLURM_JOB_ID=1 SLURM_STEP_ID=0 SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=3 SLURM_NTASKS=3 "$CRMPI" info >stdout 2>stderr
rc=$?
if [ $rc = 2 ] && grep -q 3 stderr && grep -q -- "--mpi=pmix" stderr; then
  ok "MPI size other than Slurm granted"
else
  not_ok "MPI size other than Slurm granted" "rc $rc: $(cat stderr)"
fi

# a full disk: a file system of 1 MiB
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=1m tmpfs small 2>/dev/null; then
  fails "disk full while importing" 3 "free|space" synth --set data.path=small/big.h5 --set synth.customers=5000
  check "nothing partial on the full disk" test -z "$(ls small)"
  umount small
else
  skip "disk full" "needs root and mount"
fi
exit "$failed"
