"""gpu_peer.py - PyTorch on a GPU on the reference benchmark: records per second of the whole step.

gpu_peer.py --data FILE.h5 --batch N [--math fp32|tf32] [--mode eager|graphed|compiled] [--ragged] [--seconds S]

The rows lie in GPU memory and each step gathers new ones there, as crmpi does with gpu.resident.  eager: plain PyTorch;
graphed: forward, backward and optimiser captured as one CUDA graph and replayed; compiled: torch.compile, its own graphs
switched on.  Adam is the fused one.  The median of blocks of steps after warm-up counts; between two blocks the device is
waited for.  Prints one line of JSON.  --device cpu runs the same code without a GPU, to try it.
"""
import argparse
import json
import statistics
import time

import numpy as np
import torch
from reference_net import HEADS, ReferenceNet, loss_of
from reference_peer import Rows

BLOCK = 20


class Resident:
    """All rows as tensors of the device, documents and events padded."""

    def __init__(self, path, device):
        rows = Rows(path)
        self.n = rows.n
        x, labels = rows.batch(np.arange(rows.n))
        self.x = [t.to(device) for t in x]
        self.x[2] = self.x[2].to(torch.uint8)
        self.x[5] = self.x[5].to(torch.int16)
        self.length = x[4]  # packed sequences want the lengths on the host
        self.labels = {name: t.to(device) for name, t in labels.items()}

    def batch(self, row, host_row):
        x = [t.index_select(0, row) for t in self.x]
        x[2], x[5] = x[2].long(), x[5].long()
        if host_row is not None:
            x[4] = self.length.index_select(0, host_row)
        return x, {name: t.index_select(0, row) for name, t in self.labels.items()}


class Trainer:
    def __init__(self, rows, args, device):
        torch.manual_seed(0)
        self.rows, self.args, self.device = rows, args, device
        self.net = ReferenceNet().to(device)
        cuda = device.type == "cuda"
        self.optim = torch.optim.Adam(self.net.parameters(), lr=1e-3, fused=cuda, capturable=cuda and args.mode == "graphed")
        self.row = torch.zeros(args.batch, dtype=torch.long, device=device)
        self.host_row = torch.zeros(args.batch, dtype=torch.long) if args.ragged else None
        self.forward = torch.compile(self.net, mode="max-autotune") if args.mode == "compiled" else self.net
        self.graph = None

    def step(self):
        x, labels = self.rows.batch(self.row, self.host_row)
        if self.args.mode == "compiled":
            torch.compiler.cudagraph_mark_step_begin()
        loss = loss_of(self.forward(*x, packed=self.args.ragged), labels)
        self.optim.zero_grad(set_to_none=self.args.mode != "graphed")
        loss.backward()
        self.optim.step()

    def capture(self):
        """As PyTorch's notes on CUDA graphs say: a few steps on a side stream, then the capture."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(5):
                self.draw()
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.step()

    def draw(self):
        if self.host_row is None:
            self.row.random_(0, self.rows.n)
        else:
            self.host_row.random_(0, self.rows.n)
            self.row.copy_(self.host_row)

    def one(self):
        self.draw()
        if self.graph:
            self.graph.replay()
        else:
            self.step()

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def block(self, steps):
        start = time.perf_counter()
        for _ in range(steps):
            self.one()
        self.wait()
        return (time.perf_counter() - start) / steps


def measure(args):
    device = torch.device(args.device)
    if args.ragged and args.mode == "graphed":
        raise SystemExit("gpu_peer.py: packed sequences cannot be captured: their lengths are read on the host")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = args.math == "tf32"
    torch.backends.cudnn.benchmark = True
    trainer = Trainer(Resident(args.data, device), args, device)
    if args.mode == "graphed" and device.type == "cuda":
        trainer.capture()
    steps = BLOCK if device.type == "cuda" else 1
    for _ in range(3):
        trainer.block(steps)
    times, end = [], time.perf_counter() + args.seconds
    while time.perf_counter() < end or len(times) < 5:
        times.append(trainer.block(steps))
    return {
        "records_per_s": args.batch / statistics.median(times),
        "steps": len(times) * steps,
        "setting": f"torch {torch.__version__}, {args.mode}, {args.math}, fused Adam, rows in GPU memory",
    }


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--data", required=True)
    p.add_argument("--batch", type=int, required=True)
    p.add_argument("--math", choices=["fp32", "tf32"], default="fp32")
    p.add_argument("--mode", choices=["eager", "graphed", "compiled"], default="eager")
    p.add_argument("--ragged", action="store_true")
    p.add_argument("--seconds", type=float, default=6)
    p.add_argument("--device", default="cuda")
    print(json.dumps(measure(p.parse_args())))


if __name__ == "__main__":
    main()
