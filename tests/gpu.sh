#!/usr/bin/env bash
# gpu.sh - every test that needs a GPU, on the machine that has one.
#
#   tests/gpu.sh                    from a checkout: builds the preset "cuda" first
#   crmpi-bundle/bin/run tests/gpu.sh        from a bundle (cmake --build --preset cuda --target bundle)
#   tests/gpu.sh --quick            without compute-sanitizer and the larger studies
#   tests/gpu.sh --keep DIR         keep runs and logs there
#
# Operations beside their references, queues and graphs, exact sums over ranks, parity with PyTorch, training (same bits
# run to run, with and without graphs, resident or streamed, on 1 and 2 ranks), cross-validation beside the CPU, models
# that move between CPU and GPU, a run that is killed, numbers that are not finite, compute-sanitizer.  What cannot run
# here is skipped with the reason.  The last line is "N passed, N failed, N skipped"; the exit code is 1 when anything failed.
#
# CRM_CUDA_PLUGIN names another module; with the CPU shim (CRM_GPU_SHIM=1) the same tests run on smaller data, which shows
# that they can run, not what a GPU does.  CRM_SHARED: folder with data/telecom-churn; without it that study is skipped.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
quick='' keep=''
while [ $# -gt 0 ]; do
    case "$1" in
    --quick) quick=1 ;;
    --keep) keep=${2:?--keep needs a folder} && shift ;;
    -h | --help)
        sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *)
        echo "gpu.sh: $1 is not an option; --help lists them" >&2
        exit 2
        ;;
    esac
    shift
done

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
    if [ -z "${CRM_GPU_SHIM:-}" ]; then
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
export CRM_CUDA_PLUGIN
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
check() { # NAME COMMAND...: passes when the command does
    local name=$1
    shift
    if "$@" >"$work/last.log" 2>&1; then ok "$name"; else
        not_ok "$name"
        tail -n 15 "$work/last.log" | sed 's/^/# /'
    fi
}
# Count the TAP lines of a test program.
tap() { # NAME COMMAND...
    local name=$1 code=0 log good bad skips
    shift
    log=$work/$(tr ' /' '__' <<<"$name").log
    "$@" >"$log" 2>&1 || code=$?
    good=$(grep -c '^ok' "$log") bad=$(grep -c '^not ok' "$log") skips=$(grep -ci '^ok.*# skip\|^1\.\.0 # skip' "$log")
    passed=$((passed + good - $(grep -ci '^ok.*# skip' "$log"))) failed=$((failed + bad)) skipped=$((skipped + skips))
    echo "# $name: $good ok, $bad not ok, $skips skipped"
    [ "$bad" = 0 ] || grep -B 5 -A 5 '^not ok' "$log" | head -n 60 | sed 's/^/# /'
    if [ "$code" != 0 ] && [ "$bad" = 0 ] || [ $((good + skips)) = 0 ]; then
        not_ok "$name ended with code $code"
        tail -n 15 "$log" | sed 's/^/# /'
    fi
}

# ---- the machine ----
echo "# $("$crmpi" --version), module $CRM_CUDA_PLUGIN"
"$crmpi" info 2>&1 | sed 's/^/# /'
gpu_name=$("$crmpi" info 2>/dev/null | sed -n 's/^GPU  *\([0-9].*\)/\1/p' | head -n 1)
if ! "$crmpi" info --set device=cuda >/dev/null 2>"$work/why" || [ -z "$gpu_name" ]; then
    skip "all tests of a GPU" "no GPU can be used here: $(tail -n 1 "$work/why")"
    echo "$passed passed, $failed failed, $skipped skipped"
    exit 0
fi
n_gpus=$("$crmpi" info 2>/dev/null | grep -c '^GPU  *[0-9]')

# ---- operations, queues, exact sums ----
for t in "$tests"/test_device_*; do
    [ -f "$t" ] || continue
    name=$(basename "$t")
    case "$name" in
    *_cpu | *_lanes | *_text_bits | *_open) continue ;; # of the CPU, and of modules that do not fit
    esac
    tap "$name" timeout 900 "$t"
done
for n in 1 2; do
    CRM_TEST_DEVICE=cuda CRM_TEST_TRANSPORT=mpi tap "exact sum on $n ranks by MPI" ranks "$n" timeout 600 "$tests/test_comm_comm_device"
done
if [ "$n_gpus" -ge 2 ]; then
    CRM_TEST_DEVICE=cuda CRM_TEST_TRANSPORT=nccl tap "exact sum on 2 ranks by NCCL" ranks 2 timeout 600 "$tests/test_comm_comm_device"
else
    skip "exact sum by NCCL" "one GPU: NCCL needs one for each rank"
fi

# ---- parity with PyTorch ----
python=${CRM_PYTHON:-$(command -v python3 || true)}
if [ -z "$python" ] || ! "$python" -c 'import torch, h5py' 2>/dev/null; then
    skip "parity with PyTorch" "no Python with torch and h5py"
elif [ ! -f "$scripts/parity.py" ]; then
    skip "parity with PyTorch" "bench/parity.py is not here"
else
    for kind in gru lstm; do
        check "parity with PyTorch, $kind, below 1e-4" timeout 600 "$python" "$scripts/parity.py" "$bench/bench_parity" \
            --device cuda "$kind"
    done
fi

# ---- training ----
customers=4000 epochs=3
[ -z "${CRM_GPU_SHIM:-}" ] || customers=120 epochs=1
small=(--set "data.path=$work/small.h5" --set "synth.customers=$customers" --set synth.seed=7)
tiny=(--set "train.epochs=$epochs" --set train.patience=0 --set train.validation=0 --set "eval.models=[hybrid]"
    --set train.members=1)
[ -z "${CRM_GPU_SHIM:-}" ] || tiny+=(--set train.lane_rows=8 --set train.lanes=4 --set model.text_dim=8
    --set model.text_filters=4 --set model.rnn_units=4 --set model.event_dim=4 --set "model.months=[4]"
    --set "model.hidden=[8]" --set model.fusion=8 --set model.event_steps=6 --set model.documents=2
    --set model.text_length=12)
check "synthetic data" ranks 2 "$crmpi" synth "$configs/quickstart.yaml" "${small[@]}"

digest_of() { # RUN: what a model file holds
    sed -n 's/.*"weights": *"\([0-9a-f]*\)".*/\1/p' "$1/run.json" | head -n 1
}
fit() { # RUN RANKS OPTION...
    local run=$1 n=$2
    shift 2
    rm -rf "${work:?}/$run"
    ranks "$n" timeout 900 "$crmpi" train "$configs/quickstart.yaml" "${small[@]}" "${tiny[@]}" --set device=cuda \
        --out "$work/$run" "$@" >"$work/$run.out" 2>"$work/$run.err" || {
        tail -n 5 "$work/$run.err"
        return 1
    }
    find "$work/$run/models" -name 'hybrid.h5' -exec sha256sum {} + | cut -d ' ' -f 1 >"$work/$run.sha"
}
same_as_first() { # RUN
    [ -s "$work/$1.sha" ] && cmp "$work/first.sha" "$work/$1.sha"
}
check "train on the GPU" fit first 1
for i in 2 3 4 5; do
    check "same bits, run $i of 5" fit "again$i" 1
    check "model file of run $i" same_as_first "again$i"
done
for case in "no graph:gpu.graph=false:1" "streamed:gpu.resident=off:1" "2 ranks on one GPU:gpu.transport=mpi:2" \
    "4 ranks on one GPU:gpu.transport=mpi:4"; do
    IFS=: read -r name option n <<<"$case"
    run=$(tr ' ' '_' <<<"$name")
    check "train, $name" fit "$run" "$n" --set "$option"
    check "same bits, $name" same_as_first "$run"
done
if [ "$n_gpus" -ge 2 ]; then
    check "train, 2 GPUs by NCCL" fit nccl 2 --set gpu.transport=nccl
    check "same bits, 2 GPUs by NCCL" same_as_first nccl
else
    refused() {
        ! fit refused 2 --set gpu.transport=nccl && grep -q 'gpu.transport' "$work/refused.err"
    }
    check "NCCL for 2 ranks on one GPU is refused with the fix" refused
fi
check "train, fast sum" fit fast 1 --set train.reduce=fast
if [ -z "${CRM_GPU_SHIM:-}" ]; then
    check "train, tf32" fit tf32 1 --set gpu.math=tf32
    check "train, bf16" fit bf16 1 --set gpu.math=bf16
fi

# ---- models move between CPU and GPU ----
predictions() { # NAME DEVICE RUN
    "$crmpi" predict "$work/$3" --set "data.path=$work/small.h5" --set "device=$2" --out "$work/$1.csv"
}
close_enough() { # A.csv B.csv: probabilities within 1e-4
    paste -d, "$work/$1.csv" "$work/$2.csv" | awk -F, 'NR > 1 {n = NF / 2
        for (i = 2; i <= n; i++) if ($i ~ /^[0-9.e-]+$/) {d = $i - $(i + n); if (d < 0) d = -d; if (d > 1e-4) bad = 1; k++}}
        END {exit bad || k == 0}'
}
check "predict on the GPU what was trained there" predictions gpu_gpu cuda first
check "predict on the CPU what was trained on the GPU" predictions gpu_cpu cpu first
check "both agree to 1e-4" close_enough gpu_gpu gpu_cpu
check "train on the CPU" fit cpu 1 --set device=cpu
check "predict on the GPU what was trained on the CPU" predictions cpu_gpu cuda cpu
check "predict on the CPU" predictions cpu_cpu cpu cpu
check "both agree to 1e-4" close_enough cpu_gpu cpu_cpu

# ---- numbers that are not finite ----
explodes() {
    ! fit nan 1 --set optim.lr=1000 --set optim.clip_norm=0 --set optim.kind=sgd --set optim.warmup=0 && grep -q 'is not finite' "$work/nan.err"
}
check "a run that explodes ends with the name of what was not finite" explodes

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
    "${python:-python3}" - "$work/$1/summary.json" "$work/$2/summary.json" <<'PY'
import json, math, sys
a, b = (json.load(open(f)) for f in sys.argv[1:3])
if a["digests"]["folds"] != b["digests"]["folds"]:
    sys.exit("the folds differ")
def scores(s):
    model = next(m for m in s["models"] if m["name"] == "hybrid")
    return {k: [f for f in v["folds"] if f is not None] for k, v in model["metrics"].items() if isinstance(v, dict) and "folds" in v}
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
if [ -n "$quick" ] || [ -n "${CRM_GPU_SHIM:-}" ]; then
    skip "telecom churn beside the CPU" "--quick or the shim"
    skip "20,000 synthetic customers beside the CPU" "--quick or the shim"
else
    telecom=${CRM_SHARED:-$here/../../shared}/data/telecom-churn
    csv=$(find "$telecom" -name '*.csv' 2>/dev/null | head -n 1)
    if [ -n "$csv" ]; then
        check "telecom churn on the GPU" study telecom_gpu 2 cuda telecom-churn.yaml --set "data.path=$csv" \
            --set "data.store=$work/telecom.h5"
        check "telecom churn on the CPU" study telecom_cpu 4 cpu telecom-churn.yaml --set "data.path=$csv" \
            --set "data.store=$work/telecom.h5"
        check "telecom churn within one standard error" within_se telecom_gpu telecom_cpu
    else
        skip "telecom churn beside the CPU" "no data below $telecom"
    fi
    check "20,000 customers" ranks 2 "$crmpi" synth "$configs/quickstart.yaml" --set "data.path=$work/large.h5" \
        --set synth.customers=20000
    check "20,000 customers on the GPU" study large_gpu 1 cuda quickstart.yaml --set "data.path=$work/large.h5" \
        --set "eval.models=[hybrid]"
    check "20,000 customers on the CPU" study large_cpu 8 cpu quickstart.yaml --set "data.path=$work/large.h5" \
        --set "eval.models=[hybrid]"
    check "20,000 customers within one standard error" within_se large_gpu large_cpu
fi

# ---- killed and resumed; several units on one GPU ----
killed() {
    local pid
    rm -rf "$work/killed" "$work/whole"
    study whole 1 cuda quickstart.yaml "${small[@]}" "${tiny[@]}" --set eval.folds=3 || return 1
    ranks 2 "$crmpi" crossval "$configs/quickstart.yaml" --out "$work/killed" --set device=cuda "${small[@]}" "${tiny[@]}" \
        --set eval.folds=3 >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 600); do
        [ -z "$(ls "$work/killed/units" 2>/dev/null)" ] || break
        sleep 0.1
    done
    pkill -9 -f "crossval.*$work/killed" || true
    wait $pid 2>/dev/null
    study killed 2 cuda quickstart.yaml "${small[@]}" "${tiny[@]}" --set eval.folds=3 || return 1
    cmp "$work/killed/summary.json" "$work/whole/summary.json"
}
check "killed, resumed with 2 ranks on one GPU (units apart): the summary of one rank" killed

# ---- compute-sanitizer ----
if [ -n "$quick" ] || [ -n "${CRM_GPU_SHIM:-}" ]; then
    skip "compute-sanitizer" "--quick or the shim"
elif ! command -v compute-sanitizer >/dev/null; then
    skip "compute-sanitizer" "it is not installed"
elif compute-sanitizer --tool memcheck "$crmpi" info --set device=cuda 2>&1 | grep -qi 'not supported'; then
    skip "compute-sanitizer" "it does not support the device here"
else
    for tool in memcheck racecheck; do
        for t in test_device_device_ops test_device_device_rnn test_device_device_text test_device_device_conv; do
            check "$tool, $t" timeout 900 compute-sanitizer --tool "$tool" \
                --error-exitcode 9 "$tests/$t"
        done
    done
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
