"""parity.py - compares what bench_parity wrote with PyTorch: parity.py BENCH_PARITY [--device cpu|cuda] [gru|lstm|bigru ...]

For each kind of recurrent layer, padded and ragged: logits, gradients of the first step and parameters after three
Adam steps, as the norm of the difference over the norm of PyTorch's tensor.  The limit is 1e-4.  TAP.
"""
import argparse
import os
import subprocess
import sys
import tempfile

LIMIT = 1e-4
try:
    import h5py
    import numpy as np
    import torch
except ImportError as missing:
    print(f"1..0 # SKIP {missing.name} is not installed (python3-torch, python3-h5py)")
    sys.exit(0)
from reference_net import HEADS, ReferenceNet, loss_of


def tensors(group):
    return {name: torch.from_numpy(np.asarray(item)) for name, item in group.items()}


def ragged(first, values, width, offset=0):
    """[n][width, ...] with zeros behind the rows of each sample."""
    out = np.zeros((len(first) - 1, width, *values.shape[1:]), values.dtype)
    for i in range(len(first) - 1):
        out[i, : first[i + 1] - first[i]] = values[first[i] : first[i + 1]] + offset
    return torch.from_numpy(out)


def inputs(f):
    n = len(f["in/event_first"]) - 1
    first, token_first = f["in/event_first"][:], f["in/token_first"][:]
    x = (
        torch.from_numpy(f["in/monthly"][:].reshape(n, 12, 16)).transpose(1, 2),
        torch.from_numpy(f["in/num"][:].reshape(n, 24)),
        ragged(first, f["in/category"][:], 50).long(),
        ragged(first, f["in/event_value"][:].reshape(-1, 6), 50),
        torch.from_numpy(np.diff(first)),
        ragged(token_first, f["in/token"][:], 64).long(),
    )
    return x, {name: torch.from_numpy(f[f"in/label/{name}"][:]).long() for name in HEADS}


def distance(ours, theirs):
    """Norm of the difference, relative; the larger of the two norms stands below."""
    scale = max(theirs.norm().item(), ours.norm().item())
    return (ours - theirs).norm().item() / scale if scale > 0 else 0.0


def worst(ours, theirs):
    missing = set(ours) ^ set(theirs)
    if missing:
        return float("inf"), f"names differ: {sorted(missing)}"
    pairs = {name: distance(ours[name].double(), theirs[name].detach().double()) for name in ours}
    name = max(pairs, key=pairs.get)
    return pairs[name], name


def compare(path, rnn, kind):
    with h5py.File(path, "r") as f:
        net = ReferenceNet(rnn, dropout=0.0)
        net.load_state_dict(tensors(f["w"]))
        x, labels = inputs(f)
        optim = torch.optim.Adam(net.parameters(), lr=1e-3)
        results = {}
        for step in range(3):
            optim.zero_grad()
            logits = net(*x, packed=kind == "ragged")
            loss_of(logits, labels).backward()
            if step == 0:
                results["logits"] = worst(tensors(f["logits"]), logits)
                results["gradients"] = worst(tensors(f["grad"]), {k: p.grad for k, p in net.named_parameters()})
            optim.step()
        results["parameters after 3 Adam steps"] = worst(tensors(f["after"]), dict(net.named_parameters()))
    return results


def main():
    p = argparse.ArgumentParser(prog="parity.py", description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("program", metavar="BENCH_PARITY")
    p.add_argument("kind", nargs="*", help="recurrent layers: gru, lstm, bigru (default all)")
    p.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="where crmpi computes; PyTorch: on the CPU")
    args = p.parse_intermixed_args()
    kinds = args.kind or ["gru", "lstm", "bigru"]
    torch.set_num_threads(1)
    failed = False
    for rnn in kinds:
        for kind in ("padded", "ragged"):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "parity.h5")
                subprocess.run([args.program, rnn, kind, path, args.device], check=True)
                for what, (value, name) in compare(path, rnn, kind).items():
                    good = value <= LIMIT
                    failed |= not good
                    print(f"{'ok' if good else 'not ok'} - {rnn}, {kind}: {what}, worst {value:.1e} ({name})")
    sys.exit(failed)


if __name__ == "__main__":
    main()
