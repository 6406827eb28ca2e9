#!/usr/bin/env bash
# The columns of telecom_churn as describe gives them against pandas 1.5.3 and scipy 1.10.1 (figures worked out from the
# CSV and written down here); the data dictionary of an import and of synthetic customers; the same JSON on any ranks.
# timeout: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

# json FILE EXPRESSION...: each is a Python expression of d, true; near(a, b) compares to 12 digits
json() {
  /usr/bin/python3 - "$@" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
def near(a, b):
    return abs(a - b) <= 1e-12 * max(1, abs(b))
def col(name):
    return [c for c in d["columns"] if c["name"] == name][0]
def pair(which, a, b):
    m = d["correlation"]
    return m[which][m["columns"].index(a)][m["columns"].index(b)]
def drift(name):
    return [c for c in d["drift"]["columns"] if c["name"] == name][0]
bad = [e for e in sys.argv[2:] if not eval(e)]
if bad:
    print("# " + "\n# ".join(bad))
sys.exit(bool(bad))
PY
}

cat >synth.yaml <<'Y'
data: {path: s.h5}
synth: {customers: 300}
Y
alone synth synth.yaml >/dev/null 2>&1 || not_ok "synth"
check "the dictionary of synthetic customers is beside them" grep -q '^| profile | income | yearly income' s.h5.md
alone describe s.h5 --out s1 >described || not_ok "describe"
check "a row of the dictionary for each column" json s1/describe.json \
  'len(d["dictionary"]) == 6 + 4 + 16 + 1 + 6 + 1 + 9 + 3' \
  '[x for x in d["dictionary"] if x["name"] == "income"][0]["missing"] * 300 - col("income")["missing"] < 1e-3' \
  'd["rows"] == 300 and d["blocks"]["events"] == col("events of a row")["mean"] * 300' \
  'all(len(x["psi"]) == 9 for x in d["drift"]["columns"])'
ranks 3 describe s.h5 --out s3 >/dev/null || not_ok "describe on 3 ranks"
check "3 ranks write the same file" cmp s1/describe.json s3/describe.json
printf 'a,b\n1,x\n2,"y|z"\n,x\n' >small.csv
cat >small.yaml <<'Y'
data: {path: small.csv, store: small.h5}
Y
alone import small.yaml >/dev/null 2>&1 || not_ok "import"
check "a dictionary beside an import" grep -q '^| profile | a |  | real |  | small.csv: a |  | 33.3 % |' small.h5.md
alone describe small.h5 >described || not_ok "describe a small one"
check "a rare level is not named" grep -Eq '^  profile +b +3 +0 +2 +\.\.\.$' described
check "the dictionary is printed" grep -Eq '^  profile +a +real; small.csv: a; 33.3 % missing$' described
check "too few rows for drift" grep -q 'fewer than 200 rows' described

CSV=$CRM_SHARED/data/telecom_churn/telecom_churn.csv
if [ ! -f "$CSV" ]; then
  skip "telecom churn" "no $CSV"
  exit $failed
fi
cat >churn.yaml <<Y
data: {path: $CSV, store: churn.h5, label: Churn}
Y
alone import churn.yaml >/dev/null 2>&1 || not_ok "import of telecom_churn"
alone describe churn.h5 --out c1 >described || not_ok "describe telecom_churn"
check "figures of telecom_churn are those of pandas" json c1/describe.json \
  'col("AccountWeeks")["values"] == 3333 and col("AccountWeeks")["missing"] == 0 and col("AccountWeeks")["distinct"] == 212' \
  'near(col("AccountWeeks")["mean"], 101.06480648064806) and near(col("AccountWeeks")["sd"], 39.822105928595604)' \
  'all(map(near, col("AccountWeeks")["quantiles"], [35.0, 74.0, 101.0, 127.0, 167.0]))' \
  'col("DataUsage")["values"] == 3333 and col("DataUsage")["missing"] == 0 and col("DataUsage")["distinct"] == 174' \
  'near(col("DataUsage")["mean"], 0.8164746467970779) and near(col("DataUsage")["sd"], 1.2726680376257666)' \
  'all(map(near, col("DataUsage")["quantiles"], [0.0, 0.0, 0.0, 1.7799999713897705, 3.4600000381469727]))' \
  'col("MonthlyCharge")["values"] == 3333 and col("MonthlyCharge")["missing"] == 0 and col("MonthlyCharge")["distinct"] == 627' \
  'near(col("MonthlyCharge")["mean"], 56.305160500428855) and near(col("MonthlyCharge")["sd"], 16.42603169476879)' \
  'all(map(near, col("MonthlyCharge")["quantiles"], [33.25999984741211, 45.0, 53.5, 66.19999694824219, 87.80000305175781]))' \
  'col("RoamMins")["values"] == 3333 and col("RoamMins")["missing"] == 0 and col("RoamMins")["distinct"] == 162' \
  'near(col("RoamMins")["mean"], 10.237293733443149) and near(col("RoamMins")["sd"], 2.7918395493056734)' \
  'all(map(near, col("RoamMins")["quantiles"], [5.699999809265137, 8.5, 10.300000190734863, 12.100000381469727, 14.699999809265137]))'
check "correlations of telecom_churn are those of scipy" json c1/describe.json \
  'near(pair("pearson", "DataUsage", "MonthlyCharge"), 0.7816604283371416)' \
  'near(pair("spearman", "MonthlyCharge", "DataUsage"), 0.6464488278209456)' \
  'near(pair("pearson", "DayMins", "CustServCalls"), -0.013423185624599933)' \
  'near(pair("spearman", "CustServCalls", "DayMins"), -0.01503236066882428)' \
  'near(pair("pearson", "DataPlan", "DataUsage"), 0.9459817336191336)' \
  'near(pair("spearman", "DataUsage", "DataPlan"), 0.8412749409198916)'
check "drift of telecom_churn is that of scipy" json c1/describe.json \
  'near(drift("DayMins")["psi"][8], 0.05215818502868882)' \
  'near(drift("DayMins")["ks"][8], 0.061813310316304326)' \
  'near(drift("CustServCalls")["psi"][8], 0.03650522010759086)' \
  'near(drift("CustServCalls")["ks"][8], 0.02860045674416932)'
check "classes are counted" json c1/describe.json \
  'd["targets"] == [{"name": "churn", "level": "customer", "missing": 0, "classes": [{"name": "0", "units": 2850}, {"name": "1", "units": 483}]}]'
exit $failed
