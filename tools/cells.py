"""The notebook, and how tests and programs borrow its cells."""

import json
from pathlib import Path

NOTEBOOK = Path(__file__).resolve().parent.parent / "Lab6.ipynb"


def load_cells(*tags, path=NOTEBOOK):
    """Run the notebook's code cells that carry one of `tags`; return their names as a dict.

    Args:
        path: pathlib.Path of the notebook.

    Raises:
        ValueError: no cell has one of the tags.
    """
    cells = json.loads(path.read_text("utf-8"))["cells"]
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
