"""Every test sees the project as the notebook does: its folder first on the path."""

import sys
from pathlib import Path

import matplotlib as mpl
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
mpl.use("agg")


@pytest.fixture(scope="session")
def lab():
    """The notebook's own names: `lab.Model` is the class that students hand in."""
    from types import SimpleNamespace

    from tools.notebook import load_cells

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
