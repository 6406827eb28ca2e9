#!/usr/bin/env bash
# Every shell script passes shellcheck without errors and warnings.  timeout: 120
set -uo pipefail
cd "${CRM_SOURCE_DIR:-$(dirname "$0")/../..}" || exit 1

if ! command -v shellcheck >/dev/null; then
    echo "1..0 # SKIP shellcheck is not installed"
    exit 0
fi

# shellcheck disable=SC2016
if printf '#!/bin/bash\nrm -rf $1/x\n' | shellcheck - >/dev/null; then
    echo "not ok - an unquoted variable is found"
else
    echo "ok - an unquoted variable is found"
fi

mapfile -d '' -t files < <(find .ci/run jobs tests bench cmake \( -name '*.sh' -o -name '*.sbatch' -o -path .ci/run \) -print0)
for f in "${files[@]}"; do
    if shellcheck -x -P SCRIPTDIR -S warning "$f" >&2; then
        echo "ok - $f"
    else
        echo "not ok - $f"
    fi
done
