#!/bin/bash
# The same numbers from gcc and clang, -O2 and -O3, on 1, 3 and 8 ranks of 1 and 4 threads: a study of the net with all
# its branches and of six other models on generated customers; summary, predictions and model files byte for byte.
# With tier long every build (or those of CRM_BUILDS, such as "gcc-O2 clang-O3"), made in a temporary folder; with tier full the two builds that are there, on 1 and 3 ranks.
# tier: full  timeout: 7000  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
# shellcheck source=tests/e2e/models.sh
. "$(dirname "$0")/../e2e/models.sh"
cd "$TMP" || exit 1

# program COMPILER LEVEL: builds it; its path in $built, "" when that cannot be
program() {
  local folder=$TMP/build-$1-$2
  built=
  command -v "$1" >/dev/null || return 1
  cmake -S "$CRM_SOURCE_DIR" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$1" \
    -DCMAKE_C_FLAGS_RELEASE="$2 -DNDEBUG" -DCRM_CUDA=off -DCRM_CUSIM=OFF >build.log 2>&1 &&
    ninja -C "$folder" crmpi >>build.log 2>&1 && built=$folder/crmpi
}

what="all builds"
config=builds.yaml
first=base
cat >builds.yaml <<Y
data: {path: customers.h5}
eval:
  folds: 2
  models: [hybrid, mlp, boosting, forest, svm, logistic, knn]
model: {hidden: [16], fusion: 16, months: [8], rnn_units: 8, text_dim: 8, text_filters: 8, heads: [sentiment, issue]}
train: {epochs: 3, lane_rows: 16}
mlp: {hidden: [16], epochs: 4}
boosting: {iterations: 10}
forest: {trees: 9}
svm: {method: nystroem, components: 40}
Y
alone synth --set data.path=customers.h5 --set synth.customers=500 --set synth.tickets=1 --set synth.reviews=1 >/dev/null 2>err ||
  not_ok "synth" "$(cat err)"

# grid LABEL PROGRAM: on all numbers of ranks and threads
grid() {
  local r t
  for r in $ranks_wanted; do
    for t in 1 4; do
      CRMPI=$2 same "$1, $r ranks of $t threads" "run-$r-$t" "$r" --set train.threads=$t
      rm -rf "run-$r-$t"
    done
  done
}

if study builds.yaml base 1; then ok "$what: crossval on 1 rank"; else not_ok "$what: crossval"; exit 1; fi
[ "$(find base/models -name '*.h5' | wc -l)" = 7 ] || not_ok "seven model files"
if [ "${CRM_TIER:-full}" = long ]; then
  ranks_wanted="1 3 8"
  for build in ${CRM_BUILDS:-gcc-O2 gcc-O3 clang-O2 clang-O3}; do
    compiler=${build%%-*} level=-${build#*-}
    if program "$compiler" "$level"; then
      grid "$compiler $level" "$built"
    elif command -v "$compiler" >/dev/null; then
      not_ok "$compiler $level builds" "$(tail -n 20 build.log)"
    else
      skip "$compiler $level" "$compiler is not installed"
    fi
  done
else
  ranks_wanted="1 3"
  grid "build/${CRM_BUILD_DIR##*/}" "$CRMPI"
  if [ -x "$CLANG_CRMPI" ]; then grid "clang -O2" "$CLANG_CRMPI"; else skip "clang -O2" "no build in build/clang"; fi
fi
# the check of the check
study builds.yaml other 1 --set eval.seed=1
check "$what: another seed has other bits" [ "$(differing base other | wc -l)" -gt 7 ]
exit "$failed"
