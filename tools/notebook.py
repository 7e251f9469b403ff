"""What the notebook needs from outside the lesson, and how tests and scripts borrow its cells."""

import json
import sys
from pathlib import Path

NOTEBOOK = Path(__file__).resolve().parent.parent / "Lab6.ipynb"
OUTPUTS = NOTEBOOK.parent / "outputs"


def bar_options():
    """Return tqdm options for one plain line that saves well: to stdout, drawn at most twice a
    second, and at its fixed width."""
    return {"file": sys.stdout, "ascii": " =", "ncols": 96, "mininterval": 0.5}


def output_folder(output_dir, quick):
    """Return the folder for results as a Path, made if need be.

    Quick mode gets a folder of its own inside, so that it never touches a hand-in file.
    """
    folder = Path(output_dir) / "quick" if quick else Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_results():
    """Return what `tools.evidence` measured: the contents of results.json and of timings.json."""
    return tuple(load_results(OUTPUTS / f"{name}.json") for name in ("results", "timings"))


def load_results(path):
    """Return the contents of one file that `tools.evidence` wrote.

    Raises:
        ValueError: there is none.
    """
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"{path}: expected the results of the experiments, found none; "
            "run python -m tools.evidence"
        ) from None


def load_cells(*tags, path=NOTEBOOK):
    """Run the notebook's code cells that carry one of `tags`; return their names as a dict.

    Raises:
        ValueError: no cell has one of the tags.
    """
    cells = json.loads(Path(path).read_text("utf-8"))["cells"]
    namespace = {}
    for tag in tags:
        sources = [
            "".join(cell["source"])
            for cell in cells
            if cell["cell_type"] == "code" and tag in cell["metadata"].get("tags", [])
        ]
        if not sources:
            raise ValueError(f"tag: expected a cell tagged {tag!r} in {path.name}, found none")
        for source in sources:
            exec(compile(source, f"{path.name}[{tag}]", "exec"), namespace)
    return namespace
