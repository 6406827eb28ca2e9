#!/bin/bash
# crmpi segments: planted groups are found again and their figures are right; the segments of synthetic customers on learnt
# vectors; the same files on 1 and 3 ranks; what is wrong is said.
# timeout: 180  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
fail_ranks=$(by_tier "1 3" "1 3" 3)

# json FILE EXPRESSION...: each is a Python expression of d, true; rows: those of planted.csv with their segments
json() {
  /usr/bin/python3 - "$@" <<'PY'
import csv, json, math, sys
d = json.load(open(sys.argv[1]))
def near(a, b):
    return abs(a - b) <= 1e-6 * max(1, abs(b))
def col(name):
    return [c for c in d["columns"] if c["name"] == name][0]
def target(name):
    return [t for t in d["targets"] if t["name"] == name][0]
def ari(name):  # Hubert and Arabie 1985, of the segments and the classes of a target
    cells = [c["customers"] for c in target(name)["classes"]]
    pairs = lambda n: n * (n - 1) / 2
    a, b = (sum(pairs(sum(r)) for r in m) for m in (cells, list(zip(*cells))))
    e = a * b / pairs(sum(map(sum, cells)))
    return (sum(pairs(v) for r in cells for v in r) - e) / ((a + b) / 2 - e)
def by_hand(name):  # means of the segments, eta squared, of planted.csv
    label = {r["id"]: int(r["segment"]) for r in csv.DictReader(open("out1/segments.csv"))}
    x = [(label[r["id"]], float(r[name])) for r in csv.DictReader(open("planted.csv")) if r[name]]
    mean = sum(v for _, v in x) / len(x)
    part = [[v for s, v in x if s == k + 1] for k in range(d["clusters"])]
    means = [sum(p) / len(p) for p in part]
    between = sum(len(p) * (m - mean) ** 2 for p, m in zip(part, means))
    return means, between / sum((v - mean) ** 2 for _, v in x)
def same(name):
    means, eta = by_hand(name)
    return near(col(name)["eta_squared"], eta) and all(map(near, col(name)["means"], means))
bad = [e for e in sys.argv[2:] if not eval(e)]
if bad:
    print("# " + "\n# ".join(bad))
sys.exit(bool(bad))
PY
}

# Three groups of 2500, 1500 and 1000 customers, in two columns of very different size; one with gaps, one without values
awk 'BEGIN {srand(3); print "id,visits,spend,age,empty,group"
  for (i = 0; i < 5000; i++) {
    g = i % 10 < 5 ? 0 : i % 10 < 8 ? 1 : 2
    printf "c%d,%.3f,%.2f,%s,,%s\n", i, 3 * g + rand(), (g == 1) * 9000 + rand() * 3000, rand() < .1 ? "" : int(20 + 50 * rand()), substr("abc", g + 1, 1)
  }}' >planted.csv
alone import --set data.path=planted.csv --set data.id=id --set data.label=group --set data.numeric=empty \
  --set data.store=planted.h5 >/dev/null 2>err || not_ok "import" "$(cat err)"
few=(--set segments.seeds=3 --set segments.restarts=2 --set segments.sample=500)
segments() { # RANKS OUT ARGS...
  local n=$1 out=$2
  shift 2
  if [ "$n" = 1 ]; then alone segments "$@" "${few[@]}" --out "$out"; else ranks "$n" segments "$@" "${few[@]}" --out "$out"; fi >said 2>err ||
    not_ok "segments on $n ranks: $out" "$(cat err)"
}
segments 1 out1 planted.h5 --set segments.most=5
cp said said1
check "the planted groups, and their number" json out1/segments.json \
  'd["clusters"] == 3 and ari("group") == 1 and [s["customers"] for s in d["segments"]] == [2500, 1500, 1000]' \
  '[c["clusters"] for c in d["chosen_among"]] == [2, 3, 4, 5]' \
  'd["silhouette"] == max(c["silhouette"] for c in d["chosen_among"]) and d["silhouette"] > 0.4' \
  'd["stability"] == {"seeds": 3, "adjusted_rand_index": [1, 1]} and all(s["jaccard"] == 1 for s in d["segments"])'
check "means and eta squared by hand" json out1/segments.json 'same("visits") and same("spend") and same("age")' \
  'col("age")["customers"] < 5000 and col("empty")["customers"] == 0 and col("empty")["eta_squared"] is None' \
  'col("visits")["shown"] and not col("empty")["shown"]' 'col("spend")["group"] == "value"'
check "a column without values is told" grep -q "no customer has a value in 1 column: 'empty'" err
check "the table is printed" [ "$(grep -cE '^(3 \*|customers +2500 +1500 +1000|stability over 3 seeds|value|  spend |target group|  a +100.0 %)' said1)" = 7 ]
check "a line for each customer" [ "$(sed 1d out1/segments.csv | wc -l) $(head -1 out1/segments.csv)" = "5000 id,segment,distance,distance_next" ]
check "the own centre is the nearest" awk -F, 'NR > 1 && !($3 < $4) {bad = 1} END {exit bad}' out1/segments.csv
check "the figure is XML" /usr/bin/python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("out1/segments.svg")'
segments 3 out3 planted.h5 --set segments.most=5 --set train.threads=2
check "3 ranks of 2 threads write the same files" diff -r out1 out3
check "and print the same" diff <(sed 's/^out.*//' said1) <(sed 's/^out.*//' said)
segments 1 bent planted.h5 --set segments.clusters=3 --set segments.power=log1p
check "logarithms of the columns" json bent/segments.json 'ari("group") == 1 and d["power"] == "log1p"' 'd["inertia"] > 0'
check "make other distances" bash -c '! cmp -s out1/segments.csv bent/segments.csv'
segments 1 out1 planted.h5 --set segments.clusters=1 # again, into the folder of before
check "one segment" json out1/segments.json 'd["clusters"] == 1 and d["segments"][0]["customers"] == 5000 and d["silhouette"] == 0'

# Synthetic customers: the net learns their segments; 0.32 when this was written, 0.02 on their 300 columns
cat >synth.yaml <<'Y'
data: {path: s.h5}
synth: {customers: 600}
eval: {models: [hybrid], target: segment}
train: {epochs: 15}
Y
alone synth synth.yaml >/dev/null 2>&1 && alone train synth.yaml --out run >/dev/null 2>err || not_ok "train" "$(cat err)"
alone predict run --embedding --out v.h5 2>err || not_ok "predict" "$(cat err)"
segments 1 v1 s.h5 --embedding v.h5 --set segments.clusters=4
check "learnt vectors tell the latent segments" json v1/segments.json 'ari("segment") > 0.2 and d["points"] == "embedding" and d["width"] == 64'
check "labels of documents are in the table" grep -Eq '^  (sentiment|stars|status|issue)[a-z ]*, (share|mean)' said
alone train synth.yaml --out short --set train.epochs=2 >/dev/null 2>err || not_ok "train" "$(cat err)"
alone predict short --embedding --out short.h5 2>err || not_ok "predict" "$(cat err)"
segments 1 v2 s.h5 --embedding short.h5 --set segments.clusters=2
check "those of each target, though one segment alone may have documents" \
  [ "$(grep -oE '^  (sentiment|stars|status|issue)' said | sort -u | wc -l)" = 4 ]
segments 3 v3 s.h5 --embedding v.h5 --set segments.clusters=4
check "3 ranks write the same files of vectors" diff -r v1 v3

# ---- what is wrong ----
alone synth --set data.path=other.h5 --set synth.customers=600 --set synth.seed=9 >/dev/null 2>&1
head -41 planted.csv | sed 's/,[0-9.]*,[0-9.]*,[0-9]*,/,1,1,1,/' >same.csv
alone import --set data.path=same.csv --set data.id=id --set data.numeric=visits --set data.store=same.h5 >/dev/null 2>&1
head -41 planted.csv >few.csv
alone import --set data.path=few.csv --set data.id=id --set data.store=few.h5 >/dev/null 2>&1
mkdir full && echo mine >full/notes.txt
fails "more segments than customers" 2 "41 clusters of 40 points" segments few.h5 --set segments.clusters=41 --out out
fails "more segments than may be" 2 "segments.clusters.*65.*allowed" segments s.h5 --set segments.clusters=65 --out out
fails "columns that do not differ" 3 "no numeric column has two different values" segments same.h5 --out out
fails "vectors of fewer rows" 3 "vectors of 600 rows, but planted.h5 has 5000 rows" segments planted.h5 --embedding v.h5 --out out
fails "vectors of other rows" 3 "made from other data" segments other.h5 --embedding v.h5 --out out
fails "vectors that are none" 3 "s.h5" segments s.h5 --embedding s.h5 --out out
fail_ranks=1
fails "a folder with other files" 2 "full: holds 1 other file" segments s.h5 --out full
check "which stay" [ "$(cat full/notes.txt)" = mine ]
fails "a file for the folder" 2 "same.csv: is a file" segments s.h5 --out same.csv
fails "no folder" 2 "needs a data set and a folder" segments s.h5
fails "--embedding without a file" 2 "needs a value" segments s.h5 --embedding
exit $failed
