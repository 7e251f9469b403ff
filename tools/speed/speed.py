"""How fast the RNN layer trains, beside a plain loop, the NumPy floor, PyTorch and JAX.

    python -m tools speed [--rounds 7] [--json]      --json: into tools/speed/results.json

Every engine runs in processes of its own, one with all cores and one held to a single core, that
stay alive and take turns: nobody else runs while one is timed. An engine's time is that of its
better process, so nobody pays for threads that do not suit a shape. PyTorch and JAX are optional.
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


def worker(engine, single_core):
    """Answer requests, one line of JSON each, until standard input ends."""
    if single_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    steps = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = (*request["shape"], request["dtype"])
        if key not in steps:
            steps = {key: build(engine, *key)}
            for _ in range(3):
                steps[key]()
        print(milliseconds(steps[key], request["seconds"]), flush=True)


def milliseconds(step, seconds):
    """Return the median over at least five calls of `step`, as many as take so many seconds."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


class Process:
    """A worker as seen from here."""

    def __init__(self, engine, single_core):
        command = [sys.executable, "-m", "tools", "speed", "--worker", engine]
        self.process = subprocess.Popen(
            command + ["--single-core"] * single_core,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | ({"OPENBLAS_NUM_THREADS": "1"} if single_core else {}),
        )

    def milliseconds(self, shape, dtype, seconds):
        request = {"shape": shape, "dtype": dtype, "seconds": seconds}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.communicate()  # ends its input, and waits


def installed(engine):
    try:
        return engine not in ("torch", "jax") or importlib.metadata.version(engine)
    except importlib.metadata.PackageNotFoundError:
        print(f"{engine} is not installed; skipped (pip install {engine} to compare)")
        return False


def compare_engines(rounds, seconds):
    """Return {dtype: {shape: {engine: ms}}}: medians over rounds, of the better process."""
    engines = [engine for engine in ENGINES if installed(engine)]
    cores = (False, True) if hasattr(os, "sched_setaffinity") else (False,)
    processes = {(e, single): Process(e, single) for e in engines for single in cores}
    table = {}
    for dtype in DTYPES:
        table[dtype] = {}
        print(f"\n{dtype}, ms per step" + "".join(f"{e:>9}" for e in engines))
        for shape in SHAPES:
            times = {key: [] for key in processes}
            for _ in range(rounds):
                for key, process in processes.items():
                    times[key].append(process.milliseconds(shape, dtype, seconds))
            best = {e: min(np.median(t) for k, t in times.items() if k[0] == e) for e in engines}
            table[dtype][", ".join(map(str, shape))] = {e: round(v, 4) for e, v in best.items()}
            print(f"{shape!s:>21}" + "".join(f"{best[e]:9.2f}" for e in engines), flush=True)
    for process in processes.values():
        process.close()
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


def environment():
    names = ("numpy", "torch", "jax", "jaxlib")
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "versions": versions,
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
    parser.add_argument("--worker", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--single-core", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        return worker(args.worker, args.single_core)
    table = compare_engines(check_size("--rounds", args.rounds), args.seconds)
    results = {"environment": environment(), "milliseconds": table, "ratios": ratios(table)}
    results["growth"] = growth()
    results["training_overhead"] = training_overhead()
    print("", speed_tables(results), sep="\n")
    if args.json:
        write_text(RESULTS, json.dumps(results, indent=1) + "\n")
