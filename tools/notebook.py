"""What the notebook needs from outside the lesson, and how tests and scripts borrow its cells."""

import json
import sys
from pathlib import Path

NOTEBOOK = Path(__file__).resolve().parent.parent / "Lab6.ipynb"


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
    """Return what `tools.evidence` measured: the contents of results.json and of timings.json.

    Raises:
        ValueError: a file is missing.
    """
    paths = [NOTEBOOK.parent / "outputs" / f"{name}.json" for name in ("results", "timings")]
    for path in paths:
        if not path.is_file():
            raise ValueError(
                f"{path.name}: expected the results of the experiments in {path.parent.name}/, "
                "found none; run python -m tools.evidence"
            )
    return tuple(json.loads(path.read_text("utf-8")) for path in paths)


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
