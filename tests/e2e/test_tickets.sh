#!/bin/bash
# Real tables and texts without signal: nothing is told apart by accuracy, F1 or AUC.
# tier: full
# timeout: 300  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
data=$CRM_SHARED/data/support_tickets
[ -d "$data" ] || { skip "support tickets" "no $data"; exit 0; }
cd "$TMP" || exit 1
RUN_TIMEOUT=280 ranks 2 crossval "$CRM_SOURCE_DIR/configs/support-tickets.yaml" --set data.path="$data" --out run >out 2>err ||
  not_ok "crossval" "$(cat err)"
# Rules that find nothing name nearly always the most frequent class: their F1 is lower than that of a guess.
for metric in accuracy f1 f1_macro auc; do
  table=$(sed -n "/^$metric (/,/^\$/p" out | grep "difference\$\|better\$\|worse\$")
  check "$metric: a verdict on four models" [ "$(wc -l <<<"$table")" = 4 ]
  case $metric in f1*) table=$(grep -v "^rule " <<<"$table") ;; esac
  check "$metric: nothing is significant" [ -z "$(grep -v "no significant difference\$" <<<"$table")" ]
done
exit "$failed"
