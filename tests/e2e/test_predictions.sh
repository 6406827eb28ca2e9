#!/bin/bash
# predictions.h5 as another program reads it: rows, ids (numbers, texts, none), labels, folds, probabilities. Labels are
# missing in some rows, so that rows of the file are not those of the table.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
for python in python3 /usr/bin/python3; do
  "$python" -c 'import h5py' 2>/dev/null && break
  python=
done
[ -n "$python" ] || { skip "predictions.h5" "no Python package h5py"; exit 0; }

cat >read.py <<'P'
"""read.py TABLE RUN number|text|none: a line for each fault."""
import csv, json, sys
import h5py
import numpy as np

table, run, kind = sys.argv[1:]
rows = list(csv.DictReader(open(table, encoding="utf-8")))
known = [i for i, r in enumerate(rows) if r["churn"]]
summary = json.load(open(run + "/summary.json"))["targets"][0]
f = h5py.File(run + "/predictions.h5")
bad = []


def check(fine, what):
    if not fine:
        bad.append(what)


ids = [rows[i]["id"] for i in known]
names = {"row", "label", "fold", "proba"}
if kind == "number":
    names.add("id")
    check(f["id"].dtype == "<i8" and [str(v) for v in f["id"]] == ids, "id is another one")
elif kind == "text":
    names |= {"id_first", "id_byte"}
    first, byte = f["id_first"][:], f["id_byte"][:].tobytes()
    check(len(first) == len(known) + 1 and first[0] == 0 and first[-1] == len(byte), "id_first is wrong")
    check([byte[a:b].decode() for a, b in zip(first[:-1], first[1:])] == ids, "a text of id_byte is another one")
scales = {n for n in f if f[n].attrs.get("CLASS") == b"DIMENSION_SCALE" and n not in names}
check(set(f) - scales == names, "arrays are %s" % sorted(set(f) - scales))
check(list(f["row"]) == known, "row is wrong")
classes = list(f.attrs["classes"])
check(f.attrs["target"] == "churn" and sorted(classes) == ["no", "yes"], "attributes are wrong")
label = f["label"][:]
check([classes[c] for c in label] == [rows[i]["churn"] for i in known], "label is wrong")
fold = f["fold"][:]
check(fold.shape == (2, len(known)) and set(fold.ravel()) == {0, 1, 2}, "fold is wrong")
for model in summary["models"]:
    p = f["proba/" + model["name"]][:]
    check(p.shape == (2, len(known), 2) and np.allclose(p.sum(axis=2), 1), "proba/%(name)s is wrong" % model)
    right = (p[:, :, 1] > 0.5) == (label == 1)
    scores = [right[r][fold[r] == k].mean() for r in range(2) for k in range(3)]
    check(np.allclose(scores, model["metrics"]["accuracy"]["folds"], atol=1e-12), "accuracy of %(name)s is another one" % model)
print("\n".join(bad))
sys.exit(bool(bad))
P

table 150 whole.csv
# every seventh label is missing; ids that are numbers, but not those of the rows
awk -F, -v OFS=, 'NR > 1 { $1 = 7000 - 3 * $1; if (NR % 7 == 0) $NF = "" } 1' whole.csv >number.csv
# texts of none to eight numbers, with characters of more than a byte
awk -F, -v OFS=, 'NR > 1 { $1 = ""; for (i = 0; i < NR % 9; i++) $1 = $1 "\303\245" (NR * i) } 1' number.csv >text.csv
cat >study.yaml <<Y
data: {label: churn}
eval: {folds: 3, repeats: 2, models: [logistic, rule], final: false}
Y
for kind in number text none; do
  file=$kind.csv id=id
  [ $kind != none ] || { file=number.csv; id=; }
  args=(--set "data.path=$file" --set "data.id=$id")
  [ $kind != none ] || args+=(--set data.ignore=id)
  for n in 1 3; do
    ranks $n crossval study.yaml "${args[@]}" --out $kind$n >out 2>err || not_ok "crossval, ids: $kind, $n ranks" "$(cat err)"
  done
  if "$python" read.py $file ${kind}1 $kind >faults 2>&1; then
    ok "predictions.h5, ids: $kind"
  else
    not_ok "predictions.h5, ids: $kind" "$(cat faults)"
  fi
  check "3 ranks write the same bytes, ids: $kind" cmp ${kind}1/predictions.h5 ${kind}3/predictions.h5
done
# the check of the check: ids of another table
"$python" read.py number.csv text1 text >faults 2>&1
check "other ids are found" grep -q "another one" faults
exit "$failed"
