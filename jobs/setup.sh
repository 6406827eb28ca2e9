#!/usr/bin/env bash
# setup.sh - install what building needs on Debian 12, as root or through sudo.  What is there stays as it is.
#
#   jobs/setup.sh            compiler, CMake, MPI, HDF5 and the other libraries
#   jobs/setup.sh --tests    and what the tests use: clang, clang-format, shellcheck, Python with h5py, xarray, xxhash
#   jobs/setup.sh --torch    and PyTorch with a BLAS of its speed, to compare with; about a minute
#   jobs/setup.sh --sklearn  and scikit-learn, to compare with
#   jobs/setup.sh --pandas   and pandas, to compare with
#   jobs/setup.sh --stemmer  and PyStemmer, to compare with
#   jobs/setup.sh --gensim   and gensim and fastText, to compare with
#   jobs/setup.sh --optuna   and Optuna, to compare with: by pip, in a virtual environment .cache/optuna
#   jobs/setup.sh --slurm    and Slurm with munge, for the tests of the job scripts
#
# A run that finds everything installed needs no right and no network.
set -euo pipefail

packages=(build-essential cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-openmpi-dev hdf5-tools
    libyaml-dev libjansson-dev libxxhash-dev librandom123-dev libsvm-dev zlib1g-dev libzstd-dev libsodium-dev
    libutf8proc-dev libstemmer-dev)
test_packages=(clang clang-format-14 libclang-rt-14-dev shellcheck python3 python3-h5py python3-xarray python3-h5netcdf
    python3-netcdf4 python3-xxhash patchelf xz-utils)
torch_packages=(python3-torch python3-h5py python3-numpy libopenblas0-pthread)
sklearn_packages=(python3-sklearn python3-h5py python3-numpy python3-scipy libopenblas0-pthread)
pandas_packages=(python3-pandas)
stemmer_packages=(python3-stemmer)
gensim_packages=(python3-gensim python3-numpy libopenblas0-pthread fasttext)
slurm_packages=(slurm-wlm slurmctld slurmd slurm-client munge procps)

usage() {
    sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

optuna=
case "${1:-}" in
'') ;;
--tests) packages+=("${test_packages[@]}") ;;
--torch) packages+=("${torch_packages[@]}") ;;
--sklearn) packages+=("${sklearn_packages[@]}") ;;
--pandas) packages+=("${pandas_packages[@]}") ;;
--stemmer) packages+=("${stemmer_packages[@]}") ;;
--gensim) packages+=("${gensim_packages[@]}") ;;
--optuna)
    packages+=(python3 python3-venv)
    optuna=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)/.cache/optuna
    ;;
--slurm) packages+=("${slurm_packages[@]}") ;;
-h | --help)
    usage
    exit 0
    ;;
*)
    usage >&2
    exit 2
    ;;
esac

say() {
    echo "setup: $*" >&2
}

# All packages are there: what pip installs, and the end.
finish() {
    if [ -n "$optuna" ] && ! "$optuna/bin/python" -c "import optuna" 2>/dev/null; then
        say "installing Optuna in $optuna"
        if ! { "${CRM_PYTHON:-/usr/bin/python3}" -m venv "$optuna" && "$optuna/bin/pip" install -q --no-input optuna >&2; }; then
            say "pip could not install Optuna (no network?)"
            exit 1
        fi
    fi
    exit 0
}

# Lines of the packages that are not installed.
missing_packages() {
    local p
    for p in "${packages[@]}"; do
        case "$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null || true)" in
        ?i*) ;;
        *) echo "$p" ;;
        esac
    done
}

# On other systems: the programs and libraries themselves.
missing_parts() {
    local c m
    for c in cc cmake ninja pkg-config mpicc mpirun; do
        command -v "$c" >/dev/null || echo "$c"
    done
    command -v pkg-config >/dev/null || return 0
    for m in yaml-0.1 jansson libxxhash zlib libzstd libsodium libutf8proc; do
        pkg-config --exists "$m" || echo "$m"
    done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    mapfile -t missing < <(missing_parts)
    if [ ${#missing[@]} = 0 ]; then
        say "not a Debian system; compiler, CMake, MPI and libraries were found, the build checks the rest"
        finish
    fi
    say "not a Debian system, so nothing was installed.  Not found: ${missing[*]}"
    say "Needed: a C11 compiler, CMake 3.25, Ninja, pkg-config, Open MPI 4.1, HDF5 1.10 built with MPI, and the"
    say "development files of libyaml, jansson, xxhash, Random123, libsvm, zlib, zstd, libsodium,"
    say "utf8proc and libstemmer."
    exit 1
fi

mapfile -t missing < <(missing_packages)
[ ${#missing[@]} != 0 ] || finish

options=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
install_command="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
as_root=(env DEBIAN_FRONTEND=noninteractive)
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        say "not root, and there is no sudo.  Have someone run as root:"
        say "  $install_command"
        exit 1
    fi
    if [ -t 0 ]; then
        as_root=(sudo "${as_root[@]}")
    elif sudo -n true 2>/dev/null; then
        as_root=(sudo -n "${as_root[@]}")
    else
        say "not root, and sudo asks for a password that cannot be typed here.  Run in a terminal:"
        say "  sudo sh -c '$install_command'"
        exit 1
    fi
fi

say "installing ${missing[*]}"
for try in 1 2 3; do
    "${as_root[@]}" apt-get "${options[@]}" -qq update || say "apt-get update failed (try $try of 3)"
    if "${as_root[@]}" apt-get "${options[@]}" -qq install -y --no-install-recommends "${missing[@]}" >&2; then
        break
    fi
    say "apt-get install failed (try $try of 3)"
    sleep $((2 * try))
done

mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} != 0 ]; then
    say "still missing: ${missing[*]}"
    say "apt-get's messages above say why (no network, or not Debian 12?); to try by hand, as root:"
    say "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    exit 1
fi
finish
