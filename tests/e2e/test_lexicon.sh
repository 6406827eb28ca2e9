#!/usr/bin/env bash
# test_lexicon.sh - sentiment by a list of rated words: the same on 1 and 3 ranks, predictions without the list, a list that
# changed, what cannot be. In the full tier, with real data: agreement with the figures of the authors' program.
# timeout: 200  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

printf 'good\t1.9\ngreat\t3.1\nbad\t-2.5\nawful\t-2\n:-)\t1.3\n' >list.txt
awk 'BEGIN {
  srand(7); print "mood,body"
  split("good,GREAT,good!!,great :-)", good, ","); split("bad,awful,BAD!,not good", bad, ",")
  for (i = 0; i < 150; i++) {
    m = int(rand() * 3); x = rand() < .1 ? int(rand() * 3) : m
    printf "%s,The room is %s\n", m == 0 ? "neg" : m == 1 ? "neutral" : "pos",
      x == 0 ? bad[1 + int(rand() * 4)] : x == 1 ? "a room" : good[1 + int(rand() * 4)]
  }
}' >notes.csv
notes_schema
cat >notes.yaml <<'EOS'
data: {schema: notes.schema.yaml, path: .}
eval: {models: [lexicon, lexicon-wide], target: mood, folds: 3, seed: 0}
lexicon: {file: list.txt}
variants: {lexicon-wide: {lexicon.positive: 0.7}}
EOS
for n in 1 3; do ranks $n crossval notes.yaml --out r$n >out$n 2>err || cat err >&2; done
check "the same bits on 1 and 3 ranks" [ "$(digests r1)" = "$(digests r3)" ]
check "models are the same on 1 and 3 ranks" cmp -s r1/models/lexicon.h5 r3/models/lexicon.h5
acc=$(awk '/^accuracy/ { s = 1 } s && $1 == "lexicon" { print $2; exit }' out1)
check "moods are told by their words ($acc)" awk -v a="$acc" 'BEGIN { exit !(a > .85 && a < 1) }'
check "what a model goes by stands beside it" grep -q "5 rated words" r1/models/lexicon.txt

echo 'fair	1' >>list.txt
alone crossval notes.yaml --out r1 >out 2>err
check "a list that changed" grep -q "list.txt: lexicon.file has another content than in the run" err
mv list.txt gone.txt
alone predict r1 --set data.path=. >proba.csv 2>err || not_ok "predict" "$(cat err)"
check "a fitted model has its list" [ "$(wc -l <proba.csv)" = 151 ]
alone predict r1 --set data.path=. --embedding >score.csv 2>err || not_ok "predict --embedding" "$(cat err)"
check "scores" awk -F, 'NR > 1 && ($2 < -1 || $2 > 1 || $2 != $2 + 0) { bad = 1 } NR > 1 && $2 != 0 { n++ } END { exit bad || n < 50 }' \
  score.csv
fails "a list that is not there" 3 'lexicon.file: list.txt: No such file' crossval notes.yaml --out out
fail_ranks=1
fails "no list" 2 'lexicon.file: a list of rated words is needed' crossval notes.yaml --set lexicon.file= --out out
printf 'good 1.9\n' >list.txt
fails "a list without tabs" 3 "list.txt:1:1: value 'good 1.9' has no tab" crossval notes.yaml --out out
printf 'good\t1.9\n' >list.txt
fails "classes that are not there" 2 "lexicon.classes: target 'mood' has no class 'bad'" crossval notes.yaml \
  --set lexicon.classes=bad,fair,good --out out

# The authors' program (vaderSentiment 3.3.2): .4899, with the words of emoji, which the list has not; here .4945.
if [ "${CRM_TIER:-default}" = default ]; then
  skip "airline tweets" "in the full tier"
elif [ ! -d "$CRM_SHARED/data/vader" ]; then
  skip "airline tweets" "no $CRM_SHARED/data"
else
  alone crossval "$CRM_SOURCE_DIR/configs/airline-tweets.yaml" --set data.path="$CRM_SHARED/data/airline_tweets" \
    --set eval.models=lexicon --set lexicon.file="$CRM_SHARED/data/vader/vader_lexicon_current.txt" --out tweets >out 2>err ||
    cat err >&2
  acc=$(awk '/^accuracy/ { s = 1 } s && $1 == "lexicon" { print $2; exit }' out)
  check "airline tweets: $acc" awk -v a="$acc" 'BEGIN { exit !(a > .489 && a < .5) }'
fi
exit $failed
