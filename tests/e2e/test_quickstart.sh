#!/bin/bash
# The quickstart from another folder, twice, with more ranks than cores; its figure and its table are those that the
# README shows, to the byte.
# tier: full
# timeout: 900  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd / || exit 1

if RANKS=3 "$CRM_SOURCE_DIR/jobs/quickstart.sh" "$TMP/a folder" >"$TMP/first" 2>"$TMP/err"; then
  ok "quickstart on 3 ranks"
else
  not_ok "quickstart on 3 ranks" "$(tail -5 "$TMP/err")"
fi
run="$TMP/a folder/quickstart"
check "the figure is the README's" cmp "$run/report.svg" "$CRM_SOURCE_DIR/docs/quickstart.svg"
sed -n '/^auc (/,/^oracle/p' "$TMP/first" >"$TMP/table"
check "the table is there" test "$(wc -l <"$TMP/table")" = 6
sed -n '/^auc (/,/^oracle/p' "$CRM_SOURCE_DIR/README.md" >"$TMP/readme"
check "the table is the README's" cmp "$TMP/table" "$TMP/readme"
if RANKS=1 "$CRM_SOURCE_DIR/jobs/quickstart.sh" "$TMP/a folder" >"$TMP/second" 2>"$TMP/err"; then
  ok "quickstart again"
else
  not_ok "quickstart again" "$(tail -5 "$TMP/err")"
fi
sed -n '/^auc (/,/^oracle/p' "$TMP/second" >"$TMP/table2"
check "the same result is shown" cmp "$TMP/table" "$TMP/table2"
exit "$failed"
