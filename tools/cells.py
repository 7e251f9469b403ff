"""The notebook's cells, as programs and tests use them."""

from types import SimpleNamespace

import nbformat

from tools.files import ROOT

NOTEBOOK = ROOT / "Lab6.ipynb"
TAGS = "imports", "rnn", "model", "sine", "activity"


def load_cells(*tags, path=NOTEBOOK):
    """Run the notebook's code cells that carry one of `tags`; return their names.

    ValueError if no cell has one of the tags.
    """
    cells, namespace = nbformat.read(path, 4).cells, {}
    for tag in tags:
        sources = [c.source for c in cells if tag in c.metadata.get("tags", [])]
        if not sources:
            raise ValueError(f"tag: expected a cell tagged {tag!r} in {path.name}, found none")
        for source in sources:
            if tag == "rnn":  # without printing the file
                source = source.partition("\n\nwith open")[0]
            exec(compile(source, f"{path.name}[{tag}]", "exec"), namespace)
    return SimpleNamespace(**namespace)
