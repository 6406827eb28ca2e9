#!/bin/bash
# run.json says where a result is from: options with origins, versions, device, ranks with hosts, seeds, times, digests.
# What it says is compared with `crmpi info`, hostname and summary.json.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
command -v python3 >/dev/null || { skip "run.json" "no python3"; exit 0; }
table 120 customers.csv
cat >study.yaml <<Y
data: {path: customers.csv, label: churn, id: id}
eval:
  folds: 3
  models: [logistic, rule]
Y
ranks 2 info >info.txt 2>/dev/null
ranks 2 crossval study.yaml --set eval.seed=17 --set train.threads=2 --out run >/dev/null 2>err || not_ok "crossval" "$(cat err)"
ranks 3 train study.yaml --out trained >trained.txt 2>err || not_ok "train" "$(cat err)"
"$CRMPI" crossval study.yaml --set data.path=run.h5 --out direct >/dev/null 2>err || not_ok "crossval on a data set" "$(cat err)"

cat >look.py <<'P'
"""look.py RUN: a line of TAP for each thing that run.json must hold."""
import datetime, json, os, re, socket, sys

run = sys.argv[1]
j = json.load(open(run + "/run.json"))
info = {}
for line in open("info.txt"):
    word = re.match(r"(\w+) +(.*)", line)
    if word:
        info.setdefault(*word.groups())  # of two devices the first is used
bad = 0


def check(name, fine):
    global bad
    print(("ok - " if fine else "not ok - ") + run + ": " + name)
    bad += not fine


def hexes(d):
    return bool(d) and all(re.fullmatch("[0-9a-f]{32}", v) for v in d.values())


config = j["config"]
size = {"run": 2, "trained": 3, "direct": 1}[run]
check("command", j["command"] == ("train" if run == "trained" else "crossval"))
check("every option is there with value and origin", len(config) > 40 and all(set(v) == {"value", "origin"} for v in config.values()))
check("origin in the file", config["eval.folds"] == {"value": "3", "origin": "study.yaml:3"})
check("origin by default", config["eval.repeats"] == {"value": "1", "origin": "default"})
seed = 17 if run == "run" else 0
check("origin on the command line", ("--set" in config["eval.seed"]["origin"]) == (run == "run"))
check("seed", j["seeds"]["eval"] == seed and config["eval.seed"]["value"] == str(seed))
check("versions", j["program"]["version"] == info["crmpi"] and j["program"]["compiler"] == info["compiler"])
check("MPI and HDF5", j["program"]["mpi"] == info["MPI"] and j["program"]["hdf5"] == info["HDF5"])
cpu = open("/proc/cpuinfo").read() if os.path.exists("/proc/cpuinfo") else ""
check("CPU features", not cpu or set(j["cpu"]["features"].split()) <= set(re.search("flags.*", cpu).group().split()))
check("device", j["device"] == info["device"])
check("rank map", [r["rank"] for r in j["ranks"]] == list(range(size)))
check("hosts", {r["host"] for r in j["ranks"]} <= {socket.gethostname(), socket.gethostname().split(".")[0]})
check("a process for each rank", len({r["pid"] for r in j["ranks"]}) == size and all(r["peak_resident_bytes"] > 1 << 20 for r in j["ranks"]))
check("memory of each process", all(1 << 12 < r["peak_held_bytes"] < r["peak_resident_bytes"] for r in j["ranks"]))
check("threads", j["threads"] == (2 if run == "run" else 1))
check("rows and path of the data", j["data"]["rows"] == 120 and j["data"]["path"] == ("run.h5" if run == "direct" else run + ".h5"))
started, ended = (datetime.datetime.strptime(j["time"][k], "%Y-%m-%dT%H:%M:%SZ") for k in ("started", "ended"))
now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
check("times", datetime.timedelta(0) <= ended - started and abs(now - ended) < datetime.timedelta(minutes=5))
check("seconds", -1 <= j["time"]["seconds"] - (ended - started).total_seconds() <= 1.5)
d = j["digests"]
if run == "trained":
    check("digests of the models", set(d["models"]) == {"logistic", "rule"} and hexes(d["models"]))
else:
    digests = json.load(open(run + "/summary.json"))["digests"]
    check("digests of the results are those of summary.json", {k: d[k] for k in digests} == digests)
check("digest of the data", d["data"] == json.load(open("run/run.json"))["digests"]["data"])
check("digest of the source", hexes({"source": d["source"]}))
check("digest of the run", hexes({"run": d["run"]}))
sys.exit(bool(bad))
P
for run in run trained direct; do
  python3 look.py $run || failed=1
done
exit "$failed"
