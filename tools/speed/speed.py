"""How fast the RNN layer trains, beside a plain loop, the NumPy floor, PyTorch and JAX.

    python -m tools speed [--rounds 7] [--json]      --json: into tools/speed/results.json

In every round each engine has a process with all cores and one held to a single core, one after
the other: nobody else runs while one is timed. An engine's time is that of its better process, so
nobody pays for threads that do not suit a shape. PyTorch and JAX are optional.
"""

import argparse
import contextlib
import importlib.metadata
import io
import json
import os
import platform
import subprocess
import sys
import time
import tracemalloc
from itertools import product
from pathlib import Path

import numpy as np

from lab.checks import check_size
from lab.files import write_text
from tools.cells import load_cells
from tools.speed.engines import ENGINES, build
from tools.tables import speed_tables

RESULTS = Path(__file__).with_name("results.json")
ROOT = RESULTS.parent.parent.parent

SHAPES = (  # N, T, D, H
    (32, 128, 6, 64),
    (32, 128, 6, 128),
    (64, 128, 6, 64),
    (16, 99, 1, 32),
    (8, 99, 1, 64),
    (128, 128, 6, 128),
)
DTYPES = ("float32", "float64")
TARGETS = {  # least or most the geometric mean may be, and least that each shape may
    "floor float32": {"most": 1.5},
    "floor float64": {"most": 1.5},
    "torch float32": {"least": 3.5, "each": 1},
    "torch float64": {"least": 2.2},
    "jax float32": {"least": 1.3, "each": 1},
}


def measure(engine, single_core, shapes, seconds):
    """Print [[dtype, shape, ms of a step], ...] of an engine, as JSON; a turn takes `seconds`."""
    if single_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = []
    for dtype, shape in product(DTYPES, shapes):
        step = build(engine, *shape, dtype)
        for _ in range(3):
            step()
        rows.append([dtype, ", ".join(map(str, shape)), milliseconds(step, seconds)])
    print(json.dumps(rows))


def measured(*request):
    """Return what `measure` prints in a process of its own."""
    threads = {"OPENBLAS_NUM_THREADS": "1"} if request[1] else {}
    command = [sys.executable, "-m", "tools", "speed", "--worker", json.dumps(request)]
    environment = os.environ | threads
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def milliseconds(step, seconds):
    """Return the median over at least five calls of `step`, as many as take so many seconds."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def compare_engines(rounds, seconds):
    """Return {dtype: {shape: {engine: ms}}}: medians over rounds, of the better process."""
    missing = [name for name in ("torch", "jax") if name in ENGINES and not version(name)]
    for name in missing:
        print(f"{name} is not installed; skipped (pip install {name} to compare)")
    engines = [engine for engine in ENGINES if engine not in missing]
    cores = (False, True) if hasattr(os, "sched_setaffinity") else (False,)
    times = {}
    for number in range(rounds):
        for engine, single_core in product(engines, cores):
            for *key, ms in measured(engine, single_core, SHAPES, seconds):
                times.setdefault((*key, engine), {}).setdefault(single_core, []).append(ms)
        print(f"round {number + 1} of {rounds}", flush=True)
    table = {}
    for (dtype, shape, engine), by_cores in times.items():
        best = min(map(np.median, by_cores.values()))
        table.setdefault(dtype, {}).setdefault(shape, {})[engine] = round(float(best), 4)
    return table


def ratios(table):
    """Return {name: geometric mean, min, max, target} of the others' times over ours."""
    result = {}
    for dtype, rows in table.items():
        ours, *others = zip(*(times.values() for times in rows.values()), strict=True)
        _, *engines = next(iter(rows.values()))
        for engine, theirs in zip(engines, others, strict=True):
            r = np.divide(theirs, ours) if engine != "floor" else np.divide(ours, theirs)
            result[f"{engine} {dtype}"] = {
                "mean": round(float(np.exp(np.log(r).mean())), 3),
                "min": round(float(r.min()), 3),
                "max": round(float(r.max()), 3),
                "target": TARGETS.get(f"{engine} {dtype}", {}),
            }
    return result


def growth():
    """Return [N, T, ms of a step, MB it keeps] along T and along N, for D 6, H 32, float32."""
    build("ours", 1, 1, 6, 32, "float32")()  # what a process loads but once is not counted
    rows = []
    for N, T in [(16, T) for T in (125, 500, 2000)] + [(N, 64) for N in (64, 512, 4096)]:
        tracemalloc.start()
        step = build("ours", N, T, 6, 32, "float32")
        step()
        megabytes = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
        rows.append([N, T, round(milliseconds(step, 0), 3), round(megabytes, 2)])
    return rows


def training_overhead(rounds=5):
    """Return the share of `Model.train`'s time that is not spent in the layers' own methods.

    The model, batch size and number of windows are those of the notebook's activity task.
    """
    cells = load_cells("imports", "model", "activity")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((7352, 16, 48), dtype=np.float32)
    Y = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 7352)]
    inside = 0.0

    def timed(method):
        def call(*args):
            nonlocal inside
            start = time.perf_counter()
            result = method(*args)
            inside += time.perf_counter() - start
            return result

        return call

    model = cells["build_activity"](0)
    for layer in model.layers:
        for name in ("forward", "backward", "update"):
            if hasattr(layer, name):
                setattr(layer, name, timed(getattr(layer, name)))
    shares = []
    options = {"batch_size": 64, "loss_function": "cce", "shuffle": True, "clip_norm": 1.0}
    for _ in range(rounds):
        inside, start = 0.0, time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            model.train(X, Y, None, None, epochs=2, learning_rate=0.01, **options)
        shares.append(1 - inside / (time.perf_counter() - start))
    return round(float(np.median(shares)), 4)


def version(name):
    """Return the version of an installed package, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def environment():
    packages = {name: version(name) for name in ("numpy", "torch", "jax", "jaxlib")}
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "versions": {"python": platform.python_version()} | packages,
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
    }


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools speed", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=7, help="turns each engine gets")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a turn")
    parser.add_argument("--json", action="store_true", help=f"keep the results: {RESULTS.name}")
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        return measure(*args.worker)
    table = compare_engines(check_size("--rounds", args.rounds), args.seconds)
    results = {"environment": environment(), "milliseconds": table, "ratios": ratios(table)}
    results["growth"] = growth()
    results["training_overhead"] = training_overhead()
    print("", speed_tables(results), sep="\n")
    if args.json:
        write_text(RESULTS, json.dumps(results, indent=1) + "\n")
