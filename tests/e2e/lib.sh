# lib.sh - for the end-to-end tests: TAP lines, ranks, digests. Sourced by tests/e2e/test_*.sh.
# shellcheck shell=bash disable=SC2034
set -u
CRM_SOURCE_DIR=${CRM_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
CRM_BUILD_DIR=${CRM_BUILD_DIR:-$CRM_SOURCE_DIR/build/release}
CRM_SHARED=${CRM_SHARED:-$CRM_SOURCE_DIR/../shared}
# shellcheck source=/dev/null
. "$CRM_SOURCE_DIR/jobs/env.sh"
# What Open MPI comes to on one machine anyway, after a quarter of a second of looking for networks at each start.
export OMPI_MCA_pml="${OMPI_MCA_pml:-ob1}"
CRMPI=$CRM_BUILD_DIR/crmpi
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
failed=0

ok() { echo "ok - $1"; }
not_ok() {
  echo "not ok - $1"
  failed=1
  [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/#   /' >&2
}
skip() { echo "ok - $1 # SKIP $2"; }
# check NAME CONDITION...: the condition is a command
check() {
  local name=$1
  shift
  if "$@"; then ok "$name"; else not_ok "$name" "$*"; fi
}

# by_tier LONG FULL DEFAULT: that of the tier
by_tier() {
  case "${CRM_TIER:-default}" in
  long) echo "$1" ;;
  full) echo "$2" ;;
  *) echo "$3" ;;
  esac
}

# ranks N ARGS...: crmpi on N ranks; a hang is a failure (124)
ranks() {
  local n=$1
  shift
  timeout "${RUN_TIMEOUT:-120}" mpirun --oversubscribe --bind-to none -n "$n" "$CRMPI" "$@"
}

# alone ARGS...: crmpi as one process without a launcher
alone() {
  timeout "${RUN_TIMEOUT:-120}" "$CRMPI" "$@"
}

# exits N ARGS...: as ranks, but 1 without a launcher; its exit code is that of all ranks, 99 when they are not one.  The
# launcher sees 0 and so kills nobody before a code is written, nor waits a second for the killed.
exits() {
  local n=$1 got
  shift
  [ "$n" != 1 ] || { alone "$@"; return; }
  rm -rf "$TMP/codes"
  mkdir "$TMP/codes"
  # shellcheck disable=SC2016
  timeout "${RUN_TIMEOUT:-120}" mpirun --oversubscribe --bind-to none -n "$n" bash -c \
    '"${@:2}"; echo $? >"$1/$OMPI_COMM_WORLD_RANK"' _ "$TMP/codes" "$CRMPI" "$@" || return 99
  got=$(sort -n "$TMP"/codes/* | uniq -c | awk '{print $1 "x" $2}' | tr '\n' ' ')
  [ "${got%%x*}" = "$n" ] || { echo "exit codes of $n ranks: $got" >&2; return 99; }
  got=${got#*x}
  return "${got% }"
}

# leftovers: what a command that failed left of --out out. A data set that was imported whole may stay; anything else may
# not.
leftovers() {
  find . -maxdepth 1 \( -name out -o -name '*.tmp' \) -print
  [ ! -e out.h5 ] || "$CRMPI" describe out.h5 >/dev/null 2>&1 || echo "a partial out.h5"
}

# fails NAME CODE TEXT ARGS...: one message with TEXT (a pattern for grep -E) and the exit code, on 1 and 3 ranks or on those
# of $fail_ranks, and nothing left of --out out
fails() {
  local name=$1 code=$2 text=$3 n rc bad=
  shift 3
  for n in ${fail_ranks:-1 3}; do
    rm -rf out out.h5
    RUN_TIMEOUT=60 exits "$n" "$@" >stdout 2>stderr
    rc=$?
    [ $rc = "$code" ] || bad+=" exit code $rc on $n ranks;"
    grep -Eq -- "$text" stderr || bad+=" message on $n ranks: $(head -c 600 stderr);"
    [ "$(grep -c 'crmpi: error:' stderr)" = 1 ] || bad+=" $(grep -c 'crmpi: error:' stderr) messages on $n ranks;"
    [ -z "$(leftovers)" ] || bad+=" left behind: $(leftovers | tr '\n' ' ');"
  done
  if [ -z "$bad" ]; then ok "$name"; else not_ok "$name" "$bad"; fi
}

# same_elsewhere: calls the test's own same LABEL NAME RANKS for each instruction set (in the default tier the portable
# one) and for the program of the other compiler, which CLANG_CRMPI names
CLANG_CRMPI=${CRM_CLANG_BUILD_DIR:-$CRM_SOURCE_DIR/build/clang}/crmpi
same_elsewhere() {
  local path
  for path in avx2 portable; do
    [ "$path" = portable ] || [ "${CRM_TIER:-default}" != default ] || continue
    if [ "$path" = portable ] || grep -qw "$path" /proc/cpuinfo; then
      CRM_CPU=$path same "instruction set $path" "cpu-$path" 2
    else
      skip "instruction set $path" "this CPU has no $path"
    fi
  done
  if [ -x "$CLANG_CRMPI" ]; then
    CRMPI=$CLANG_CRMPI same "built by clang -O2" clang 2
  else
    skip "built by clang -O2" "no build in build/clang"
  fi
}

# digests RUN: the digests of summary.json, one line
digests() {
  tr -d ' \n' <"$1/summary.json" | sed 's/.*"digests":{\([^}]*\)}.*/\1/'
}

# table N FILE: a small customer table of N rows with a signal, two categories, a missing value now and then
table() {
  awk -v n="$1" 'BEGIN {
    srand(5); print "id,age,spend,calls,city,plan,churn"
    split("Oslo,Bergen,Narvik", c, ",")
    for (i = 1; i <= n; i++) {
      a = 18 + int(rand() * 57); s = rand() * 500; k = int(rand() * 9); g = rand() < .3
      x = (k - 4) * .9 - (s - 250) / 120 + (rand() - .5) * 2
      if (rand() < .03) a = ""
      plan = g ? "\"gold, yearly\"" : "basic"; label = (x > .6) ? "yes" : "no"
      printf "%d,%s,%.2f,%d,%s,%s,%s\n", i, a, s, k, c[1 + int(rand() * 3)], plan, label
    }
  }' >"$2"
}

# notes_schema: notes.schema.yaml, by which each row of notes.csv (columns mood, body) is a customer with a text and its mood
notes_schema() {
  cat >notes.schema.yaml <<'EOS'
tables:
  notes:
    files: notes.csv
    columns: {mood: category, body: text}
    documents: {text: body}
entity: {table: notes, key: none, profile: []}
labels: {mood: {column: mood}}
EOS
}
