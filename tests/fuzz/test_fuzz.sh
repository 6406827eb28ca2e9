#!/usr/bin/env bash
# test_fuzz.sh - any bytes as files: libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer, from a build of its own
# (build/fuzz, by clang).  Each target runs for 5 s; in the tier long for 10 minutes (CRM_FUZZ_SECONDS).  A finding is left
# in TMPDIR and shown as base64.  The build is made in the tier long only: skipped where it is not there.
# timeout: 2400
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
    [ -x "$build/fuzz/fuzz_vectors" ] && [ -x "$build/fuzz/fuzz_context" ] || skip "build/fuzz is not built (it is with --long)"
else
    if ! { cmake -S "$CRM_SOURCE_DIR" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DCRM_FUZZ=ON \
        -DCRM_CUDA=off >"$scratch/log" 2>&1 && ninja -C "$build" fuzz_conll fuzz_context fuzz_csv fuzz_lexicon fuzz_text fuzz_vectors >>"$scratch/log" 2>&1; }; then
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
cat >"$scratch/csv_words" <<'EOF'
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

# texts/: four bytes that choose the options, then the text
mkdir "$scratch/texts"
text() {
    printf '%b' "$2" >"$scratch/texts/$1"
}
text plain "\\0101\\017\\000\\000Don't buy this!! It isn't GOOD :-( www.x.de @a #b 3.5% &amp; <br>l'ami"
text marks '\0302\013\0121\004N\0303\0243o \0303\0251 BOM \0360\0237\0221\0215\0360\0237\0217\0275 1\0357\0270\0217\0342\0203\0243 e\0314\0201'
text scripts '\0143\001\001\001\0346\0235\0261\0344\0272\0254 \0327\0251\0327\0234 \0340\0270\0201\0340\0270\0265 \0377\0376 \0360\0237\0207\0251'
text joined '\0100\000\000\000\0341\0204\0222\0341\0205\0241\0341\0206\0253 \0360\0237\0221\0250\0342\0200\0215\0360\0237\0221\0251 a@b.de'
cat >"$scratch/texts_words" <<'EOF'
"n't"
"\xe2\x80\x99"
"\xe2\x80\x8d"
"\xef\xb8\x8f"
"\xcc\x81"
"\xf0\x9f\x98\x80"
"http://"
"www."
"&#x"
"&amp;"
"<br>"
"<!--"
":-)"
"\xc2\xad"
"\xf3\xa0\x81\xa7"
EOF

# vectors/: files of word vectors
mkdir "$scratch/vectors"
printf '2 3\nthe 0.1 -2.5 3e-05\nna 0.33333334 1e10 0\n' >"$scratch/vectors/text"
printf 'the 1 2 3 \r\n\n. . . 4 5 6\nthe 1 1 1' >"$scratch/vectors/glove"
printf '2 1\nthe \315\314\314=\na \000\000\200?' >"$scratch/vectors/binary"
cat >"$scratch/vectors_words" <<'EOF'
"1e-45"
"\x0a"
"\x00\x00\x80\x7f"
"9999999999"
EOF

# conll/: a byte that chooses the rows, a file of columns, perhaps \001 and a test file
mkdir "$scratch/conll"
printf '0we O\nfly O\nOslo B-place\n\nAnna X B-person\nNovak I-person\n' >"$scratch/conll/tags"
printf '1-DOCSTART- -X- O\r\n\r\na I-x\r\nb I-x\r\n\r\n-DOCSTART-\nc I-y\n\001d O\n' >"$scratch/conll/documents"
printf '0only\nwords\n\nhere\n\001\357\273\277caf\303\251\tO\n' >"$scratch/conll/words"
cat >"$scratch/conll_words" <<'EOF'
"-DOCSTART-"
"\x0a"
"\x0d\x0a"
"\x09"
"\xef\xbb\xbf"
" O\x0a"
" B-a"
" I-a"
"\x01"
EOF

# lexicon/: a list of rated words, then texts, each after a \001
mkdir "$scratch/lexicon"
printf "good\t1.9\nbad\t-2.5\t1\nno\t-1.2\n:)\t2\n\001I don't find it VERY good!! but @bad #good l'ami :)\001no good??" \
    >"$scratch/lexicon/texts"
printf "don't\t2\nx\t-99\n\001DON'T x y kind of the bomb isn'tn't's\001\377" >"$scratch/lexicon/joined"
cat >"$scratch/lexicon_words" <<'EOF'
"\x09"
"\x0a"
"\x01"
"n't"
"'s"
" kind of "
" least "
" never so "
" without doubt "
" but "
" no "
EOF

# context/: a byte that chooses emotions or aspects, the file, then texts, after a \001
mkdir "$scratch/context"
printf '1delay: [delay*, late, hours late]\nlost bag: {words: ["lost *bag*", "#gone"], kind: pain}\n\001Our BAGS lost, lost BAGs! hours late #gone delays' \
    >"$scratch/context/aspects"
printf "1caf\303\251: don't\nb:\n  - ':-) x'\n  - \"*\\u00e9t*\"\n\001Don't :-) X \303\251t\303\251" >"$scratch/context/marks"
printf '0LATE\tfear\t1\nlate\tanger\t1\n#great\tjoy\t1\r\ngood\tjoy\t0\n\001Late GREAT #great good' >"$scratch/context/emotions"
printf '0\303\211t\303\251\tjoie d\351\t1\n' >"$scratch/context/latin"
cat >"$scratch/context_words" <<'EOF'
"\x01"
"\x09"
"\x0a"
"\x091\x0a"
"\x090\x0a"
": ["
"words: "
"kind: pain"
"kind: preference"
"*"
"'s"
"#"
"any: "
EOF

# run TARGET FOLDER.  No leak checks: Open MPI keeps memory to its end.
run() {
    if ASAN_OPTIONS=detect_leaks=0 timeout $((seconds + 300)) "$build/fuzz/$1" -max_total_time="$seconds" -max_len=4096 \
        -timeout=20 -rss_limit_mb=2048 -dict="$scratch/$2_words" -artifact_prefix="$scratch/" -print_final_stats=1 "$scratch/$2" \
        >"$scratch/log" 2>&1; then
        echo "# $(grep -E 'number_of_executed_units' "$scratch/log")"
        echo "ok - $2"
        return 0
    fi
    tail -n 60 "$scratch/log" | sed 's/^/# /'
    for f in "$scratch"/crash-* "$scratch"/oom-* "$scratch"/timeout-*; do
        [ ! -f "$f" ] || echo "# input, base64: $(base64 -w 0 "$f")"
    done
    echo "not ok - $2"
    return 1
}

status=0
run fuzz_context context || status=1
run fuzz_csv csv || status=1
run fuzz_conll conll || status=1
run fuzz_lexicon lexicon || status=1
run fuzz_text texts || status=1
run fuzz_vectors vectors || status=1
exit $status
