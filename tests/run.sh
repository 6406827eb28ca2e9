#!/usr/bin/env bash
# run.sh [--full | --long] [-j N] [--no-setup] [WORD] - install what is missing, build, run the tests.
#
#   (none)   every test without a tier mark, with fewer numbers of ranks, from the release build; minutes
#   --full   also those marked "tier: full", and C tests again from the sanitizer and clang builds; some 35 minutes on 2 cores
#   --long   also those marked "tier: long"; hours
#   WORD     only tests whose name (folder/test_name) holds WORD; only they are built
#   -j N     N tests of one process or beside others at a time (default: cores, at most 4)
#
# Marks in the head comment of a test: "ranks: 1 2 4" (a run under mpirun for each), "tier: full" or "tier: long",
# "timeout: SECONDS" (default 60), "builds: release" (a C test that --full runs from no other build), "beside: others" (a
# script of e2e, slurm or fault that may run beside tests of any kind).  A test prints TAP.  One that crashes, hangs or prints no
# result has failed.
# The last line is "N passed, N failed, N skipped"; the exit code is 1 when anything failed.  See docs/testing.md.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
unset CRM_BUILD_DIR
# shellcheck source=jobs/env.sh
. "$here/../jobs/env.sh"

tier=default word='' setup=yes
jobs=$(nproc)
[ "$jobs" -le 4 ] || jobs=4
while [ $# -gt 0 ]; do
    case "$1" in
    --full | --long) tier=${1#--} ;;
    --no-setup) setup=no ;;
    -j) jobs=${2:?-j needs a number} && shift ;;
    -j*) jobs=${1#-j} ;;
    -h | --help)
        sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    -*)
        echo "run.sh: $1 is not an option; --help lists them" >&2
        exit 2
        ;;
    *) word=$1 ;;
    esac
    shift
done

if [ -z "${CRM_SHARED:-}" ] && [ -d "$CRM_SOURCE_DIR/../shared" ]; then
    CRM_SHARED=$(cd "$CRM_SOURCE_DIR/../shared" && pwd -P)
fi
[ -z "${CRM_SHARED:-}" ] || export CRM_SHARED
export OMPI_MCA_pml="${OMPI_MCA_pml:-ob1}" # as in tests/e2e/lib.sh
export CRM_TIER=$tier # scripts with a number of repetitions take it from here
export CRM_CLANG_BUILD_DIR=$CRM_SOURCE_DIR/build/clang
export UBSAN_OPTIONS=print_stacktrace=1

# Everything the tests leave is under one folder, mpirun's own files too.
work=$(mktemp -d "${TMPDIR:-/tmp}/crmpi-tests.XXXXXX")
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
passed=0 failed=0 skipped=0
skips=() failures=()

# Shared-memory segments that killed ranks left: ours, newer than this run, and mapped by no process.
clean_segments() {
    local f
    while IFS= read -r f; do
        grep -qsF "$f" /proc/[0-9]*/maps || rm -f "$f"
    done < <(find /dev/shm -maxdepth 1 -name 'vader_segment.*' -user "$(id -un)" -newer "$work/start" 2>/dev/null)
}
finish() {
    local f
    touch "$work/stop"
    while [ -n "$(jobs -pr)" ]; do # tests that still run, when we are stopped ourselves: each is told once, and cleans up
        for f in "$work"/*.pid; do
            [ -f "$f" ] && [ ! -f "${f%.pid}.end" ] && [ ! -f "$f.told" ] || continue
            touch "$f.told"
            kill "$(<"$f")" 2>/dev/null || true
        done
        sleep 0.1
    done
    wait
    clean_segments
    rm -rf "$work"
}
touch "$work/start"
trap finish EXIT
trap 'exit 130' INT TERM

fail() { # NAME: count a failure of its own
    failed=$((failed + 1))
    failures+=("$1")
}

# The head comment of a test, and the value of a mark in it.
head_of() {
    awk 'NR > 40 {exit} FILENAME ~ /\.c$/ {print; if (/\*\//) exit; next} /^[^#"]/ && NR > 1 && !doc {exit}
        {print} /^"""/ {n++; doc = n == 1 && !/""".*"""/; if (!doc) exit}' "$1"
}
mark() { # TEXT KEY PATTERN
    sed -nE "s/.*\b$2: *($3).*/\1/p" <<<"$1" | head -n 1
}
in_tier() {
    case "$1" in
    '') return 0 ;;
    full) [ "$tier" != default ] ;;
    long) [ "$tier" = long ] ;;
    esac
}

# Fills names, files, ranks_of, timeout_of with the tests of this run.
declare -A file_of ranks_of timeout_of beside_of release_of
names=()
find_tests() {
    local f name text
    for f in "$here"/*/test_*.c "$here"/*/test_*.sh "$here"/*/test_*.py; do
        [ -f "$f" ] || continue
        name=${f#"$here"/}
        [[ "${name%.*}" == *"$word"* ]] || continue
        text=$(head_of "$f")
        in_tier "$(mark "$text" tier 'full|long')" || continue
        names+=("$name")
        file_of[$name]=$f
        ranks_of[$name]=$(mark "$text" ranks '[0-9][0-9 ]*')
        # Without a launcher Open MPI keeps memory to its end, which would count as our leak.
        [ -n "${ranks_of[$name]}" ] || ! grep -q '"crm_test_mpi.h"' "$f" || ranks_of[$name]=1
        release_of[$name]=$(mark "$text" builds 'release')
        beside_of[$name]=$(mark "$text" beside 'others')
        timeout_of[$name]=$(mark "$text" timeout '[0-9]+')
        : "${timeout_of[$name]:=60}"
    done
}

target_of() { # folder/test_name.c -> test_folder_name
    local stem=${1%.c}
    echo "test_${stem%%/*}_${stem#*/test_}"
}

# Whether a C test is one of a build: of clang, which is there to compare bits, those with a mark of ranks; only of release
# those that wait or measure, where sanitizers have nothing to see.
in_build() { # PRESET NAME
    [ "$1" = release ] || { [ -z "${release_of[$2]}" ] && { [ "$1" != clang ] || [ -n "${ranks_of[$2]}" ]; }; }
}

# Build a preset; with WORD, and of clang, only the program and the tests that are run.
build() {
    local preset=$1 targets=() name
    if [ -n "$word" ] || [ "$preset" = clang ]; then
        for name in "${names[@]}"; do
            case "$name" in
            *.c) ! in_build "$preset" "$name" || targets+=("$(target_of "$name")") ;;
            e2e/* | slurm/* | fault/*.sh) targets+=(crmpi) ;;
            esac
        done
        [ ${#targets[@]} != 0 ] || return 0
        targets=(--target "${targets[@]}")
    fi
    echo "== build $preset"
    mkdir -p "$CRM_SOURCE_DIR/build"
    (
        flock 9
        cd "$CRM_SOURCE_DIR"
        cmake --preset "$preset" && cmake --build --preset "$preset" "${targets[@]}"
    ) 9>"$CRM_SOURCE_DIR/build/.lock" >"$work/build.log" 2>&1 && return 0
    cat "$work/build.log"
    fail "build $preset"
    return 1
}

# Run one test, to be called in the background: output and exit code under $work/ID.
run_one() { # ID PRESET NAME RANKS (0: not under mpirun)
    local id=$1 preset=$2 name=$3 ranks=$4 limit=${timeout_of[$3]} code=0 cmd
    case "$name" in
    *.c) cmd=("$CRM_SOURCE_DIR/build/$preset/tests/$(target_of "$name")") ;;
    *.py) cmd=("${CRM_PYTHON:-/usr/bin/python3}" "${file_of[$name]}") ;;
    *) cmd=(bash "${file_of[$name]}") ;;
    esac
    if [ "$preset" = debug ]; then
        limit=$((4 * limit))
        export ASAN_OPTIONS=detect_leaks=0
        [ "$ranks" != 0 ] || export ASAN_OPTIONS=detect_leaks=$leaks
    fi
    [ "$ranks" = 0 ] || cmd=(mpirun --oversubscribe --bind-to none -n "$ranks" "${cmd[@]}")
    export CRM_BUILD_DIR=$CRM_SOURCE_DIR/build/$preset
    # Of its own: what one Open MPI removes at its end another one may be about to use.
    export TMPDIR=$TMPDIR/$id
    mkdir "$TMPDIR"
    cd "$TMPDIR"
    SECONDS=0
    timeout -k 10 "$limit" "${cmd[@]}" >"$work/$id.out" 2>"$work/$id.err" </dev/null &
    echo $! >"$work/$id.pid"
    wait $! || code=$?
    echo "$code $SECONDS $limit" >"$work/$id.end"
}

# Cases for the device of a module, which tests/cusim/test_ops.sh runs: neither passed nor skipped where none is named.
elsewhere='# *SKIP CRM_CUDA_PLUGIN names no module'

# Count the TAP lines of a finished test; show its output when it failed.
take_result() { # ID TITLE
    local out=$work/$1.out title=$2 code took limit bad skip plan why='' line all
    read -r code took limit <"$work/$1.end"
    all=$(grep -cE '^(not )?ok\b' "$out" || true)
    sed -i "/$elsewhere/d" "$out"
    skip=$(grep -ciE '^(ok\b.*|1\.\.0.*)# *skip' "$out" || true)
    bad=$(grep -cE '^not ok\b' "$out" || true)
    plan=$(sed -nE 's/^1\.\.([0-9]+).*/\1/p' "$out" | head -n 1)
    if [ "$code" = 124 ] || [ "$code" = 137 ] && [ "$took" -ge "$limit" ]; then
        why="no end after $limit s"
    elif [ "$code" != 0 ] && [ "$bad" = 0 ]; then
        why="exit code $code"
    elif [ $((all + skip)) = 0 ]; then
        why="no result line"
    elif [ -n "$plan" ] && [ "$plan" != 0 ] && [ "$plan" != "$all" ]; then
        why="$all results, $plan were planned"
    fi
    while IFS= read -r line; do
        skips+=("$title: ${line#*ok - }")
    done < <(grep -iE '^(ok\b.*|1\.\.0.*)# *skip' "$out" || true)
    passed=$((passed + $(grep -E '^ok\b' "$out" | grep -civE '# *skip' || true)))
    skipped=$((skipped + skip))
    failed=$((failed + bad))
    [ -z "$why" ] || fail "$title: $why"
    while IFS= read -r line; do
        failures+=("$title: ${line#not ok - }")
    done < <(grep -E '^not ok\b' "$out" || true)
    if [ "$bad" != 0 ] || [ -n "$why" ]; then
        echo "FAILED $title (${took} s)${why:+: $why}"
        sed 's/^/    | /' "$out" "$work/$1.err"
    else
        echo "ok     $title (${took} s)"
    fi
}

# Numbers of ranks to run a test with: all of its mark; in the default tier of more than two the first and the third, and the
# last where it is above 4; in tier full but the last; with sanitizers and with clang the last (of the shim with sanitizers the
# first).
ranks_for() { # PRESET NAME
    local all
    read -ra all <<<"${ranks_of[$2]:-0}"
    case $1 in
    release)
        if [ "$tier" = default ] && [ ${#all[@]} -gt 2 ]; then
            [ "${all[-1]}" -gt 4 ] || all=("${all[0]}" "${all[2]}")
            [ ${#all[@]} = 2 ] || all=("${all[0]}" "${all[2]}" "${all[-1]}")
        elif [ "$tier" = full ] && [ ${#all[@]} -gt 2 ]; then
            unset 'all[-1]' # which the two other builds run
        fi
        ;;
    debug)
        if [[ "$2" == cusim/* ]]; then # minutes each: fibres and sanitizers do not go well together
            all=("${all[0]}")
        else
            all=("${all[-1]}")
        fi
        ;;
    clang) all=("${all[-1]}") ;;
    esac
    echo "${all[@]}"
}

# Run tests of a build, N at a time, or one after the other; each is a number in name_at and ranks_at.
start() { # PRESET NUMBER
    run_one "$1-$2" "$1" "${name_at[$2]}" "${ranks_at[$2]}"
}
run_pool() { # PRESET N NUMBER...
    local preset=$1 most=$2 running=0 i
    for i in "${@:3}"; do
        [ "$running" -lt "$most" ] || { wait -n || true; running=$((running - 1)); }
        start "$preset" "$i" &
        running=$((running + 1))
    done
    wait
}
run_lane() { # PRESET NUMBER...
    local i
    for i in "${@:2}"; do
        [ ! -e "$work/stop" ] || return
        start "$1" "$i" &
        wait $! || true
    done
}
take_results() { # PRESET NUMBER...
    local i r
    for i in "${@:2}"; do
        r=${ranks_at[$i]}
        take_result "$1-$i" "$1 ${name_at[$i]}$([ "$r" = 0 ] || echo " on $r ranks")"
    done
}

# The tests of one build: first those of one process and scripts marked "beside: others", several at a time, those that may
# take longest in front; then those of several ranks, two at a time; then the other scripts of e2e, slurm and fault, which
# mostly wait, but for something that must happen in time: those of a folder one after the other, beside those of the others.
run_build() { # PRESET; all C tests, and with release the scripts too
    local preset=$1 n=0 name r folder beside=() several=()
    local -A lane=()
    name_at=() ranks_at=()
    for name in "${names[@]}"; do
        [ "$preset" = release ] || [ "${name##*.}" = c ] || continue
        in_build "$preset" "$name" || continue
        for r in $(ranks_for "$preset" "$name"); do
            name_at[n]=$name ranks_at[n]=$r
            if [ "$r" -gt 1 ]; then
                several+=("${timeout_of[$name]} $n")
            elif [[ "$name" == @(e2e/*|slurm/*|fault/*.sh) ]] && [ -z "${beside_of[$name]}" ]; then
                lane[${name%%/*}]+=" $n"
            else
                beside+=("${timeout_of[$name]} $n")
            fi
            n=$((n + 1))
        done
    done
    mapfile -t beside < <(printf '%s\n' "${beside[@]}" | sort -s -rn -k 1,1 | cut -s -d ' ' -f 2)
    mapfile -t several < <(printf '%s\n' "${several[@]}" | sort -s -rn -k 1,1 | cut -s -d ' ' -f 2)
    run_pool "$preset" "$jobs" "${beside[@]}"
    take_results "$preset" "${beside[@]}"
    run_pool "$preset" $((jobs < 2 ? 1 : 2)) "${several[@]}"
    take_results "$preset" "${several[@]}"
    for folder in "${!lane[@]}"; do
        # shellcheck disable=SC2086
        run_lane "$preset" ${lane[$folder]} &
        [ "$jobs" -gt 1 ] || wait
    done
    wait
    for folder in "${!lane[@]}"; do
        # shellcheck disable=SC2086
        take_results "$preset" ${lane[$folder]}
    done
    clean_segments
}

# Finding leaks needs the right to trace, which some containers withhold.
leaks=1
probe_leaks() {
    local program
    program=$(find "$CRM_SOURCE_DIR/build/debug/tests" -name 'test_base_*' -type f | head -n 1)
    if [ -n "$program" ] && ! ASAN_OPTIONS=detect_leaks=1 "$program" >"$work/leaks" 2>&1 &&
        grep -q 'LeakSanitizer has encountered a fatal error' "$work/leaks"; then
        leaks=0
        skipped=$((skipped + 1))
        skips+=("debug: leak check # SKIP this system does not let a process trace itself")
    fi
}

if [ "$setup" = yes ]; then
    "$CRM_SOURCE_DIR/jobs/setup.sh"
    "$CRM_SOURCE_DIR/jobs/setup.sh" --tests || echo "run.sh: tests that need what is missing will be skipped"
fi
find_tests
# All builds come first: a test may compare the bits of two of them.
presets=()
for preset in release debug clang; do
    [ "$preset" = release ] || [ "$tier" != default ] || break
    if [ "$preset" = clang ] && ! command -v clang >/dev/null; then
        skipped=$((skipped + 1))
        skips+=("clang: build and C tests # SKIP clang is not installed")
    elif build "$preset"; then
        presets+=("$preset")
    fi
done
for preset in "${presets[@]}"; do
    [ "$preset" != debug ] || probe_leaks
    run_build "$preset"
done

[ ${#failures[@]} = 0 ] || printf 'failed: %s\n' "${failures[@]}"
[ ${#skips[@]} = 0 ] || printf 'skipped: %s\n' "${skips[@]}"
[ $((passed + failed + skipped)) != 0 ] || echo "run.sh: no test has a name with '$word'" >&2
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ $((passed + skipped)) != 0 ]
