#!/usr/bin/env bash
# test_entities.sh - CoNLL columns to tags: import, crossval, train and predict give the same on 1-4 ranks; a test file;
# what cannot be is refused with one message. With real data in the full tier: span F1 of wnut17.
# timeout: 300  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

# sentences N SEED FILE: two types of entities that words before them announce
sentences() {
  awk -v n="$1" -v seed="$2" 'BEGIN {
    srand(seed)
    split("Lisbon Oslo Graz Turin Ghent Delft Porto Bern", place, " ")
    split("Anna Eva Karl Mia Otto Ida Jon Nils", first, " "); split("Brandt Silva Novak Weber Rossi Larsen", last, " ")
    for (i = 1; i <= n; i++) {
      p = place[1 + int(rand() * 8)]; f = first[1 + int(rand() * 8)]; l = last[1 + int(rand() * 6)]
      if (rand() < .5) printf "we O\nfly O\nto O\n%s B-place\nwith O\n%s B-person\n%s I-person\n\n", p, f, l
      else printf "%s B-person\n%s I-person\nlives O\nin O\n%s B-place\nnow O\n\n", f, l, p
    }
  }' >"$3"
}
sentences 60 1 train.conll
sentences 20 2 test.conll
cat >c.yaml <<'YAML'
data: {path: train.conll}
eval: {models: [crf, crf-plain], split: plain, folds: 3, seed: 4}
crf: {bits: 14, max_iter: 15}
variants: {crf-plain: {crf.gazetteer: false, crf.max_iter: 1, crf.choose_bias: false}}
YAML

for n in 1 2 3 4; do ranks $n crossval c.yaml --out "r$n" >"out$n" 2>err || cat err >&2; done
for n in 2 3 4; do
  for file in /summary.json /predictions.conll .h5 /models/crf.h5; do
    check "RUN$file is the same on 1 and $n ranks" cmp -s "r1$file" "r$n$file"
  done
done
check "the report says how the folds were made" grep -q "folds of rows drawn at random" r1/report.md
check "a comparison of the taggers" grep -q "difference = crf - model" r1/report.md
f1=$(awk '/^f1 / { on = 1 } on && $1 == "crf" { print $2; exit }' out1)
check "entities without doubt are found ($f1)" awk -v f="$f1" 'BEGIN { exit !(f > .95) }'
check "each token is in one test part" test "$(grep -c . r1/predictions.conll)" = "$(grep -c . train.conll)"
alone crossval c.yaml --out r1 >again 2>/dev/null
check "a finished run prints its result" grep -q "^spans of crf-plain" again
cp r1/report.md before.md
rm r1/report.md
alone report r1 >report.out 2>err || not_ok "report" "$(cat err)"
check "report makes its files again" cmp -s before.md r1/report.md
check "and prints what crossval printed" diff <(grep -v '^run folder' out1) report.out
# Tests of two runs are those of one study with both taggers, but for names.
alone crossval c.yaml --set eval.models=crf --set eval.final=false --out one >/dev/null 2>&1
alone crossval c.yaml --set eval.models=crf-plain --set eval.final=false --out two >/dev/null 2>&1
alone compare one two --out both >both.out 2>err || not_ok "compare" "$(cat err)"
figures() { sed -n '/^f1/,/^note/p' "$1" | sed 's,one/\|two/,,g; /^note/d' | tr -s ' \n' '\n'; }
check "compare has the tests of one study" diff <(figures out1) <(figures both.out)
check "a report and a figure of two runs" test -s both/report.md -a -s both/report.svg
alone crossval c.yaml --set eval.models=crf --set eval.final=false --set eval.seed=5 --out seed >/dev/null 2>&1
alone compare one seed >out 2>err
check "taggers of other folds are no pairs" grep -q "one and seed have other folds" err

# Words that are places now and then: the more the bias may cost, the more of them are found.
awk 'BEGIN { srand(3); split("Arles Basra Cadiz Derby Essen", w, " ")
  for (i = 1; i <= 300; i++) { k = 1 + int(rand() * 5); printf "see O\n%s %s\nnow O\n\n", w[k], rand() < .1 + .2 * (k - 1) ? "B-place" : "O" }
}' >doubt.conll
for e in 0 10; do
  alone crossval c.yaml --set data.path=doubt.conll --set eval.models=crf --set eval.final=false --set crf.bias_errors=$e --out "doubt$e" \
    >/dev/null 2>&1
  found[e]=$(awk -F'|' '$2 == " all " { print $4 + 0 }' "doubt$e/report.md")
done
check "a bias that may cost more finds more (${found[0]}, ${found[10]})" test "${found[10]}" -gt "${found[0]}"

alone crossval c.yaml --set eval.split=part --set data.test_path=test.conll --set eval.models=crf --out part >part.out 2>&1
check "scores of a test file" grep -q "the test file of the data (1 fold, 1 repeat, 20 rows tested)" part/report.md
alone crossval c.yaml --set eval.split=contiguous --set eval.models=crf --set eval.final=false --out block >/dev/null 2>&1
check "contiguous folds" grep -q "contiguous folds" block/report.md

ranks 2 train c.yaml --set eval.models=crf --out tagger >/dev/null 2>&1
cut -d' ' -f1 test.conll >words.conll
for n in 1 2 3 4; do ranks $n predict tagger --set data.path=words.conll >tags$n 2>err || cat err >&2; done
for n in 2 3 4; do check "the same tags on 1 and $n ranks" cmp -s tags1 tags$n; done
check "words stay, the tag is the last column" cmp -s <(awk 'NF { print $1, $NF; next } { print }' tags1) tags1
right=$(paste -d' ' tags1 test.conll | awk 'NF { n++; r += $2 == $4 } END { printf "%.3f", r / n }')
check "tags of new sentences ($right right)" awk -v r="$right" 'BEGIN { exit !(r > .97) }'
alone predict tagger --set data.path=test.conll >gold 2>/dev/null
check "tags of the file stand before those of the model" awk 'NF && NF != 3 { exit 1 }' gold

printf 'a O\nb\n' >bad.conll
fails "a token without a tag" 3 'bad.conll:2:1: no tag behind the word' crossval c.yaml --set data.path=bad.conll --out out
fail_ranks=1
fails "stratified folds" 2 'stratified needs a class of each row' crossval c.yaml --set eval.split=stratified --out out
fails "a model of rows" 2 "'logistic' classifies rows" crossval c.yaml --set eval.models=logistic --out out
fails "no test part" 2 'needs labelled rows in a test part' crossval c.yaml --set eval.split=part --out out

# Bars, span F1; in the full tier, as the fits take a minute.
if [ "${CRM_TIER:-default}" = default ]; then
  skip "span F1 of wnut17" "in the full tier"
elif [ ! -d "$CRM_SHARED/data/wnut17" ]; then
  skip "span F1 of wnut17" "no $CRM_SHARED/data"
else
  export RUN_TIMEOUT=280
  alone crossval "$CRM_SOURCE_DIR/configs/wnut17.yaml" --set train.threads=2 \
    --set data.path="$CRM_SHARED/data/wnut17/wnut17train.conll" \
    --set data.test_path="$CRM_SHARED/data/wnut17/emerging.dev.conll" --out wnut >wnut.out 2>&1
  f1=$(awk -F'|' '$2 == " all " { print $8 + 0 }' wnut/report.md)
  check "wnut17 without vectors: span F1 $f1 of .28" awk -v f="$f1" 'BEGIN { exit !(f >= .28) }'
fi
exit $failed
