#!/usr/bin/env bash
# gpu.sh - every test that needs a GPU, on the machine that has one.
#
#   tests/gpu.sh                       from a checkout: builds the preset "cuda" first
#   crmpi-bundle/bin/run tests/gpu.sh  from a bundle (cmake --build --preset cuda --target bundle)
#   --quick           without compute-sanitizer and the larger studies
#   --only PART       ops, parity, train, models, studies, resume or sanitizer; may be repeated
#   --telecom FILE    the CSV of telecom churn (default: data/telecom_churn/telecom_churn.csv below CRM_SHARED)
#   --keep DIR        keep runs and logs there
#
# ops: operations beside their references, queues and graphs, exact sums over ranks.  parity: PyTorch's numbers.  train: same
# bits run to run, with and without graphs, resident or streamed, on 1, 2 and 4 ranks; TF32 and bf16.  models: moved between
# CPU and GPU; numbers that are not finite.  studies: cross-validation beside the CPU.  resume: a run that is killed.
# sanitizer: memcheck and racecheck.  What cannot run here is skipped with the reason.  The last line is
# "N passed, N failed, N skipped"; the exit code is 1 when anything failed.
#
# CRM_CUDA_PLUGIN names another module; with the CPU shim (CRM_GPU_SHIM=1) the same tests run on smaller data, which shows
# that they can run, not what a GPU does.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
quick='' keep='' only='' telecom=''
while [ $# -gt 0 ]; do
    case "$1" in
    --quick) quick=1 ;;
    --only) only+=" ${2:?--only needs a part} " && shift ;;
    --telecom) telecom=${2:?--telecom needs a file} && shift ;;
    --keep) keep=${2:?--keep needs a folder} && shift ;;
    -h | --help)
        sed -n '2,20s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *)
        echo "gpu.sh: $1 is not an option; --help lists them" >&2
        exit 2
        ;;
    esac
    shift
done
shim=${CRM_GPU_SHIM:-}

# Programs: of the bundle, or of a build that is made now.
if [ -n "${CRM_BUNDLE:-}" ]; then
    crmpi=$CRM_BUNDLE/bin/crmpi tests=$CRM_BUNDLE/tests bench=$CRM_BUNDLE/bench configs=$CRM_BUNDLE/configs
    scripts=$CRM_BUNDLE/bench
    ranks() {
        "$CRM_BUNDLE/bin/mpirun" -q --oversubscribe --bind-to none -n "$@"
    }
else
    # shellcheck source=jobs/env.sh
    . "$here/../jobs/env.sh"
    if [ -z "$shim" ]; then
        CRM_BUILD_DIR=$CRM_SOURCE_DIR/build/cuda
        (cd "$CRM_SOURCE_DIR" && cmake --preset cuda >&2 && cmake --build --preset cuda >&2) || exit 1
    fi
    crmpi=$CRM_BUILD_DIR/crmpi tests=$CRM_BUILD_DIR/tests bench=$CRM_BUILD_DIR/bench configs=$CRM_SOURCE_DIR/configs
    scripts=$CRM_SOURCE_DIR/bench
    ranks() {
        crm_mpirun "$@"
    }
fi
: "${CRM_CUDA_PLUGIN:=$(dirname "$crmpi")/crmpi_cuda.so}"
: "${telecom:=${CRM_SHARED:-$here/../../shared}/data/telecom_churn/telecom_churn.csv}"
export CRM_CUDA_PLUGIN
python=${CRM_PYTHON:-$(command -v python3 || true)}
work=${keep:-$(mktemp -d "${TMPDIR:-/tmp}/crmpi-gpu.XXXXXX")}
mkdir -p "$work"
[ -n "$keep" ] || trap 'rm -rf "$work"' EXIT

passed=0 failed=0 skipped=0
ok() {
    passed=$((passed + 1))
    echo "ok - $*"
}
not_ok() {
    failed=$((failed + 1))
    echo "not ok - $*"
}
skip() {
    skipped=$((skipped + 1))
    echo "ok - $1 # SKIP $2"
}
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}
check() { # NAME COMMAND...: passes when the command does
    local name=$1
    shift
    if "$@" >"$work/last.log" 2>&1; then ok "$name"; else
        not_ok "$name"
        tail -n 15 "$work/last.log" | sed 's/^/# /'
    fi
}
# Counts the results of a test program; those of the CPU's own paths are left out by it.
tap() { # NAME COMMAND...
    local name=$1 code=0 log good bad skips
    shift
    log=$work/$(tr ' /' '__' <<<"$name").log
    "$@" >"$log" 2>&1 || code=$?
    sed -i '/CRM_TEST_ONLY says so/d' "$log"
    good=$(grep '^ok' "$log" | grep -civ '# skip') bad=$(grep -c '^not ok' "$log") skips=$(grep -ci '^\(ok\|1\.\.0\).*# skip' "$log")
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skips))
    echo "# $name: $good ok, $bad not ok, $skips skipped"
    [ "$bad" = 0 ] || grep -B 5 -A 5 '^not ok' "$log" | head -n 60 | sed 's/^/# /'
    [ "$skips" = 0 ] || grep -i '^\(ok\|1\.\.0\).*# skip' "$log" | sed 's/^/# /'
    if [ "$bad" = 0 ] && { [ "$code" != 0 ] || [ $((good + skips)) = 0 ]; }; then
        not_ok "$name ended with code $code"
        tail -n 15 "$log" | sed 's/^/# /'
    fi
}
wanted() { # PART
    [ -z "$only" ] || [[ $only == *" $1 "* ]]
}
# With the first GPU of this machine alone: for tests that want several ranks on one.
one_gpu() {
    local visible=${CUDA_VISIBLE_DEVICES:-0}
    CUDA_VISIBLE_DEVICES=${visible%%,*} "$@"
}

# ---- operations, queues, exact sums ----
part_ops() {
    local t n
    for t in "$tests"/test_device_device_*; do
        case "$(basename "$t")" in
        *_cpu | *_lanes | *_text_bits | *_open) continue ;; # of the CPU, and of modules that do not fit
        esac
        CRM_TEST_ONLY=cuda tap "$(basename "$t")" timeout 900 "$t"
    done
    for n in 1 2; do
        CRM_TEST_DEVICE=cuda CRM_TEST_TRANSPORT=mpi one_gpu tap "exact sum, $n ranks on one GPU by MPI" ranks "$n" timeout 600 \
            "$tests/test_comm_comm_device"
    done
    if [ "$n_gpus" -lt 2 ]; then
        skip "exact sum by NCCL" "one GPU: NCCL needs one for each rank"
        return
    fi
    for t in mpi nccl; do
        CRM_TEST_DEVICE=cuda CRM_TEST_TRANSPORT=$t tap "exact sum, 2 GPUs by $t" ranks 2 timeout 600 "$tests/test_comm_comm_device"
    done
    if [ "$n_gpus" -ge 3 ]; then
        CRM_TEST_DEVICE=cuda tap "lost ranks of NCCL" ranks 3 timeout 600 "$tests/test_comm_comm_device_lost"
    else
        skip "lost ranks of NCCL" "fewer than 3 GPUs"
    fi
}

# ---- parity with PyTorch ----
part_parity() {
    local kind
    if [ -z "$python" ] || ! "$python" -c 'import torch, h5py' 2>/dev/null; then
        skip "parity with PyTorch" "no Python with torch and h5py"
        return
    fi
    for kind in gru lstm; do
        check "parity with PyTorch, $kind, below 1e-4" timeout 600 "$python" "$scripts/parity.py" "$bench/bench_parity" \
            --device cuda "$kind"
    done
}

# ---- training ----
customers=4000 epochs=3
[ -z "$shim" ] || customers=120 epochs=1
small=(--set "data.path=$work/small.h5" --set "synth.customers=$customers" --set synth.seed=7)
tiny=(--set train.patience=0 --set train.validation=0 --set "eval.models=[hybrid]" --set train.members=1)
[ -z "$shim" ] || tiny+=(--set train.lane_rows=8 --set train.lanes=4 --set model.text_dim=8
    --set model.text_filters=4 --set model.rnn_units=4 --set model.event_dim=4 --set "model.months=[4]"
    --set "model.hidden=[8]" --set model.fusion=8 --set model.event_steps=6 --set model.documents=2
    --set model.text_length=12)

data() {
    [ -f "$work/small.h5" ] || check "synthetic data" ranks 2 "$crmpi" synth "$configs/quickstart.yaml" "${small[@]}"
}
fit() { # RUN RANKS OPTION...
    local run=$1 n=$2
    shift 2
    rm -rf "${work:?}/$run"
    ranks "$n" timeout 900 "$crmpi" train "$configs/quickstart.yaml" "${small[@]}" "${tiny[@]}" --set "train.epochs=$epochs" \
        --set device=cuda --out "$work/$run" "$@" >"$work/$run.out" 2>"$work/$run.err" || {
        tail -n 5 "$work/$run.err"
        return 1
    }
    sha256sum <"$work/$run/models/hybrid.h5" >"$work/$run.sha"
}
same() { # RUN OTHER: the same model file
    [ -s "$work/$1.sha" ] && cmp "$work/$1.sha" "$work/$2.sha"
}
first_fit() {
    data
    [ -s "$work/first.sha" ] || check "train on the GPU" fit first 1
}
refused() {
    ! one_gpu fit refused 2 --set gpu.transport=nccl && grep -q share "$work/refused.err" &&
        grep -q gpu.transport "$work/refused.err"
}
part_train() {
    local i name option n run math
    first_fit
    for i in 2 3 4 5; do
        check "train, run $i of 5" fit "again$i" 1
        check "same bits, run $i of 5" same first "again$i"
    done
    while IFS=: read -r name option n; do
        run=$(tr ' ' '_' <<<"$name")
        check "train, $name" one_gpu fit "$run" "$n" --set "$option"
        check "same bits, $name" same first "$run"
    done <<END
no graph:gpu.graph=false:1
streamed:gpu.resident=off:1
2 ranks on one GPU:gpu.transport=mpi:2
4 ranks on one GPU:gpu.transport=mpi:4
END
    if [ "$n_gpus" -ge 2 ]; then
        check "train, 2 GPUs by NCCL" fit nccl 2 --set gpu.transport=nccl
        check "same bits, 2 GPUs by NCCL" same first nccl
        check "train, 2 GPUs by NCCL, no graph" fit nccl_plain 2 --set gpu.transport=nccl --set gpu.graph=false
        check "same bits, 2 GPUs by NCCL, no graph" same first nccl_plain
    fi
    check "NCCL for 2 ranks on one GPU is refused with the fix" refused
    check "train, fast sum" fit fast 1 --set train.reduce=fast
    for math in tf32 bf16; do
        check "train, $math" fit "$math" 1 --set "gpu.math=$math"
        check "train, $math, again" fit "$math-again" 1 --set "gpu.math=$math"
        check "same bits, $math" same "$math" "$math-again"
    done
}

# ---- models move between CPU and GPU; numbers that are not finite ----
predictions() { # NAME RUN OPTION...
    local name=$1 run=$2
    shift 2
    "$crmpi" predict "$work/$run" --set "data.path=$work/small.h5" --out "$work/$name.csv" "$@"
}
close_enough() { # A B LIMIT: probabilities of two CSV files
    paste -d, "$work/$1.csv" "$work/$2.csv" | awk -F, -v limit="$3" 'NR > 1 {n = NF / 2
        for (i = 2; i <= n; i++) if ($i ~ /^[0-9.e-]+$/) {
            d = $i - $(i + n); if (d < 0) d = -d; if (d > most) most = d; k++}}
        END {print "largest difference " most " of " k; exit most > limit || k == 0}'
}
explodes() {
    ! fit nan 1 --set optim.lr=1000 --set optim.clip_norm=0 --set optim.kind=sgd --set optim.warmup=0 &&
        grep -q 'is not finite' "$work/nan.err"
}
part_models() {
    local math
    first_fit
    check "predict on the GPU what was trained there" predictions gpu_gpu first --set device=cuda
    check "predict on the CPU what was trained on the GPU" predictions gpu_cpu first --set device=cpu
    check "both agree to 1e-4" close_enough gpu_gpu gpu_cpu 1e-4
    check "train on the CPU" fit cpu 1 --set device=cpu
    check "predict on the GPU what was trained on the CPU" predictions cpu_gpu cpu --set device=cuda
    check "predict on the CPU" predictions cpu_cpu cpu --set device=cpu
    check "both agree to 1e-4" close_enough cpu_gpu cpu_cpu 1e-4
    for math in tf32 bf16; do
        check "predict in $math" predictions "p_$math" first --set device=cuda --set "gpu.math=$math"
        check "$math agrees with fp32 to 0.01" close_enough gpu_gpu "p_$math" 0.01
    done
    check "a run that explodes ends with the name of what was not finite" explodes
}

# ---- cross-validation beside the CPU ----
study() { # NAME RANKS DEVICE CONFIG OPTION...
    local run=$1 n=$2 device=$3 config=$4
    shift 4
    ranks "$n" timeout 1800 "$crmpi" crossval "$configs/$config" --out "$work/$run" --set "device=$device" "$@" \
        >"$work/$run.out" 2>"$work/$run.err" || {
        tail -n 5 "$work/$run.err"
        return 1
    }
}
within_se() { # A B: each metric of the hybrid within one standard error of the CPU's, same folds
    "$python" - "$work/$1/summary.json" "$work/$2/summary.json" <<'PY'
import json, math, sys
a, b = (json.load(open(f)) for f in sys.argv[1:3])
if a["digests"]["folds"] != b["digests"]["folds"]:
    sys.exit("the folds differ")
def scores(s):
    model = next(m for m in s["targets"][0]["models"] if m["name"] == "hybrid")
    return {k: [f for f in v["folds"] if f is not None] for k, v in model["metrics"].items()}
x, y, n = scores(a), scores(b), 0
for k in sorted(set(x) & set(y)):
    if len(y[k]) < 2:
        continue
    mean = sum(y[k]) / len(y[k])
    se = math.sqrt(sum((v - mean) ** 2 for v in y[k]) / (len(y[k]) - 1) / len(y[k]))
    d = abs(sum(x[k]) / len(x[k]) - mean)
    print(f"{k}: differs by {d:.5f}, standard error {se:.5f}")
    n += 1
    if d > se + 1e-12:
        sys.exit(f"{k} differs by more than its standard error")
if n == 0:
    sys.exit("no metric could be compared")
PY
}
compare_devices() { # NAME CPU_RANKS CONFIG OPTION...
    local name=$1 n=$2
    shift 2
    check "$name on the GPU" study "${name// /_}_gpu" 1 cuda "$@"
    check "$name on the CPU" study "${name// /_}_cpu" "$n" cpu "$@"
    if [ -n "$python" ]; then
        check "$name within one standard error" within_se "${name// /_}_gpu" "${name// /_}_cpu"
    else
        skip "$name within one standard error" "no Python"
    fi
}
part_studies() {
    if [ -n "$shim" ]; then
        data
        compare_devices "a small study" 2 quickstart.yaml "${small[@]}" "${tiny[@]}" --set train.epochs=2 --set eval.folds=2 \
            --set eval.repeats=1
    fi
    if [ -n "$quick$shim" ]; then
        skip "telecom churn and 20,000 customers beside the CPU" "--quick or the shim"
        return
    fi
    if [ -f "$telecom" ]; then
        compare_devices "telecom churn" 4 telecom-churn.yaml --set "data.path=$telecom" --set "data.store=$work/telecom.h5"
    else
        skip "telecom churn beside the CPU" "there is no $telecom (--telecom FILE names another)"
    fi
    check "20,000 customers" ranks 2 "$crmpi" synth "$configs/quickstart.yaml" --set "data.path=$work/large.h5" \
        --set synth.customers=20000
    compare_devices "synthetic study" 8 quickstart.yaml --set "data.path=$work/large.h5" --set "eval.models=[hybrid]"
}

# ---- killed and resumed, with several units on one GPU ----
killed() {
    local pid done_units options=("${small[@]}" "${tiny[@]}" --set eval.folds=5 --set eval.repeats=1)
    options+=(--set "train.epochs=$((2 * epochs + 1))")
    rm -rf "$work/killed" "$work/whole"
    study whole 1 cuda quickstart.yaml "${options[@]}" || return 1
    ranks 2 "$crmpi" crossval "$configs/quickstart.yaml" --out "$work/killed" --set device=cuda "${options[@]}" >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 6000); do
        done_units=$(find "$work/killed/units" -name '*.h5' 2>/dev/null | wc -l)
        [ "$done_units" = 0 ] || break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.02
    done
    pkill -9 -f "crossval.*$work/killed" || true
    wait "$pid" 2>/dev/null
    done_units=$(find "$work/killed/units" -name '*.h5' | wc -l)
    echo "$done_units units were done"
    [ "$done_units" -gt 0 ] && [ ! -f "$work/killed/summary.json" ] || return 1
    study killed 2 cuda quickstart.yaml "${options[@]}" || return 1
    cmp "$work/killed/summary.json" "$work/whole/summary.json"
}
part_resume() {
    data
    check "killed, resumed on 2 ranks with one GPU (units apart): the summary of one rank" one_gpu killed
}

# ---- compute-sanitizer ----
part_sanitizer() {
    local tool t sanitizer
    sanitizer=$(PATH="$PATH:${CUDA_HOME:-/usr/local/cuda}/bin" command -v compute-sanitizer || true)
    if [ -n "$quick$shim" ]; then
        skip "compute-sanitizer" "--quick or the shim"
    elif [ -z "$sanitizer" ]; then
        skip "compute-sanitizer" "it is not installed"
    elif "$sanitizer" --tool memcheck "$crmpi" info --set device=cuda 2>&1 | grep -qi 'not supported'; then
        skip "compute-sanitizer" "it does not support the device here"
    else
        data
        for tool in memcheck racecheck; do
            for t in ops step pool conv product rnn text text_embed queue; do
                CRM_TEST_ONLY=cuda CRM_TEST_SMALL=1 check "$tool, $t" timeout 900 "$sanitizer" --tool "$tool" \
                    --error-exitcode 9 "$tests/test_device_device_$t"
            done
        done
        check "memcheck, a step of training" timeout 900 "$sanitizer" --tool memcheck --error-exitcode 9 "$crmpi" train \
            "$configs/quickstart.yaml" "${small[@]}" "${tiny[@]}" --set train.epochs=1 --set device=cuda --out "$work/watched"
    fi
}

# ---- the machine ----
echo "# $("$crmpi" --version), module $CRM_CUDA_PLUGIN"
"$crmpi" info 2>&1 | sed 's/^/# /'
n_gpus=$("$crmpi" info 2>/dev/null | grep -c '^GPU  *[0-9]')
if ! "$crmpi" info --set device=cuda >/dev/null 2>"$work/why"; then
    # Without a GPU that is how it is; with one it is a failure.
    if [ -e /dev/nvidiactl ] || [ -n "$shim" ] || nvidia-smi >/dev/null 2>&1; then
        not_ok "the GPU of this machine can be used: $(tail -n 1 "$work/why")"
    else
        skip "all tests of a GPU" "no GPU is here: $(tail -n 1 "$work/why")"
    fi
    finish
fi
for part in ops parity train models studies resume sanitizer; do
    if wanted "$part"; then "part_$part"; fi
done
finish
