"""What tests share: the project on the path, the notebook's names, students' files, quick runs."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import nbformat
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
mpl.use("agg")

from data.prepare import simulate  # noqa: E402
from tools.cells import NOTEBOOK, TAGS, load_cells  # noqa: E402

STUDENTS = ROOT / "tests" / "students"
STYLES = "asserts", "loops", "rebinding"  # shapes asserted; sample by sample; no array changed
FOUR = "Dense", "Activation", "Flatten", "Loss"


@pytest.fixture(scope="session")
def lab():
    """The notebook's own names, with the project's layers."""
    return load_cells(*TAGS)


def lab_of(style, files):
    """The names of the notebook's cells, with these files of a student in place of ours."""
    with pytest.MonkeyPatch.context() as patch:
        for name in files:
            path, module = STUDENTS / style / f"{name}.py", ModuleType(name)
            exec(compile(path.read_text("utf-8"), path, "exec"), vars(module))
            patch.setitem(sys.modules, name, module)
        return load_cells("imports", "rnn", "model")


def build(lab, *layers):
    model = lab.Model()
    for layer in layers:
        model.add(layer)
    return model


def code_cells(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def errors(cells):
    return [o.ename for cell in cells for o in cell.outputs if o.output_type == "error"]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """A folder whose data/ holds simulated files under the names of real ones."""
    folder = tmp_path_factory.mktemp("simulated")
    for names in (("X_test.csv",), ("X_train.npy", "y_train.npy", "X_test.npy")):
        simulate(folder, names)
    (folder / "data" / "simulated").rename(folder / "real")
    (folder / "data").rmdir()
    (folder / "real").rename(folder / "data")
    return folder / "data"


def run_alone(folder, notebook=NOTEBOOK):
    """Run a quick copy of a notebook in `folder`, where nothing of the project is on the path."""
    book = nbformat.read(notebook, 4)
    for cell in book.cells:
        cell.source = cell.source.replace("QUICK = False", "QUICK = True")
    nbformat.write(book, folder / "Lab6.ipynb")
    command = [sys.executable, "-I", "-m", "jupyter", "nbconvert", "--to", "notebook"]
    command += ["--execute", "--inplace", "--log-level=ERROR", "Lab6.ipynb"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return code_cells(folder / "Lab6.ipynb")


def copy_layers(folder, names, source=ROOT):
    for name in names:
        shutil.copy(source / f"{name}.py", folder)


def relative(A, B):
    """The largest difference of two arrays, as a part of the largest number of B."""
    return np.abs(np.asarray(A) - B).max() / np.abs(B).max()
