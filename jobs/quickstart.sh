#!/usr/bin/env bash
# quickstart.sh [DIR] - from nothing to a comparison of models: installs what is missing, builds, makes a customer
# data set and cross-validates hybrid, logistic and rule in 5 folds.
#
# DIR (default: runs in the source folder) gets the data set quickstart.h5 and the run folder quickstart/.
# RANKS=N sets the number of MPI ranks (default 2; more than there are cores is fine, and the result is the same).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=jobs/env.sh
. "$here/env.sh"

case "${1:-}" in
-h | --help)
    sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
ranks=${RANKS:-2}
case "$ranks" in
*[!0-9]* | '' | 0)
    echo "quickstart: RANKS=$ranks is not a number of ranks; 1 or more is needed" >&2
    exit 2
    ;;
esac
dir=${1:-$CRM_SOURCE_DIR/runs}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
run=$dir/quickstart
over="to start over: rm -r $(printf '%q' "$run")"
config=$CRM_SOURCE_DIR/configs/quickstart.yaml
data=$dir/quickstart.h5

step() {
    echo
    echo "== $*"
}

crm_release() {
    crm_mpirun "$ranks" "$CRM_SOURCE_DIR/build/release/crmpi" "$@"
}

step "setup"
"$here/setup.sh"

step "build"
(cd "$CRM_SOURCE_DIR" && cmake --preset release >/dev/null && cmake --build --preset release --target crmpi)

step "synth: $data"
crm_release synth "$config" --set data.path="$data"

step "crossval: $run ($ranks ranks)"
code=0
crm_release crossval "$config" --set data.path="$data" --out "$run" || code=$?
if [ "$code" = 75 ]; then
    echo "quickstart: stopped at a checkpoint; run it again to go on" >&2
elif [ "$code" != 0 ]; then
    echo "quickstart: crossval ended with code $code; $over" >&2
else
    echo
    echo "The tables are also in $run/report.md, the figures in $run/summary.json."
    echo "Run again, this shows the finished result; $over"
fi
exit "$code"
