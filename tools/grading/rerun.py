"""Run a hand-in's notebook again in a sandbox, and compare what it makes with what came.

The sandbox is bubblewrap's, without network and sockets. It sees the system, the packages that the
course allows, its data, and the hand-in; it writes to memory, and a report. No RNN is lent.
"""

import base64
import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from tools.check.check import COURSE
from tools.files import ROOT
from tools.grading import submission
from tools.grading.submission import ADVANCED, BASIC, DATA, GRADED, LAYERS, Finding

Limits = namedtuple("Limits", "seconds memory processes disk")  # "disk": files, in memory too
QUICK = Limits(seconds=60, memory=2 * 10**9, processes=16, disk=64 * 10**6)
WHOLE = Limits(seconds=3600, memory=4 * 10**9, processes=16, disk=256 * 10**6)
BOUND = 1e-12  # of figures in the npy; those in float32 may be off by BOUND_32 of the largest
BOUND_32 = 1e-5
NEAR, ALIKE = 0.5, 0.1  # of two trainings: most change of the MAPE, as a part; of the accuracy
SAVES = re.compile(r"save\w*\(.*Lab6_outputs")
WANTED, LONGEST = (GRADED, BASIC, ADVANCED), 40 * 10**6  # files; bytes of a report
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache")
PACKAGES = """
    numpy numpy.libs pandas matplotlib mpl_toolkits tqdm IPython
    PIL asttokens contourpy cycler cycler.py dateutil decorator.py executing fontTools jedi
    kiwisolver matplotlib_inline packaging parso pexpect pillow.libs prompt_toolkit psutil
    ipython_pygments_lexers.py ptyprocess pure_eval pygments pyparsing pytz six.py stack_data
    traitlets typing_extensions.py tzdata wcwidth
"""  # what the course allows, and what that needs
WALLS = """
    --unshare-pid --unshare-net --unshare-ipc --unshare-uts --new-session --die-with-parent
    --clearenv --setenv HOME /tmp --setenv LANG C.UTF-8 --setenv PATH /usr/bin:/bin
    --setenv MPLBACKEND Agg --setenv OPENBLAS_NUM_THREADS 1 --setenv OMP_NUM_THREADS 1
    --setenv PYTHONHASHSEED 0 --proc /proc --dev /dev --dev-bind /dev/null /dev/zero
"""
REFUSED = """
    socket socketpair shmget msgget memfd_create memfd_secret unshare setns ptrace add_key keyctl
    bpf io_uring_setup userfaultfd perf_event_open sched_setaffinity sched_setscheduler
    sched_setattr setpriority
"""
NEW_USER, SHARED_ANONYMOUS = 0x10000000, 0x21  # flags of clone, and of mmap


def run(hand_in, data_dir, whole=False, python=None, limits=None):
    """Run all cells of a HandIn's notebook, or through the one that saves GRADED, in a sandbox.

    `python` is the interpreter of another environment, which has PACKAGES.

    Returns:
        "made" {name: bytes}, "printed" [text a cell], "errors" [(number of the cell or 0,
        sentence)], "lent" [file name], "whole", "ended". ValueError if nothing ran, for no fault
        of theirs.
    """
    sources = [cell.source for cell in hand_in.cells]
    if not sources:
        raise ValueError("there is no notebook to run")
    result = {"made": {}, "printed": [], "errors": [], "lent": [], "whole": whole, "ended": False}
    if not whole:
        saving = (number for number, source in enumerate(sources, 1) if SAVES.search(source))
        sources = sources[: next(saving, 0)]
    if not sources:
        return result | {"errors": [(0, "no cell saves Lab6_outputs.npy")]}
    if not shutil.which("bwrap"):
        raise ValueError("needs bubblewrap: apt install bubblewrap")
    limits = limits or (WHOLE if whole else QUICK)
    result["lent"] = [f"{x}.py" for x in LAYERS if f"{x}.py" not in hand_in.files]
    code = {x: raw for x, raw in hand_in.files.items() if Path(x).suffix in submission.CODE}
    code |= {name: (ROOT / name).read_bytes() for name in result["lent"]}
    code = {name: base64.b64encode(raw).decode() for name, raw in code.items()}
    with tempfile.TemporaryFile() as report, tempfile.TemporaryFile() as given:
        given.write(json.dumps({"cells": sources, "files": code, "wanted": WANTED}).encode())
        given.seek(0)
        if reason := _run_sandbox(_walls(data_dir, limits, python), limits, given, report):
            return result | {"errors": [(0, reason)]}
        return result | _read(report)


def _run_sandbox(walls, limits, given, report):
    """Let a sandbox read and write these files; return why it had to end, as a sentence, or ""."""
    core = str(random.choice([*os.sched_getaffinity(0)]))  # so that it slows nobody on the others
    with tempfile.TemporaryFile() as refused:
        _system_calls().export_bpf(refused)
        refused.seek(0)
        number = refused.fileno()
        command = ["nice", "taskset", "--cpu-list", core, "bwrap", "--seccomp", str(number), *walls]
        files = {"stdin": given, "stdout": report, "stderr": subprocess.PIPE, "pass_fds": [number]}
        with subprocess.Popen(command, **files) as process:
            try:
                first = process.stderr.readline()
                if first == b"started\n":
                    return _watch(process, limits)
                rest = (first + process.stderr.read()).decode(errors="replace").strip()
                raise ValueError(f"the sandbox could not start: {rest[-300:]}")
            finally:
                process.kill()


@cache
def _places(python):
    """Return the interpreter's own folder, and that of its packages."""
    code = "import sys, sysconfig; print(sys.base_prefix, sysconfig.get_path('platlib'), sep='\\n')"
    out = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if out.returncode:
        raise ValueError(f"{python}: expected an interpreter of Python, got {out.stderr[-200:]}")
    return out.stdout.split("\n")[:2]


def _walls(data_dir, limits, python):
    """Return the arguments for bubblewrap: what there is in the sandbox, and the limits there."""
    base, packages = _places(str(python or sys.executable))
    bounds = {"as": limits.memory, "nproc": limits.processes, "fsize": limits.disk, "nofile": 64}
    bounds["cpu"] = limits.seconds + 10
    inner = ["prlimit", *(f"--{name}={most}" for name, most in bounds.items())]
    if os.getuid():
        rights = ["--unshare-user", "--uid", "1000", "--gid", "1000"]
    else:  # the kernel counts no process of root's, so it becomes a user that nobody is
        rights = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        user = random.randrange(60000, 65000)
        inner += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    shown = {x: x for x in (*SYSTEM, base)}
    shown |= {f"{packages}/{name}": f"/packages/{name}" for name in PACKAGES.split()}
    shown[str(Path(__file__).with_name("inside.py"))] = "/inside.py"
    shown |= {str(path): f"/data/{path.name}" for path in data_files(data_dir)}
    built = ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", "/tmp"]
    for path, name in shown.items():
        for parent in reversed(Path(name).parents[:-1]):
            built += ["--dir", str(parent)]  # by itself, bubblewrap opens it to root only
        built += ["--ro-bind-try", str(Path(path).resolve()), name]
    hidden = [*Path(base).glob("lib/python3*/*-packages"), *Path("/usr/lib").glob("*/*-packages")]
    for path in hidden:  # packages that the course does not allow
        built += ["--tmpfs", str(path), "--remount-ro", str(path)]
    built += ["--remount-ro", "/dev", "--remount-ro", "/"]
    program = next(str(path) for path in sorted(Path(base, "bin").glob("python3*")))
    return [*WALLS.split(), *rights, *built, "--", *inner, program, "-sSE", "/inside.py"]


def data_files(data_dir):
    """Return the paths of the course's data files that are there; the test labels are not shown."""
    places = [Path(data_dir), *(Path(data_dir).parent / x for x in ("Sinewave", "Activity data"))]
    found = ([place / name for place in places if (place / name).is_file()] for name in DATA)
    return [paths[0] for paths in found if paths]


def _system_calls():
    """Return the kernel's filter, which refuses some system calls."""
    import pyseccomp

    calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(errno.EPERM)
    for name in REFUSED.split():
        with suppress(RuntimeError, OSError):  # an older library knows fewer
            calls.add_rule(refused, name)
    flags = {"clone": (0, NEW_USER), "mmap": (3, SHARED_ANONYMOUS)}  # argument, its bits
    for name, (number, bits) in flags.items():
        calls.add_rule(refused, name, pyseccomp.Arg(number, pyseccomp.MASKED_EQ, bits, bits))
    calls.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags are out of sight: use clone
    return calls


def _watch(process, limits):
    """Wait for a sandbox to end; return why it must end now, as a sentence, or ""."""
    import psutil

    end = time.monotonic() + limits.seconds
    while process.poll() is None:
        memory = 0
        with suppress(psutil.Error):
            for one in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.Error):  # it just ended
                    memory += one.memory_info().rss
        if memory > limits.memory:
            return f"it took more than {limits.memory / 1e9:g} GB of memory"
        if time.monotonic() > end:
            return f"it ran for more than {limits.seconds} seconds"
        time.sleep(0.05)
    return ""


def _read(report):
    """Return the part of the result that a sandbox reported, which may be anything."""
    try:
        report.seek(0)
        run = json.loads(report.read(LONGEST))
        texts = [str(text)[:100_000] for text in run["printed"]]
        errors = [(int(cell), str(text)[:200]) for cell, text in run["errors"][:200]]
        errors = [x for x in errors if 0 < x[0] <= len(texts)]
        made = {x: base64.b64decode(run["made"][x]) for x in WANTED if x in run["made"]}
        return {"made": made, "printed": texts, "errors": errors, "ended": True}
    except Exception:
        return {"errors": [(0, "it ended without a report")]}


def judge(hand_in, result):
    """Return the Finding on a hand-in, given the result of `run`."""
    name = f"{'whole' if result['whole'] else 'quick'} rerun"
    before = [any(o.get("output_type") == "error" for o in c.outputs) for c in hand_in.cells]
    errors = [text for cell, text in result["errors"] if not (cell and before[cell - 1])]
    said = [text if not cell else submission.quoted(text, 120) for cell, text in result["errors"]]
    if "No module named 'RNN'" in " ".join(errors) and "RNN.py" not in hand_in.files:
        said.insert(0, "RNN is imported, and there is no RNN.py: the class is missing")
    said = said[:4] + [f"lent were our {', '.join(result['lent'])}"] * bool(result["lent"])
    if any(text.startswith("it ran for") for text in errors):
        return Finding("not checked", [f"{name}: {errors[0]}; try --rerun"])
    try:
        made = submission.READERS[GRADED](result["made"].get(GRADED))
    except submission.FormatError:
        return Finding("suspect", [f"{name}: it made no {GRADED}", *said])
    came = hand_in.contents[0].get(GRADED)
    if came is None:
        return Finding("suspect" if errors else "ok", [f"{name}: {GRADED} made, none came", *said])
    unlike = [check for check in COURSE if not _same(came.get(check), made.get(check))]
    how = f"differs in {', '.join(unlike)}" if unlike else "equal"
    verdict = "suspect" if errors or unlike else "ok"
    return Finding(verdict, [f"{name}: {GRADED} {how}", *said])


def floats(value):
    """Return what was read as an array of floats; None of texts, uneven lists and the like."""
    try:
        return np.asarray(value, float)
    except (ValueError, TypeError, OverflowError):
        return None


def is_close(value, expected):
    """Whether an array is the expected one, as precisely as its dtype allows."""
    if value.shape != expected.shape:
        return False
    with np.errstate(all="ignore"):
        error = np.abs(value - expected).max(initial=0)
        single = np.array_equal(value, value.astype(np.float32))  # whatever it is saved as
    largest = np.abs(expected).max(initial=0)
    return bool(error <= BOUND or (single and error <= BOUND_32 * largest))  # NaN is never


def _same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    a, b = floats(a), floats(b)
    return a is not None and b is not None and is_close(a, b)
