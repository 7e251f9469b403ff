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
