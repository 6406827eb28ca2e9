"""reference.py - the reference benchmark: crmpi and PyTorch by turns on the same rows; see docs/benchmark.md.

Started by bench/run.sh reference.  Each figure is records per second of the whole step (load, forward, backward,
reduction, optimiser): the median over steps or epochs of a run after its first, and of the runs the best round.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ["CRM_SOURCE_DIR"]
BUILD = os.environ["CRM_BUILD_DIR"]
ROWS = 16384


class Measure:
    def __init__(self, folder):
        self.folder = folder
        self.data = {}
        for kind in ("padded", "ragged"):
            path = os.path.join(folder, kind + ".h5")
            command = [BUILD + "/bench/bench_reference_data", path, str(ROWS)]
            subprocess.run(command + (["ragged"] if kind == "ragged" else []), check=True)
            self.data[kind] = path
        self.run_number = 0
        self.setting = ""

    @staticmethod
    def cores(ranks):
        return ["taskset", "-c", ",".join(str(c) for c in range(ranks))]

    def ours(self, ranks, batch, kind="padded", fast=False):
        """Median over the epochs after the first."""
        self.run_number += 1
        out = os.path.join(self.folder, f"run{self.run_number}")
        lanes = ranks if fast else 8
        options = {
            "data.path": self.data[kind],
            "train.lanes": lanes,
            "train.lane_rows": batch // lanes,
            "train.reduce": "fast" if fast else "exact",
            "train.epochs": 6 if batch >= 1024 else 5,
        }
        command = self.cores(ranks) + ["mpirun", "-q", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]
        command += [BUILD + "/crmpi", "train", SOURCE + "/configs/reference.yaml", "--out", out]
        for key, value in options.items():
            command += ["--set", f"{key}={value}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(command)}\n{done.stdout}{done.stderr}")
        with open(os.path.join(out, "metrics.jsonl"), encoding="utf-8") as f:
            epochs = [e for e in map(json.loads, f) if e.get("event") == "epoch"]
        shutil.rmtree(out)
        return statistics.median(e["records_per_s"] for e in epochs[1:])

    def peer(self, ranks, batch, kind="padded"):
        out = os.path.join(self.folder, "peer.json")
        command = self.cores(ranks) + [sys.executable, HERE + "/reference_peer.py", "--data", self.data[kind]]
        command += ["--batch", str(batch), "--ranks", str(ranks), "--seconds", "6", "--out", out]
        if kind == "ragged":
            command.append("--ragged")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(command)}\n{done.stdout}{done.stderr}")
        result = json.loads(done.stdout)
        self.setting = result["setting"]
        return result["records_per_s"]


def runs(m):
    """Name of each figure and how it is measured; ours and the peer's by turns."""
    for batch in (256, 1024):
        yield f"ours_1core_b{batch}", lambda b=batch: m.ours(1, b)
        yield f"peer_1thread_b{batch}", lambda b=batch: m.peer(1, b)
        yield f"ours_2ranks_b{batch}", lambda b=batch: m.ours(2, b)
        yield f"peer_ddp2_b{batch}", lambda b=batch: m.peer(2, b)
    yield "ours_1core_b1024_ragged", lambda: m.ours(1, 1024, "ragged")
    yield "peer_1thread_b1024_ragged", lambda: m.peer(1, 1024, "ragged")
    yield "ours_1core_b1024_fast", lambda: m.ours(1, 1024, fast=True)
    yield "ours_2ranks_b1024_fast", lambda: m.ours(2, 1024, fast=True)


def ratios(r):
    r["ragged_over_padded"] = r["ours_1core_b1024_ragged"] / r["ours_1core_b1024"]
    r["exact_over_fast"] = r["ours_2ranks_b1024_fast"] / r["ours_2ranks_b1024"]
    r["exact_over_fast_1core"] = r["ours_1core_b1024_fast"] / r["ours_1core_b1024"]
    for batch in (256, 1024):
        r[f"ours_over_peer_1core_b{batch}"] = r[f"ours_1core_b{batch}"] / r[f"peer_1thread_b{batch}"]
        r[f"ours_over_peer_2ranks_b{batch}"] = r[f"ours_2ranks_b{batch}"] / r[f"peer_ddp2_b{batch}"]
        r[f"two_ranks_over_one_b{batch}"] = r[f"ours_2ranks_b{batch}"] / r[f"ours_1core_b{batch}"]


def main():
    p = argparse.ArgumentParser(prog="bench/run.sh reference", description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--json", metavar="FILE", help="write the figures there")
    p.add_argument("--rounds", type=int, default=2, help="how often each figure is taken (default 2)")
    args = p.parse_args()
    start = time.monotonic()
    best = {}
    with tempfile.TemporaryDirectory(prefix="crmpi-bench.") as folder:
        m = Measure(folder)
        for number in range(args.rounds):
            for name, take in runs(m):
                value = take()
                best[name] = max(best.get(name, 0), value)
                print(f"round {number + 1}  {name:32} {value:9.0f} records/s", flush=True)
        setting = m.setting
    ratios(best)
    print()
    for name, value in best.items():
        print(f"{name:36} {value:9.0f} records/s" if value > 50 else f"{name:36} {value:9.3f}")
    print(f"peer: {setting}; {time.monotonic() - start:.0f} s")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump({**best, "peer_setting": setting}, f, indent=2)
            f.write("\n")


if __name__ == "__main__":
    main()
