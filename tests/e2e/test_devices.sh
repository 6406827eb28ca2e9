#!/bin/bash
# Which device a command opens and what it says of it, on the GPUs of the shim: classical models need none, predict does not
# need the one that trained, units of several devices in one study are told.
# timeout: 300
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
shim=${CRM_CUDA_PLUGIN:-$CRM_BUILD_DIR/cusim/crmpi_cuda.so}
cd "$TMP" || exit 1
if [ ! -e "$shim" ]; then
  skip "devices of commands" "$shim is not built (it needs the headers of CUDA)"
  exit 0
fi
command -v python3 >/dev/null || { skip "devices of commands" "no python3"; exit 0; }
shim=$(realpath "$shim")
unset CRM_CUDA_PLUGIN
table 60 good.csv
cat >base.yaml <<Y
data: {label: churn, id: id, path: good.csv}
eval: {folds: 3, models: [hybrid, logistic]}
train: {epochs: 1, lanes: 2, lane_rows: 8, validation: 0, patience: 0}
model: {hidden: [4], fusion: 4}
Y

# on_gpu COMMAND...: with the shim's GPU
on_gpu() { CRM_CUDA_PLUGIN=$shim "$@"; }
# no_gpu COMMAND...: with the module, but without a GPU
no_gpu() { CUSIM_DEVICES=0 CRM_CUDA_PLUGIN=$shim "$@"; }
# holds RUN EXPRESSION: of its run.json, j
holds() { python3 -c 'import json, sys; j = json.load(open(sys.argv[1] + "/run.json")); sys.exit(not eval(sys.argv[2]))' "$@"; }

# ---- models that compute on the CPU ----
classical() {
  "$1" alone crossval base.yaml --set eval.models=logistic --set device=cuda --out "$2" >/dev/null 2>err &&
    [ "$(grep -c 'device: cuda has no effect: classical models compute on the CPU' err)" = 1 ]
}
check "classical models alone open no GPU" classical on_gpu classical
check "run.json has no device of theirs" holds classical '"devices" not in j and j["device"].startswith("cpu")'
check "classical models need no GPU" classical no_gpu classical0
check "their results are the same" cmp classical/summary.json classical0/summary.json
on_gpu alone crossval base.yaml --set device=cuda --out gpu >/dev/null 2>err || not_ok "crossval on the GPU" "$(cat err)"
check "its memory is told" holds gpu '{"peak_bytes", "gpu_used_bytes"} <= set(j["devices"]["0"])'
check "a net opens it" holds gpu '"energy_joules" in j["devices"]["0"] and j["device"].startswith("cuda:0")'

# ---- --profile ----
on_gpu alone crossval base.yaml --set device=cuda --set eval.models=hybrid --profile --out profiled >/dev/null 2>err ||
  not_ok "--profile" "$(cat err)"
check "--profile tells layers apart" bash -c 'grep -q "^linear fus  " err && grep -q "^linear fus, backward  " err'
check "run.json has them, too" holds profiled 'j["profile"]["linear heads/churn, backward"]["calls"] == j["profile"]["forward, backward"]["calls"]'
check "it leaves graphs out" holds profiled 'j["devices"]["0"]["graphs"] == 0'
check "which are there without it" holds gpu 'j["devices"]["0"]["graphs"] > 0'
check "the bits are the same" cmp gpu/models/hybrid.h5 profiled/models/hybrid.h5
alone train base.yaml --set device=cpu --set eval.models=hybrid --set train.threads=2 --profile --out profiled_cpu >/dev/null 2>err ||
  not_ok "--profile on the CPU" "$(cat err)"
check "--profile on the CPU" grep -q "^linear fus, backward  " err

# ---- predict ----
predict() { # NAME DEVICES ARGS
  local name=$1 devices=$2
  shift 2
  CUSIM_DEVICES=$devices CRM_CUDA_PLUGIN=$shim alone predict gpu --set data.path=good.csv --out "$name.csv" "$@" 2>err
}
refused() {
  ! predict none 0 --set device=cuda && grep -q 'device: cuda, but' err
}
check "predict a net of the GPU where there is none" predict without 0
check "it says so" grep -q 'runs on the CPU' err
check "predict on the GPU" predict with 1
check "a device that predict was given is meant" refused
check "a classical model needs none" predict classical 0 --model logistic --set device=cuda
check "predictions have all rows" test "$(wc -l <without.csv) $(wc -l <with.csv)" = "61 61"

# ---- what is said without a GPU ----
# quiet PROGRAM ARGS: not a word of the GPU that nobody expects; the reason at level debug
quiet() {
  rm -rf quiet
  "$1" crossval base.yaml --set eval.models=hybrid --out quiet >/dev/null 2>err && ! grep -q 'runs on the CPU' err &&
    rm -rf quiet && "$1" crossval base.yaml --set eval.models=hybrid --set log.level=debug --out quiet >/dev/null 2>err &&
    grep -q 'runs on the CPU: the module crmpi_cuda.so is neither' err
}
mkdir lone
cp "$CRMPI" lone/
if [ -e /dev/nvidiactl ] || ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1'; then
  skip "a program without the module" "this machine has a driver"
else
  check "a program without the module" quiet lone/crmpi
fi

# ---- info ----
# info DEVICES RANKS ARGS: exit code of info, its lines in out
info() {
  local devices=$1 n=$2
  shift 2
  CUSIM_DEVICES=$devices CRM_CUDA_PLUGIN=$shim exits "$n" info "$@" >out 2>err
}
says() { grep -Eq -- "$1" out; }
check "info" info 2 2
check "each GPU is usable" bash -c 'grep -q "^usable     GPU 0: yes" out && grep -q "^usable     GPU 1: yes" out'
check "what each rank computes on" says '^rank 1     computes on cuda:1 .* of node '
if [ -e "$(dirname "$shim")/libcusim_nccl.so" ]; then
  check "transport" says '^transport  nccl: each of 2 ranks has a GPU of its own'
else
  check "transport" says '^transport  mpi: rank 0 .* has no NCCL: '
fi
check "info with the transport of the options" info 2 2 --set gpu.transport=mpi
check "which is told" says '^transport  mpi: gpu.transport is mpi'
CUSIM_CAPABILITY=70 info 2 1 --set device=cuda
check "info of a GPU that does not do ends with code 5" test $? = 5
check "and says why, with all the rest" bash -c 'grep -q "^usable     none: .*compute capability 7.0" out && grep -q "^transport  none: one rank" out'
check "info on the CPU" info 1 2 --set device=cpu
check "opens nothing" bash -c '! grep -Eq "^usable|computes on" out && grep -q "^transport  mpi: ranks compute on the CPU" out'
check "info of 2 ranks on one GPU" info 1 2
check "they take MPI" says '^transport  mpi: (2 ranks of node .* share one GPU|rank 0 .* has no NCCL)'

# ---- units of several devices ----
# goes_on RUN UNIT COMMAND...: as if ended before this unit and the summary, then run again
goes_on() {
  local run=$1 unit=$2
  shift 2
  cp "$run/summary.json" "$run.was"
  rm "$run/summary.json" "$run/run.json" "$run/units/$unit.h5"
  "$@" --out "$run" >/dev/null 2>err
}
warned() { [ "$(grep -c 'units were computed on several kinds of device' err)" = "$1" ]; }
cp -r gpu mixed
check "a study goes on on the same device" goes_on gpu hybrid-r0-f1 on_gpu alone crossval base.yaml --set device=cuda
check "its summary is the same" cmp gpu/summary.json gpu.was
check "nothing is said of devices" warned 0
check "nor noted" holds gpu '"devices_of_units" not in j'
check "a study goes on on the CPU" goes_on mixed hybrid-r0-f1 alone crossval base.yaml --set device=cpu
check "one warning" warned 1
check "it counts the units" grep -q '(3 on cusim device (CPU), 1 on cpu)' err
check "run.json tells which" holds mixed 'j["devices_of_units"] == {
  "0": {"name": "cusim device (CPU)", "units": "hybrid-r0-f0, hybrid-r0-f2, hybrid-all"}, "1": {"name": "cpu", "units": "hybrid-r0-f1"}}'
check "the summary does not" bash -c '! grep -q "cusim" mixed/summary.json'
exit "$failed"
