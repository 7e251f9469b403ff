"""The sandbox: what a hostile notebook cannot do there, and what a whole rerun says."""

import json
import shutil
import socket

import numpy as np
import pytest
from hand_ins import ADVANCED, BASIC, GRADED, NOTEBOOK, Work, filled, notebook, write_data

from tools.grading import batch, card, rerun, submission

pytestmark = pytest.mark.skipif(not shutil.which("bwrap"), reason="needs bubblewrap")
LIMITS = rerun.Limits(seconds=20, memory=10**9, processes=16, disk=20 * 10**6)
SAVE = "import numpy as np\nnp.save('Lab6_outputs.npy', {})"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    write_data(tmp_path_factory.mktemp("course") / "data")
    return tmp_path_factory.getbasetemp() / "course0/data"


def run(data_dir, *cells, files=(), **options):
    files = {NOTEBOOK: notebook([*cells, SAVE])} | dict(files)
    options = {"limits": LIMITS} | options
    return rerun.run(submission.HandIn("a", files=files), data_dir, **options)


REFUSED = {  # what is tried: what it ends in
    "a socket": ("import socket; socket.socket()", "PermissionError"),
    "a pair of sockets": ("import socket; socket.socketpair()", "PermissionError"),
    "AF_VSOCK": ("import socket; socket.socket(40, 1)", "PermissionError"),
    "shared anonymous memory": ("import mmap; mmap.mmap(-1, 10**8)", "PermissionError"),
    "memory of /dev/zero": (
        "import mmap, os\nmmap.mmap(os.open('/dev/zero', os.O_RDWR), 10**8)", "Error"),
    "a file in memory": ("import os; os.memfd_create('a')", "PermissionError"),
    "100 GB": ("bytearray(100 * 10**9)", "MemoryError"),
    "a large file": ("open('a', 'wb').write(bytes(30 * 10**6))", "OSError|No space"),
    "room again": ("import os; os.remove('a'); 1 / 0", "ZeroDivisionError"),
    "a full disk": (
        "import os\ntry:\n    for i in range(9): open(f'x{i}', 'wb').write(bytes(5 * 10**6))\n"
        "finally: [os.remove(x) for x in os.listdir() if x[0] == 'x']", "No space left"),
    "the project": ("open('<root>/README.md')", "FileNotFoundError"),
    "the labels": ("open('/data/y_test.npy')", "FileNotFoundError"),
    "the system": ("open('/usr/a', 'w')", "Read-only|Permission"),
    "a password file": ("open('/etc/passwd')", "FileNotFoundError"),
    "all cores": ("import os; os.sched_setaffinity(0, range(64))", "PermissionError"),
    "its priority": ("import os; os.setpriority(os.PRIO_PROCESS, 0, -5)", "PermissionError"),
    "to be root": ("import os; os.setuid(0)", "PermissionError"),
    "a namespace": ("import os, ctypes\nif ctypes.CDLL(None).unshare(0x10000000) == -1: 1 / 0",
                    "ZeroDivisionError"),
}  # fmt: skip

WAYS = """\
import sklearn
exec('import sklearn')
eval("__import__('sklearn')")
exec(compile('import sklearn', 'a', 'exec'))
(lambda f: f('skl' + 'earn'))(__import__)
getattr(__builtins__, '__imp' + 'ort__')('sklearn')
globals()['__builtins__'].__import__('sklearn')
print.__self__.exec('import sklearn')
import importlib; importlib.import_module('sklearn')
from matplotlib import importlib as i; i.import_module('sklearn')
import builtins; builtins.__import__('sklearn')
from pandas.compat._optional import import_optional_dependency as f; f('sklearn')
import matplotlib.pyplot as plt; plt.switch_backend('module://sklearn')
import pickle; pickle.loads(b'csklearn.svm\\nSVC\\n.')
open('a', 'wb').write(b'csklearn.svm\\nSVC\\n.'); import pandas; pandas.read_pickle('a')
import pkgutil; pkgutil.resolve_name('sklearn.svm:SVC')
import runpy; runpy.run_module('sklearn')
import ctypes; ctypes.PyDLL(None).PyRun_SimpleString(b'import sklearn') and 1 / 0
get_ipython().run_cell('import sklearn').raise_error()
import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sklearn'], check=True)
open('a.py', 'w').write('import sklearn'); import a
open('b.py', 'wb').write(b'# coding: utf-7\\n+AGkAbQBwAG8AcgB0- sklearn'); import b
import sys; sys.path += ['SITE']; import autograd
import pip"""  # to a package that the course does not allow


def test_what_is_refused(data_dir):
    site = np.__file__.rsplit("/", 2)[0]
    tried = {x.replace("<root>", str(rerun.ROOT)): wanted for x, wanted in REFUSED.values()}
    missing = "ModuleNotFoundError|ImportError|CalledProcessError|ZeroDivision"
    tried |= dict.fromkeys(WAYS.replace("SITE", site).split("\n"), missing)
    result = run(data_dir, *tried)
    assert result["ended"] and GRADED in result["made"], result
    errors = dict(result["errors"])
    for number, (cell, wanted) in enumerate(tried.items(), 1):
        said = errors.get(number, "done")
        assert any(part in said for part in wanted.split("|")), (cell, said)


ENDED = {  # a cell: why its sandbox had to end
    "while True: pass": "it ran for more than 3 seconds",
    "import os\nwhile True: os.fork()": "it ran for|without a report|GB of memory",
    "import os, time\nfor _ in range(12):\n    if not os.fork():\n        x = b'x' * 200000000\n"
    "        time.sleep(60)\ntime.sleep(60)": "more than 1 GB of memory",
    "import os; os._exit(0)": "it ended without a report",
    "while True: print('x' * 10000)": "it ran for more than 3 seconds|without a report|memory",
}


@pytest.mark.parametrize("cell", ENDED)
def test_what_ends_a_sandbox(cell, data_dir):
    result = run(data_dir, cell, limits=LIMITS._replace(seconds=3))
    ((number, reason),) = result["errors"]
    assert number == 0 and not result["made"]
    assert any(part in reason for part in ENDED[cell].split("|")), reason


def test_nothing_of_this_computer_is_reached(data_dir):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = run(data_dir, f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}')")
    assert "not permitted" in result["errors"][0][1]


def test_a_report_may_hold_anything(tmp_path):
    for raw in (b"", b"x" * 2000, b"\0" * 10240):
        path = tmp_path / "report"
        path.write_bytes(raw)
        with open(path, "rb") as file:
            assert rerun._read(file) == {"errors": [(0, "it ended without a report")]}


def test_a_whole_rerun_is_compared(data_dir, tmp_path):
    terms = batch.Terms(card.Truth(data_dir), store=tmp_path / "store")
    work = Work()
    work.write(tmp_path / "work")
    result, _ = batch.grade(tmp_path / "work", None, terms, True)
    rule = result.rules["own code"]
    assert rule.verdict == "suspect"
    assert "MAPE 16.7 % by the whole rerun, 6.41 % came" in rule.evidence
    assert result.figures["MAPE, made"] == pytest.approx(16.73, abs=0.01)
    assert batch.grade(tmp_path / "work", None, terms, False)[0] == result  # kept without --rerun
    (kept,) = (tmp_path / "store").iterdir()
    made = json.loads(kept.read_text())["made"]
    for name in (BASIC, ADVANCED):
        work.files[name] = batch.base64.b64decode(made[name])
    work.write(tmp_path / "same")
    result, _ = batch.grade(tmp_path / "same", None, terms, True)
    assert result.rules["own code"].verdict == "ok"
    for name in (BASIC, ADVANCED):
        del work.files[name]
    work.cells = filled(work.style)
    work.cells[12] = "1 / 0"
    work.save()
    (tmp_path / "less").mkdir()
    result, _ = batch.grade(work.write(tmp_path / "less"), None, terms, True)
    assert "it made no y_pred_advanced.csv" in result.rules["own code"].evidence
