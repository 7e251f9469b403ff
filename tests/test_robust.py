"""Files survive kills, a full disk and two writers; runs and single cells repeat exactly."""

import copy
import os
import signal
import subprocess
import sys
import time

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, bars, printed
from nbclient import NotebookClient

from lab.files import replacing, write_text
from tools.grading.submission import ADVANCED, BASIC, GRADED
from tools.run import run

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
KILLS = 100
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def write_outputs(folder, value):
    """Write the hand-in files as the notebook does, every number in them equal to `value`."""
    with replacing(folder / GRADED) as path:
        np.save(path, {"check": {"A": np.full((200, 200), value)}})
    for name in (BASIC, ADVANCED):
        with replacing(folder / name) as path:
            pd.DataFrame({"Id": np.arange(3000), "answer": value}).to_csv(path, index=False)
    write_text(folder / "results.json", str(value) * 10_000)


def check_whole(folder):
    """Every file is there, complete, and of a single writer."""
    A = np.load(folder / GRADED, allow_pickle=True).item()["check"]["A"]
    assert A.shape == (200, 200)
    assert len(np.unique(A)) == 1
    for name in (BASIC, ADVANCED):
        frame = pd.read_csv(folder / name)
        assert len(frame) == 3000
        assert frame["answer"].nunique() == 1
    text = (folder / "results.json").read_text()
    assert text == text[: len(text) // 10_000] * 10_000


def forked(work):
    """Start `work` in a child process; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    finally:
        os._exit(0)


def forever(folder, values):
    while True:
        for value in values:
            write_outputs(folder, value)


@needs_fork
def test_killed_at_any_moment_every_file_is_whole(tmp_path):
    write_outputs(tmp_path, 0)
    rng = np.random.default_rng(0)
    interrupted = 0
    for _ in range(KILLS):
        pid = forked(lambda: forever(tmp_path, (1, 2)))
        time.sleep(rng.uniform(0.002, 0.04))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        left = list(tmp_path.glob(".tmp-*"))
        interrupted += bool(left)
        for path in left:  # what a killed writer leaves is recognisable and in nobody's way
            path.unlink()
        check_whole(tmp_path)
    assert interrupted > KILLS / 4  # or the kills did not meet the writing at all


@needs_fork
def test_full_disk_keeps_the_old_files(tmp_path):
    resource = pytest.importorskip("resource")
    write_outputs(tmp_path, 0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def writing_without_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        for name in before:
            with replacing(tmp_path / name) as path:
                path.write_bytes(b"1" * 5000)

    os.waitpid(forked(writing_without_room), 0)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OSError, match="expected to write a.csv into .*missing"):
        write_text(tmp_path / "missing" / "a.csv", "1")
    if os.path.isdir("/proc/self"):  # read-only even for the administrator
        with pytest.raises(OSError, match="expected to write a.csv into /proc/self"):
            write_text("/proc/self/a.csv", "1")


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
from types import SimpleNamespace
import numpy as np
from tools.cells import load_cells
book = SimpleNamespace(**load_cells("imports", "model", "sine", "activity"))
model = book.build_sine_rnn(1)
book.train_sine(model, book.sine_steps, 0.15, 3)
X, _ = book.sine_waves(500, np.random.default_rng(5))
rng = np.random.default_rng(6)
windows, y = rng.normal(size=(640, 128, 6)).astype(np.float32), rng.integers(0, 3, 640)
other = book.train_activity(windows, y, np.ones(6), 0, epochs=2)
np.savez(sys.argv[1], sine=book.predict_sine(model, book.sine_steps, X),
         classes=book.predict_activity([other], windows, np.ones(6)).argmax(axis=1))
"""


def test_one_thread_or_two_give_the_same_answers(tmp_path):
    results = []
    for threads in ("1", "2"):
        path = tmp_path / f"{threads}.npz"
        subprocess.run(
            [sys.executable, "-c", TRAIN, path],
            cwd=ROOT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads},
            check=True,
            capture_output=True,
        )
        results.append(np.load(path))
    one, two = results
    np.testing.assert_allclose(one["sine"], two["sine"], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(one["classes"], two["classes"])


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
