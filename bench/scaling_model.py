#!/usr/bin/env python3
"""Step and study times on 1 to 1024 GPUs, on paper: prints the tables of docs/scaling.md.

    python3 bench/scaling_model.py [--help]

Nothing is measured here.  Figures of one GPU are options (--fixed-ms, --row-us, ...), to be replaced by measured ones;
bandwidths are published ones.  docs/scaling.md has the formulas under the names used here."""
import argparse

FLOAT = 4  # bytes
MILLI, MICRO, GIGA = 1e-3, 1e-6, 1e9


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = p.add_argument
    add("--params", type=float, default=1.45e6, help="parameters of the net (P)")
    add("--lanes", type=int, default=8, help="lanes (L), a power of two")
    add("--lane-rows", type=int, default=512, help="rows a lane (B)")
    add("--fixed-ms", type=float, default=0.5, help="of a step on one GPU, whatever the rows (t_fix)")
    add("--row-us", type=float, default=0.5, help="of a step on one GPU, a row (t_row)")
    add("--backward", type=float, default=0.6, help="part of the step in which buckets become ready (f)")
    add("--update-ms", type=float, default=0.03, help="optimiser on all parameters (t_opt)")
    add("--bucket-mb", type=float, default=1.0, help="bytes of a bucket, in MiB")
    add("--node", type=int, default=8, help="GPUs of a node (N)")
    add("--nvlink", type=float, default=370, help="bus bandwidth within a node, GB/s a GPU (w_in)")
    add("--nic", type=float, default=46, help="of the network, GB/s a GPU (w_out)")
    add("--latency-in-us", type=float, default=20, help="of an operation within a node (a_in)")
    add("--latency-out-us", type=float, default=45, help="of an operation over nodes (a_out)")
    add("--message-us", type=float, default=0.5, help="more for each peer of an exchange (a_peer)")
    add("--folds", type=int, default=5)
    add("--repeats", type=int, default=2)
    add("--trials", type=int, default=20)
    add("--steps", type=int, default=20000, help="steps of a fit")
    add("--unit-s", type=float, default=5, help="of a unit outside of steps, seconds (t_unit)")
    add("--most", type=int, default=1024, help="GPUs of the last line")
    return p.parse_args()


# ---- the tree (docs/exactness.md) ----

def subtrees(lanes, size, rank):
    """Maximal subtrees of the lanes of a rank."""
    first, end = rank * lanes // size, (rank + 1) * lanes // size
    n = 0
    while first < end:
        height = 0
        while first % (2 << height) == 0 and first + (2 << height) <= end:
            height += 1
        first += 1 << height
        n += 1
    return n


def exchange_bytes(a, size):
    """Bytes that the busiest rank sends and receives: pieces of subtrees."""
    own = [subtrees(a.lanes, size, r) for r in range(size)]
    vector = FLOAT * a.params
    return max(max(s * vector * (size - 1) / size, (sum(own) - s) * vector / size) for s in own)


# ---- a step ----

def latency(a, size):
    return (a.latency_in_us if size <= a.node else a.latency_out_us) * MICRO


def exchange_seconds(a, size):
    """One bucket after the other: what leaves the node shares the GPU's own network card."""
    buckets = max(1, round(FLOAT * a.params / (a.bucket_mb * 2**20)))
    sent = exchange_bytes(a, size)
    near = (min(size, a.node) - 1) / (size - 1)
    wire = max(sent * near / (a.nvlink * GIGA), sent * (1 - near) / (a.nic * GIGA))
    return buckets, buckets * (latency(a, size) + (size - 1) * a.message_us * MICRO) + wire


def gather_seconds(a, size):
    """Ring over nodes: all network cards of a node carry a part of it."""
    bus = a.nvlink if size <= a.node else min(a.nvlink, a.node * a.nic)
    return 2 * latency(a, size) + FLOAT * a.params * (size - 1) / size / (bus * GIGA)


def step(a, size, lanes=None):
    """(compute, exchange that shows, gather and update, whole) in seconds; lanes: of another batch."""
    busiest = -(-(lanes or a.lanes) // size)
    compute = a.fixed_ms * MILLI + busiest * a.lane_rows * a.row_us * MICRO
    update = a.update_ms * MILLI / size
    if size == 1:
        return compute, 0.0, update, compute + update
    buckets, exchange = exchange_seconds(a, size)
    hidden = a.backward * compute * (buckets - 1) / buckets
    shows = max(exchange / buckets, exchange - hidden)
    gather = gather_seconds(a, size) + update
    return compute, shows, gather, compute + shows + gather


# ---- a study ----

def study_seconds(a, gpus, size):
    """Units on groups of `size` GPUs."""
    units, groups = a.folds * a.repeats * a.trials, gpus // size
    waves = -(-units // groups)
    return waves * (a.steps * step(a, size)[3] + a.unit_s)


def powers(most):
    return [1 << i for i in range(most.bit_length()) if 1 << i <= most]


def group_sizes(a, gpus):
    return powers(min(gpus, a.lanes))


# ---- tables ----

def table(title, head, rows):
    print(f"{title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + "---:|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def ms(seconds):
    return f"{seconds / MILLI:.3f}"


def print_inputs(a):
    units = a.folds * a.repeats * a.trials
    print(f"Assumed of one GPU: {a.fixed_ms:g} ms a step and {a.row_us:g} us a row, {a.update_ms:g} ms for the update; "
          f"{a.params / 1e6:g} million\nparameters, {a.lanes} lanes of {a.lane_rows} rows, buckets of {a.bucket_mb:g} MiB, "
          f"{a.backward:.0%} of a step is backward. Study: {units} units of\n{a.steps} steps and {a.unit_s:g} s beside.\n")


def print_steps(a):
    one = step(a, 1)[3]
    rows = []
    for size in group_sizes(a, a.most):
        compute, shows, gather, whole = step(a, size)
        sent = exchange_bytes(a, size) if size > 1 else 0.0
        rows.append([str(size), str(a.lanes // size * a.lane_rows), f"{sent / 1e6:.2f}", ms(compute), ms(shows), ms(gather),
                     ms(whole), f"{one / whole:.2f}", f"{one / whole / size:.0%}"])
    table("One step, same batch on more GPUs:",
          ["GPUs", "rows a GPU", "MB out and in", "compute ms", "exchange that shows ms", "gather, update ms", "step ms",
           "speed-up", "efficiency"], rows)


def print_lanes(a):
    rows = []
    one = None
    for size in powers(min(64, a.most)):
        b = argparse.Namespace(**vars(a))
        b.lanes = size
        compute, shows, gather, whole = step(b, size)
        one = one or whole
        rows.append([str(size), str(size * a.lane_rows), ms(compute), ms(shows), ms(gather), ms(whole),
                     f"{one / whole:.0%}"])
    table("One step, a lane a GPU (the batch grows, which is another fit):",
          ["GPUs = lanes", "batch", "compute ms", "exchange that shows ms", "gather, update ms", "step ms", "rows a second kept"],
          rows)


def print_study(a):
    one = study_seconds(a, 1, 1)
    units, rows = a.folds * a.repeats * a.trials, []
    for gpus in powers(a.most):
        alone, widest = study_seconds(a, gpus, 1), study_seconds(a, gpus, group_sizes(a, gpus)[-1])
        best = min(group_sizes(a, gpus), key=lambda size: study_seconds(a, gpus, size))
        time = study_seconds(a, gpus, best)
        rows.append([str(gpus), f"{alone:.0f}", f"{widest:.0f}", f"{time:.0f}", str(best), f"{one / time / gpus:.0%}"])
    table(f"A study of {units} units, seconds:",
          ["GPUs", "a unit a GPU", "data parallelism first", "best", "GPUs a unit", "efficiency"], rows)


def print_ends(a):
    one = step(a, 1)[3]
    pays = [s for s in group_sizes(a, a.most) if one / step(a, s)[3] / s >= 0.5]
    good = [g for g in powers(a.most)
            if study_seconds(a, 1, 1) / min(study_seconds(a, g, s) for s in group_sizes(a, g)) / g >= 0.5]
    print(f"Data parallelism keeps half of what GPUs could do up to {pays[-1]} GPUs a unit, units up to {good[-1]} GPUs.")


def main():
    a = arguments()
    print_inputs(a)
    print_steps(a)
    print_lanes(a)
    print_study(a)
    print_ends(a)


if __name__ == "__main__":
    main()
