#!/usr/bin/env bash
# Which GPU each rank of the program has, on devices of the shim: one for each, one for all, one visible to each; ranks that
# compute differently; GPUs that do not open.    timeout: 300
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
export CRM_CUDA_PLUGIN=${CRM_CUDA_PLUGIN:-$CRM_BUILD_DIR/cusim/crmpi_cuda.so}
fake=$CRM_BUILD_DIR/tests/fake_plugin.so
for f in "$CRMPI" "$fake" "$CRM_CUDA_PLUGIN" "$(dirname "$CRM_CUDA_PLUGIN")/libcusim_nccl.so"; do
  [ -f "$f" ] || { echo "1..0 # SKIP $(basename "$f") is not built (it needs the headers of CUDA and NCCL)"; exit 0; }
done
cd "$TMP" || exit 1
table 60 good.csv
cat >base.yaml <<Y
data: {label: churn, id: id, path: good.csv}
eval: {models: [hybrid]}
model: {hidden: [8]}
train: {epochs: 1, lanes: 2, lane_rows: 8}
Y

# train ENV0 ENV1 SETTING...: a fit by two ranks with these variables each (A=1,B=2; - for none), into run; out, err
train() {
  local first=${1//,/ } second=${2//,/ } settings=()
  shift 2
  for s in "$@"; do settings+=(--set "$s"); done
  rm -rf run run.h5
  # shellcheck disable=SC2016,SC2086
  timeout "${RUN_TIMEOUT:-120}" mpirun -q --oversubscribe --bind-to none -n 1 env ${first#-} "$CRMPI" train base.yaml --out run \
    "${settings[@]}" : -n 1 env ${second#-} "$CRMPI" train base.yaml --out run "${settings[@]}" >out 2>err
}
# both PATH VALUE: run.json says so of the devices of both ranks
both() {
  python3 - "$1" "$2" <<'P'
import json, sys
d = json.load(open("run/run.json"))["devices"]
sys.exit(not (len(d) == 2 and all(str(x[sys.argv[1]]) == sys.argv[2] for x in d.values())))
P
}
# told N TEXT: err has as many lines with the text
told() { [ "$(grep -c -- "$2" err)" = "$1" ]; }
quiet() { told 0 'depend on the layout' && told 0 'on the CPU'; }

refused() {
  train "$1" "$1" device=cuda gpu.transport=nccl
  [ $? = 2 ] && told 1 '2 ranks of node .* share one GPU: NCCL needs a GPU for each'
}
check "one GPU for two ranks: NCCL is refused" refused CUSIM_DEVICES=1
shares() { train "$1" "$1" device=cuda && both ranks 2 && quiet; }
check "one GPU for two ranks: each knows of the other" shares CUSIM_DEVICES=1

linked() { train "$1" "$2" device=cuda gpu.transport=nccl && both ranks 1 && quiet; }
check "two GPUs, both visible: NCCL" linked CUSIM_DEVICES=2 CUSIM_DEVICES=2
check "two GPUs, one visible to each rank: NCCL" linked CUSIM_DEVICES=1 CUSIM_DEVICES=1,CUSIM_FIRST=1

differ() {
  train CUSIM_DEVICES=2 "CUSIM_DEVICES=2,$1" device=cuda &&
    told 1 "rank 0 on node .* computes with $2.*, rank 1 on node .* with $3.*: results then depend on the layout"
}
check "products by other ways are told" differ CRM_CUDA_GEMM=own 'products by cuBLASLt' 'own products'
check "a missing library is told" differ CUSIM_WITHOUT=cublasLt 'products by cuBLASLt' 'own products'

lacks() {
  train CUSIM_DEVICES=1 CUSIM_DEVICES=0 device=auto && told 1 'rank 1 on node .* has no GPU that can be used: this node has' &&
    told 1 'so all ranks compute on the CPU' && told 1 'on the CPU'
}
check "a rank without a GPU: all compute on the CPU" lacks

export CRM_CUDA_PLUGIN=$fake
busy() { train FAKE_OPEN=fails FAKE_OPEN=fails device=auto && told 1 'runs on the CPU: fake GPU is busy' && told 1 'fake GPU is busy'; }
check "GPUs that do not open, device: auto" busy
busy_one() { train - FAKE_OPEN=fails device=auto && told 1 'rank 1 on node .* that can be used: fake GPU is busy; rank 0'; }
check "one GPU that does not open, device: auto" busy_one
busy_cuda() {
  train FAKE_OPEN=fails FAKE_OPEN=fails device=cuda
  [ $? = 5 ] && told 1 'crmpi: error: device: cuda, but fake GPU is busy'
}
check "GPUs that do not open, device: cuda" busy_cuda
exit $failed
