#!/usr/bin/env bash
# test_fuzz.sh - any bytes as files: libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer, from a build of its own
# (build/fuzz, by clang).  Each target runs for 5 s; in the tier long for 10 minutes (CRM_FUZZ_SECONDS).  A finding is left
# in TMPDIR and shown as base64.  The build is made in the tier long only: skipped where it is not there.
# timeout: 1500
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=jobs/env.sh
. "$here/../../jobs/env.sh"
build=${CRM_FUZZ_BUILD_DIR:-$CRM_SOURCE_DIR/build/fuzz}
tier=${CRM_TIER:-default}
seconds=${CRM_FUZZ_SECONDS:-$([ "$tier" = long ] && echo 600 || echo 5)}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fuzz-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}

command -v clang >/dev/null || skip "no clang"
if [ "$tier" != long ]; then
    [ -x "$build/fuzz/fuzz_csv" ] || skip "build/fuzz is not built (it is with --long)"
else
    if ! { cmake -S "$CRM_SOURCE_DIR" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DCRM_FUZZ=ON \
        -DCRM_CUDA=off >"$scratch/log" 2>&1 && ninja -C "$build" fuzz_csv >>"$scratch/log" 2>&1; }; then
        grep -q 'needs clang with libFuzzer' "$scratch/log" && skip "clang has no libFuzzer"
        sed 's/^/# /' "$scratch/log"
        echo "not ok - build"
        exit 1
    fi
fi

# seed NAME HEAD TEXT: four bytes that choose the schema, then the file
seed() {
    # shellcheck disable=SC2059
    printf "$2$3" >"$scratch/csv/$1"
}

mkdir "$scratch/csv"
seed plain '\003\100\001\001' 'a,b,c,d\n1,2.5,x,2020-01-01\n-3,1e5,NA,?\n'
seed quoted '\003\120\002\001' 'a,b,c,d\n"1","x ""y"" z","p,q\nr",yes\n2,,,no\n'
seed crlf '\002\070\003\002' 'a;b;c\r\n1;2,5;x\r\n\r\n3;4,5;"y"\r\n'
seed broken '\001\044\004\001' 'a,b\n1,x"y\n2\n3,"open\n4,z\n'
seed latin '\002\111\005\011' 'a\tb\tc\n\344\t\337\t1\n2\t3\t4\n'
seed utf8 '\002\222\006\000' '\357\273\277a|b|c\n\303\251|\342\202\254|9\n'
seed times '\003\077\007\002' 'a,b,c,d\n2020-02-29T12:00:00+01:00,01.02.99 3:4,Jan 5 2021Z,1600000000\n'
seed one '\000\022\010\001' 'a\n1\n\n2\r3\n4'
seed rest '\000\041\011\021' 'x,a,y\n1,2,3\n4,5,6\n'
# shellcheck disable=SC2046
seed long '\001\031\012\001' "a,b\n$(printf '1,%0200d\\n' $(seq 40))"
cat >"$scratch/words" <<'EOF'
"\""
"\"\""
",\""
"\"\x0a"
"\x0d\x0a"
"\x00"
"\xef\xbb\xbf"
"\xc3\xa9"
"1e308"
"9223372036854775808"
"2020-02-29"
"NA"
EOF

# No leak checks: Open MPI keeps memory to its end.
if ASAN_OPTIONS=detect_leaks=0 timeout $((seconds + 300)) "$build/fuzz/fuzz_csv" -max_total_time="$seconds" -max_len=4096 \
    -timeout=20 -rss_limit_mb=2048 -dict="$scratch/words" -artifact_prefix="$scratch/" -print_final_stats=1 "$scratch/csv" \
    >"$scratch/log" 2>&1; then
    echo "# $(grep -E 'number_of_executed_units' "$scratch/log")"
    echo "ok - csv"
else
    tail -n 60 "$scratch/log" | sed 's/^/# /'
    for f in "$scratch"/crash-* "$scratch"/oom-* "$scratch"/timeout-*; do
        [ ! -f "$f" ] || echo "# input, base64: $(base64 -w 0 "$f")"
    done
    echo "not ok - csv"
    exit 1
fi
