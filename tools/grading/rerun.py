"""Run hand-ins' notebooks again, each in a sandbox, and compare what they make with what came.

The sandbox is bubblewrap's: processes of its own, no network; it sees the system, this project's
code and the course's data read-only, and of hand-ins only its own. All it can write is a file
system in memory, of limited size, and a report. A scheduler's workers need this project on their
path, and the data in the same folder.
"""

import base64
import errno
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event

import numpy as np
import psutil
import pyseccomp

from data import course
from data.record import RECORD, stand_ins
from lab.expected import BOUND
from tools.cells import NOTEBOOK
from tools.continuation import exact_continuation, mape
from tools.grading import submission
from tools.grading.rules import rule
from tools.grading.submission import ADVANCED, BASIC, GRADED, REPORT

ROOT = NOTEBOOK.parent
GRACE = 20  # seconds to start a kernel, and to report
WANTED = {name: int(submission.MAX_BYTES[Path(name).suffix]) for name in (GRADED, BASIC, ADVANCED)}
NEAR, ALIKE = 0.5, 0.75  # of two trainings: most change of the MAPE, least share of equal classes
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", sys.base_prefix, sys.prefix)
PROJECT = ("lab", "data/*.py", *(f"{layer}.py" for layer in submission.LAYERS))
SHOWN = ("outputs/results.json", "outputs/timings.json")  # by our own notebook
ENVIRONMENT = {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}
ENVIRONMENT |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
CLOSED = (  # system calls: memory that nobody counts, other rights, and what no notebook needs
    *("shmget", "msgget", "memfd_create", "unshare", "setns", "ptrace", "add_key", "keyctl"),
    *("bpf", "io_uring_setup", "userfaultfd", "perf_event_open"),
)
NEW_USER = 0x10000000  # clone's flag for a namespace in which a process has all rights


@dataclass(frozen=True)
class Limits:
    """What one hand-in may take: time, memory, processes, and bytes of files (in memory, too)."""

    seconds: int = 3600
    memory: int = 4 * 10**9
    processes: int = 128
    disk: int = 256 * 10**6


def rerun(hand_ins, data_dir, scheduler=None, workers=None, limits=Limits()):
    """Run each hand-in's notebook again; yield (name, Rule, what it made), as they finish.

    Args:
        hand_ins: iterable of submission.HandIn, drawn from as workers get free.
        data_dir: path of the folder with the course's data.
        scheduler: address of a Dask scheduler; without one, sandboxes run on this computer.
        workers: how many at a time here; default: as there are cores, and memory for.
        limits: Limits of each.

    Yields:
        HandIn.name, Rule "own code", and {name: bytes} of GRADED, BASIC and ADVANCED as made anew:
        a stranger's files.

    Raises:
        ValueError, OSError: the course's data are not there, or simulated.
    """
    data_dir, waiting, pending = Path(data_dir).resolve(), iter(hand_ins), {}
    sine = course.check_file(course.SINE, (data_dir / course.SINE).read_bytes())
    answers = exact_continuation(sine)[:, 0]
    if stand_ins(data_dir):
        raise ValueError(
            f"{data_dir}: expected the course's data, got simulated ones, with which no hand-in "
            "was made; run python -m tools data --force"
        )
    with _executor(scheduler, workers, limits) as (executor, width, stop):
        while True:
            for hand_in in islice(waiting, max(0, width() - len(pending))):
                future = executor.submit(run_in_sandbox, hand_in.files, data_dir, limits, stop)
                pending[future] = hand_in
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                hand_in = pending.pop(future)
                try:
                    made, errors = future.result()
                    verdict = _verdict(hand_in.files, made, errors, answers)
                except Exception as error:  # of a lost worker, which differs by executor, too
                    made, verdict = {}, rule("own code", "not checked", str(error))
                yield hand_in.name, verdict, made


@contextmanager
def _executor(scheduler, workers, limits):
    """Yield an executor, how many hand-ins it can be given at a time, and an Event that stops them.

    Here it has threads, each of which only waits for the processes of a sandbox.
    """
    if scheduler:
        from distributed import Client  # here, for few need it

        with Client(scheduler) as client:
            yield client.get_executor(), lambda: 2 * max(1, sum(client.nthreads().values())), None
        return
    room = psutil.virtual_memory().total // limits.memory
    workers = workers or max(1, min(os.cpu_count(), room))
    executor, stop = ThreadPoolExecutor(workers), Event()
    try:
        yield executor, lambda: workers, stop
    finally:  # also where somebody interrupts it
        stop.set()
        executor.shutdown(cancel_futures=True)


def run_in_sandbox(files, data_dir, limits, stop=None):
    """Run the notebook among `files` in a sandbox; return what it made, and errors as sentences.

    Raises:
        ValueError: it was not run, for no fault of the hand-in's; says what to do.
    """
    if NOTEBOOK.name not in files:
        raise ValueError(f"there is no {NOTEBOOK.name} to run")
    new = tempfile.TemporaryFile
    with new() as closed, new() as given, new() as report:
        _system_calls().export_bpf(closed)
        bwrap = ["bwrap", "--seccomp", str(closed.fileno()), *_walls(data_dir, limits)]

        def start(*command, **streams):
            closed.seek(0)
            streams |= {"env": ENVIRONMENT, "pass_fds": [closed.fileno()]}
            return subprocess.Popen([*bwrap, *command], **streams)

        try:
            trial = start("true", stderr=subprocess.PIPE)
        except FileNotFoundError:
            raise ValueError("there is no bubblewrap: apt install bubblewrap") from None
        _, problem = trial.communicate()
        if trial.returncode:
            raise ValueError(f"bubblewrap could not start: {problem.decode(errors='replace')}")
        code = files.keys() - {REPORT, *WANTED}  # what came must not pass for what was made
        code = {name: base64.b64encode(files[name]).decode() for name in code}
        job = {"files": code, "wanted": WANTED, "seconds": limits.seconds}
        given.write(json.dumps(job).encode())
        given.seek(0)
        process = start(sys.executable, "/inside.py", stdin=given, stdout=report)
        try:
            broken = _watch(process, limits, stop)
        finally:
            process.kill()
            process.wait()
        if process.returncode < 0 and not broken:
            raise ValueError("somebody killed the sandbox; run it again")
        report.seek(0)
        return ({}, [broken]) if broken else _read(report.read(2 * sum(WANTED.values())))


def _walls(data_dir, limits):
    """Return the arguments for bubblewrap: what there is in the sandbox, and the limits there."""
    cut = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--new-session"]
    bounds = {"as": limits.memory, "nproc": limits.processes, "fsize": limits.disk, "nofile": 256}
    inner = ["prlimit", *(f"--{name}={most}" for name, most in bounds.items())]
    if os.getuid():
        cut += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
    else:  # the kernel counts no process of root's, so it becomes a user that nobody is
        cut += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        user = random.randrange(60000, 65000)
        inner += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    shown = {Path(path): path for path in SYSTEM if os.path.exists(path)}
    shown[Path(__file__).with_name("inside.py")] = "/inside.py"
    for pattern in (*PROJECT, *SHOWN):
        shown |= {path: f"/project/{path.relative_to(ROOT)}" for path in ROOT.glob(pattern)}
    shown |= {data_dir / name: f"/data/{name}" for name in course.FILES}
    shown |= {path: f"/data/{RECORD}" for path in data_dir.glob(RECORD)}
    built = ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", str(limits.disk)]
    built += ["--tmpfs", "/tmp"]
    for path, name in shown.items():
        for folder in reversed(Path(name).parents[:-1]):
            built += ["--dir", str(folder)]  # by itself, bubblewrap opens it to root only
        built += ["--ro-bind", str(path), str(name)]
    built += ["--remount-ro", "/dev", "--remount-ro", "/", "--die-with-parent"]
    return [*cut, *built, "--", *inner]


def _system_calls():
    """Return the kernel's filter of system calls; other than CLOSED ones are allowed."""
    calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(errno.EPERM)
    for name in CLOSED:
        calls.add_rule(refused, name)
    calls.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, NEW_USER, NEW_USER))
    calls.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags are out of sight: use clone
    return calls


def _watch(process, limits, stop):
    """Wait for a sandbox to end; return why it must end now, as a sentence, or ""."""
    end = time.monotonic() + limits.seconds + GRACE
    while process.poll() is None:
        memory = 0
        for one in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):  # it just ended
                memory += one.memory_info().rss
        if memory > limits.memory:
            return f"it took more than {limits.memory / 1e9:g} GB of memory"
        if time.monotonic() > end:
            return f"it ran for more than {limits.seconds} seconds"
        if stop and stop.is_set():
            return "it was stopped"
        time.sleep(0.1)
    return ""


def _read(raw):
    """Return what was made, and errors, as a report has them; it may hold anything."""
    try:
        report = json.loads(raw)
        made = {name: base64.b64decode(report["made"][name]) for name in WANTED}
        errors = [ascii(str(error)).strip("'\"")[:200] for error in report["errors"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}, ["it ended without a report"]
    return {name: content for name, content in made.items() if content}, errors


def _verdict(files, made, errors, answers):
    """Return the Rule on what was handed in, given what was made anew and the sine's answers."""
    readers = {
        GRADED: (submission.read_graded, _figures),
        BASIC: (submission.read_basic, lambda old, new: _waves(old, new, answers)),
        ADVANCED: (submission.read_advanced, _classes),
    }
    fine, said = True, []
    for name, (read, compare) in readers.items():
        try:
            new = read(made.get(name))
        except submission.FormatError as error:
            fine, said = False, [*said, str(error) if name in made else f"it made no {name}"]
            continue
        try:
            same, how = compare(read(files.get(name)), new)
        except submission.FormatError:
            same, how = True, "made, and nothing handed in to compare"
        fine, said = fine and same, [*said, f"{name} {how}"]
    evidence = "; ".join(["run again: " + said[0], *said[1:], *errors[:3]])
    return rule("own code", "ok" if fine else "suspect", evidence)


def _figures(old, new):
    """Return whether two sets of the graded figures are the same, and a sentence on it."""
    unlike = [check for check in old | new if not _same(old.get(check), new.get(check))]
    return not unlike, "differs in " + submission.quoted(", ".join(unlike)) if unlike else "equal"


def _same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    try:
        a, b = np.asarray(a, float), np.asarray(b, float)
    except (ValueError, TypeError):  # text, lists of uneven length, or a check that lacks
        return False
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=BOUND)


def _waves(old, new, answers):
    """Return whether two predictions of the sine are equal or about as good, and a sentence."""
    if np.allclose(old, new, rtol=1e-6):
        return True, "equal"
    came, made = mape(old, answers), mape(new, answers)
    near = abs(came - made) <= NEAR * max(came, made)
    return near, f"{'close' if near else 'differs'}: MAPE {came:.3g} % came, {made:.3g} % made"


def _classes(old, new):
    """Return whether two predictions of the activities are much alike, and a sentence."""
    share = np.mean(old == new)
    return share >= ALIKE, "equal" if share == 1 else f"equal in {100 * share:.1f} % of the rows"
