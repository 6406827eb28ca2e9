#!/usr/bin/env bash
# test_embed_quality.sh - word vectors of a part of text8: likeness of words as people score it, mean of three seeds.
# tier: full  timeout: 240  beside: others
#
# gensim 4.2 with the same settings (bench/run.sh embed): Spearman on WordSim-353 .487, .503, .489 for three seeds by
# skip-gram, .395, .386, .388 by CBOW; accuracy of analogies .060 to .063.  Seeds lie up to .055 apart, so a mean is compared:
# the bar is .03 below theirs.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
data=$CRM_SHARED/data/word_vectors
[ -f "$data/text8_part.txt" ] || { echo "1..0 # SKIP no ../shared/data/word_vectors"; exit 0; }
cd "$TMP" || exit 1

# mean_of PATTERN: of the number behind it in the output of each seed; nothing when a seed has none
mean_of() { sed -n "s/^$1 \([0-9.-]*\) .*/\1/p" o.1 o.2 o.3 | awk '{ s += $1 } END { if (NR == 3) printf "%.4f", s / 3 }'; }
# at_least NUMBER BAR
at_least() { [ -n "$1" ] && awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }'; }

for model in 'skipgram .463' 'cbow .360'; do
  read -r name bar <<<"$model"
  for seed in 1 2 3; do
    alone embed "$data/text8_part.txt" --out v --set embed.model="$name" --set embed.dim=64 --set text.min_count=5 \
      --set embed.seed=$seed --similarity "$data/EN-WS-353-ALL.txt" --analogy "$data/questions-words.txt" >o.$seed 2>&1
    check "$name, seed $seed: 15,440 words" grep -q '^15440 words' o.$seed
  done
  got=$(mean_of 'similarity .*Spearman')
  check "$name: likeness $got, at least $bar" at_least "$got" "$bar"
  got=$(mean_of 'analogy .*accuracy')
  check "$name: analogies $got, at least .04" at_least "$got" .04
done
exit "$failed"
