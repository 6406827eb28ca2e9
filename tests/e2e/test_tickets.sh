#!/bin/bash
# A real table without signal: nothing is told apart by accuracy, F1 or AUC.
# tier: full
# timeout: 300  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
data=$CRM_SHARED/data/support_tickets/customer_support_tickets.csv
[ -f "$data" ] || { skip "support tickets" "no $data"; exit 0; }
cd "$TMP" || exit 1
RUN_TIMEOUT=280 ranks 2 crossval "$CRM_SOURCE_DIR/configs/support-tickets.yaml" --set data.path="$data" --out run >out 2>err ||
  not_ok "crossval" "$(cat err)"
for metric in accuracy f1 f1_macro auc; do
  table=$(sed -n "/^$metric (/,/^\$/p" out)
  check "$metric: a verdict on five models" [ "$(grep -c "difference\$\|better\$\|worse\$" <<<"$table")" = 5 ]
  check "$metric: nothing is significant" [ "$(grep -c "no significant difference\$" <<<"$table")" = 5 ]
done
exit "$failed"
