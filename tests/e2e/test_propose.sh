#!/bin/bash
# import --propose: what is guessed of a small shop with every oddity of an export, that the guess can be imported as it is, and
# that it is the same text on any number of ranks.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

# Customers with a byte order mark, semicolons, decimal comma, German booleans; orders in Latin-1 with pipes and "NA".
{
  printf '\xef\xbb\xbfkunden_id;geburt;umsatz;ort;aktiv\n'
  for i in $(seq 100 219); do
    printf 'K%d;%02d.%02d.1980;%d,%d5;%s;%s\n' "$i" $((1 + i % 28)) $((1 + i % 12)) "$i" $((i % 10)) \
      "$([ $((i % 3)) = 0 ] && echo Bonn || echo Ulm)" "$([ $((i % 4)) = 0 ] && echo nein || echo ja)"
  done
} >kunden.csv
{
  echo 'nr|kunden_id|wann|betrag|lage'
  for i in $(seq 1000 1599); do
    printf '%d|K%d|2023-%02d-%02d 1%d:30:00|%s|%s\n' "$i" $((100 + i % 120)) $((1 + i % 12)) $((1 + i % 28)) $((i % 10)) \
      "$([ $((i % 40)) = 0 ] && echo NA || echo "$i.5")" "$([ $((i % 2)) = 0 ] && echo offen || printf 'zur\xfcck')"
  done
} >bestellungen.csv
gzip -k bestellungen.csv

alone import --propose kunden.csv bestellungen.csv >shop.schema.yaml 2>log || not_ok "a proposal is made" "$(cat log)"
has() { # NAME LINE: the proposal has this text
  if grep -qF -- "$2" shop.schema.yaml; then ok "$1"; else not_ok "$1" "$(cat shop.schema.yaml)"; fi
}
has "a key is found" "    key: kunden_id"
has "days come before months" 'geburt: {type: time, format: "%d.%m.%Y"}'
has "a decimal comma is found" "umsatz: {type: real, decimal: comma}"
has "booleans of another language are found" "aktiv: {type: boolean, yes: ja, no: nein}"
has "a category is found" "ort: category"
has "pipes are found" "separator: pipe"
has "Latin-1 is found" "encoding: latin-1"
has "a marker of missing values is found" "missing: [NA]"
has "a reference is found" "kunden_id: {type: id, references: kunden}"
has "date and time are found" 'wann: {type: time, format: "%Y-%m-%d %H:%M:%S"}'
has "events are found" "events: {time: wann, category: lage, numbers: [betrag]}"
has "the entity is found" "  table: kunden"
has "a last boolean is a label" "  aktiv: {column: aktiv}"
has "ranges are told" "# 100.05..219.95"

printf 'data:\n  schema: shop.schema.yaml\n' >shop.yaml
alone import shop.yaml --set data.path=. --set data.store=shop.h5 >out 2>&1
check "the proposal is imported as it is" grep -q "^shop.h5: 120 rows" out
check "with all events" grep -q "^600 events, 0 documents" out

alone import --propose kunden.csv bestellungen.csv.gz --out packed.yaml >out 2>/dev/null
check "--out takes it" test -s packed.yaml -a ! -s out
check "a packed file gives the same" test "$(sed 's/\.csv\.gz/.csv/' packed.yaml | md5sum)" = "$(md5sum <shop.schema.yaml)"
for n in 2 3; do
  ranks "$n" import --propose kunden.csv bestellungen.csv 2>/dev/null >"ranks$n.yaml"
  check "$n ranks write the same" cmp -s shop.schema.yaml "ranks$n.yaml"
done

{ head -n 1 bestellungen.csv; sed -n '2,300p' bestellungen.csv; } >bestellungen-2023.csv
{ head -n 1 bestellungen.csv; sed -n '301,$p' bestellungen.csv; } >bestellungen-2024.csv
alone import --propose kunden.csv bestellungen-202?.csv 2>/dev/null >parts.yaml
check "files with one header are one table" grep -qF 'files: [bestellungen-2023.csv, bestellungen-2024.csv]' parts.yaml
parts=$(grep -vF "files:" parts.yaml | md5sum)
check "which is like the whole" test "$parts" = "$(grep -vF "files:" shop.schema.yaml | md5sum)"

refuses() { # NAME CODE TEXT ARGUMENTS...
  local name=$1 code=$2 text=$3
  shift 3
  alone "$@" >out 2>&1
  got=$?
  if [ "$got" = "$code" ] && grep -qF -- "$text" out; then ok "$name"; else not_ok "$name" "exit $got: $(cat out)"; fi
}
refuses "files are needed" 2 "import --propose needs files" import --propose
refuses "other commands have none" 2 "--propose is an option of import, not of train" train --propose kunden.csv
refuses "a file that is not there is named" 3 "nowhere.csv" import --propose nowhere.csv
refuses "two configs are one too many" 2 "'b.yaml' is one argument too many" import a.yaml b.yaml
printf 'data:\n  schema: none.yaml\n' >none.yml
refuses "a schema is looked for beside the config" 3 "$TMP/none.yaml" import none.yml --set data.path=.
exit "$failed"
