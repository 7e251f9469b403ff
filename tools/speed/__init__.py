"""Time the RNN layer's training step beside the NumPy floor, PyTorch and JAX.

    python -m tools speed [--rounds 5]

In each round every engine runs in a process of its own, once with all cores and once with one, and
nobody else runs meanwhile. An engine's time for a shape is the better median of the two. PyTorch
and JAX are optional (pip install torch jax). The tables go into tools/speed/README.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path

import numpy as np

from tools.files import ROOT, filled, write_text

SHAPES = (  # N, T, D, H
    (32, 128, 6, 64),
    (32, 128, 6, 128),
    (64, 128, 6, 64),
    (16, 99, 1, 32),
    (8, 99, 1, 64),
    (128, 128, 6, 128),
)
DTYPES = "float32", "float64"
SECONDS = 0.3  # for one shape in one process
README = Path(__file__).with_name("README.md")


def worker(engine, cores):
    """Print {dtype and shape: milliseconds of a step} of an engine, as JSON."""
    from tools.speed.engines import build  # late: the number of threads is set before NumPy loads

    if cores == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    result = {}
    for dtype, shape in product(DTYPES, SHAPES):
        step, times = build(engine, *shape, dtype), []
        for _ in range(3):
            step()
        end = time.perf_counter() + SECONDS
        while len(times) < 5 or time.perf_counter() < end:
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        result[f"{dtype} {shape}"] = float(np.median(times))
    print(json.dumps(result))


def measure(rounds, engines):
    """Return {engine: {dtype and shape: milliseconds}}."""
    times = {}
    for number, engine, cores in product(range(rounds), engines, (1, os.cpu_count())):
        environment = os.environ | ({"OPENBLAS_NUM_THREADS": "1"} if cores == 1 else {})
        command = [sys.executable, "-m", "tools", "speed", "--worker", engine, str(cores)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE
        )
        for key, ms in json.loads(done.stdout).items():
            times.setdefault((engine, key), {}).setdefault(cores, []).append(ms)
        print(f"round {number + 1} of {rounds}: {engine}, {cores} cores", flush=True)
    table = {}
    for (engine, key), by_cores in times.items():
        table.setdefault(engine, {})[key] = min(map(np.median, by_cores.values()))
    return table


def as_markdown(table):
    """Return the tables: milliseconds of a step, and ratios of the others' times to ours."""
    lines = [f"| N, T, D, H | {' | '.join(table)} |", "|:--|" + "--:|" * len(table)]
    for key in table["ours"]:
        cells = " | ".join(f"{times[key]:.2f}" for times in table.values())
        lines.append(f"| {key} | {cells} |")
    lines += [
        "",
        "| time of the other, as a multiple of ours | mean | least | most |",
        "|:--|--:|--:|--:|",
    ]
    for engine, dtype in product([name for name in table if name != "ours"], DTYPES):
        keys = [key for key in table["ours"] if key.startswith(dtype)]
        ratios = np.array([table[engine][key] / table["ours"][key] for key in keys])
        mean = np.exp(np.log(ratios).mean())
        lines.append(
            f"| {engine}, {dtype} | {mean:.2f} | {ratios.min():.2f} | {ratios.max():.2f} |"
        )
    versions = [
        f"{name} {installed(name)}" for name in ("numpy", "torch", "jax") if installed(name)
    ]
    machine = f"Python {platform.python_version()}, {', '.join(versions)}, {os.cpu_count()} cores"
    return "\n".join([*lines, "", f"Milliseconds of forward, backward and update. {machine}."])


def installed(name):
    """Return the version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools speed", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        return worker(args.worker[0], int(args.worker[1]))
    others = [name for name in ("torch", "jax") if installed(name)]
    tables = as_markdown(measure(args.rounds, ["ours", "floor", *others]))
    write_text(README, filled(README.read_text("utf-8"), "results", tables))
    print(tables)
    return 0
