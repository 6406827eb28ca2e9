#!/bin/bash
# Identifiers as keyed hashes: tables join by them as by the ids themselves, another key makes another data set, and neither
# ids nor scrubbed addresses are left in anything that is written: data set, kept tables, rejects, dictionary, run,
# predictions, messages.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
mkdir data
awk 'BEGIN {
  srand(4); print "id,age,friend" >"data/people.csv"; print "customer,at,amount" >"data/orders.csv"
  print "who,at,body" >"data/notes.csv"
  for (i = 0; i < 60; i++) {
    printf "CUST-%04d,%d,CUST-%04d\n", i, 20 + int(rand() * 50), (i * 7) % 70 >"data/people.csv"
    for (j = int(rand() * 5); j > 0; j--)
      printf "CUST-%04d,2024-0%d-11,%s\n", (i + 3 * j) % 65, 1 + int(rand() * 5), rand() < .05 ? "oops" : int(rand() * 90) >"data/orders.csv"
    if (i % 3 == 0) printf "CUST-%04d,2024-02-0%d,\"write to user%d@example.org or call +49 170 123456%d please\"\n", i, 1 + i % 9, i, i % 10 >"data/notes.csv"
  }
}'
# schema HASH: the tables, with or without keyed hashes
schema() {
  cat <<Y
tables:
  people: {files: people.csv, key: id, columns: {id: {type: id$1}, age: integer, friend: {type: id, references: people}}}
  orders:
    files: orders.csv
    columns: {customer: {type: id, references: people}, at: time, amount: {type: real, bad: missing}}
    events: {time: at, numbers: [amount]}
  notes:
    files: notes.csv
    columns: {who: {type: id, references: people}, at: time, body: {type: text, scrub: yes}}
    documents: {text: body, time: at}
entity: {table: people, profile: [age], cutoff: 2024-04-01}
labels: {again: {any: orders, within: 30 days}}
Y
}
schema ', hash: yes' | sed 's/friend: {type: id, references: people}/friend: {type: id, hash: yes}/' >hashed.schema.yaml
schema '' | sed 's/friend: {type: id, references: people}/friend: id/' >plain.schema.yaml
printf 'data: {schema: hashed.schema.yaml, path: data, keep_tables: true}\neval: {models: [logistic]}\nprivacy: {key: one.key}\n' >c.yaml
echo 'a key of enough bytes' >one.key
echo 'another key of as many' >two.key
chmod 600 ./*.key
mkdir all
ranks 2 import c.yaml --set data.store=all/h.h5 >all/said 2>all/err || not_ok "import with hashes" "$(cat all/err)"
alone import c.yaml --set data.schema=plain.schema.yaml --set data.store=p.h5 >/dev/null 2>err || not_ok "import" "$(cat err)"
told() { alone describe "$1" | sed 's/digest.*//; s/^[^ ]*h5//' | grep -v '^ *id '; }
told all/h.h5 >one
told p.h5 >two
check "hashed ids join as ids do" cmp -s one two
check "orphans are the same" [ "$(sed 's/.*://' all/h.h5.rejects.tsv | sort | cksum)" = "$(sed 's/.*://' p.h5.rejects.tsv | sort | cksum)" ]
check "there are orphans and bad values to tell" [ "$(cut -f4 all/h.h5.rejects.tsv | sort -u | wc -l)" = 2 ]

alone train c.yaml --set data.store=all/h.h5 --out all/run >>all/said 2>err || not_ok "train" "$(cat err)"
check "the same key: it is fresh" grep -q 'h.h5 is up to date' err
cat err >>all/err
alone predict all/run --set data.path=data --out all/predictions.csv >>all/said 2>>all/err || not_ok "predict" "$(tail -3 all/err)"
check "predictions name hashes" grep -Eq '^[0-9a-f]{32},' all/predictions.csv
check "no id, address, number or key in anything that was written" \
  [ -z "$(grep -rlaE 'CUST-|example\.org|1234567|key of' all)" ]
check "the plain one is what the check would see" grep -qa 'CUST-' p.h5
for f in all/h.h5 all/h.h5.tables.h5; do
  check "$f: scrubbed" [ "$(grep -ac 'mail' "$f")" -gt 0 ]
done

ranks 2 train c.yaml --set data.store=all/h.h5 --set privacy.key=two.key --out again >/dev/null 2>err || not_ok "another key" "$(cat err)"
check "another key: another data set" [ "$(grep -c 'is up to date' err)" = 0 ]
alone import c.yaml --set data.store=all/h.h5 >/dev/null 2>&1
fail_ranks="1 2" fails "no key" 2 'a column is hashed, but there is no key; set privacy.key' \
  import c.yaml --set privacy.key= --set data.store=out.h5
fail_ranks=1 fails "no key file" 3 'none.key: the key file cannot be found' import c.yaml --set privacy.key=none.key --set data.store=out.h5
fails "predict with another key" 2 'privacy.key: the rows are hashed under another key than the data of all/run' \
  predict all/run --set data.path=data --set privacy.key=two.key --out none.csv
check "nothing is predicted" [ ! -e none.csv ]
alone train c.yaml --set data.path=p.h5 --out plain.run >/dev/null 2>err || not_ok "train on ids" "$(cat err)"
alone predict plain.run --set data.path=all/h.h5 --out none.csv >/dev/null 2>err || not_ok "predict hashed rows" "$(cat err)"
check "a run without a record of a key: a warning" grep -q 'the run has no record of a privacy.key' err
chmod 640 two.key
fail_ranks=2 fails "a key for others" 2 'two.key: others than its owner may use the key file' \
  import c.yaml --set privacy.key=two.key --set data.store=out.h5
chmod 600 two.key
fail_ranks=2 fails "append with another key" 2 'privacy.key: is another key' \
  import c.yaml --append --set privacy.key=two.key --set data.store=all/h.h5
exit "$failed"
