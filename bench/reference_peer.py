"""reference_peer.py - PyTorch on the reference benchmark: records per second of the whole step.

reference_peer.py --data FILE.h5 --batch N [--ranks 2] [--ragged] [--seconds S]

Rows come from the same data set that crmpi reads, through a loader that gathers and converts new rows for every step
(numpy in the same process; the reading is not more than a few per cent).  One thread per process; with --ranks N,
DistributedDataParallel over gloo on this host, each process with N-th part of the batch.  Settings that matter are
tried first (Adam's foreach, memory format through oneDNN on or off) and the fastest one is timed; the median step
after warm-up counts.  Prints one line of JSON.
"""
import argparse
import json
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import h5py
import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from reference_net import HEADS, ReferenceNet, loss_of


class Rows:
    """The data set in memory, natural order; batches as tensors."""

    def __init__(self, path):
        with h5py.File(path, "r") as f:
            self.xm = f["monthly/value"][:]
            self.xp = f["profile/num"][:]
            self.first = f["events/first"][:]
            self.category = f["events/category"][:]
            self.value = f["events/value"][:]
            self.token_first = f["documents/token_first"][:]
            self.token = f["documents/token"][:] + 1  # 0 is padding
            self.label = {name: f[f"target/{name}/label"][:] for name in HEADS}
        self.n = len(self.xp)

    @staticmethod
    def padded(first, row, width):
        """Positions [n][width] of a ragged array and which of them exist."""
        step = np.arange(width)
        length = first[row + 1] - first[row]
        valid = step[None, :] < length[:, None]
        return np.where(valid, first[row][:, None] + step[None, :], 0), valid, length

    def batch(self, row):
        at, valid, length = self.padded(self.first, row, 50)
        sc = np.where(valid, self.category[at], 0).astype(np.int64)
        sn = np.where(valid[:, :, None], self.value[at], 0)
        at, valid, _ = self.padded(self.token_first, row, 64)
        tx = np.where(valid, self.token[at], 0).astype(np.int64)
        x = [torch.from_numpy(a) for a in (self.xm[row], self.xp[row], sc, sn, length, tx)]
        return x, {name: torch.from_numpy(v[row].astype(np.int64)) for name, v in self.label.items()}


class Trainer:
    def __init__(self, rows, args, rank, foreach, mkldnn):
        torch.manual_seed(0)
        torch.backends.mkldnn.set_flags(mkldnn)
        self.rows, self.packed = rows, args.ragged
        self.part = args.batch // args.ranks
        net = ReferenceNet()
        self.net = torch.nn.parallel.DistributedDataParallel(net) if args.ranks > 1 else net
        self.optim = torch.optim.Adam(net.parameters(), lr=1e-3, foreach=foreach)
        self.order = np.random.default_rng(rank)
        self.rank, self.ranks = rank, args.ranks

    def step(self):
        row = self.order.integers(0, self.rows.n, self.part)
        x, labels = self.rows.batch(row)
        loss = loss_of(self.net(*x, packed=self.packed), labels)
        self.optim.zero_grad(set_to_none=True)
        loss.backward()
        self.optim.step()

    def time(self, seconds, at_least):
        times, end = [], time.perf_counter() + seconds
        go = torch.ones(1)
        while go.item() > 0:
            start = time.perf_counter()
            self.step()
            times.append(time.perf_counter() - start)
            go[0] = time.perf_counter() < end or len(times) < at_least
            if self.ranks > 1:
                dist.broadcast(go, 0)
        return times


def run(rank, args, out):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if args.ranks > 1:
        dist.init_process_group("gloo", init_method=f"file://{out}.init", rank=rank, world_size=args.ranks)
    rows = Rows(args.data)
    tried = {}
    for setting in [(False, True), (True, True), (False, False)]:
        median = torch.tensor([statistics.median(Trainer(rows, args, rank, *setting).time(0, 4)[1:])])
        if args.ranks > 1:
            dist.broadcast(median, 0)
        tried[setting] = median.item()
    best = min(tried, key=tried.get)
    times = Trainer(rows, args, rank, *best).time(args.seconds, 8)[2:]
    if rank == 0:
        result = {
            "records_per_s": args.batch / statistics.median(times),
            "steps": len(times),
            "setting": f"torch {torch.__version__}, 1 thread per process, foreach={best[0]}, mkldnn={best[1]}",
        }
        with open(out, "w", encoding="utf-8") as f:
            json.dump(result, f)
    if args.ranks > 1:
        dist.barrier()
        dist.destroy_process_group()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--data", required=True)
    p.add_argument("--batch", type=int, required=True)
    p.add_argument("--ranks", type=int, default=1)
    p.add_argument("--ragged", action="store_true")
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--out", required=True, help="file for the result")
    args = p.parse_args()
    for leftover in (args.out, args.out + ".init"):
        if os.path.exists(leftover):
            os.remove(leftover)
    if args.ranks == 1:
        run(0, args, args.out)
    else:
        mp.spawn(run, args=(args, args.out), nprocs=args.ranks)
    with open(args.out, encoding="utf-8") as f:
        print(f.read())


if __name__ == "__main__":
    main()
