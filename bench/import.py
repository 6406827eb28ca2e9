#!/usr/bin/env python3
"""Reading a CSV of 12 columns (id, time, three categories, four numbers with a point, two whole numbers, yes and no) as typed
columns: crmpi by one rank beside pandas.read_csv, by turns, on the same file.  Seconds are those of the core (user and
system), the best of the rounds, so that what else runs on the machine counts less.  pandas reads with its C parser and its
default types: times and categories stay texts there."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

PEER = """
import sys, time, pandas
t = time.process_time()
d = pandas.read_csv(sys.argv[1])
print(len(d), time.process_time() - t, pandas.__version__)
"""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("--rows", type=int, default=5000000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--json")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "import.csv")
        subprocess.run([a.program, "make", path, str(a.rows)], check=True)
        size = os.path.getsize(path)
        ours, theirs, version = [], [], ""
        for _ in range(a.rounds):
            r = json.loads(subprocess.run([a.program, "read", path, "2"], check=True, capture_output=True, text=True).stdout)
            assert r["rows"] == a.rows
            ours.append(r["seconds"])
            rows, seconds, version = subprocess.run([sys.executable, "-c", PEER, path], check=True, capture_output=True,
                                                    text=True).stdout.split()
            assert int(rows) == a.rows
            theirs.append(float(seconds))
    best, peer = min(ours), min(theirs)
    print(f"{a.rows} rows of 12 columns, {size / 1e6:.0f} MB, one core")
    print(f"crmpi          {best:7.3f} s  {a.rows / best / 1e6:6.2f} M rows/s  {size / best / 1e6:6.0f} MB/s")
    print(f"pandas {version:7s} {peer:7.3f} s  {a.rows / peer / 1e6:6.2f} M rows/s  {size / peer / 1e6:6.0f} MB/s")
    print(f"ratio          {peer / best:7.2f}")
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump({"rows": a.rows, "bytes": size, "crmpi": ours, "pandas": theirs, "version": version}, f)


if __name__ == "__main__":
    main()
