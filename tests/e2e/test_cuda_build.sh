#!/usr/bin/env bash
# test_cuda_build.sh - crmpi_cuda.so as nvcc builds it: machine code for each GPU, what it depends on, and what the
# program says and does with it on a machine without a GPU.
# timeout: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

module=$CRM_BUILD_DIR/crmpi_cuda.so
cache=$CRM_BUILD_DIR/CMakeCache.txt
PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin
unset CRM_CUDA_PLUGIN
cd "$TMP" || exit 1

if ! command -v nvcc >/dev/null; then
  skip "crmpi_cuda.so" "nvcc was not found"
  exit 0
elif grep -q '^CRM_CUDA:STRING=off' "$cache" || { [ ! -e "$module" ] && grep -q '^CRM_NVCC:.*-NOTFOUND' "$cache"; }; then
  skip "crmpi_cuda.so" "this build leaves it out (CRM_CUDA)"
  exit 0
fi
check "crmpi_cuda.so lies beside the program" test -s "$module"
[ -s "$module" ] || exit 1
if grep -q '^CRM_WERROR:BOOL=ON' "$cache"; then
  ok "warnings are errors"
else
  skip "warnings are errors" "this build has CRM_WERROR=OFF"
fi

# images KIND: "80:N 90:N", the images for each compute capability in the module, 2: machine code, 1: PTX.  Headers of
# nvcc's fat binaries: magic number, version, size; then an entry for each image, with its kind and capability.
images() {
  "${CRM_PYTHON:-/usr/bin/python3}" - "$module" "$1" <<'P'
import collections, struct, sys
data, kind = open(sys.argv[1], "rb").read(), int(sys.argv[2])
count, at, magic = collections.Counter(), 0, struct.pack("<I", 0xBA55ED50)
while (at := data.find(magic, at)) >= 0:
    _, version, head, size = struct.unpack_from("<IHHQ", data, at)
    entry, end = at + head, at + head + size
    at += 4
    if version != 1 or end > len(data):
        continue
    while entry < end:
        this, _, head, size, _, _, _, _, arch = struct.unpack_from("<HHIQIIHHI", data, entry)
        count[arch] += this == kind
        entry += head + size
print(*(f"{a}:{n}" for a, n in sorted(count.items()) if n))
P
}
files=("$CRM_SOURCE_DIR"/src/compute/device/cuda/*.cu)
archs=$(sed -n 's/^CRM_CUDA_ARCHS:STRING=//p' "$cache")
want=$(for a in $archs; do echo "$a:${#files[@]}"; done | sort -n | tr '\n' ' ')
if command -v "${CRM_PYTHON:-/usr/bin/python3}" >/dev/null; then
  got=$(images 2)
  check "machine code of ${#files[@]} files for ${archs// / and } ($got)" test "$got " = "$want"
  got=$(images 1)
  check "PTX for GPUs to come ($got)" test "$got" = "${archs##* }:${#files[@]}"
else
  skip "machine code for each GPU" "no python3"
fi

needed=$(readelf -d "$module" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | tr '\n' ' ')
if grep -qE 'cuda|cublas|cudnn|nccl|nvidia|stdc' <<<"$needed"; then
  not_ok "depends on no library of CUDA's" "$needed"
else
  ok "depends on no library of CUDA's"
fi
check "has one symbol" test "$(nm -D --defined-only "$module" | awk '{print $3}')" = crm_plugin_open

if [ -e /dev/nvidiactl ] || ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1'; then
  skip "without a GPU" "this machine has a driver"
  exit $failed
fi

# refused N: device: cuda on N ranks is exit code 5 and one sentence
refused() {
  exits "$1" info --set device=cuda >out 2>err
  [ $? = 5 ] && [ "$(grep -c 'crmpi: error:' err)" = 1 ] && grep -q 'device: cuda, but this node has no NVIDIA driver' err
}
check "device: cuda is refused" refused 1
check "device: cuda is refused on 2 ranks" refused 2

table 60 good.csv
cat >base.yaml <<Y
data: {label: churn, id: id, path: good.csv}
eval: {folds: 3, models: [hybrid]}
train: {epochs: 1}
model: {hidden: [4], fusion: 4}
Y
# goes_on N: device: auto works on N ranks and says once why it is the CPU
goes_on() {
  rm -rf run
  ranks "$1" crossval base.yaml --out run >out 2>err && [ "$(grep -c 'runs on the CPU: this node has no NVIDIA driver' err)" = 1 ]
}
check "device: auto goes on" goes_on 1
check "device: auto goes on on 2 ranks" goes_on 2
"$CRMPI" info >out 2>&1
check "info tells what is there" grep -q "^CUDA  *CUDA [0-9.]*, sm_.*crmpi_cuda.so" out
check "info tells what is missing" grep -q "^driver  *none: libcuda.so.1" out

# named: a module that is named and is not there is an error, but for device: cpu
named() {
  CRM_CUDA_PLUGIN=/nowhere.so exits 1 crossval base.yaml --out named >out 2>err
  [ $? = 5 ] && grep -q 'CRM_CUDA_PLUGIN names /nowhere.so' err &&
    CRM_CUDA_PLUGIN=/nowhere.so alone crossval base.yaml --out named --set device=cpu >out 2>err
}
check "a named module that is not there" named
exit $failed
