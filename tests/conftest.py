"""Every test sees the project as the notebook does: its folder first on the path."""

import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
mpl.use("agg")


def code_cells(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def bars(cells):
    """The progress bars, line by line, in what the cells print."""
    lines = "".join(map(printed, cells)).splitlines()
    return [line for line in lines if "it/s" in line or "s/it" in line]


def check_run(cells):
    """All of a notebook's code cells were run once, in order, and none ended in an error."""
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [o for cell in cells for o in cell.outputs if o.output_type == "error"]


@pytest.fixture(scope="session")
def notebook():
    """The notebook's own names: `notebook.Model` is the class that students hand in."""
    from tools.cells import load_cells

    return SimpleNamespace(**load_cells("imports", "model"))


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """The folder of a quick run: its executed notebook, and outputs/quick/ with its files."""
    from data.prepare import prepare
    from tools.run import run

    folder = tmp_path_factory.mktemp("quick")
    (folder / "data").mkdir()
    prepare(folder / "data", simulate=True)
    run(
        to=folder / "quick.ipynb",
        QUICK=True,
        DATA_DIR=str(folder / "data"),
        OUTPUT_DIR=str(folder / "outputs"),
    )
    return folder
