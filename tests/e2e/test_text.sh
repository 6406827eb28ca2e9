#!/bin/bash
# The text pipeline in a study: the same vocabularies, models and predictions on 1-4 ranks with options text.* on, models that
# keep their options, and crmpi text: tokens, steps, ids, predictions, JSON, and the page that shows them.
# timeout: 200  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

# 240 notes whose mood is in the words and in what negates them
awk 'BEGIN {
  srand(3); print "mood,body"
  split("batteries,deliveries,screen,caf\303\251,price,app", thing, ",")
  split("GOOD,great,nice,lovely", good, ","); split("bad,Awful,broken,terrible", bad, ",")
  split(":-),:-(,!!,.,https://t.co/x1,\360\237\221\215\360\237\217\275", tail, ",")
  for (i = 0; i < 240; i++) {
    m = rand() < .5; n = rand() < .3; w = (m != n) ? good[1 + int(rand() * 4)] : bad[1 + int(rand() * 4)]
    if (rand() < .1) m = 1 - m
    printf "%s,The %s %s %s%s @shop%d %s\n", m ? "pos" : "neg", thing[1 + int(rand() * 6)], n ? "isn\047t" : "is",
      rand() < .3 ? "really " : "", w, int(rand() * 40), tail[1 + int(rand() * 6)]
  }
}' >notes.csv
notes_schema
printf 'the\nreally\nnot\n' >stop.txt
cat >notes.yaml <<'EOS'
data: {schema: notes.schema.yaml}
eval: {models: [hybrid, logistic], target: mood, folds: 2, seed: 0}
model: {hidden: [8], fusion: 0, text: cnn, text_dim: 8, text_filters: 8}
train: {epochs: 3, lanes: 8, lane_rows: 8}
text: {language: en, stem: true, contractions: true, strip_accents: true, negation: mark, emoji: mark, users: drop,
  punctuation: keep, stop_words: stop.txt, unknown: hash, buckets: 50, min_count: 3}
grams: {words: 2, chars_to: 4, min_count: 3}
EOS
# study NAME RANKS ARGS...
study() {
  local name=$1 n=$2
  shift 2
  ranks "$n" crossval notes.yaml --set data.path=. --set data.store="$name.h5" --out "$name" "$@" >"$name.txt" 2>"$name.err" ||
    { cat "$name.err" >&2; return 1; }
}
if study r1 1; then ok "a study on 1 rank"; else not_ok "a study on 1 rank"; exit 1; fi
check "the net has a wide part" grep -aq wide.weight r1/models/hybrid.h5
for n in $(by_tier "2 3 4" "2 3 4" "3"); do
  if study "r$n" "$n" --set eval.group_ranks="$n" && [ "$(digests "r$n")" = "$(digests r1)" ] && cmp -s r1/predictions.h5 "r$n/predictions.h5" &&
    cmp -s r1/models/hybrid.h5 "r$n/models/hybrid.h5" && cmp -s r1/models/logistic.h5 "r$n/models/logistic.h5"; then
    ok "the same bits on $n ranks"
  else
    not_ok "the same bits on $n ranks" "$(digests r1) $(digests "r$n" 2>&1)"
  fi
done

# what a model does to words is kept with it: neither options nor the file of stop words matter any more
alone predict r1 --set data.path=. >before.csv 2>err || not_ok "predict" "$(cat err)"
alone predict r1 --model logistic --set data.path=. >classical.csv 2>err || not_ok "predict" "$(cat err)"
mv stop.txt gone.txt
for set in text.language=en text.strip_accents=false text.negation=keep text.unknown=absent; do
  alone predict r1 --set data.path=. --set $set >after.csv 2>err || not_ok "predict with $set" "$(cat err)"
  check "a fitted model keeps its options: $set" cmp -s before.csv after.csv
done
alone predict r1 --model logistic --set data.path=. --set text.stem=false >after.csv 2>err || not_ok "predict" "$(cat err)"
check "and a classical model" cmp -s classical.csv after.csv
check "with a line for each customer" [ "$(wc -l <after.csv)" = 241 ]
fails "a file of stop words that is not there" 2 "text.stop_words.*stop.txt" crossval notes.yaml --set data.path=. --out out
fails "a stemmer without a language" 2 "text.stem needs a language" crossval notes.yaml --set data.path=. \
  --set text.language=none --set text.contractions=false --out out
mv gone.txt stop.txt

# crmpi text
printf "The BATTERIES aren't good!\n\nI don't know \360\237\221\215\n" >in.txt
alone text in.txt --model r1 >shown 2>err || not_ok "text --model" "$(cat err)"
check "ids of a fitted vocabulary" grep -Eq "^  BATTERIES +word +batteri +[1-9][0-9]* +fold batteries, stem batteri$" shown
check "negation and what a model lacks" grep -Eq "^  know +word +know_not +[1-9][0-9]* +negation know_not$" shown
check "a prediction" [ "$(grep -Ec '^  mood by hybrid: (neg|pos) \((neg 0\.[0-9]+, pos 0\.[0-9]+|pos 0\.[0-9]+, neg 0\.[0-9]+)\)$' shown)" = 3 ]
alone text in.txt --model r1/models/logistic.h5 >shown 2>err || not_ok "text --model FILE" "$(cat err)"
check "a prediction of a model file" [ "$(grep -c '^  mood by logistic: ' shown)" = 3 ]
alone text - --json --set text.language=en <in.txt >shown 2>err || not_ok "text --json" "$(cat err)"
check "JSON that a program can read" "${CRM_PYTHON:-/usr/bin/python3}" -c '
import json
t = json.load(open("shown"))["texts"]
assert [x["line"] for x in t] == [1, 2, 3] and t[1]["tokens"] == []
assert [x["token"] for x in t[0]["tokens"]] == ["The", "BATTERIES", "are", "n\x27t", "good", "!"]
assert t[0]["tokens"][1]["steps"] == [{"step": "fold", "now": "batteries"}] and "form" not in t[0]["tokens"][5]
assert t[2]["tokens"][-1]["kind"] == "emoji"'
alone text --whole in.txt in.txt --json >shown 2>err || not_ok "text --whole" "$(cat err)"
check "whole files" "${CRM_PYTHON:-/usr/bin/python3}" -c '
import json
t = json.load(open("shown"))["texts"]
assert len(t) == 2 and len(t[0]["tokens"]) == 11 and "line" not in t[0]'
ranks 2 text in.txt --config notes.yaml >two 2>err || not_ok "text on 2 ranks" "$(cat err)"
alone text in.txt --config notes.yaml >one 2>err
check "the same on 2 ranks, once" cmp -s one two
: >empty.txt
alone text empty.txt --model r1 >shown 2>err || not_ok "an empty file" "$(cat err)"
check "an empty file" [ ! -s shown ]
head -c 100000 /dev/urandom >noise
check "noise" alone text noise --model r1 --out shown
# what is in a file does nothing to a terminal, and a byte 0 ends no text
printf 'A\033[31mred\033]0;x\a\302\233 \377\tB\0behind\r\r\n' >hostile.txt
alone text hostile.txt >shown 2>err || not_ok "hostile bytes" "$(cat err)"
check "control bytes are escaped" [ "$(tr -d '\n -~\200-\377' <shown | wc -c)" = 0 ]
# shellcheck disable=SC1003
check "and shown" [ "$(head -1 shown)" = 'hostile.txt:1: A\u001b[31mred\u001b]0;x\u0007\u009b \xff\u0009B�behind\u000d' ]
check "a word behind a byte 0" grep -q '^  behind ' shown
tr -d "\377" <hostile.txt | alone text - --json >shown 2>err || not_ok "hostile bytes, JSON" "$(cat err)"
check "hostile bytes as JSON" "${CRM_PYTHON:-/usr/bin/python3}" -c '
import json
t = json.load(open("shown", encoding="utf-8"))["texts"][0]
assert t["text"] == "A\x1b[31mred\x1b]0;x\x07\x9b \tB\ufffdbehind\r", t["text"]
assert t["tokens"][-1]["token"] == "behind"'
fail_ranks=1 fails "a data set" 2 "r1.h5: is an HDF5 file; crmpi text reads files of text" text r1.h5
fail_ranks=1 fails "text without files" 2 "text needs files" text
fail_ranks=1 fails "a file that is not there" 3 "nowhere.txt" text nowhere.txt
fail_ranks=1 fails "a model that is not there" 3 "no such run" text in.txt --model nowhere
fail_ranks=1 fails "--json of another command" 2 "option of text" info --json

# several models: classes with probabilities, the score of a list, spans of a tagger
awk 'BEGIN { for (i = 0; i < 12; i++) printf "we O\nfly O\nto O\n%s B-place\nwith O\nAnna B-person\nNovak I-person\n\n",
  i % 2 ? "Oslo" : "Lisbon" }' >tags.conll
alone train /dev/stdin --set data.path=tags.conll --set eval.models=crf --set crf.bits=12 --set crf.max_iter=10 --out tags \
  </dev/null >out 2>err || not_ok "a tagger" "$(cat err)"
printf 'good\t1.9\nbad\t-2.5\n' >list.txt
alone train notes.yaml --set data.path=. --set eval.models=lexicon --set lexicon.file=list.txt --out list >out 2>err ||
  not_ok "a list" "$(cat err)"
rm list.txt
printf 'with Anna Novak we fly to OSLO\n\nnot good here, and it is \377 bad\n' >said.txt
alone text said.txt --model tags --model r1/models/logistic.h5 --model list >shown 2>err || not_ok "several models" "$(cat err)"
check "spans of a tagger" [ "$(grep '^  entity by crf: ' shown | tr '\n' ';')" = \
  '  entity by crf: person "Anna Novak", place "OSLO";  entity by crf: none;  entity by crf: none;' ]
check "each model says what it makes of each text" [ "$(grep -Ec '^  mood by (logistic|lexicon): ' shown)" = 6 ]
# -1.406 - 2.5: vaderSentiment 3.3.2 with this list says -.7101
check "the score of a list" grep -Eq '^  mood by lexicon: neg \(neg 0\.[0-9]+, pos 0\.[0-9]+\), score -0\.7101$' shown
check "words as the first model sees them that reads words" grep -Eq "^  not +word +not +[0-9]+ +-$" shown
alone text said.txt --model tags --model list --json >shown 2>err || not_ok "several models, JSON" "$(cat err)"
check "JSON of several models" "${CRM_PYTHON:-/usr/bin/python3}" -c '
import json
t = json.load(open("shown"))
assert t["no_prediction"] == [] and len(t["texts"]) == 3
a, b = t["texts"][0]["predictions"]
assert a["model"] == "crf" and a["target"] == "entity"
assert a["spans"] == [{"type": "person", "text": "Anna Novak", "first": 1, "tokens": 2}, {"type": "place", "text": "OSLO", "first": 6, "tokens": 1}]
assert b["target"] == "mood" and b["class"] in b["probabilities"] and b["score"] == 0
assert abs(sum(b["probabilities"].values()) - 1) < 1e-9
c = t["texts"][2]["predictions"]
assert c[0]["spans"] == [] and c[1]["class"] == "neg" and abs(c[1]["score"] + .7101) < 1e-4'
alone text noise --model tags --model list --json >shown 2>err || not_ok "noise, JSON" "$(cat err)"
check "noise as JSON" "${CRM_PYTHON:-/usr/bin/python3}" -c 'import json; json.load(open("shown", encoding="utf-8"))'
alone text in.txt --json >shown 2>err
check "without a model nothing is said" [ "$(grep -Ec 'prediction|class' shown)" = 0 ]
fail_ranks=1 fails "one of several models that is not there" 3 "no such run" text in.txt --model list --model nowhere

# topics: those of a text sum to 1
alone train notes.yaml --set data.path=. --set eval.models=logistic --set lda.topics=2 --out topics >out 2>err || not_ok "topics" "$(cat err)"
alone text said.txt --model topics >shown 2>err || not_ok "text of topics" "$(cat err)"
check "topics with their words" grep -Eq '^  topics by logistic: topic [12] \(.*\) 0\.[5-9][0-9]*, topic [12] \(.*\) 0\.[0-9]+$' shown
alone text said.txt --model topics --json >shown 2>err
check "topics as JSON" "${CRM_PYTHON:-/usr/bin/python3}" -c '
import json
for t in json.load(open("shown"))["texts"]:
  share = [x["share"] for x in t["predictions"][0]["topics"]]
  assert len(share) == 2 and share[0] >= share[1] and abs(sum(share) - 1) < 1e-6'
fail_ranks=3 fails "topics of no words" 2 \
  'lda.topics = 2: the [0-9]* documents of the training rows of .*notes.h5 hold none of the 0 words .* lower text.min_count' \
  train notes.yaml --set data.path=. --set eval.models=logistic --set lda.topics=2 --set text.min_count=100000 --set data.store=notes.h5 --out out
table 30 plain.csv
fails "topics without documents" 2 'lda.topics = 2: .*plain.h5 has no documents .* columns are text .* set lda.topics to 0' \
  train notes.yaml --set data.path=plain.csv --set data.schema= --set data.id=id --set data.label=churn --set data.store=plain.h5 \
  --set eval.target=churn --set eval.models=logistic --set lda.topics=2 --out out

# a joint net: each of its targets with classes, of documents and of customers
cat >joint.yaml <<'YAML'
data: {path: joint.h5}
synth: {customers: 300, seed: 2}
eval: {models: [hybrid], target: churn}
model: {hidden: [8], fusion: 8, months: [], rnn: none, text_dim: 4, text_filters: 4, heads: [sentiment, purchases_ahead, next_purchase, stars]}
train: {epochs: 2, lanes: 4, lane_rows: 8, members: 2}
YAML
{ alone synth joint.yaml && alone train joint.yaml --out joint; } >out 2>err || not_ok "a joint net" "$(cat err)"
awk 'BEGIN { for (i = 0; i < 100; i++) print i % 4 ? "a fine phone" : "awful, broken late" }' >many.txt
alone text many.txt --model joint >shown 2>err || not_ok "text of a joint net" "$(cat err)"
check "targets of a joint net" [ "$(grep -Ec '^  (churn|sentiment|next_purchase|stars) by hybrid: .* \(.*[0-9]\)$' shown)" = 400 ]
check "a text is judged alone" [ "$(grep ' sentiment by ' shown | sort | uniq -c | awk '{ print $1 }' | sort -n | tr '\n' ' ')" = '25 75 ' ]
alone text many.txt --model joint --json >shown 2>err
check "targets of a joint net as JSON" "${CRM_PYTHON:-/usr/bin/python3}" -c '
import json
for t in json.load(open("shown"))["texts"]:
  assert [x["target"] for x in t["predictions"]] == ["churn", "sentiment", "next_purchase", "stars"]
  for x in t["predictions"]:
    assert x["model"] == "hybrid" and abs(sum(x["probabilities"].values()) - 1) < 1e-6
    assert x["probabilities"][x["class"]] == max(x["probabilities"].values())
  assert list(t["predictions"][3]["probabilities"]) == ["1", "2", "3", "4", "5"]'

# the page shows what the program prints
page=$CRM_SOURCE_DIR/docs/text.md
sed -n '/^<!-- review.txt -->$/,/^<!-- end -->$/p' "$page" | sed '/^<!--/d;/^```/d' >review.txt
sed -n '/^<!-- crmpi text -->$/,/^<!-- end -->$/p' "$page" | sed '/^<!--/d;/^```/d' >want
# shellcheck disable=SC2046
alone text review.txt $(sed -n 's/^    crmpi text review.txt //p' "$page") >got 2>err || not_ok "text of the page" "$(cat err)"
if [ -s want ] && cmp -s want got; then
  ok "docs/text.md shows what the program prints"
else
  not_ok "docs/text.md shows what the program prints" "$(diff want got)"
fi
printf 'a\342\200\256b\n' >turned.txt
alone text turned.txt >turned.out
if grep -q "$(printf '\342\200\256')" turned.out; then not_ok "marks that turn a line are escaped"; else ok "marks that turn a line are escaped"; fi
# no command writes over what it reads
printf 'good words here\nbad words there\n' >input.txt
printf 'good bad 3\n' >pairs.txt
ln -sf input.txt link.txt
alone synth --set data.path=keep.h5 --set synth.customers=30 >/dev/null 2>&1
cp input.txt input.was
cp pairs.txt pairs.was
cp keep.h5 keep.was
keeps() {
  local name=$1 text=$2
  shift 2
  exits 1 "$@" >keeps.out 2>keeps.err
  if [ $? = 2 ] && grep -q -- "$text" keeps.err && cmp -s input.txt input.was && cmp -s pairs.txt pairs.was && cmp -s keep.h5 keep.was; then
    ok "$name"
  else
    not_ok "$name" "$(cat keeps.err)"
  fi
}
keeps "text over its input" '--out input.txt: is a file that is read' text input.txt --out input.txt
keeps "through a link" '--out link.txt: is a file that is read' text input.txt --out link.txt
keeps "embed over its input" 'is a file that is read' embed input.txt --out input.txt
keeps "embed over pairs" 'is a file that is read' embed input.txt --similarity pairs.txt --out pairs.txt
keeps "embed over a data set" 'is a file that is read' embed keep.h5 --out keep.h5
keeps "text over a data set" 'is an HDF5 file' text input.txt --out keep.h5
keeps "predictions over the data" 'is a file that is read' predict norun --set data.path=keep.h5 --out keep.h5
exit "$failed"
