#!/usr/bin/env bash
# The reference model beside PyTorch: logits, gradients, parameters after three Adam steps; padded and ragged; GRU, LSTM
# and both directions. Skipped where PyTorch is not installed.
# timeout: 240  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
python=${CRM_PYTHON:-/usr/bin/python3}
if ! "$python" -c 'import torch, h5py' 2>/dev/null; then
  skip "parity with PyTorch" "PyTorch or h5py is not installed (python3-torch, python3-h5py)"
  exit 0
fi
OMP_NUM_THREADS=1 timeout 200 "$python" "$CRM_SOURCE_DIR/bench/parity.py" "$CRM_BUILD_DIR/bench/bench_parity" || failed=1
exit $failed
