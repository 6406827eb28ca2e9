# build.sh - sourced by the tests of the shim: TAP lines, and builds of the shim with and without sanitizers.
# shellcheck shell=bash
set -u
CRM_SOURCE_DIR=${CRM_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
CRM_BUILD_DIR=${CRM_BUILD_DIR:-$CRM_SOURCE_DIR/build/release}
CUSIM_BUILD=$CRM_BUILD_DIR/cusim-tests
failed=0 # read by the tests
export failed

ok() { echo "ok - $1"; }
not_ok() {
    echo "not ok - $1"
    failed=1
}
# check NAME COMMAND...
check() {
    local name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name"; fi
}
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

# cusim_build VARIANT...: the programs of tests/cusim in $CUSIM_BUILD/VARIANT, for plain, asan (with UBSan) and tsan; those of
# the project's builds where it has them: plain of this one, asan of "debug", tsan of races_build. Builds of several tests
# wait for each other.
cusim_build() {
    local variant built=''
    command -v cmake >/dev/null || skip_all "cmake is not installed"
    command -v c++ >/dev/null || skip_all "no C++ compiler is installed"
    mkdir -p "$CUSIM_BUILD"
    exec 8>"$CUSIM_BUILD/.lock"
    flock 8
    for variant in "$@"; do
        case $variant in
        plain) ! project_has_plain || built=$CRM_BUILD_DIR ;;
        asan) ! debug_has_asan || built=$debug ;;
        tsan) ! races_build cusim_cases cusim_planted || built=$races ;;
        esac
        if [ -n "$built" ]; then
            [ -L "$CUSIM_BUILD/$variant" ] || rm -rf "${CUSIM_BUILD:?}/$variant"
            ln -sfn "$built/cusim" "$CUSIM_BUILD/$variant"
        else
            cusim_build_one "$variant"
        fi
        built=''
    done
    flock -u 8
}
project_has_plain() {
    [ -x "$CRM_BUILD_DIR/cusim/cusim_cases" ] && [ -x "$CRM_BUILD_DIR/cusim/cusim_planted" ] &&
        ! grep -qE '^CRM_(SANITIZE|TSAN):BOOL=ON' "$CRM_BUILD_DIR/CMakeCache.txt"
}
debug=${CRM_DEBUG_BUILD_DIR:-$CRM_SOURCE_DIR/build/debug}
debug_has_asan() {
    [ -x "$debug/cusim/cusim_planted" ] && grep -q '^CRM_SANITIZE:BOOL=ON' "$debug/CMakeCache.txt" &&
        flock "$CRM_SOURCE_DIR/build/.lock" cmake --build "$debug" --target cusim_cases cusim_planted >"$CUSIM_BUILD/asan.log" 2>&1
}
# races_build TARGET...: of the project with ThreadSanitizer, in $races; fails, with $races.log, where it cannot be built.
races=$CRM_BUILD_DIR/cusim-races
races_build() {
    [ -f "$CRM_BUILD_DIR/CMakeCache.txt" ] || return 1
    mkdir -p "$races"
    (
        flock 7
        cmake -S "$CRM_SOURCE_DIR" -B "$races" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCRM_TSAN=ON -DCRM_CUDA=off &&
            cmake --build "$races" -j 2 --target "$@"
    ) 7>"$races.lock" >"$races.log" 2>&1
}
cusim_build_one() {
    local variant=$1 dir=$CUSIM_BUILD/$1 log=$CUSIM_BUILD/$1.log options=()
    case "$variant" in
    asan) options=(-DCRM_SANITIZE=ON) ;;
    tsan) options=(-DCRM_TSAN=ON) ;;
    esac
    ! command -v ninja >/dev/null || options+=(-G Ninja)
    [ ! -L "$dir" ] || rm "$dir"
    if [ ! -f "$dir/CMakeCache.txt" ]; then
        cmake -S "$CRM_SOURCE_DIR/tests/cusim" -B "$dir" "${options[@]}" >"$log" 2>&1 || true
        if grep -q 'CRM_CUDA_INCLUDE:PATH=CRM_CUDA_INCLUDE-NOTFOUND' "$dir/CMakeCache.txt" 2>/dev/null; then
            rm -rf "$dir"
            skip_all "the headers of a CUDA toolkit were not found"
        fi
    fi
    cmake --build "$dir" -j 2 >>"$log" 2>&1 && return 0
    tail -n 40 "$log" >&2
    not_ok "the $variant build of tests/cusim"
    exit 1
}
