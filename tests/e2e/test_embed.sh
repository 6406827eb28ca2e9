#!/usr/bin/env bash
# test_embed.sh - crmpi embed: the same digest on any number of ranks, files and configs, formats, scores, bad arguments, a
# signal.  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

awk 'BEGIN { srand(1); for (i = 0; i < 400; i++) { for (j = 0; j < 12; j++) printf "%sw%d", j ? " " : "", int(40 * rand() * rand()); print "." } }' >text
split -l 250 text part.
opts=(--set embed.dim=20 --set embed.lane_words=8 --set text.min_count=3)
digest_of() { sed -n 's/^digest //p' "$1"; }

alone embed text --out v1 "${opts[@]}" >o1 2>e1
want=$(digest_of o1)
check "a digest is printed" [ -n "$want" ]
check "epochs are told" grep -q 'epoch 5 of 5: loss [0-9.]*, [0-9]* words/s' e1
check "words and numbers are told" grep -qE '^[0-9]+ words of 20 numbers$' o1
for n in $(by_tier '2 3 4' '2 3 4' '3'); do
  ranks "$n" embed text --out "v$n" "${opts[@]}" >"o$n" 2>&1
  check "the same bits on $n ranks" [ "$(digest_of "o$n")" = "$want" ]
  check "the same file on $n ranks" cmp -s v1 "v$n"
done
alone embed part.aa part.ab --out v2 "${opts[@]}" --set train.threads=3 --format word2vec >o2 2>&1
check "two files, three threads: the same bits" [ "$(digest_of o2)" = "$want" ]
check "word2vec: a head, then the same lines" cmp -s v1 <(tail -n +2 v2)
check "the head has words and numbers" [ "$(head -1 v2)" = "$(wc -l <v1) 20" ]

printf 'data: {path: text}\nembed: {dim: 20, lane_words: 8}\ntext: {min_count: 3}\n' >c.yaml
printf 'w1 w2 5\nW3 w4 3\nw1 w9 1\nw1 none 1\n' >pairs
printf 'w1 w2 5\nw1 w2 x\n' >pairs2
printf 'w1 w2 5\nw3 w4 3\nw1 none 1\nnone w1 1\n' >pairs3
printf ': x\nw1 w2 w3 w4\n' >questions
printf 'w1 w2 w3 none\n' >questions2
alone embed c.yaml --out v3 --format binary --similarity pairs --analogy questions >o3 2>&1
check "a config: the same bits" [ "$(digest_of o3)" = "$want" ]
check "likeness is told" grep -qE '^similarity pairs: Spearman -?[01]\.[0-9]{4} \(3 of 4 pairs' o3
check "analogies are told" grep -qE '^analogy questions: accuracy [01]\.0000 \(1 of 1 questions' o3
check "binary: 4 bytes a number" [ "$(stat -c %s v3)" = "$(($(head -1 v2 | wc -c) + $(wc -l <v1) * 82 + $(cut -d' ' -f1 v1 | tr -d '\n' | wc -c)))" ]

fails "no output" 2 'embed needs text' embed text
fails "an unknown format" 2 "'xml' is none" embed text --out out --format xml
fails "no folder to write to" 3 'there is no folder' embed text --out nowhere/out
fails "no file" 3 'nothing' embed nothing --out out
fails "no frequent word" 2 'text.min_count' embed text --out out --set text.min_count=100000
# Scores are read before anything is learnt.
before_learning() { check "$1, before learning" [ "$(grep -c epoch stderr)" = 0 ]; }
fail_ranks=3 fails "no file of pairs" 3 'nowhere.txt' embed text --out out "${opts[@]}" --similarity nowhere.txt
before_learning "no file of pairs"
fail_ranks=3 fails "a bad file of pairs" 3 'pairs2:2:7: the score is .x.; a finite number' embed text --out out "${opts[@]}" --similarity pairs2
before_learning "a bad file of pairs"
fail_ranks=1 fails "a bad file of questions" 3 'pairs:1:8: four words are needed, the line has 3 fields' embed text --out out "${opts[@]}" --analogy pairs
before_learning "a bad file of questions"
seq 100 >lonely
printf 'w w w\nw w\nw other\n' >one_word
alone embed text --out v "${opts[@]}" --set embed.epochs=1 --similarity pairs3 --analogy questions2 >o 2>&1
check "too few pairs to score end well" [ $? = 0 ]
check "too few pairs are told" grep -q '^similarity pairs3: Spearman not defined: 2 of 4 pairs have both words, 3 are needed$' o
check "no question to score is told" grep -q '^analogy questions2: accuracy not defined: 0 of 1 questions have all words$' o
fails "documents of one word" 2 'none of the 100 documents has two .* give longer documents' embed lonely --out out --set text.min_count=1 \
  --set text.numbers=keep
fail_ranks=3 fails "documents of one word, GloVe" 2 'none of the 100 documents has two' embed lonely --out out --set text.min_count=1 \
  --set text.numbers=keep --set embed.model=glove
fail_ranks=1 fails "one frequent word" 2 'one word is frequent enough for a vector' embed one_word --out out --set text.min_count=2
fail_ranks=1 fails "all words left out" 2 'embed.sample = 1e-15 has left no two words' embed text --out out "${opts[@]}" --set embed.sample=1e-15

fails "an option of embed" 2 'is an option of embed' describe text --format glove

alone synth --set data.path=d.h5 --set synth.customers=60 >o 2>&1
alone embed d.h5 --out v4 "${opts[@]}" >o4 2>&1
check "a data set's documents" grep -qE '^[1-9][0-9]* words of 20 numbers$' o4
alone embed d.h5 --out v4 "${opts[@]}" --set embed.model=glove >o4 2>&1
check "by GloVe" grep -qE 'epoch 5 of 5: loss [0-9.]*, [0-9]* co-occurrences/s' o4
# A table is no text, a data set is read by itself.
mkdir shop
awk '{ print > ("shop/n.csv") } BEGIN { print "id,note" > "shop/n.csv" }' < <(awk '{ print NR ",\"" $0 "\"" }' text)
cat >shop.yaml <<'EOT'
tables:
  notes: {files: n.csv, key: id, columns: {id: id, note: text}, documents: {text: note}}
entity: {table: notes, key: id}
EOT
printf 'data: {path: shop, schema: shop.yaml, store: shop.h5}\nembed: {dim: 20, lane_words: 8}\ntext: {min_count: 3}\n' >shop_config.yaml
for n in 1 3; do
  rm -f shop.h5
  ranks "$n" embed shop_config.yaml --out v5 >"o5.$n" 2>&1
  check "a schema's texts on $n ranks: the bits of the same lines" [ "$(digest_of "o5.$n")" = "$want" ]
done
printf 'in O\nParis B-place\n\nto O\nParis B-place\n' >tags.conll
alone embed tags.conll --out v6 --set text.min_count=1 --set embed.dim=4 --set embed.sample=0 >o6 2>&1
check "tokens of CoNLL columns, not their tags" [ "$(cut -d' ' -f1 v6 | sort | tr '\n' ' ')" = 'in paris to ' ]
table 30 plain.csv
printf 'data: {path: plain.csv, id: id, store: plain.h5}\n' >plain.yaml
alone import plain.yaml >o 2>&1 || not_ok "a table of numbers" "$(cat o)"
printf 'data: {path: shop/n.csv, id: id}\n' >table.yaml
printf 'data: {path: text, label: churn}\n' >label.yaml
fails "a table" 2 'shop/n.csv: is a table, .* set data.schema to it' embed table.yaml --out out
fail_ranks=1 fails "a table among texts" 2 'shop/n.csv: is a table' embed text shop/n.csv --out out
fail_ranks=1 fails "a label in a text" 2 'text: is a table' embed label.yaml --out out
fails "a data set and a text" 2 'd.h5: is a data set, and 2 things to read are named' embed d.h5 text --out out
fail_ranks=3 fails "a text and a data set" 2 'd.h5: is a data set, and 2 things' embed text d.h5 --out out
fail_ranks=1 fails "two data sets" 2 'd.h5: is a data set, and 2 things' embed d.h5 shop.h5 --out out
fail_ranks=1 fails "a data set without texts" 2 'plain.h5: has no documents .* a schema says which columns are text' embed plain.h5 --out out


# The net begins with the vectors of a file, whose content is part of what a run is.
net=(--set eval.models=hybrid --set train.epochs=1 --set train.validation=0 --set model.text_dim=20 --set model.text_vectors=v4)
alone train c.yaml --set data.path=d.h5 "${net[@]}" --out run >o5 2>e5
check "words with a vector are told" grep -qE '[1-9][0-9]* of [1-9][0-9]* words of the vocabulary have a vector in v4' e5
check "run.json tells the file" grep -qE '"text_vectors": "[0-9a-f]{32}"' run/run.json
check "the same file: nothing to do" alone train c.yaml --set data.path=d.h5 "${net[@]}" --out run >o
check "the run is repeated" alone verify run >o 2>e
sed -i '1s/ -\{0,1\}[0-9.]*/ 1/' v4
fails_on_run() {
  alone "$@" >o 2>e
  [ $? = 2 ] && grep -q 'v4: model.text_vectors has another content than in the run' e
}
check "another file: another run" fails_on_run train c.yaml --set data.path=d.h5 "${net[@]}" --out run
alone verify run >o 2>e
check "verify tells of it" grep -q 'v4: model.text_vectors has another content' e
echo and >stop
words=("${net[@]}" --set model.text_vectors=none --set text.stop_words=stop)
alone train c.yaml --set data.path=d.h5 "${words[@]}" --out run2 >o 2>e
echo the >>stop
alone train c.yaml --set data.path=d.h5 "${words[@]}" --out run2 >o 2>e
check "other stop words: another run" grep -q 'stop: text.stop_words has another content than in the run' e
fails "vectors of another width" 2 'have 20 numbers, model.text_dim is 21; set model.text_dim to 20' train c.yaml --set data.path=d.h5 "${net[@]}" \
  --set model.text_dim=21 --out out

# A fit that would take hours.
"$CRMPI" embed text --out out "${opts[@]}" --set embed.epochs=10000 >o 2>e &
pid=$!
for _ in $(seq 100); do
  grep -q 'epoch 2' e && break
  sleep 0.1
done
kill -TERM "$pid"
wait "$pid"
check "a signal ends it with 75" [ $? = 75 ]
check "and says so" grep -q 'stopped by SIGTERM' e
check "and leaves nothing" [ ! -e out ]
exit "$failed"
