"""gpu.py - the reference benchmark on a GPU: crmpi and PyTorch by turns on the same rows; see docs/gpu.md.

Started by bench/gpu.sh reference.  Each figure is records per second of the whole step (rows gathered in GPU memory,
forward, backward, exact sum over 8 lanes, Adam): ours the median over the epochs of a run after its first, PyTorch's that
of blocks of steps after warm-up; of several rounds the best.  The roofline is that of the reference model: arithmetic with
the exact short cuts against the peak of the GPU's fp32 and TF32 units.
"""
import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GOALS = {"fp32": {1024: 1.4e6, 4096: 2.0e6, 16384: 2.2e6}, "tf32": {1024: 1.8e6, 4096: 3.0e6, 16384: 3.5e6}}
FLOP_DENSE, FLOP_SHORT = 24.40e6, 12.10e6  # of one record, forward and backward; docs/benchmark.md
PEAK = {"H100": (67.0, 494.0), "H200": (67.0, 494.0), "A100": (19.5, 156.0)}  # fp32, dense TF32, SXM; TFLOP/s, vendor
LEAST_STEPS = 40  # of an epoch, so that its ends weigh little


class Measure:
    def __init__(self, args, folder):
        self.args, self.folder, self.number, self.settings = args, folder, 0, set()
        self.data = {}
        for kind in ("padded", "ragged"):
            self.data[kind] = os.path.join(folder, kind + ".h5")
            command = [args.data_program, self.data[kind], str(args.rows)]
            if self.call(command + (["ragged"] if kind == "ragged" else [])) is None:
                sys.exit("bench: the rows could not be made")
        self.info = self.call([args.crmpi, "info", "--set", f"device={args.device}"])
        if self.info is None:
            sys.exit("bench: no GPU can be used here")

    @staticmethod
    def call(command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"bench: {' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}", file=sys.stderr)
            return None
        return done.stdout

    def ours(self, batch, math, kind="padded", fast=False, extra=()):
        """Median over the epochs after the first, and what run.json says of the GPU."""
        self.number += 1
        out = os.path.join(self.folder, f"run{self.number}")
        lanes = 1 if fast else 8
        options = {
            "data.path": self.data[kind],
            "device": self.args.device,
            "gpu.math": math,
            "train.lanes": lanes,
            "train.lane_rows": batch // lanes,
            "train.reduce": "fast" if fast else "exact",
            "train.epochs": self.args.epochs,
            "log.level": "warn",
        }
        command = [self.args.crmpi, "train", self.args.config, "--out", out]
        for key, value in list(options.items()) + list(extra):
            command += ["--set", f"{key}={value}"]
        if self.call(command) is None:
            return None
        with open(os.path.join(out, "metrics.jsonl"), encoding="utf-8") as f:
            epochs = [e for e in map(json.loads, f) if e.get("event") == "epoch"]
        shutil.rmtree(out, ignore_errors=True)
        return statistics.median(e["records_per_s"] for e in epochs[1:])

    def peer(self, batch, math, mode, kind="padded"):
        command = [self.args.python, HERE + "/gpu_peer.py", "--data", self.data[kind], "--batch", str(batch)]
        command += ["--math", math, "--mode", mode, "--seconds", str(self.args.seconds), "--device", self.args.device]
        text = self.call(command + (["--ragged"] if kind == "ragged" else []))
        if text is None:
            return None
        result = json.loads(text.splitlines()[-1])
        self.settings.add(result["setting"])
        return result["records_per_s"]


def runs(m, args):
    """Name of each figure and how it is measured; ours and the peers' by turns."""
    for batch in args.batches:
        for math in ("fp32", "tf32"):
            yield f"ours_{math}_b{batch}", lambda b=batch, x=math: m.ours(b, x)
            for mode in args.modes:
                yield f"torch_{mode}_{math}_b{batch}", lambda b=batch, x=math, y=mode: m.peer(b, x, y)
    batch = args.batches[0]
    yield f"ours_fp32_b{batch}_ragged", lambda: m.ours(batch, "fp32", "ragged")
    if "eager" in args.modes:
        yield f"torch_eager_fp32_b{batch}_ragged", lambda: m.peer(batch, "fp32", "eager", "ragged")
    yield f"ours_fp32_b{batch}_fast", lambda: m.ours(batch, "fp32", fast=True)
    yield f"ours_fp32_b{batch}_streamed", lambda: m.ours(batch, "fp32", extra=[("gpu.resident", "off")])
    yield f"ours_fp32_b{batch}_no_graph", lambda: m.ours(batch, "fp32", extra=[("gpu.graph", "false")])


def peaks(args, info):
    """Peaks asked for, else those of the GPU by its name; an unknown one needs them said."""
    known = next((v for k, v in PEAK.items() if k in info), None)
    if not known and not (args.fp32_tflops and args.tf32_tflops):
        print("the peaks of this GPU are not known: --fp32-tflops and --tf32-tflops name them; those of an H100 stand below")
    known = known or PEAK["H100"]
    return {"fp32": (args.fp32_tflops or known[0]) * 1e12, "tf32": (args.tf32_tflops or known[1]) * 1e12}


def verdicts(best, args):
    for batch in args.batches:
        for math in ("fp32", "tf32"):
            ours, goal = best.get(f"ours_{math}_b{batch}"), GOALS[math].get(batch)
            if ours and goal:
                print(f"goal {math} at {batch}: {ours:.0f} of {goal:.0f} records/s, {'met' if ours >= goal else 'NOT met'}")
    batch = args.batches[0]
    ours = best.get(f"ours_fp32_b{batch}")
    for mode, least in (("eager", 3), ("graphed", 2)):
        peer = best.get(f"torch_{mode}_fp32_b{batch}")
        if ours and peer:
            print(f"goal over PyTorch {mode} at {batch}: {ours / peer:.2f} of {least}, "
                  f"{'met' if ours / peer >= least else 'NOT met'}")
    fast = best.get(f"ours_fp32_b{batch}_fast")
    if ours and fast:
        best["exact_over_fast"] = fast / ours
        print(f"exact over fast: {fast / ours:.3f}")


def table(best, args, peak):
    print(f"\n{'batch':>6} {'math':>5} {'ours/s':>12} {'goal/s':>10} " + " ".join(f"{'x ' + m:>10}" for m in args.modes)
          + f" {'TFLOP/s':>8} {'of peak':>8}")
    for batch in args.batches:
        for math in ("fp32", "tf32"):
            ours = best.get(f"ours_{math}_b{batch}")
            if not ours:
                continue
            ratios = [best.get(f"torch_{mode}_{math}_b{batch}") for mode in args.modes]
            print(f"{batch:6} {math:>5} {ours:12.0f} {GOALS[math].get(batch, 0):10.0f} "
                  + " ".join(f"{ours / r:10.2f}" if r else f"{'-':>10}" for r in ratios)
                  + f" {ours * FLOP_SHORT / 1e12:8.2f} {100 * ours * FLOP_SHORT / peak[math]:7.1f}%")
    print(f"roofline, fp32 {peak['fp32'] / 1e12} TFLOP/s: dense {peak['fp32'] / FLOP_DENSE:.2e}, with the short cuts "
          f"{peak['fp32'] / FLOP_SHORT:.2e} records/s")


def arguments():
    p = argparse.ArgumentParser(prog="bench/gpu.sh reference", description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--crmpi", required=True, help=argparse.SUPPRESS)
    p.add_argument("--data-program", required=True, help=argparse.SUPPRESS)
    p.add_argument("--config", required=True, help=argparse.SUPPRESS)
    p.add_argument("--python", default=sys.executable, help=argparse.SUPPRESS)
    p.add_argument("--json", metavar="FILE", help="write the figures there")
    p.add_argument("--rounds", type=int, default=2, help="how often each figure is taken (default 2)")
    p.add_argument("--rows", type=int, default=0, help="customers of the data set (default: 40 steps of the largest batch)")
    p.add_argument("--epochs", type=int, default=6, help="epochs of one of our runs (default 6)")
    p.add_argument("--seconds", type=float, default=4, help="seconds of one of PyTorch's runs (default 4)")
    p.add_argument("--batches", type=int, nargs="+", default=[1024, 4096, 16384])
    p.add_argument("--modes", nargs="*", default=["eager", "graphed"], help="of PyTorch: eager, graphed, compiled")
    p.add_argument("--fp32-tflops", type=float, help="peak of the GPU, vendor's figure (default: by its name)")
    p.add_argument("--tf32-tflops", type=float, help="likewise, dense TF32")
    p.add_argument("--device", default="cuda", help="cpu tries the script without a GPU")
    args = p.parse_args()
    args.rows = args.rows or LEAST_STEPS * max(args.batches)
    return args


def main():
    args, start, best = arguments(), time.monotonic(), {}
    with tempfile.TemporaryDirectory(prefix="crmpi-bench.") as folder:
        m = Measure(args, folder)
        print(m.info, flush=True)
        for number in range(args.rounds):
            for name, take in runs(m, args):
                value = take()
                if value is None:
                    print(f"round {number + 1}  {name:36} failed", flush=True)
                    continue
                best[name] = max(best.get(name, 0), value)
                print(f"round {number + 1}  {name:36} {value:12.0f} records/s", flush=True)
    table(best, args, peaks(args, m.info))
    verdicts(best, args)
    for setting in sorted(m.settings):
        print(f"peer: {setting}")
    print(f"{time.monotonic() - start:.0f} s")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            machine = {"info": m.info.splitlines(), "date": datetime.date.today().isoformat(), "peer": sorted(m.settings)}
            json.dump({**best, **machine}, f, indent=2)
            f.write("\n")


if __name__ == "__main__":
    main()
