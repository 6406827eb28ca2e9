# models.sh - for the end-to-end tests of all models: a table, studies of it on ranks that share each fit, their bits.
# Sourced by tests/e2e/test_models_*.sh behind lib.sh; these set $config, $first (the run that others are held against)
# and $what (the words in front of a result).
# shellcheck shell=bash disable=SC2154

# table3 N FILE: numbers with a signal, one of them rarely there, categories, three classes
table3() {
  awk -v n="$1" 'BEGIN {
    srand(11); print "age,spend,calls,balance,city,plan,level"
    split("Oslo,Bergen,Narvik,Hamar", c, ",")
    for (i = 1; i <= n; i++) {
      a = 18 + int(rand() * 57); s = rand() * 500; k = int(rand() * 9); b = exp(9 * rand()); g = rand() < .3
      x = (k - 4) * .5 + (s - 250) / 120 * (g ? 1 : -.4) + (a > 50 ? .7 : 0) + (rand() - .5) * 2
      m = rand() < .1; y = (x > .8) ? "high" : (x < -.7) ? "low" : "mid"
      printf "%s,%.2f,%s,%s,%s,%s,%s\n", a, s, rand() < .02 ? "" : k, m ? "" : sprintf("%.1f", b),
        rand() < .05 ? "" : c[1 + int(4 * rand() * rand())], g ? "gold" : "basic", y
    }
  }' >"$2"
}

# models FILE: the names of eval.models there, one a line
models() { sed -n 's/^ *models: \[\(.*\)\].*/\1/p' "$1" | tr -d ' ' | tr ',' '\n'; }

# study CONFIG NAME RANKS ARGS...
study() {
  local config=$1 name=$2 n=$3
  shift 3
  ranks "$n" crossval "$config" --set eval.group_ranks="$n" --out "$name" "$@" >"$name.txt" 2>"$name.err" ||
    { echo "exit code $?: $(cat "$name.err")" >&2; return 1; }
}

# differing A B: models whose files or test predictions are not the same
differing() {
  local f
  for f in "$1"/models/*.h5; do
    [ ! -e "$f" ] || cmp -s "$f" "$2/models/${f##*/}" || echo "models/${f##*/}"
  done
  for f in "$1"/units/*-f*.h5; do
    [ "$(h5dump -d /proba "$f" 2>&1 | tail -n +2)" = "$(h5dump -d /proba "$2/units/${f##*/}" 2>&1 | tail -n +2)" ] ||
      echo "units/${f##*/}"
  done
}

# same LABEL NAME RANKS ARGS...: against the run $first of $config
same() {
  local label=$1 name=$2 f bad=
  shift 2
  study "$config" "$name" "$@" || bad="no result"
  for f in summary.json predictions.h5 report.md; do
    cmp -s "$first/$f" "$name/$f" || bad+=" $f"
  done
  for f in "$first"/models/*; do
    [ ! -e "$f" ] || cmp -s "$f" "$name/models/${f##*/}" || bad+=" ${f#*/}"
  done
  if [ -z "$bad" ]; then ok "$what: $label"; else not_ok "$what: $label" "differ: $bad; $(differing "$first" "$name" | tr '\n' ' ')"; fi
}
