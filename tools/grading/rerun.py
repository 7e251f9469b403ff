"""Run hand-ins' notebooks again, each in a sandbox, and compare what they make with what came.

The sandbox is bubblewrap's: processes of its own, no network; it sees the system, this project's
code and the course's data read-only, and of hand-ins only its own. All it can write is a file
system in memory, of limited size, and a report. A scheduler's workers need this project on their
path, and the data in the same folder.
"""

import errno
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import namedtuple
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from threading import Event

import numpy as np
import psutil
import pyseccomp

from data.prepare import ACTIVITY, SINE, read_file
from tools.continuation import exact_continuation, mape
from tools.grading import submission
from tools.grading.rules import ROOT, rule
from tools.grading.submission import BASIC, GRADED, NOTEBOOK, READERS, REPORT

# For one hand-in; "disk" are bytes of all its files, which are in memory, too.
Limits = namedtuple("Limits", "seconds memory processes disk")
LIMITS = Limits(seconds=3600, memory=4 * 10**9, processes=128, disk=256 * 10**6)
RAN, SAID = "ran.ipynb", "said.txt"  # the notebook with its outputs, and why there is none
WANTED = {name: submission.MAX_BYTES[Path(name).suffix] for name in (*READERS, RAN)} | {SAID: 1e6}
NEAR, ALIKE = 0.5, 0.75  # of two trainings: most change of the MAPE, least share of equal classes
SANDBOX = json.loads(Path(__file__).with_name("sandbox.json").read_text("utf-8"))
ENVIRONMENT = SANDBOX["environment"] | {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin"}
NEW_USER = 0x10000000  # clone's flag for a namespace in which a process has all rights


def rerun(hand_ins, data_dir, scheduler=None, workers=None, limits=LIMITS):
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
    answers = exact_continuation(read_file(SINE[0], (data_dir / SINE[0]).read_bytes()))[:, 0]
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
    with ThreadPoolExecutor(workers) as executor:
        stop = Event()
        try:
            yield executor, lambda: workers, stop
        finally:  # also where somebody interrupts it
            stop.set()


def run_in_sandbox(files, data_dir, limits, stop=None):
    """Run the notebook among `files` in a sandbox; return what it made, and errors as sentences.

    Raises:
        ValueError: it was not run, for no fault of the hand-in's; says what to do.
    """
    if NOTEBOOK not in files:
        raise ValueError(f"there is no {NOTEBOOK} to run")
    if not shutil.which("bwrap", path=ENVIRONMENT["PATH"]):
        raise ValueError("there is no bubblewrap: apt install bubblewrap")
    new = tempfile.TemporaryFile
    with new() as refused, new() as given, new() as report:
        _system_calls().export_bpf(refused)
        with tarfile.open(fileobj=given, mode="w") as tar:
            for name in files.keys() - {REPORT, *READERS}:  # what came is not what was made
                entry = tarfile.TarInfo(name)
                entry.size = len(files[name])
                tar.addfile(entry, io.BytesIO(files[name]))
        refused.seek(0)
        given.seek(0)
        command = ["bwrap", "--seccomp", str(refused.fileno()), *_walls(data_dir, limits)]
        command += ["sh", "/inside.sh", *" -o ".join(f"-name {name}" for name in WANTED).split()]
        streams = {"stdin": given, "stdout": report, "stderr": subprocess.PIPE}
        options = {"env": ENVIRONMENT, "pass_fds": [refused.fileno()]}
        with subprocess.Popen(command, **streams, **options) as process:
            try:
                said = process.stderr.readline()
                if said != b"started\n":
                    said = (said + process.stderr.read()).decode(errors="replace")
                    raise ValueError(f"the sandbox could not start: {said}")
                broken = _watch(process, limits, stop)
            finally:
                process.kill()
        report.seek(0)
        return ({}, [broken]) if broken else _read(report)


def _walls(data_dir, limits):
    """Return the arguments for bubblewrap: what there is in the sandbox, and the limits there."""
    bounds = {"as": limits.memory, "nproc": limits.processes, "fsize": limits.disk, "nofile": 256}
    inner = ["prlimit", *(f"--{name}={most}" for name, most in bounds.items())]
    if os.getuid():
        rights = ["--unshare-user", "--uid", "1000", "--gid", "1000"]
    else:  # the kernel counts no process of root's, so it becomes a user that nobody is
        rights = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        user = random.randrange(60000, 65000)
        inner += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    shown = {Path(x): x for x in (*SANDBOX["system"], sys.base_prefix, sys.prefix)}
    shown[Path(__file__).with_name("inside.sh")] = "/inside.sh"
    for pattern in (f"{layer}.py" for layer in submission.LAYERS if layer != "RNN"):
        shown |= {path: f"/project/{path.relative_to(ROOT)}" for path in ROOT.glob(pattern)}
    shown |= {data_dir / name: f"/data/{name}" for name in (*SINE, *ACTIVITY)}
    built = ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", str(limits.disk)]
    built += ["--tmpfs", "/tmp"]
    for path, name in shown.items():
        for folder in reversed(Path(name).parents[:-1]):
            built += ["--dir", str(folder)]  # by itself, bubblewrap opens it to root only
        built += ["--ro-bind-try", str(path), str(name)]
    built += ["--remount-ro", "/dev", "--remount-ro", "/"]
    return [*SANDBOX["walls"], *rights, *built, "--", *inner]


def _system_calls():
    """Return the kernel's filter of system calls; all are allowed but a few."""
    calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(errno.EPERM)
    for name in SANDBOX["refused"]:
        calls.add_rule(refused, name)
    calls.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, NEW_USER, NEW_USER))
    calls.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags are out of sight: use clone
    return calls


def _watch(process, limits, stop):
    """Wait for a sandbox to end; return why it must end now, as a sentence, or ""."""
    end = time.monotonic() + limits.seconds
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


def _read(report):
    """Return what was made, and errors, from the tar that a sandbox left."""
    found = {}
    try:
        with tarfile.open(fileobj=report, mode="r:") as tar:
            for entry in sorted(filter(tarfile.TarInfo.isfile, tar), key=lambda x: x.mtime):
                name = Path(entry.name).name
                if entry.size <= WANTED.get(name, -1):
                    found[name] = tar.extractfile(entry).read()  # at last, the newest of its name
        errors = [
            f"cell {i} ended in " + submission.quoted("{ename}: {evalue}".format_map(output))
            for i, cell in enumerate(submission.code_cells(found.get(RAN)), 1)
            for output in cell.outputs
            if output["output_type"] == "error"
        ]
    except submission.FormatError:  # it did not come to its end
        errors = [found.get(SAID, b"")[:200].decode("ascii", "replace")]
    except Exception:  # a report may hold anything
        return {}, ["it ended without a report"]
    return {name: found[name] for name in READERS if name in found}, errors


def _verdict(files, made, errors, answers):
    """Return the Rule on what was handed in, given what was made anew and the sine's answers."""
    fine, said = True, []
    for name, read in READERS.items():
        try:
            new = read(made.get(name))
        except submission.FormatError as error:
            fine, said = False, [*said, str(error) if name in made else f"it made no {name}"]
            continue
        try:
            same, how = _compare(name, read(files.get(name)), new, answers)
        except submission.FormatError:
            same, how = True, "made, and nothing handed in to compare"
        fine, said = fine and same, [*said, f"{name} {how}"]
    evidence = "; ".join(["run again: " + said[0], *said[1:], *errors[:3]])
    return rule("own code", "ok" if fine else "suspect", evidence)


def _compare(name, old, new, answers):
    """Return whether what came is like what was made, and half a sentence on it."""
    if name == GRADED:
        unlike = [check for check in old | new if not _same(old.get(check), new.get(check))]
        said = submission.quoted(", ".join(unlike))
        return not unlike, f"differs in {said}" if unlike else "equal"
    if np.allclose(old, new, rtol=1e-6):
        return True, "equal"
    if name == BASIC:
        came, made = mape(old, answers), mape(new, answers)
        near = abs(came - made) <= NEAR * max(came, made)
        return near, f"{'close' if near else 'differs'}: MAPE {came:.3g} % came, {made:.3g} % made"
    share = np.mean(old == new)
    return share >= ALIKE, f"equal in {100 * share:.1f} % of the rows"


def _same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    try:
        a, b = np.asarray(a, float), np.asarray(b, float)
    except (ValueError, TypeError):  # text, lists of uneven length, or a check that lacks
        return False
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-12, equal_nan=True)
