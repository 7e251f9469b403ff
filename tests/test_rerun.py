"""The rerun: hostile notebooks get nowhere and leave nothing; honest ones come out as they came.

tests/hostile.txt has the hostile ones. All run in one class, of which two are honest. What a
notebook saw of the computer it says in its error, for that comes out of the sandbox.
"""

import os
import re
import shutil
import socket
import threading
import time
from contextlib import suppress

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from data import course
from data.prepare import prepare
from data.record import RECORD
from tools.grading.reference import graded
from tools.grading.submission import ADVANCED, BASIC, GRADED, NOTEBOOK, HandIn, read_graded

psutil = pytest.importorskip("psutil")
pytest.importorskip("pyseccomp")
pytestmark = pytest.mark.skipif(not shutil.which("bwrap"), reason="needs apt install bubblewrap")

from tools.grading import rerun  # noqa: E402

SMALL = rerun.Limits(seconds=12, memory=10**9, processes=64, disk=30 * 10**6)
rerun.ENVIRONMENT["TESTED_BY"] = str(os.getpid())  # to find the processes of these sandboxes
CELLS = re.compile(r"^# (.+?) \| (.+)\n((?:.+\n)+)", re.MULTILINE)
(_, _, HELPERS), (_, _, HONEST), *HOSTILE = CELLS.findall(
    (ROOT / "tests" / "hostile.txt").read_text("utf-8")
)
OWN_LAYER = (ROOT / "tests/students/rebinding/RNN.py").read_text("utf-8").replace("0.01", "0.02")


def hand_in(name, cell, files=None):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    return HandIn(name, "", {NOTEBOOK: nbformat.writes(notebook).encode()} | (files or {}))


def in_sandboxes():
    """The processes of all sandboxes, also such as left theirs."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().items() >= rerun.ENVIRONMENT.items():
                found.append(process)
    return found


def wait_until(holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def project():
    """What the project's own files are, with what may be done with them."""
    files = [*ROOT.glob("*.py"), *ROOT.glob("lab/*"), *ROOT.glob("data/*.py")]
    return {path: (path.read_bytes(), path.stat().st_mode) for path in files if path.is_file()}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    prepare(folder, simulate=True)
    (folder / RECORD).unlink()  # of unknown origin, as files from Kaggle
    return folder


@pytest.fixture(scope="module")
def class_(data_dir, tmp_path_factory):
    """A class with all hostile notebooks, run two at a time: {name: (Rule, what it made)}."""
    canary = tmp_path_factory.mktemp("hand-ins") / "canary.ipynb"
    canary.write_text("another's")
    before = project()
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as server:
        patch.setenv("A_SECRET", "A_SECRET")
        port = str(server.getsockname()[1])
        hand_ins = [
            hand_in(name, HELPERS + code.replace("PORT", port).replace("CANARY", str(canary)))
            for name, _, code in HOSTILE
        ]
        hand_ins.insert(0, hand_in("honest", HONEST))
        hand_ins.append(hand_in("own layer", HONEST, files={"RNN.py": OWN_LAYER.encode()}))
        ran = rerun.rerun(hand_ins, data_dir, workers=2, limits=SMALL)
        found = {name: (rule, made) for name, rule, made in ran}
        server.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody called
            server.accept()
    assert len(HOSTILE) >= 20
    assert found.keys() == {one.name for one in hand_ins}
    assert canary.read_text() == "another's"
    assert project() == before
    wait_until(lambda: not in_sandboxes())
    return found


@pytest.mark.parametrize(("name", "said"), [case[:2] for case in HOSTILE])
def test_a_hostile_notebook_gets_nowhere(name, said, class_):
    rule, made = class_[name]
    assert (rule.verdict, made) == ("suspect", {})
    assert re.search(said, rule.evidence), rule.evidence


def test_an_honest_notebook_runs_with_its_own_layers_or_ours(class_):
    outputs = []
    for rule, made in (class_["honest"], class_["own layer"]):
        assert rule.verdict == "ok"
        assert rule.evidence.count("made, and nothing handed in to compare") == 3
        outputs.append(read_graded(made[GRADED])["RNN_forward"]["Output"])
    ours, theirs = outputs
    assert np.allclose(ours, graded(42)["RNN_forward"]["Output"], rtol=0, atol=1e-12)
    assert np.abs(theirs).mean() > 1.5 * np.abs(ours).mean()


def table(column, values, first):
    ids = range(first, first + len(values))
    return pd.DataFrame({"Id": ids, column: values}).to_csv(index=False).encode()


def npy(**figures):
    return course.npy_bytes(np.array({"RNN_forward": figures}, object))


WAVE, CLASSES = np.linspace(1, 2, 500), np.arange(2947) % 3
MANY = CLASSES * (np.arange(2947) > 500)


@pytest.mark.parametrize(
    ("name", "content", "verdict", "said"),
    [
        (GRADED, npy(Output=[1 + 1e-15, 1, np.nan]), "ok", "equal"),
        (GRADED, npy(Output=[1 + 1e-4, 1, np.nan]), "suspect", "differs in 'RNN_forward'"),
        (GRADED, npy(Output=np.ones(2)), "suspect", "differs in 'RNN_forward'"),
        (GRADED, npy(Output="text"), "suspect", "differs in 'RNN_forward'"),
        (GRADED, b"no npy", "ok", "made, and nothing handed in to compare"),
        (BASIC, table("answer", 1.1 * WAVE, 1), "ok", "equal"),
        (BASIC, table("answer", 0.92 * WAVE, 1), "ok", "close: MAPE 8 % came, 10 % made"),
        (BASIC, table("answer", WAVE, 1), "suspect", "differs: MAPE 0 % came, 10 % made"),
        (ADVANCED, table("Classes", MANY, 0), "ok", "equal in 88.7 % of the rows"),
        (ADVANCED, table("Classes", 0 * CLASSES, 0), "suspect", "equal in 33.4 % of the rows"),
    ],
)
def test_what_came_is_held_against_what_was_made(name, content, verdict, said):
    made = {GRADED: npy(Output=[1, 1, np.nan]), BASIC: table("answer", 1.1 * WAVE, 1)}
    made[ADVANCED] = table("Classes", CLASSES, 0)
    rule = rerun._verdict({name: content}, made, ["cell 3 ended in 'KeyError'"], WAVE)
    assert (rule.rule, rule.verdict, rule.penalty) == ("own code", verdict, "zero")
    assert f"{name} {said}" in rule.evidence
    assert rule.evidence.endswith("; cell 3 ended in 'KeyError'")


def test_prepared_answers_are_not_made(data_dir, class_):
    cell = "import pandas as pd\npd.read_csv('y_pred_basic.csv').to_csv('y_pred_basic.csv')"
    prepared = hand_in("a", cell, files=class_["honest"][1])
    [(_, rule, made)] = rerun.rerun([prepared], data_dir, limits=SMALL)
    assert (rule.verdict, made) == ("suspect", {})
    assert "made no y_pred_basic.csv" in rule.evidence
    assert "FileNotFoundError" in rule.evidence


def test_what_is_not_the_hand_ins_fault_is_not_checked(data_dir, tmp_path, monkeypatch):
    def checked(one, said):
        [(_, rule, made)] = rerun.rerun([one], data_dir, limits=SMALL)
        assert (rule.verdict, made) == ("not checked", {})
        assert said in rule.evidence

    checked(HandIn("a", ""), "there is no Lab6.ipynb to run")
    monkeypatch.setitem(rerun.ENVIRONMENT, "PATH", str(tmp_path))
    checked(hand_in("a", ""), "apt install bubblewrap")
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho not permitted >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    checked(hand_in("a", ""), "the sandbox could not start: not permitted")


def test_simulated_or_missing_data_are_no_measure(tmp_path):
    with pytest.raises(FileNotFoundError):
        next(rerun.rerun([], tmp_path))
    prepare(tmp_path, simulate=True)
    with pytest.raises(ValueError, match="expected the course's data, got simulated"):
        next(rerun.rerun([], tmp_path))


def test_who_stops_it_stops_all(data_dir):
    hand_ins = [hand_in(name, "import time\ntime.sleep(600)") for name in "bcd"]
    results = rerun.rerun([HandIn("a", ""), *hand_ins], data_dir, workers=2, limits=SMALL)
    assert next(results)[0] == "a"
    wait_until(in_sandboxes)
    results.close()
    wait_until(lambda: not in_sandboxes())


def test_a_cluster_loses_nothing_with_a_worker(data_dir, class_):
    distributed = pytest.importorskip("distributed")
    hand_ins = [hand_in(name, HONEST, files=class_["honest"][1]) for name in "abcd"]
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        victim = psutil.Process(cluster.workers[0].pid)
        killing = threading.Thread(target=lambda: (wait_until(victim.children), victim.kill()))
        killing.start()
        ran = rerun.rerun(iter(hand_ins), data_dir, cluster.scheduler_address, limits=SMALL)
        found = {name: rule for name, rule, _ in ran}
        killing.join()
        assert not victim.is_running()
    assert sorted(found) == list("abcd")
    assert all(rule.verdict == "ok" for rule in found.values())
    assert all(rule.evidence.count(" equal") == 3 for rule in found.values())
