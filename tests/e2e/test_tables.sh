#!/bin/bash
# Related tables as a user has them: a study on the folder of a schema imports them, uses the data set as long as files and
# schema are the same, and imports again when they are not; predict takes new files of such a folder, in which categories
# do not come up and the label is unknown; a folder or file that is not there is told.
# timeout: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
mkdir data new
cat >shop.schema.yaml <<'Y'
tables:
  people: {files: people.csv, key: id, columns: {id: id, age: integer, gone: boolean}}
  orders:
    files: orders.csv.gz
    columns: {who: {type: id, references: people}, at: time, amount: real, kind: category}
    events: {time: at, category: kind, numbers: amount}
entity: {table: people, profile: [age], cutoff: 2024-07-01}
labels: {gone: {column: gone}}
Y
printf 'data: {schema: shop.schema.yaml, path: data}\neval: {models: [logistic], folds: 2, target: gone}\n' >shop.yaml

# 80 people, four orders each before the cut-off and one behind it
awk 'BEGIN {
  print "id,age,gone"
  for (i = 0; i < 80; i++) printf "p%d,%d,%s\n", i, 20 + i * 7 % 50, i % 3 ? "no" : "yes"
}' >data/people.csv
awk 'BEGIN {
  print "who,at,amount,kind"
  for (k = 0; k < 5; k++) for (i = 0; i < 80; i++)
    printf "p%d,2024-%02d-%02d,%d.50,%s\n", i, k + 3, 1 + i % 28, 1 + i * k % 17, k % 2 ? "food" : "toys"
}' | gzip >data/orders.csv.gz
printf 'id,age,gone\nx,40,\ny,,\n' >new/people.csv
printf 'who,at,amount,kind\nx,2024-06-20,3.5,bread\nnobody,2024-06-01,1,food\n' | gzip >new/orders.csv.gz

alone import shop.yaml --set data.store=shop.h5 >out 2>err || not_ok "import" "$(cat err)"
check "import tells what was made and what was left out" grep -q "^320 events, 0 documents" out
check "... 80 orders behind the cut-off" grep -q "80 events or documents at or behind the cut-off" out
check "... and the classes" grep -q "gone (customer): no 53 yes 27" out
check "the data dictionary is beside it" grep -q "orders.amount.sum.3m" shop.h5.md

alone crossval shop.yaml --set data.store=shop.h5 --out run >out 2>err || not_ok "crossval" "$(cat err)"
check "a study uses the data set that is there" grep -q "shop.h5 is up to date with data" err
ranks 2 crossval shop.yaml --set data.store=two.h5 --out two >out 2>err || not_ok "crossval on 2 ranks" "$(cat err)"
check "a study imports what is not there" grep -q "data: 80 rows, 320 events" err
check "the same predictions from it" cmp -s run/predictions.h5 two/predictions.h5

echo 'p3,2024-06-30,9,food' | gzip >>data/orders.csv.gz
alone crossval shop.yaml --set data.store=shop.h5 --out more >out 2>err || not_ok "crossval of more" "$(cat err)"
check "a file that has grown is imported again" grep -q "data: 80 rows, 321 events" err

alone predict run --set data.path=new >out 2>err || not_ok "predict" "$(cat err)"
check "predict takes new tables" [ "$(cut -d, -f1 out | tr '\n' ' ')" = "id x y " ]

alone import shop.yaml --set data.path=nowhere >out 2>err
check "a folder that is not there is told" [ $? -eq 3 ]
check "... by name" grep -q nowhere err
rm data/orders.csv.gz
alone import shop.yaml --set data.store=none.h5 >out 2>err
check "a file that is not there is told" grep -q "orders.csv.gz" err
check "... and no data set is left" [ ! -e none.h5 ]
exit "$failed"
