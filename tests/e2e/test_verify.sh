#!/bin/bash
# crmpi verify: a run is reproduced on any number of ranks; what was changed since is told, what cannot be repeated as well; the
# run's folder is only read. run.json is complete enough for that, and ro-crate-metadata.json is an RO-Crate 1.1.
# timeout: 240  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
[ "${CRM_TIER:-default}" = default ] && export fail_ranks=1
table 120 customers.csv
cat >study.yaml <<Y
data: {path: customers.csv, label: churn, id: id}
eval:
  folds: 3
  models: [logistic, rule, naive_bayes]
Y
ranks 2 crossval study.yaml --set record.author="A. Person" --set record.license=https://spdx.org/licenses/MIT --out run >out.txt 2>err ||
  not_ok "crossval" "$(cat err)"
ranks 1 train study.yaml --out trained >out.txt 2>err || not_ok "train" "$(cat err)"
ranks 2 calibrate study.yaml --set eval.models=rule,naive_bayes --set calibrate.replicates=25 --out nul >out.txt 2>err ||
  not_ok "calibrate" "$(cat err)"

# state DIR: names, times and contents of all in a folder
state() {
  find "$1" -printf '%p %y %s %T@\n' | sort
  find "$1" -type f -print0 | sort -z | xargs -0 cksum
}

# reproduced N LINE ARGS...: verify on N ranks says LINE (a pattern) and nothing else on stdout
reproduced() {
  local n=$1 line=$2
  shift 2
  if [ "$n" = 1 ]; then
    alone verify "$@" >said 2>err || { cat err; return 1; }
  else
    ranks "$n" verify "$@" >said 2>err || { cat err; return 1; }
  fi
  grep -Eqx -- "$line" said && [ "$(wc -l <said)" = 1 ] || { cat said; return 1; }
}

state run >before
all="12 units, digests of folds, weights, predictions and summary are equal"
check "reproduced on 1 rank" reproduced 1 "reproduced: $all \(1 rank here, 2 then\)" run
check "on 2 ranks" reproduced 2 "reproduced: $all \(2 ranks here, 2 then\)" run/
check "on 3 ranks, with threads" reproduced 3 "reproduced: $all \(3 ranks here, 2 then\)" run --set train.threads=2
state run >after
check "the folder of the run is only read" cmp before after
check "nothing is left beside it" test -z "$(find . -name '*.verify-*')"
check "of train" reproduced 2 "reproduced: 3 units, digests of weights are equal \(2 ranks here, 1 then\)" trained
check "of calibrate" reproduced 1 \
  "reproduced: 3 units, digests of their values and calibrate.json are equal \(1 rank here, 2 then\)" nul

# --- a sample ---
check "a sample" reproduced 3 \
  "reproduced: 5 of 12 units, digests of folds, weights and predictions are equal \(3 ranks here, 2 then\)" run --units 5
grep -o 'units:.*' err | tr ' ' '\n' | grep -- - | sort >five
reproduced 1 ".*4 of 12 units.*" run --units 4
grep -o 'units:.*' err | tr ' ' '\n' | grep -- - | sort >four
check "it is printed" test "$(wc -l <five) $(wc -l <four)" = "5 4"
check "a larger one holds the smaller" test -z "$(comm -13 five four)"
check "spread over models" test "$(sed 's/-.*//' five | sort | uniq -c | awk '{print $1}' | sort | tr -d '\n')" = 122
check "spread over folds" test "$(sed 's/^[^-]*-//' four | sort -u | wc -l)" = 4
check "more than there are: all" reproduced 1 "reproduced: $all .*" run --units 99
check "a sample of train" reproduced 1 "reproduced: 2 of 3 units, digests of weights are equal .*" trained --units 2
check "a sample of calibrate" reproduced 2 "reproduced: 1 of 3 units, digests of their values are equal .*" nul --units 1
check "--out keeps the repetition" reproduced 1 "reproduced: $all .*" run --out again
check "and it is the same result" cmp run/summary.json again/summary.json
check "with the same digests of units" cmp run/units.json again/units.json

# --- what cannot be repeated ---
fails "--units none" 2 "number of units from 1 on" verify run --units 0
fails "another seed" 2 "only options that cannot change a result" verify run --set eval.seed=3
fails "--out is the run" 2 "is the run itself" verify trained --out ./trained
cp -r run copied && rm copied/run.json copied/summary.json copied/units/*f1.h5
fails "--out is an unfinished copy of the run" 2 "copied: holds a run that is not an unfinished repetition of .*run;" verify run --out copied
fails "--out is an unfinished repetition of another run" 2 "is not an unfinished repetition of" verify trained --out copied
check "which stays as it is" test -d copied/models -a ! -e copied/run.json
fails "--out is a finished run" 2 "nothing would be repeated" verify run --out again
fails "no folder" 3 "there is no such run folder" verify nowhere
fails "not a run" 3 "is not a run folder" verify .
fails "no operand" 2 "verify needs a run folder" verify
cp -r run half && rm half/run.json
fail_ranks=2 fails "not finished" 3 "the run is not finished" verify half

mkdir moved && sed 's/,no$/,yes/;10q' customers.csv >moved/customers.csv
fail_ranks=2 fails "other data" 3 "moved/customers.csv: the content of the CSV.* is not that of the run: digest [0-9a-f]{32}, run.json says [0-9a-f]{32}" \
  verify run --set data.path=moved/customers.csv
cp run.h5 moved/data.h5
check "the data set itself" reproduced 1 "reproduced: $all .*" run --set data.path=moved/data.h5
size=$(stat -c %s moved/data.h5)
printf '\377\376' | dd of=moved/data.h5 bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
fails "a damaged data set" 3 "moved/data.h5" verify run --set data.path=moved/data.h5
mv customers.csv away.csv
check "the CSV is gone, its data set is there" reproduced 1 "reproduced: $all .*" run
mv run.h5 away.h5
fails "both are gone" 3 "customers.csv: there is no such file; name the data" verify run
mv away.csv customers.csv
check "the data set is gone, the CSV is there" reproduced 2 "reproduced: $all .*" run
mv away.h5 run.h5
here=$PWD
check "from another folder" bash -c "cd / && '$CRMPI' verify '$here/run' --units 1 >/dev/null"

# --- what was changed since ---
# changed NAME FILE COMMAND: a copy of the run in which COMMAND has changed FILE is told, with the digest of then
changed() {
  local name=$1 file=$2
  shift 2
  rm -rf copy && cp -r run copy
  (cd copy && eval "$*") || not_ok "$name: not changed"
  cmp -s "run/$file" "copy/$file" && not_ok "$name: not changed"
  fails "$name" 3 "copy/$file: (was changed or damaged after the run.*digest [0-9a-f]{32}|is missing)" verify copy
}
flip='printf "\377" | dd of=F bs=1 seek=$(($(stat -c %s F) / 2)) conv=notrunc 2>/dev/null'
changed "a flipped byte in predictions.h5" predictions.h5 "${flip//F/predictions.h5}"
changed "a flipped byte in a model" models/logistic.h5 "${flip//F/models/logistic.h5}"
changed "a digit of summary.json" summary.json "sed -i '0,/[1-8]\\./s//9./' summary.json"
changed "config.yaml" config.yaml "sed -i 's/^eval.seed: 0/eval.seed: 7/' config.yaml"
changed "units.json" units.json "rm units.json"
rm -rf copy && cp -r run copy && sed -i 's/"rows": 120/"rows": 121/' copy/run.json
fails "run.json" 3 "copy/run.json: was changed or damaged" verify copy
printf '{' >copy/run.json
fails "run.json is no JSON" 3 "copy/run.json: is damaged: line" verify copy

# --- a result that the program does not give there: sums in an order that depends on the ranks ---
cat >fast.yaml <<Y
data: {path: customers.csv, label: churn, id: id}
eval: {models: [logistic, hybrid]}
train: {epochs: 6, reduce: fast, lanes: 8, lane_rows: 4}
Y
ranks 4 train fast.yaml --out forged >/dev/null 2>err || not_ok "train with fast sums" "$(cat err)"
rm forged/run.json
ranks 4 train fast.yaml --out forged >/dev/null 2>err || not_ok "train that goes on" "$(cat err)"
fail_ranks=1 fails "another result" 4 "not reproduced: hybrid-all: weights: [0-9a-f]{32} here, [0-9a-f]{32} in .*/forged" verify forged
check "what differs between the machines is told" grep -q "layout.ranks: 4 there, 1 here" stderr
check "and that sums depend on them" grep -q "train.reduce is fast" stderr
check "and the restart is counted" grep -q '"resumes": 1' forged/run.json

# --- initial parameters ---
cat >net.yaml <<Y
data: {path: customers.csv, label: churn, id: id}
eval: {models: [hybrid]}
train: {epochs: 2}
Y
alone train net.yaml --out first >/dev/null 2>err || not_ok "train of a net" "$(cat err)"
cp first/models/hybrid.h5 init.h5
ranks 2 train net.yaml --init init.h5 --out second >/dev/null 2>err || not_ok "train --init" "$(cat err)"
check "a run with --init" reproduced 1 "reproduced: 1 unit, digests of weights are equal \(1 rank here, 2 then\)" second
alone train net.yaml --set eval.seed=5 --out third >/dev/null 2>&1
cp third/models/hybrid.h5 init.h5
fails "other initial parameters" 3 "init.h5: the content is not that of the run: digest [0-9a-f]{32}, run.json says [0-9a-f]{32}" verify second

# --- a verification that is stopped ---
# stopped CODE ARGS...: verify gets a signal once a unit is finished; it ends with CODE
stopped() {
  local code=$1 pid
  shift
  "$CRMPI" verify "$@" >said 2>err &
  pid=$!
  for _ in $(seq 300); do
    [ -z "$(find long.verify-* kept -path '*/units/*.h5' 2>/dev/null)" ] || break
    sleep 0.1
  done
  kill -TERM "$pid"
  wait "$pid"
  [ $? = "$code" ] || { cat said err; return 1; }
}
if [ "${CRM_TIER:-default}" = default ]; then
  skip "a verification that is stopped" "tier: full"
else
  table 3000 many.csv
  alone crossval net.yaml --set data.path=many.csv --set train.epochs=30 --out long >/dev/null 2>err || not_ok "crossval of a net" "$(cat err)"
  check "a signal stops it" stopped 75 long
  check "which is said" grep -q "stopped; what was repeated is removed" err
  check "and is so" test -z "$(find . -name '*.verify-*')"
  check "with --out it stays" stopped 75 long --out kept
  check "and goes on" reproduced 2 "reproduced: .* summary are equal \(2 ranks here, 1 then\)" long --out kept
fi

# --- run.json and the crate ---
if ! command -v python3 >/dev/null; then
  skip "run.json and ro-crate-metadata.json" "no python3"
  exit "$failed"
fi
cat >crate.py <<'P'
"""crate.py RUN: what RO-Crate 1.1 requires of ro-crate-metadata.json, and what run.json must hold for a repetition."""
import datetime, json, os, re, sys

run = sys.argv[1]
bad = 0


def check(name, fine):
    global bad
    print(("ok - " if fine else "not ok - ") + run + ": " + name)
    bad += not fine


def date(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def ids(v):
    return [x["@id"] for x in (v if isinstance(v, list) else [v])]


crate = json.load(open(run + "/ro-crate-metadata.json"))
j = json.load(open(run + "/run.json"))
context = crate["@context"]
check("context", "https://w3id.org/ro/crate/1.1/context" in (context if isinstance(context, list) else [context]))
graph = {e["@id"]: e for e in crate["@graph"]}
check("identifiers are unique, each entity has a type", len(graph) == len(crate["@graph"]) and all("@type" in e for e in crate["@graph"]))
d = graph["ro-crate-metadata.json"]
check("descriptor", d["@type"] == "CreativeWork" and d["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"} and d["about"] == {"@id": "./"})
root = graph["./"]
check("root", root["@type"] == "Dataset" and root["name"] and root["description"] and bool(date(root["datePublished"])))
files = [e for e in crate["@graph"] if e["@type"] == "File"]
check("files are the parts of the root", sorted(ids(root["hasPart"])) == sorted(e["@id"] for e in files) and files)
check("every file is there with its size", all(os.path.getsize(os.path.join(run, e["@id"])) == int(e["contentSize"]) for e in files))
there = {os.path.relpath(os.path.join(b, n), run) for b, _, names in os.walk(run) for n in names
         if os.path.basename(b) in (os.path.basename(run), "models", "units") and n[0] != "." and n != "ro-crate-metadata.json"}
check("results of units are told", any(e["@id"].startswith("units/") and "unit" in e["description"] for e in files) or run == "nul")
check("no file is left out", there == {e["@id"] for e in files})
check("formats and digests", all(re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", e["encodingFormat"]) and re.fullmatch("[0-9a-f]{32}", e["xxh128"]) for e in files))
listed = {e["@id"]: e["xxh128"] for e in files}
check("digests are those of run.json", all(listed[n] == f["digest"] and os.path.getsize(os.path.join(run, n)) == f["bytes"] for n, f in j["files"].items()))
act = graph["#run"]
check("action", act["@type"] == "CreateAction" and date(act["startTime"]) <= date(act["endTime"]) and act["actionStatus"]["@id"].endswith("CompletedActionStatus"))
check("instrument", graph[act["instrument"]["@id"]]["@type"] == "SoftwareApplication" and graph[act["instrument"]["@id"]]["softwareVersion"] == j["program"]["version"])
check("objects and results are entities", all(i in graph for i in ids(act["object"]) + ids(act["result"])) and "config.yaml" in ids(act["object"]))
check("data by digest", graph["#data"]["identifier"] == j["digests"]["data"])
used = set()


def walk(v):
    if isinstance(v, dict):
        if set(v) == {"@id"}:
            used.add(v["@id"])
        for x in v.values():
            walk(x)
    elif isinstance(v, list):
        for x in v:
            walk(x)


walk(crate["@graph"])
check("references lead somewhere", all(i in graph or i.startswith(("http://schema.org/", "https://w3id.org/")) for i in used))
if run == "run":
    check("author and licence", graph[act["agent"]["@id"]]["name"] == "A. Person" and graph["#author"]["@type"] == "Person" and root["license"]["@id"] in graph)
else:
    check("no author unless one is told", "agent" not in act)
    check("a licence that is not stated is an entity, too", graph[root["license"]["@id"]]["name"] == "None is stated")
if run == "second":
    check("initial parameters", "#init" in ids(act["object"]) and graph["#init"]["identifier"] == j["digests"]["init"])
p = j["program"]
check("program", {"version", "compiler", "build", "flags", "mpi", "hdf5", "glibc", "libsvm"} <= set(p) and re.fullmatch("[0-9]+[.][0-9]+", p["libsvm"]) and re.fullmatch("[0-9a-f]{7,40}(-dirty)?", p.get("commit", "0000000")))
check("machine", j["kernel"].startswith("Linux ") and j["cpu"]["kernels"].startswith("cpu:") and j["cpu"]["cores"] >= 1 and j["layout"]["nodes"] == 1)
check("arguments and folder", j["command"] in j["arguments"] and os.path.samefile(j["working_folder"], "."))
check("environment", all(k.startswith(("CRM_", "OMP_", "OPENBLAS_", "HDF5_", "CUDA", "NCCL", "NVIDIA", "GLIBC", "LD_PRELOAD", "GOMP", "KMP", "CUBLAS", "CUDNN", "OMPI_MCA_", "PMIX_MCA_", "UCX_", "FI_", "MPICH_", "LD_LIBRARY_PATH")) for k in j["environment"]))
check("options of MPI, not what one launcher tells its ranks", j["environment"].get("OMPI_MCA_pml") == os.environ["OMPI_MCA_pml"]
      and not any(k.startswith(("OMPI_MCA_orte_", "OMPI_MCA_ess")) for k in j["environment"]))
starts = j["time"]["starts"]
check("starts", len(starts) == 1 + j["time"]["resumes"] == 1 and starts[0]["ranks"] == j["layout"]["ranks"] and bool(date(starts[0]["time"])))
units = json.load(open(run + "/units.json"))["units"]
count = {"run": 12, "trained": 3, "nul": 3, "second": 1}[run]
keys = {"name", "values"} if run == "nul" else {"name", "weights"}
check("units", len(units) == count and all(keys <= set(u) and all(re.fullmatch("[0-9a-f]{32}", v) for k, v in u.items() if k != "name") for u in units))
if run == "run":
    check("predictions of each test part", all(("predictions" in u) == (not u["name"].endswith("-all")) for u in units))
sys.exit(bool(bad))
P
for run in run trained nul second; do
  python3 crate.py $run || failed=1
done
if command -v xxh128sum >/dev/null; then
  check "digests are those of xxh128sum" test \
    "$(xxh128sum run/summary.json | cut -d' ' -f1)" = "$(python3 -c 'import json; print(json.load(open("run/run.json"))["files"]["summary.json"]["digest"])')"
fi
echo "changed" >>run/report.md
alone report run >/dev/null 2>err || not_ok "report" "$(cat err)"
python3 crate.py run >crate.txt || not_ok "the crate after report" "$(grep '^not' crate.txt)"
check "verify after report" reproduced 1 "reproduced: 1 of 12 units.*" run --units 1

# --- jobs ---
SLURM_JOB_ID=77 SLURM_ARRAY_JOB_ID=70 SLURM_ARRAY_TASK_ID=7 SLURM_RESTART_COUNT=2 CRM_CPU=portable \
  alone train study.yaml --set eval.models=rule --out job >/dev/null 2>err || not_ok "train in a job" "$(cat err)"
cat >job.py <<'P'
import json
j = json.load(open("job/run.json"))
s = j["slurm"]
assert (s["job_id"], s["array_job_id"], s["array_task_id"], s["restart_count"]) == ("77", "70", "7", "2"), s
assert j["time"]["starts"][0]["job"] == "70_7" and j["environment"]["CRM_CPU"] == "portable" and j["cpu"]["kernels"] == "cpu:portable", j
P
check "job and environment in run.json" python3 job.py
exit "$failed"
