#!/bin/bash
# Docs that are made from the program agree with it; help names every command; info runs.
# beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

"$CRMPI" --options-markdown >options.md
if cmp -s options.md "$CRM_SOURCE_DIR/docs/options.md"; then
  ok "docs/options.md is what the program prints"
else
  not_ok "docs/options.md is what the program prints" "$(diff options.md "$CRM_SOURCE_DIR/docs/options.md" | head -20); make it again: crmpi --options-markdown >docs/options.md"
fi
"$CRMPI" --help >help.txt
commands=$(sed -n 's/^  \([a-z]*\) .*/\1/p' help.txt | grep -vx -e crmpi -e mpirun)
[ "$(echo "$commands" | wc -l)" -ge 8 ] || not_ok "help lists the commands" "$commands"
for c in $commands; do
  check "README names $c" grep -q "\`$c\`\|crmpi $c" "$CRM_SOURCE_DIR/README.md"
  check "$c --help ends with 0 and shows options" bash -c '"$1" "$2" --help | grep -q eval.folds' _ "$CRMPI" "$c"
done
for key in data.path data.store synth.customers synth.seed synth.signal synth.interactions eval.folds eval.repeats \
  eval.seed train.epochs train.lanes train.lane_rows train.threads train.reduce device log.level; do
  check "option $key is documented" grep -q "\`$key\`" options.md
done
for f in "$CRM_SOURCE_DIR"/configs/*.yaml; do
  [ "${f%.schema.yaml}" = "$f" ] || continue
  # a config that is read whole fails later, at the file that it names
  "$CRMPI" import "$f" --set data.path=nowhere.csv 2>err
  rc=$?
  if [ $rc = 3 ] && grep -q nowhere.csv err; then ok "config $(basename "$f") is right"; else not_ok "config $(basename "$f") is right" "$(cat err)"; fi
done
printf 'data: {}\n' >none.yaml
mkdir none
for f in "$CRM_SOURCE_DIR"/configs/*.schema.yaml; do
  "$CRMPI" import none.yaml --set data.schema="$f" --set data.path=none 2>err
  rc=$?
  if [ $rc = 3 ] && grep -q "none/.*no such file" err; then ok "$(basename "$f") is right"; else not_ok "$(basename "$f") is right" "$(cat err)"; fi
done
check "info on 2 ranks" bash -c 'mpirun --oversubscribe --bind-to none -n 2 "$1" info | grep -q "^ranks      2"' _ "$CRMPI"
exit "$failed"
