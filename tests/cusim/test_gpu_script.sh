#!/usr/bin/env bash
# tests/gpu.sh itself, in the shim: training, models that move, a study beside the CPU, a run that is killed and resumed.  Shows
# that the script can run, not what a GPU does.  tier: full  timeout: 900
set -u
CRM_SOURCE_DIR=${CRM_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
export CRM_BUILD_DIR=${CRM_BUILD_DIR:-$CRM_SOURCE_DIR/build/release}
[ -e "$CRM_BUILD_DIR/cusim/crmpi_cuda.so" ] || {
    echo "1..0 # SKIP this build has no shim: the headers of a CUDA toolkit were not found"
    exit 0
}
# Skips are those of the script on a machine without more GPUs or tools; they are not this test's.
CRM_GPU_SHIM=1 CRM_CUDA_PLUGIN=$CRM_BUILD_DIR/cusim/crmpi_cuda.so "$CRM_SOURCE_DIR/tests/gpu.sh" --only train --only models \
    --only studies --only resume | grep -v '# SKIP'
exit "${PIPESTATUS[0]}"
