#!/bin/bash
# import --append: a later export behind the tables of the one before, on other numbers of ranks, is the import of both;
# customers that are forgotten do not come back with it; killed on the way, data set and tables stay as they were.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
mkdir a b ab less
# export K ADD > files in folder a or b: customers c0 .. c29 and c20 .. c49
export_of() {
  awk -v k="$1" 'BEGIN {
    srand(3 + k); d = k ? "b" : "a"; people = d "/people-" k ".csv"; orders = d "/orders-" k ".csv"
    print "id,age,town" >people; print "order,customer,at,amount" >orders
    for (i = 20 * k; i < 20 * k + 30; i++) {
      printf "cu%dx,%d,%s\n", i, 20 + int(rand() * 50), i == 7 ? "Onlyhere" : i % 2 ? "Oslo" : "Bergen" k >people
      for (j = int(rand() * 4); j >= 0; j--)
        printf "o%d-%d-%d,cu%dx,2024-0%d-%02d,%d\n", k, i, j, i, 1 + k + int(rand() * 3), 1 + int(rand() * 28), rand() * 100 >orders
    }
    print "o" k ",cu99x,2024-01-05,3" >orders
  }'
}
export_of 0
export_of 1
cp a/* b/* ab
cp a/* b/* less
sed -i '/^cu7x,/d; /,cu7x,/d' less/people-0.csv less/orders-0.csv
sed -i '/,cu99x,/d' less/orders-*.csv # forgotten too, though it has no row
cat >shop.schema.yaml <<'Y'
tables:
  people: {files: people*.csv, key: id, columns: {id: id, age: {type: integer, outliers: iqr}, town: category}}
  orders:
    files: orders*.csv
    columns: {order: ignore, customer: {type: id, references: people}, at: time, amount: real}
    events: {time: at, numbers: [amount]}
entity: {table: people, cutoff: 2024-02-15, contradictions: last}
labels: {again: {any: orders, within: 30 days}}
Y
cat >shop.yaml <<'Y'
data: {schema: shop.schema.yaml, keep_tables: true}
eval: {models: [logistic]}
Y
# made RANKS FOLDER STORE ARGS...
made() { ranks "$1" import shop.yaml --set data.path="$2" --set data.store="$3" "${@:4}" >said 2>err || not_ok "import $2 into $3" "$(cat err)"; }
told() { alone describe "$1" 2>/dev/null | sed "s/digest.*//; s/^$1//"; }

made 1 a x.h5
cp x.h5 first.h5 && cp x.h5.tables.h5 first.h5.tables.h5
alone train shop.yaml --set data.path=x.h5 --out run >/dev/null 2>err || not_ok "train" "$(cat err)"
made 3 b x.h5 --append
check "exports are told" grep -q '^2 exports, their tables kept' said
made 2 ab both.h5
told x.h5 >one && told both.h5 >two
check "it is the import of both" cmp -s one two
check "tables are for the owner alone" [ "$(stat -c %a x.h5.tables.h5)" = 600 ]
fail_ranks=2 fails "twice" 2 'x.h5: the files in b are already in it \(export 2 of 2\)' \
  import shop.yaml --set data.path=b --set data.store=x.h5 --append
fail_ranks=1 fails "a study does not replace it" 2 'x.h5: is made of 2 exports' \
  train shop.yaml --set data.path=b --set data.store=x.h5 --out out
fail_ranks=1 fails "--append of another command" 2 'append is an option of import' train shop.yaml --append
sed 's/age: {type: integer/age: {type: real/' shop.schema.yaml >other.schema.yaml
fail_ranks=1 fails "another schema" 2 'tables.people.columns.age: is not what it was' \
  import shop.yaml --set data.schema=other.schema.yaml --set data.path=b --set data.store=first.h5 --append

# killed while it appends, at moments that grow: what stands is either pair, and the next append ends well
for wait in 0.05 0.15 0.3 0.45; do
  cp first.h5 k.h5 && cp first.h5.tables.h5 k.h5.tables.h5
  { timeout -s KILL "$wait" "$CRMPI" import shop.yaml --set data.path=b --set data.store=k.h5 --append >/dev/null 2>&1; } 2>/dev/null
  alone import shop.yaml --set data.path=b --set data.store=k.h5 --append >said 2>err || grep -q 'already in it' err ||
    not_ok "killed after $wait s" "$(cat err)"
  told k.h5 >three
  check "killed after $wait s, and again" cmp -s three <(told both.h5)
done

printf 'cu7x\ncu99x\n' >ids
ranks 2 forget first.h5 --ids ids >said 2>err || not_ok "forget" "$(cat err)"
check "rows of the tables are told" grep -Eq '^[1-9][0-9]* rows taken out of the tables' said
for f in first.h5 first.h5.tables.h5; do
  check "$f: nothing of theirs is left" [ "$(grep -acE 'cu7x|cu99x|Onlyhere' $f)" = 0 ]
done
echo cu99x >ids
sed -i '/,cu99x,/d' b/orders-1.csv
made 2 b first.h5 --append
made 1 less less.h5
told first.h5 >one && told less.h5 >two
check "who is forgotten does not come back" cmp -s one two
check "nobody there: nothing changes" [ "$(alone forget first.h5 --ids ids 2>err >/dev/null; echo $?)" = 3 ]
echo cu3x >ids
alone forget x.h5 --ids ids >said 2>err || not_ok "forget after an append" "$(cat err)"
check "a run on the data set before the append is named" grep -q '^learnt from them: ./run (train)' said
exit "$failed"
