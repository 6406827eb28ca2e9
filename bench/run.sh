#!/usr/bin/env bash
# run.sh - measure crmpi beside its peers on this machine.
#
#   bench/run.sh reference [--json FILE] [--rounds N]   records/s of training the reference model, PyTorch in the same run
#   bench/run.sh ops [LANES LANE_ROWS [ragged]]         time of each operation of a step beside the core's FMA peak
#   bench/run.sh parity                                 logits, gradients and parameters beside PyTorch
#   bench/run.sh tree [ARGUMENTS]                       the exact sum of gradients beside a plain one
#   bench/run.sh baselines [--sizes N,..] [--models M,..] [--json FILE]   classical models beside scikit-learn
#   bench/run.sh embed [--seeds N] [--models M,..] [--ranks N,..] [--text FILE] [--json FILE]   word vectors beside gensim and fastText
#   bench/run.sh lda [--topics N] [--seeds N] [--csv FILE --column NAME] [--json FILE]   topics beside scikit-learn
#   bench/run.sh text [--rounds N] [--json FILE]        tokens and stems beside Python's re and PyStemmer
#   bench/run.sh samplers [--seeds N] [--trials N] [--batch N] [--json FILE]   samplers of a sweep beside Optuna
#   bench/run.sh import [--rows N] [--rounds N] [--json FILE]             reading a CSV beside pandas.read_csv
#   bench/run.sh farm [RANKS (4) [UNITS [MEAN_MS [GROUP_RANKS [ANSWERING_RANK]]]]]   units of a sweep dealt out to ranks
#
# Builds what is missing; reference and parity install Debian's python3-torch, baselines and lda python3-sklearn, import python3-pandas,
# text python3-stemmer, embed python3-gensim and fasttext, samplers Optuna (by pip, into .cache/optuna), when it is absent and there is
# the right to.  Everything else on the machine should be quiet: the figures are of whole cores.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=jobs/env.sh
. "$here/../jobs/env.sh"
python=${CRM_PYTHON:-/usr/bin/python3}

usage() {
    sed -n '2,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

build() {
    "$CRM_SOURCE_DIR/jobs/setup.sh" >&2
    cd "$CRM_SOURCE_DIR"
    [ -f "$CRM_BUILD_DIR/build.ninja" ] || cmake --preset release >&2
    cmake --build "$CRM_BUILD_DIR" >&2
}

# need MODULES OPTION NAME: what Python imports, and the option of jobs/setup.sh that installs it
need() {
    "$python" -c "import $1" 2>/dev/null && return 0
    "$CRM_SOURCE_DIR/jobs/setup.sh" "$2" >&2 </dev/null && "$python" -c "import $1" 2>/dev/null && return 0
    echo "bench: no $3 here and it could not be installed" >&2
    return 1
}

need_torch() { need "torch, h5py" --torch PyTorch; }
need_sklearn() { need "sklearn, h5py" --sklearn scikit-learn; }
need_pandas() { need pandas --pandas pandas; }
need_stemmer() { need Stemmer --stemmer PyStemmer; }
need_gensim() {
    command -v fasttext >/dev/null || "$CRM_SOURCE_DIR/jobs/setup.sh" --gensim >&2 </dev/null || true # measured without it too
    need gensim --gensim gensim
}

case "${1:-}" in
embed)
    shift
    build
    need_gensim
    exec "$python" "$here/embed.py" "$CRM_BUILD_DIR/bench/bench_embed" "$@"
    ;;
lda)
    shift
    build
    need_sklearn
    exec "$python" "$here/lda.py" "$CRM_BUILD_DIR/bench/bench_lda" "$@"
    ;;
text)
    shift
    build
    need_stemmer
    exec "$python" "$here/text.py" "$CRM_BUILD_DIR/bench/bench_text" "$@"
    ;;
samplers)
    shift
    build
    "$CRM_SOURCE_DIR/jobs/setup.sh" --optuna >&2 </dev/null || true # without it crmpi is measured alone, and says so
    optuna=$CRM_SOURCE_DIR/.cache/optuna/bin/python
    "$optuna" -c "import optuna" 2>/dev/null && python=$optuna
    exec "$python" "$here/samplers.py" "$CRM_BUILD_DIR/bench/bench_samplers" "$@"
    ;;
import)
    shift
    build
    need_pandas
    exec "$python" "$here/import.py" "$CRM_BUILD_DIR/bench/bench_import" "$@"
    ;;
baselines)
    shift
    build
    need_sklearn
    exec "$python" "$here/baselines.py" "$CRM_BUILD_DIR/bench" "$@"
    ;;
reference)
    shift
    build
    need_torch
    exec "$python" "$here/reference.py" "$@"
    ;;
ops)
    shift
    build
    exec "$CRM_BUILD_DIR/bench/bench_reference_ops" "$@"
    ;;
parity)
    build
    need_torch || true # parity.py then says that it is skipped
    exec "$python" "$here/parity.py" "$CRM_BUILD_DIR/bench/bench_parity"
    ;;
tree)
    shift
    build
    exec "$CRM_BUILD_DIR/bench/bench_tree_sum" "$@"
    ;;
farm)
    shift
    build
    crm_mpirun "${1:-4}" "$CRM_BUILD_DIR/bench/bench_farm" "${@:2}"
    ;;
-h | --help)
    usage
    ;;
*)
    usage >&2
    exit 2
    ;;
esac
