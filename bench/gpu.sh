#!/usr/bin/env bash
# gpu.sh - measure crmpi on a GPU, beside PyTorch on the same GPU in the same run.
#
#   bench/gpu.sh reference [--json FILE] [--rounds N] [--batches ...] [--modes eager graphed compiled]
#                             records/s of training the reference model, fp32 and TF32
#   bench/gpu.sh ops [LANES LANE_ROWS [fp32|tf32|bf16]]
#                             time of each operation of a step, beside the limit of memory and arithmetic
#   bench/gpu.sh profile [--set ...]       where the time of a run goes (--profile), reference model
#
# From a checkout it builds the preset "cuda"; from a bundle it runs what is there: crmpi-bundle/bin/run bench/gpu.sh ...
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
usage() {
    sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}
if [ -n "${CRM_BUNDLE:-}" ]; then
    crmpi=$CRM_BUNDLE/bin/crmpi programs=$CRM_BUNDLE/bench configs=$CRM_BUNDLE/configs
else
    # shellcheck source=jobs/env.sh
    . "$here/../jobs/env.sh"
    CRM_BUILD_DIR=${CRM_GPU_BUILD_DIR:-$CRM_SOURCE_DIR/build/cuda}
    crmpi=$CRM_BUILD_DIR/crmpi programs=$CRM_BUILD_DIR/bench configs=$CRM_SOURCE_DIR/configs
fi
build() {
    [ -z "${CRM_BUNDLE:-}" ] && [ -z "${CRM_GPU_BUILD_DIR:-}" ] || return 0
    (cd "$CRM_SOURCE_DIR" && cmake --preset cuda >&2 && cmake --build --preset cuda >&2)
}
export CRM_CUDA_PLUGIN=${CRM_CUDA_PLUGIN:-$(dirname "$crmpi")/crmpi_cuda.so}
python=${CRM_PYTHON:-python3}

case "${1:-}" in
reference)
    shift
    build
    exec "$python" "$here/gpu.py" --crmpi "$crmpi" --data-program "$programs/bench_reference_data" \
        --config "$configs/reference.yaml" "$@"
    ;;
ops)
    shift
    build
    exec "$programs/bench_gpu_ops" "$@"
    ;;
profile)
    shift
    build
    folder=$(mktemp -d "${TMPDIR:-/tmp}/crmpi-bench.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    "$programs/bench_reference_data" "$folder/data.h5" 65536
    "$crmpi" train "$configs/reference.yaml" --out "$folder/run" --profile --set data.path="$folder/data.h5" \
        --set device=cuda --set train.epochs=3 "$@"
    ;;
-h | --help)
    usage
    ;;
*)
    usage >&2
    exit 2
    ;;
esac
