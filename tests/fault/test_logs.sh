#!/bin/bash
# What logs hold: names, addresses, ticket texts and amounts of customers stand in no output but the predictions, not even
# with log.level debug and when something is wrong at any stage; and no cell of the predictions is a formula.
# tier: full  timeout: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
cd "$TMP" || exit 1
python=$(command -v python3)

# ---- a table whose values cannot be mistaken ----
awk 'BEGIN {
  srand(3); print "id,name,mail,ticket,amount,visits,city,churn"
  for (i = 1; i <= 80; i++) {
    x = rand(); v = int(9 * rand()); y = (v + 3 * x > 6) ? "yes" : "no"
    printf "zqid-%d,Zorblat Quux%d,zq%d@zorblat.example,\"zorblat kettle %d burst, urgently\",%s,%d,%s,%s\n",
      i, i, i, i, (i == 40) ? "987654.321" : sprintf("%.3f", 876000 + 1000 * x + i / 1000), v, i % 3 ? "Oslo" : "Bergen", y
  }
}' >rows.csv
markers='zqid-|zorblat|kettle|[0-9]@|(^|[^0-9.])98765[0-9]|876[0-9]{3}\.[0-9]|877[0-9]{3}\.[0-9]'
cat >study.yaml <<Y
data: {label: churn, id: id, ignore: [name, ticket]}
eval: {folds: 3, models: [logistic, hybrid, forest, knn], importance: 1}
train: {epochs: 2, lane_rows: 8}
model: {hidden: [4], fusion: 0}
forest: {trees: 5}
log.level: debug
Y

# told WHERE FILES: the lines that hold a marker
told() { grep -aiEH "$markers" "$@" 2>/dev/null; }

# quiet NAME CODE ARGS...: ends with this code, and neither its output nor the folder out tells of a customer
quiet() {
  local name=$1 want=$2 rc n found
  shift 2
  for n in 1 2; do
    rm -rf out
    exits "$n" "$@" >stdout 2>stderr
    rc=$?
    found=$(told stdout stderr | head -n 5)
    [ ! -d out ] || found+=$(find out \( -name '*.json*' -o -name '*.md' -o -name '*.yaml' -o -path '*health*' \) -exec \
      grep -aiEH "$markers" {} + | head -n 5)
    if [ $rc != "$want" ]; then
      not_ok "$name on $n ranks" "exit code $rc: $(head -c 500 stderr)"
    elif [ -n "$found" ]; then
      not_ok "$name on $n ranks" "$found"
    else
      ok "$name on $n ranks"
    fi
  done
}

# ---- all is well ----
quiet "import" 0 import study.yaml --set data.path=rows.csv --set data.store=rows.h5
quiet "describe" 0 describe rows.h5
quiet "crossval with debug lines" 0 crossval study.yaml --set data.path=rows.csv --set data.store=rows.h5 --out out
mv out run
quiet "report" 0 report run
quiet "predictions into a file" 0 predict run --set data.path=rows.csv --set log.level=debug --out predicted.csv
check "the check of the check: the predictions hold ids" grep -q "^zqid-40," predicted.csv
check "and that is found" [ -n "$(told predicted.csv)" ]
head -n 30 rows.csv | sed 's/Oslo/Zorblatville/; s/,[0-9]*,Bergen/,nan,Bergen/; s/zq[0-9]*@zorblat/new-zq@zorblat/' >new.csv
quiet "rows with unknown categories and NaN" 0 predict run --set data.path=new.csv --out predicted.csv

# ---- something is wrong ----
broken() { # NAME CODE FILE ARGS...
  quiet "$1" "$2" import study.yaml --set data.path="$3" --set data.store=bad.h5 "${@:4}"
}
{ head -n 20 rows.csv; echo 'zqid-99,Zorblat,9@zorblat.example'; tail -n 5 rows.csv; } >ragged.csv
broken "a row too short" 3 ragged.csv
sed '21s/kettle/k\xff/' rows.csv >bytes.csv
broken "a byte that is no text" 3 bytes.csv
sed '21s/kettle/"kettle/' rows.csv >quote.csv
broken "a quote in a field" 3 quote.csv
sed '21s/urgently"/urgently/' rows.csv >open.csv
broken "a quote that is not closed" 3 open.csv
broken "too many levels" 3 rows.csv --set data.max_levels=9
broken "no such column" 2 rows.csv --set data.label=nothing
broken "an id for a label" 2 rows.csv --set data.id= --set data.label=idd
quiet "more folds than rows" 3 crossval study.yaml --set data.path=rows.csv --set data.store=rows.h5 --set eval.folds=60 --out out
quiet "a fit that diverges" 4 crossval study.yaml --set data.path=rows.csv --set data.store=rows.h5 --set eval.models=[hybrid] \
  --set optim.kind=sgd --set optim.lr=1000 --set optim.clip_norm=0 --set train.epochs=200 --out out
cut -d, -f1-4,6- rows.csv >narrow.csv
quiet "a column that a model lacks" 3 predict run --set data.path=narrow.csv
head -c 3000 rows.h5 >half.h5
quiet "half a data set" 3 describe half.h5

# Of a cell that is no number the place is told, and neither it nor anything else of its row.
long=$(printf 'x%.0s' {1..300})
sed "21s/,[0-9.]*,\([0-9]*,[A-Z][a-z]*,[a-z]*\)\$/,$long,\1/" rows.csv >word.csv
rm -rf out
alone import study.yaml --set data.path=word.csv --set data.store=bad.h5 --set data.numeric=amount >stdout 2>stderr
check "a cell that is no number: exit code" [ $? = 3 ]
check "its column and place are told" grep -Eq "word.csv:21:[0-9]+: column 'amount': value is not a finite number" stderr
check "the cell is not" bash -c '! grep -q "xxx" stderr'
check "the rest of the row is not told" bash -c "! grep -aiEq '$markers' stderr stdout"

# ---- no cell is a formula ----
tab=$(printf '\t') cr=$(printf '\r')
cat >formula.csv <<C
id,spend,plan
"=1+1",1,=yes
"+SUM(A1)",9,no
"-2+3",2,=yes
"@cmd",8,no
"${tab}=1",1.5,=yes
"${cr}=1",8.5,no
"=""q"",1",1.2,=yes
"""=1""",7,no
"'=1",2.5,=yes
"=cmd|' /C calc'!A0",7.5,no
-17,1,=yes
+4,9,no
plain,2,=yes
a;=1+1,2,=yes
 =1+1,8,no
＝1+1,2,=yes
"b${tab}@x",8,no
"two
=lines",8,no
C
alone train --set data.path=formula.csv --set data.label=plan --set data.id=id --set eval.models=[logistic,hybrid] --set train.epochs=2 \
  --set train.validation=0 --set model.fusion=0 --out formula >stdout 2>stderr || not_ok "train on ids that are formulas" "$(cat stderr)"
alone predict formula --set data.path=formula.csv --out cells.csv 2>stderr || not_ok "predict" "$(cat stderr)"
alone predict formula --model hybrid --embedding --set data.path=formula.csv --out vectors.csv 2>stderr || not_ok "embedding" "$(cat stderr)"
cat >cells.py <<'P'
"""cells.py FILE: cells that a spreadsheet would compute, or ids that were lost."""
import csv, re, sys

with open(sys.argv[1], newline="") as f:
    rows = list(csv.reader(f, strict=True))
signs = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
bad = [c for r in rows for c in r if c.lstrip(" ")[:1] in signs and c.strip(" ") and not re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", c)]
# the same lines for a spreadsheet that separates by other characters: quotes within a cell are none there
for line in open(sys.argv[1], newline=""):
    for sep in ";\t":
        bad += [c for c in line.split(sep)[1:] if c.lstrip(' "')[:1] in signs and c.strip()]
ids = [r[0].lstrip("'") for r in rows[1:]]
if len(rows) != 19 or len({len(r) for r in rows}) != 1 or "plain" not in ids or not any("=lines" in i for i in ids):
    bad.append("rows or fields are lost: %r" % rows)
print("\n".join(map(repr, bad)))
sys.exit(bool(bad))
P
if [ -n "$python" ]; then
  for f in cells.csv vectors.csv; do
    "$python" cells.py $f >faults || not_ok "no cell of $f is a formula" "$(cat faults)"
    [ -s faults ] && [ "$(tr -d '\n' <faults)" ] || ok "no cell of $f is a formula"
  done
  cp formula.csv raw.csv
  check "the check of the check: raw ids are found" bash -c "! $python cells.py raw.csv >/dev/null"
else
  skip "no cell is a formula" "no python3"
fi
check "a class that is a formula is made plain" grep -q "\"'=yes\"" cells.csv
check "a number stays a number" grep -q '^-17,' cells.csv
exit "$failed"
