#!/bin/bash
# summary.json keeps its contract: every key, lengths, digest, for every kind of split; neither it nor report.md holds a
# time, host, path or number of ranks.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
table 200 customers.csv
cat >study.yaml <<Y
data: {path: customers.csv, label: churn, id: id}
eval: {folds: 3, repeats: 2, models: [logistic, rule], final: false}
Y
python=$(command -v python3) || { skip "contract of summary.json" "no python3"; exit 0; }

cat >contract.py <<'P'
"""contract.py RUN SPLIT FOLDS REPEATS RATIO ALPHA: a line for each fault."""
import json, math, sys

run, split, folds, repeats, ratio, alpha = sys.argv[1:]
folds, repeats = int(folds), int(repeats)
bad = []


def check(fine, what):
    if not fine:
        bad.append(what)


def keys(where, value, *names):
    """The keys that must be there; others may be."""
    check(isinstance(value, dict), where + " is no object")
    for name in names:
        check(name in value, where + " lacks " + name)
    return all(name in value for name in names)


def number(where, v, none=False):
    good = isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)
    check(good or (none and v is None), "%s is %r" % (where, v))


def interval(where, v, mean):
    if v == [None, None]:
        return
    check(isinstance(v, list) and len(v) == 2 and v[0] <= mean <= v[1], "%s is %r, mean %r" % (where, v, mean))


def metric(where, m):
    if not keys(where, m, "mean", "ci95", "folds"):
        return
    check(len(m["folds"]) == folds * repeats, "%s has %d folds" % (where, len(m["folds"])))
    for v in m["folds"]:
        number(where + ".folds", v, none=True)
    known = [v for v in m["folds"] if v is not None]
    check(math.isclose(m["mean"], math.fsum(known) / len(known), rel_tol=1e-12), where + ".mean is not the mean")
    interval(where + ".ci95", m["ci95"], m["mean"])


def test(where, t, corrected):
    names = ("t", "df", "p") + (("p_holm", "ci95") if corrected else ())
    if not keys(where, t, *names):
        return
    number(where + ".t", t["t"], none=True)
    check(0 <= t["p"] <= 1, where + ".p is %r" % t["p"])
    if t["t"] is not None:
        check(t["df"] == folds * repeats - 1, where + ".df is %r" % t["df"])
    if corrected:
        check(t["p"] <= t["p_holm"] <= 1, where + ".p_holm is %r" % t["p_holm"])


def target(t):
    if not keys("target", t, "name", "level", "rows", "folds", "repeats", "models", "comparisons"):
        return
    check((t["name"], t["level"], t["rows"]) == ("churn", "customer", 200), "target is another one")
    check((t["folds"], t["repeats"]) == (folds, repeats), "folds x repeats: %r x %r" % (t["folds"], t["repeats"]))
    check(t.get("split") == split, "split is %r" % t.get("split"))
    check(math.isclose(t.get("test_over_train"), float(ratio), rel_tol=1e-12), "n2/n1 is %r" % t.get("test_over_train"))
    check(t.get("alpha") == float(alpha), "alpha is %r" % t.get("alpha"))
    check([m["name"] for m in t["models"]] == ["logistic", "rule"], "models are others")
    for m in t["models"]:
        for name in ("accuracy", "f1", "f1_macro", "auc"):
            if keys(m["name"], m["metrics"], name):
                metric("%s.%s" % (m["name"], name), m["metrics"][name])
    check({c["metric"] for c in t["comparisons"]} >= {"accuracy", "f1", "f1_macro", "auc"}, "a comparison is missing")
    mean = {(m["name"], k): v["mean"] for m in t["models"] for k, v in m["metrics"].items()}
    for c in t["comparisons"]:
        where = "comparison of " + c["metric"]
        if not keys(where, c, "a", "b", "metric", "mean_diff", "naive", "corrected"):
            continue
        check((c["a"], c["b"]) == ("logistic", "rule"), where + " is of %(a)s and %(b)s" % c)
        diff = mean["logistic", c["metric"]] - mean["rule", c["metric"]]
        check(math.isclose(c["mean_diff"], diff, abs_tol=1e-12), where + ".mean_diff is %r" % c["mean_diff"])
        test(where + ".naive", c["naive"], False)
        test(where + ".corrected", c["corrected"], True)
        interval(where + ".ci95", c["corrected"]["ci95"], c["mean_diff"])
        naive, corrected = c["naive"]["t"], c["corrected"]["t"]
        if naive is not None:  # t / t' = sqrt((1/J + n2/n1) J)
            factor = math.sqrt(1 + float(ratio) * folds * repeats)
            check(math.isclose(naive, corrected * factor, rel_tol=1e-9), where + ": n2/n1 is not the test's")


def canonical(v):
    if v is None or isinstance(v, bool):
        return json.dumps(v)
    if isinstance(v, (int, float)):
        return float(v).hex()
    if isinstance(v, str):
        return json.dumps(v, ensure_ascii=False)
    if isinstance(v, list):
        return "[" + ",".join(map(canonical, v)) + "]"
    return "{" + ",".join(canonical(k) + ":" + canonical(v[k]) for k in sorted(v)) + "}"


def refuse(word):
    raise ValueError(word + " is no JSON")


summary = json.load(open(run + "/summary.json", encoding="utf-8"), parse_constant=refuse)
if keys("summary", summary, "format", "targets", "digests"):
    digests = summary.pop("digests")
    keys("digests", digests, "data", "folds", "weights", "predictions", "summary")
    for k, v in digests.items():
        check(len(v) == 32 and set(v) <= set("0123456789abcdef"), "digests.%s is %r" % (k, v))
    check(len(set(digests.values())) == 5, "two digests are equal")
    check(len(summary["targets"]) == 1, "%d targets" % len(summary["targets"]))
    for one in summary["targets"]:
        target(one)
    try:
        import xxhash
        is_now = xxhash.xxh3_128_hexdigest(canonical(summary).encode())
        check(is_now == digests["summary"], "digests.summary is %s, should be %s" % (digests["summary"], is_now))
        print("digest checked")
    except ImportError:
        pass
print("\n".join(bad))
sys.exit(bool(bad))
P

# contract NAME FOLDS REPEATS RATIO ALPHA ARGS...: NAME is the kind of split
contract() {
  local split=$1 folds=$2 repeats=$3 ratio=$4 alpha=$5
  shift 5
  if ! ranks 2 crossval study.yaml --out "$split" --set eval.split="$split" --set eval.alpha="$alpha" "$@" >out 2>err; then
    not_ok "crossval, $split" "$(cat err)"
  elif "$python" contract.py "$split" "$split" "$folds" "$repeats" "$ratio" "$alpha" >faults 2>&1; then
    ok "summary.json, $split"
  else
    not_ok "summary.json, $split" "$(cat faults)"
  fi
}
contract stratified 3 2 .5 .05
# the check of the check: a summary without a key
mkdir wrong
sed 's/"p_holm": [^,]*,//' stratified/summary.json >wrong/summary.json
"$python" contract.py wrong stratified 3 2 .5 .05 >faults
check "a missing key is found" grep -q "corrected lacks p_holm" faults
"$python" contract.py stratified stratified 3 2 .5 .05 >faults
if grep -q "digest checked" faults; then
  ok "digests.summary made again"
else
  skip "digests.summary made again" "no Python package xxhash"
fi
contract plain 3 2 .5 .01
contract grouped 3 1 .5 .05 --set eval.group=city --set eval.repeats=1
# the test part has a quarter of the rows of each class
awk -F, 'NR > 1 { n[$NF]++ } END { for (c in n) t += int(n[c] * .25 + .5); printf "%.17g\n", t / (200 - t) }' customers.csv >ratio
contract holdout 1 4 "$(cat ratio)" .05 --set eval.test_fraction=.25 --set eval.repeats=4
# the first 20 rows are never tested: 180 tested rows over 4 training parts of 200 - 45 rows
awk 'BEGIN { for (i = 0; i < 200; i++) print (i < 20 ? -1 : i % 4) }' >folds.txt
contract file 4 1 "$(awk 'BEGIN { printf "%.17g", 180 / (4 * 200 - 180) }')" .05 --set eval.folds_file=folds.txt

# nothing in them that another run would have otherwise
for file in summary.json report.md; do
  found=$(grep -nwF -e "$(hostname)" -e "$TMP" -e "$(basename "$TMP")" -e "$(date -u +%Y-%m)" -e "$(date -u +%H:%M)" "stratified/$file")
  if [ -z "$found" ]; then ok "$file holds no host, path or time"; else not_ok "$file holds no host, path or time" "$found"; fi
done
check "that look-up finds them in run.json" grep -qwF "$(hostname)" stratified/run.json
check "summary.json has no key of ranks or times" bash -c '! grep -Eiq "\"(ranks|threads|host|time|seconds|started|ended|path)\"" stratified/summary.json'
ranks 3 crossval study.yaml --out three >/dev/null 2>&1
check "3 ranks: summary.json" cmp stratified/summary.json three/summary.json
check "3 ranks: report.md" cmp stratified/report.md three/report.md
check "report.md says split, n2/n1 and alpha" grep -qF "stratified folds, n2/n1 = 0.5000, significance level alpha = 0.05." stratified/report.md
check "report.md says alpha of another run" grep -qF "alpha = 0.01" plain/report.md
check "report.md of a hold-out says n2/n1" grep -qE "hold-out, n2/n1 = 0\.[0-9]{4}," holdout/report.md
exit "$failed"
