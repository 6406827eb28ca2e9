#!/bin/bash
# crmpi forget: customers are taken out of a data set as if they had never been in the file, and runs that learnt from them
# are named, also after a second time.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
awk 'BEGIN {print "who,plan,fee,left"
  for (i = 0; i < 120; i++) printf "c%d,%s,%s,%s\n", i, (i == 7 ? "only" : i % 2 ? "gold" : "basic"), (i == 50 ? "" : i == 7 ? 999 : i * 3 % 17), (i % 3 ? "no" : "yes")}' >in.csv
grep -vE '^c(7|50),' in.csv >less.csv
cat >c.yaml <<'Y'
data: {id: who, label: left}
eval: {models: [logistic]}
Y
imported() { alone import c.yaml --set data.path="$1" --set data.store="$2" >/dev/null 2>err || not_ok "import $1" "$(cat err)"; }
imported in.csv in.h5
imported less.csv less.h5
alone train c.yaml --set data.path=in.h5 --out runs/a >/dev/null 2>err || not_ok "train" "$(cat err)"
alone describe in.h5 >before
alone train c.yaml --set data.path=in.h5 --out a.run --set eval.models=hybrid --set train.epochs=1 --set train.members=2 >/dev/null 2>err || not_ok "train a net" "$(cat err)"
alone predict a.run --set data.path=in.h5 --embedding --out vectors.h5 >/dev/null 2>err || not_ok "vectors" "$(cat err)"
rm -r a.run
sed -n '1p; /^c7,/p' in.csv | sed 's/^who/id/' >left.csv
printf 'other\nc7\n' >right.csv
printf 'secret 999\n' >>in.h5.md
cp in.h5 copy.h5
printf '\357\273\277 c7 \r\n\nnobody\nc50\n' >ids.txt

check "an empty file of ids is refused" [ "$(: >none; alone forget in.h5 --ids none >/dev/null 2>err; echo $?)" = 3 ]
echo nobody >one
check "ids that nobody has change nothing" [ "$(alone forget in.h5 --ids one >said 2>err; echo $?)" = 3 ]
check "no id is told" grep -vq 'nobody' err
check "without --ids" [ "$(alone forget in.h5 >/dev/null 2>&1; echo $?)" = 2 ]
alone describe in.h5 >after
check "nothing was changed" cmp -s before after
check "no run is named when nobody was ever taken out" grep -vq learnt said

ranks 2 forget in.h5 --ids ids.txt >said 2>err || not_ok "forget" "$(cat err)"
check "rows are told" grep -q '^in.h5: 2 of 120 rows taken out; 118 rows' said
check "what only they had is gone" grep -q '^1 categories and 0 words' said
check "an id without a row is told by its line" grep -q '1 of 3 ids are not in the data set (the first on line 3 of ids.txt)' said
check "the run is named" grep -q '^learnt from them: ./runs/a (train)' said
check "a data set made of the same file is named" grep -q '^holds ids of them: ./copy.h5 (data set, 2 rows)' said
check "a table with ids is named" grep -q '^holds ids of them: ./left.csv (table, 1 row)' said
check "vectors of them are named" grep -q '^holds ids of them: ./vectors.h5 (vectors, 2 rows)' said
check "and no other file" [ "$(grep -c '^holds' said)" = 3 ]
check "places are told first" [ "$(grep -n '^learnt' said | cut -d: -f1)" -lt "$(grep -n 'taken out' said | cut -d: -f1)" ]
check "the page beside it has no figure of them" [ "$(grep -c 999 in.h5.md)" = 0 ]
check "but the dictionary" grep -q '| profile | fee |  | real |  | in.csv: fee |  | 0 % |' in.h5.md
check "their ids are gone from the file" [ "$(grep -acE 'c50|only' in.h5)" = 0 ]
alone describe in.h5 | sed 's/digest.*//; s/^in.h5//' | grep -v 'in\.csv' >a
alone describe less.h5 | sed 's/digest.*//; s/^less.h5//' | grep -v 'less\.csv' >b
check "it is the data set of the file without them" cmp -s a b
check "the same again says so" [ "$(alone forget in.h5 --ids ids.txt >said 2>err; echo $?)" = 3 ]
check "and still names what learnt from them" grep -q '^learnt from them: ./runs/a (train)' said
echo '"c0"' >ids.txt
alone forget in.h5 --ids ids.txt --runs runs >said 2>err || not_ok "forget again" "$(cat err)"
check "the run is still found" grep -q '^learnt from them: runs/a (train)' said

awk 'BEGIN {print "who,fee,left"; for (i = 0; i < 60; i++) printf "\"%sA,%d\",%d,%s\n", (i == 3 ? "=" : ""), i, i, (i % 3 ? "no" : "yes")}' >quoted.csv
imported quoted.csv q.h5
printf '"A,1"\n A,2\n"%s=A,3"\n' "'" >ids.txt
alone forget q.h5 --ids ids.txt >said 2>err || not_ok "forget quoted ids" "$(cat err)"
check "ids as predict writes them" grep -q '^q.h5: 3 of 60 rows taken out' said
awk 'BEGIN {for (i = 0; i < 60; i++) printf "%sA,%d\n", (i == 3 ? "=" : ""), i}' >ids.txt
ranks 2 forget q.h5 --ids ids.txt >said 2>err || not_ok "forget all" "$(cat err)"
check "when nobody is left the data set goes" grep -q '^q.h5: all 57 rows taken out; the data set was removed' said
check "with the page beside it" [ -z "$(ls -d q.h5* 2>/dev/null)" ]

alone synth --set data.path=s.h5 --set synth.customers=50 >/dev/null
check "rows without ids cannot be found" [ "$(alone forget s.h5 --ids ids.txt 2>err >/dev/null; echo $?)" = 2 ]
exit "$failed"
