#!/usr/bin/env bash
# test_weights.sh - parameters that another program wrote: train --init, predict --weights; the learnt vectors of rows.
# timeout: 240  beside: others
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$TMP" || exit 1
python=${CRM_PYTHON:-/usr/bin/python3}
if ! "$python" -c 'import h5py' 2>/dev/null; then
  skip "parameters of another program" "h5py is not installed"
  exit 0
fi

cat >study.yaml <<'Y'
data.path: data.h5
synth: {customers: 200, seed: 2}
eval: {models: [hybrid], target: churn}
model: {hidden: [6], fusion: 5, months: [4], rnn_units: 4, text_dim: 4, text_filters: 3}
text.max_words: 200
train: {epochs: 2, lanes: 4, lane_rows: 16, validation: 0}
Y
ranks 2 synth study.yaml >/dev/null 2>err || not_ok "synth" "$(cat err)"
ranks 2 train study.yaml --out base >/dev/null 2>err || not_ok "train" "$(cat err)"

# The net as other programs keep it: names with dots or groups, other types, chunks, packed; and what is wrong with it.
cat >export.py <<'P'
import h5py, numpy as np
net = {}
with h5py.File("base/models/hybrid.h5", "r") as f:
    f["estimator"].visititems(lambda n, d: net.update({n: d[()]}) if isinstance(d, h5py.Dataset) and d.dtype == np.float32 else None)
assert len(net) > 10, sorted(net)
def write(path, items):
    with h5py.File(path, "w") as f:
        f.attrs["made_by"] = "another program"
        for i, (n, a) in enumerate(sorted(items.items())):
            n = n.replace(".", "/") if i % 2 else n
            if a.ndim:
                f.create_dataset(n, data=a.astype(">f8"), chunks=True, compression="gzip", shuffle=True)
            else:
                f.create_dataset(n, data=a.astype("f8"))
        f["note"] = "texts are passed over"
write("plain.h5", net)
write("zeros.h5", {n: np.zeros_like(a) for n, a in net.items()})
first = sorted(net)[0]
write("shape.h5", {n: (np.zeros(a.shape + (1,), "f4") if n == first else a) for n, a in net.items()})
write("less.h5", {n: a for n, a in net.items() if n != first})
write("more.h5", dict(net, **{"no.such.weight": np.zeros(3, "f4")}))
word = np.copy(net["temb.weight"]); word[0, 1] = 0.25
write("word.h5", dict(net, **{"temb.weight": word}))
other = dict(net); other[first] = net[first] + 1
write("other.h5", other)
open("first", "w").write(first)
open("names", "w").write("\n".join(sorted(net)))
P
"$python" export.py || not_ok "the export" "it failed"
first=$(cat first)

predict() { # NAME RANKS ARGS...: of the run base
  local name=$1 run=(ranks "$2")
  [ "$2" != 1 ] || run=(alone)
  shift 2
  "${run[@]}" predict "$@" --set data.path=data.h5 >"$name" 2>err || not_ok "predict $name" "$(cat err)"
}
# ---- --weights
predict a.csv 1 base
predict b.csv 2 base --weights plain.h5
check "--weights with the model's own parameters changes nothing" cmp a.csv b.csv
predict b.csv 1 base --weights base/models/hybrid.h5
check "a model file of crmpi is taken too" cmp a.csv b.csv
predict zeros.csv 2 base --weights zeros.h5
check "a net of zeros says one half" test "$(tail -n +2 zeros.csv | cut -d, -f3- | sort -u)" = "0.5,0.5"
predict other.csv 1 base --weights other.h5
check "other parameters, other numbers" bash -c '! cmp -s a.csv other.csv'

# ---- --init: a learning rate of 0 keeps what it began with
still="--set optim.lr=0 --set optim.weight_decay=0 --set train.epochs=1"
for n in 1 2; do
  # shellcheck disable=SC2086
  ranks "$n" train study.yaml --init plain.h5 --out "still$n" $still >out 2>err || not_ok "train --init on $n ranks" "$(cat err)"
done
predict b.csv 1 still1
check "training begins with the parameters of --init" cmp a.csv b.csv
check "the same on 2 ranks" cmp still1/models/hybrid.h5 still2/models/hybrid.h5
# shellcheck disable=SC2086
alone train study.yaml --init base/models/hybrid.h5 --out still3 $still >out 2>err || not_ok "train --init of a model file" "$(cat err)"
check "the same from a model file" cmp still1/models/hybrid.h5 still3/models/hybrid.h5
ranks 2 train study.yaml --init plain.h5 --out more >out 2>err || not_ok "train --init further" "$(cat err)"
predict b.csv 1 more
check "and goes on from there" bash -c '! cmp -s a.csv b.csv'
alone train study.yaml --init plain.h5 --out more >out 2>err
check "the same --init goes on with the run" grep -q 'fitted before' out
for init in "--init other.h5" ""; do
  # shellcheck disable=SC2086
  alone train study.yaml $init --out more >out 2>err
  check "'$init' is another run" test $? = 2
done
check "which is told with both files" grep -q "No option differs: the parameters of --init do: plain.h5, digest .* there, none now" err
check "run.json names the file" grep -q '"plain.h5"' more/run.json
check "run.json has its digest" grep -Eq '"init": *"[0-9a-f]{32}"' more/run.json

# ---- --embedding
for n in 1 3; do predict "e$n.csv" $n base --embedding; done
check "a vector for each row" test "$(wc -l <e1.csv)" = 201
check "of the width of the fusion layer" test "$(head -1 e1.csv)" = "id,v0,v1,v2,v3,v4"
check "the same on 3 ranks" cmp e1.csv e3.csv
predict none 2 base --embedding --out e.h5
cat >same.py <<'P'
import csv, h5py, numpy as np
rows = list(csv.reader(open("e1.csv")))[1:]
with h5py.File("e.h5", "r") as f:
    assert [r[0] for r in rows] == [i.decode().rstrip("\0") for i in f["id"][:]]
    e = f["embedding"][:]
assert e.dtype == np.float32 and (e == np.array([r[1:] for r in rows], "f4")).all() and e.std() > 0
P
check "the HDF5 file holds the same" "$python" same.py
predict z.csv 1 base --embedding --weights zeros.h5
check "with --weights: a net of zeros has vectors of zeros" test "$(tail -n +2 z.csv | cut -d, -f2- | sort -u)" = "0,0,0,0,0"

# ---- what is wrong: files that ranks read together on 2 of them, the rest as one process
on=(exits 2)
fails() { # NAME CODE TEXT ARGS...
  local name=$1 code=$2 text=$3 rc
  shift 3
  "${on[@]}" "$@" >out 2>err
  rc=$?
  if [ $rc = "$code" ] && grep -qF -- "$text" err && [ ! -e bad ]; then ok "$name"; else not_ok "$name" "rc $rc: $(cat err)"; fi
}
echo text >text.h5
with() { echo predict base --set data.path=data.h5 --weights "$1"; }
# shellcheck disable=SC2046
{
  fails "another shape" 3 "shape.h5: parameter '$first' has shape" $(with shape.h5)
  fails "a parameter is missing" 3 "'$first' is missing" $(with less.h5)
  fails "a parameter of no net" 3 "'no.such.weight' is no parameter" $(with more.h5)
  fails "no HDF5 file" 3 "text.h5: is not an HDF5 file" $(with text.h5)
  fails "no file" 3 "none.h5" $(with none.h5)
  fails "a data set is no model" 3 "data.h5: is an HDF5 file of kind" $(with data.h5)
}
fails "--init: another shape" 3 "shape.h5: parameter '$first' has shape" train study.yaml --out bad --init shape.h5
on=(alone)
fails "--init: a word for no word" 3 "word.h5: parameter 'temb.weight' has 0.25 in row 0" train study.yaml --out bad --init word.h5
alone train study.yaml --out two --set train.members=2 >out 2>err || not_ok "train of two nets" "$(cat err)"
fails "--init: a model of two nets" 3 "two/models/hybrid.h5: averages 2 nets" train study.yaml --out bad --init two/models/hybrid.h5
fails "--weights: the same" 3 "two/models/hybrid.h5: averages 2 nets" predict base --set data.path=data.h5 --weights two/models/hybrid.h5
alone predict two --set data.path=data.h5 --embedding 2>/dev/null | head -1 >wide
alone predict base --set data.path=data.h5 --embedding 2>/dev/null | head -1 >narrow
check "vectors of two nets stand side by side" [ "$(tr -cd , <wide | wc -c)" = $((2 * $(tr -cd , <narrow | wc -c))) ]
fails "--init: a parameter of no net" 3 "more.h5: 'no.such.weight' is no parameter" train study.yaml --out bad --init more.h5
fails "--init: no HDF5 file" 3 "text.h5: is not an HDF5 file" train study.yaml --out bad --init text.h5
fails "--init: a model without parameters" 2 "--init: model 'logistic' has no parameters" train study.yaml --out bad --init plain.h5 --set eval.models=hybrid,logistic
fails "--init is for train" 2 "--init is an option of train, not of crossval" crossval study.yaml --out bad --init plain.h5
fails "--weights is for predict" 2 "--weights is an option of predict, not of train" train study.yaml --out bad --weights plain.h5
fails "--embedding is for predict" 2 "--embedding is an option of predict, not of train" train study.yaml --out bad --embedding
alone train study.yaml --out rule --set eval.models=rule >out 2>err || not_ok "train rule" "$(cat err)"
fails "a model without vectors" 2 "model 'rule' learns no vector" predict rule --set data.path=data.h5 --embedding
fails "a model without parameters" 2 "model 'rule' has no named parameters" predict rule --set data.path=data.h5 --weights plain.h5
exit "$failed"
