"""Files survive kills, a full disk and two writers; runs and single cells repeat exactly."""

import copy
import os
import signal
import subprocess
import sys
import time

import nbformat
import numpy as np
import pytest
from conftest import ROOT, bars, printed
from nbclient import NotebookClient

from lab.files import replacing, write_text
from tools.grading.submission import ADVANCED, BASIC, GRADED
from tools.run import run

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
KILLS = 100
LENGTH = 1_000_000
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def forked(work):
    """Start `work` in a child process; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    finally:
        os._exit(0)


def write_forever(path):
    while True:
        for letter in "ab":
            write_text(path, letter * LENGTH)


@needs_fork
def test_killed_at_any_moment_a_file_is_whole_and_of_one_writer(tmp_path):
    path, interrupted = tmp_path / "answers.csv", 0
    write_text(path, "a" * LENGTH)
    rng = np.random.default_rng(0)
    for _ in range(KILLS):
        writers = [forked(lambda: write_forever(path)) for _ in range(2)]
        time.sleep(rng.uniform(0.002, 0.04))
        for pid in writers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        left = list(tmp_path.glob(".tmp-*"))
        interrupted += bool(left)
        for temporary in left:  # what a killed writer leaves is recognisable, in nobody's way
            temporary.unlink()
        assert path.read_text() in ("a" * LENGTH, "b" * LENGTH)
    assert interrupted > KILLS / 4  # or the kills did not meet the writing at all


@needs_fork
def test_full_disk_keeps_the_old_file(tmp_path):
    resource = pytest.importorskip("resource")
    write_text(tmp_path / "a.csv", "1")

    def write_without_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with replacing(tmp_path / "a.csv") as path:
            path.write_bytes(b"2" * 5000)

    os.waitpid(forked(write_without_room), 0)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["1"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OSError, match="expected to write a.csv into .*missing"):
        write_text(tmp_path / "missing" / "a.csv", "1")


def test_two_runs_give_the_same_bytes(quick, tmp_path):
    run(
        to=tmp_path / "again.ipynb",
        QUICK=True,
        DATA_DIR=str(quick / "data"),
        OUTPUT_DIR=str(tmp_path / "outputs"),
    )
    for name in (GRADED, BASIC, ADVANCED):
        first, second = (folder / "outputs/quick" / name for folder in (quick, tmp_path))
        assert first.read_bytes() == second.read_bytes(), name


TRAIN = """
import sys
import numpy as np
from tools.cells import load_cells
names = load_cells("imports", "model")
rng, model = np.random.default_rng(5), names["Model"]()
X = rng.normal(size=(640, 16, 48)).astype(np.float32)
for layer in (names["RNN"](48, 64), names["Dense"](64, 3)):
    model.add(layer)
model.astype(np.float32).train(X, X[:, 0, :3], None, None, epochs=5, learning_rate=0.1)
np.save(sys.argv[1], model.predict(X))
"""


def test_one_thread_or_two_give_the_same_answers(tmp_path):
    answers = []
    for threads in ("1", "2"):
        path, threads = tmp_path / f"{threads}.npy", {"OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", TRAIN, path]
        subprocess.run(command, cwd=ROOT, env=os.environ | threads, check=True, capture_output=True)
        answers.append(np.load(path))
    np.testing.assert_allclose(*answers, rtol=0, atol=1e-5)
    assert answers[0].std() > 0.01


def shown(cell):
    """What a cell shows, but for its bars, which tell the time."""
    text = "" if bars([cell]) else printed(cell)
    return [text, *(o.data for o in cell.outputs if "data" in o)]


def test_any_single_cell_runs_again(quick):
    """After a whole run, each cell alone, last to first, shows what it showed before."""
    cells = nbformat.read(quick / "quick.ipynb", 4)
    client = NotebookClient(
        cells,
        kernel_name="python3",
        extra_arguments=["--log-level=40"],
        resources={"metadata": {"path": str(ROOT)}},
    )
    code = [(i, cell) for i, cell in enumerate(cells.cells) if cell.cell_type == "code"]
    with client.setup_kernel():
        for i, cell in code:
            client.execute_cell(cell, i)
        before = {i: copy.deepcopy(shown(cell)) for i, cell in code}
        for i, cell in reversed(code):
            client.execute_cell(cell, i)
            assert shown(cell) == before[i], cell.source[:80]
