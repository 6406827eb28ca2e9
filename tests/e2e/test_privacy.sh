#!/bin/bash
# What is written belongs to its owner unless privacy.access says otherwise: data set, run folder, models, checkpoints,
# predictions; whatever the umask of the shell is.
# timeout: 120  beside: others
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1
umask 000
cat >c.yaml <<'Y'
data: {path: in.h5}
synth: {customers: 300}
eval: {models: [logistic]}
Y

# open_to_others FOLDER_OR_FILE BITS: files and folders with any of these permissions
open_to_others() { find "$1" -perm "/$2" -printf '%m %p\n'; }

# written ACCESS BITS: with this access nothing of these permissions is there, and what others may is
written() {
  local set=(--set privacy.access="$1") rest
  rm -rf in.h5 run pred
  [ "$1" != default ] || set=()
  alone synth c.yaml "${set[@]}" >/dev/null 2>err || not_ok "$1: synth" "$(cat err)"
  alone train c.yaml "${set[@]}" --out run >/dev/null 2>err || not_ok "$1: train" "$(cat err)"
  alone predict run --set data.path=in.h5 "${set[@]}" --out pred >/dev/null 2>err || not_ok "$1: predict" "$(cat err)"
  rest=$(for f in in.h5 run pred; do open_to_others "$f" "$2"; done)
  check "$1: nothing is open to more" [ -z "$rest" ]
}
written default 077
written group 027
check "group: its members may read" [ "$(stat -c %a in.h5)" = 640 ]
written all 022
check "all: everybody may read" [ "$(stat -c %a in.h5)" = 644 ]
exit "$failed"
