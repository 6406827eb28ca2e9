#!/usr/bin/env bash
# test_synth_text.sh - texts whose truth is known: spans of generated texts are found, and a study of their sentiment has
# the oracle among its models.
# beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
alone synth --set synth.customers=600 --set synth.mentions=1 --set synth.entities=1 --set synth.document_oracle=1 \
  --set data.path=texts.h5 >synth.out 2>err || not_ok "synth" "$(cat err)"

# Products and cities are a closed list, so a tagger that works finds nearly all; one that is told nothing finds none.
alone crossval --set data.path=texts.h5 --set eval.target=entity --set eval.models=crf --set eval.split=plain \
  --set eval.folds=2 --set eval.final=false --set crf.bits=14 --set crf.max_iter=12 --out spans >spans.out 2>err ||
  not_ok "crossval of spans" "$(cat err)"
f1=$(awk -F'|' '$2 == " all " { print $8 + 0 }' spans/report.md)
check "spans of generated texts: F1 $f1 of .98" awk -v f="${f1:-0}" 'BEGIN { exit !(f >= .98) }'

# An oracle is right in e^5 / (e^5 + 2) = 98.7 % of the labels; words alone are far from it and far above a guess (37 %).
alone crossval --set data.path=texts.h5 --set data.units=document --set eval.target=sentiment --set eval.models=logistic \
  --set eval.folds=3 --set eval.final=false --out mood >mood.out 2>err || not_ok "crossval of sentiment" "$(cat err)"
score() { awk -v m="$1" '/^accuracy/ { on = 1 } on && $1 == m { print $2; exit }' mood.out; }
check "the oracle is right ($(score oracle))" awk -v a="$(score oracle)" 'BEGIN { exit !(a > .97 && a < 1) }'
check "logistic regression lies between ($(score logistic))" \
  awk -v a="$(score logistic)" 'BEGIN { exit !(a > .55 && a < .95) }'
check "the oracle is named as a bound" grep -q '^oracle .*upper bound' mood.out
exit $failed
