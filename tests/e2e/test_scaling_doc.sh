#!/bin/bash
# The tables of docs/scaling.md are what bench/scaling_model.py prints, and the model has the exchange that is built.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit 1

model=$CRM_SOURCE_DIR/bench/scaling_model.py
python=${CRM_PYTHON:-python3}
doc=$CRM_SOURCE_DIR/docs/scaling.md

"$python" "$model" >printed.txt 2>err || not_ok "the model runs" "$(cat err)"
sed -n '/^<!-- scaling_model.py -->$/,/^<!-- end -->$/p' "$doc" | sed '1d;$d' >shown.txt
if [ -s shown.txt ] && cmp -s printed.txt shown.txt; then
  ok "docs/scaling.md shows what bench/scaling_model.py prints"
else
  not_ok "docs/scaling.md shows what bench/scaling_model.py prints" "$(diff printed.txt shown.txt | head -20); put its output between the two marks"
fi
check "the first paragraph says that nothing is measured" bash -c 'sed -n 3p "$1" | grep -q "modelled: nothing here was measured"' _ "$doc"

# Bytes by hand: 1,000,000 parameters, 2 of 3 GPUs hold 3 of 8 lanes, which are 2 subtrees each; the busiest sends
# 2 x 4 MB x 2 / 3.  On 4 GPUs one subtree each: 4 MB x 3 / 4.
bytes() { # SIZE
  "$python" - "$CRM_SOURCE_DIR/bench" "$1" <<'PY'
import argparse, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import scaling_model as m
a = argparse.Namespace(params=1e6, lanes=8)
print(f"{m.exchange_bytes(a, int(sys.argv[2])):.0f} {[m.subtrees(8, int(sys.argv[2]), r) for r in range(int(sys.argv[2]))]}")
PY
}
check "bytes on 3 GPUs" test "$(bytes 3)" = "5333333 [1, 2, 2]"
check "bytes on 4 GPUs" test "$(bytes 4)" = "3000000 [1, 1, 1, 1]"
check "another GPU, other tables" bash -c '! cmp -s printed.txt <("$@")' _ "$python" "$model" --row-us 1
exit "$failed"
