"""Run the notebook from a clean kernel and save it with its output, in place.

    python -m tools run                               the hand-in
    python -m tools run --quick --to quick.ipynb      a try-out that leaves the hand-in alone

The saved file has no timestamps and no machine's metadata, so two runs differ only where results
do. The hand-in is also saved as outputs/Lab6.html. On simulated data all goes to outputs/stand-in/.
"""

import argparse
import os
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from data.prepare import fill, look_at_all
from tools.cells import NOTEBOOK
from tools.files import OUTPUTS, write_text
from tools.html import to_html

TIMEOUT = 1200  # seconds for one cell


def run(path, quick=False):
    """Execute the notebook at `path` in its folder and return it; ValueError if it stops.

    What a notebook that stopped had printed is kept beside it, as NAME.failed.ipynb.
    """
    notebook = nbformat.read(path, 4)
    notebook.cells = [c for c in notebook.cells if "injected" not in c.metadata.get("tags", [])]
    if quick:
        tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
        place = next(i for i, names in enumerate(tags) if "parameters" in names) + 1
        source = 'QUICK = True\nOUTPUT = "outputs/quick/"'
        cell = nbformat.v4.new_code_cell(source, id="quick", metadata={"tags": ["injected"]})
        notebook.cells.insert(place, cell)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=40"],  # errors of the kernel, not its remarks
        resources={"metadata": {"path": str(path.resolve().parent)}},
    )
    started = []
    client.on_cell_start = lambda cell, cell_index: started.append(cell_index)
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError, RuntimeError, KeyboardInterrupt) as error:
        failed = path.with_name(f"{path.stem}.failed.ipynb")
        write_text(failed, nbformat.writes(tidied(notebook)) + "\n")
        reason = str(error).strip().splitlines() or ["interrupted"]
        if not started:
            raise ValueError(f"the kernel did not start: {reason[-1]}") from None
        first = notebook.cells[started[-1]].source.splitlines()[0]
        raise ValueError(
            f"the notebook stopped in cell {started[-1] + 1} ({first}): "
            f"{getattr(error, 'ename', type(error).__name__)}: {reason[-1]}; what it printed is in "
            f"{failed.name}, and nothing else was saved"
        ) from None
    return tidied(notebook)


def tidied(notebook):
    """Return the notebook without a machine's metadata, its figures with a text that tells them."""
    notebook.metadata["language_info"] = {"name": "python", "file_extension": ".py"}
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        first = cell.source.partition("\n")[0]
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr" and re.search(r"it/s|s/it", output.text):
                output.name = "stdout"  # a progress bar is no error
            if "image/png" in output.get("data", {}) and first.startswith("# Figure: "):
                output.metadata = {"image/png": {"alt": first.removeprefix("# Figure: ")}}
    return notebook


def check_target(path):
    """ValueError unless a notebook can be written to `path`."""
    if path.is_dir() or path.suffix != ".ipynb" or not os.access(path.resolve().parent, os.W_OK):
        raise ValueError(f"--to {path}: expected a file .ipynb in a folder that can be written to")
    if path.exists():
        try:
            nbformat.read(path, 4)
        except Exception as error:  # of a file that is no notebook, of many kinds
            raise ValueError(
                f"--to {path}: expected a notebook, or no file, got another"
            ) from error


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools run", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="far less training; needs --to")
    parser.add_argument("--to", type=Path, help="save the executed notebook there")
    args = parser.parse_args(argv)
    if args.quick and (args.to is None or args.to.resolve() == NOTEBOOK):
        parser.error("--quick needs --to FILE, another one than the hand-in")
    fill()
    lines = look_at_all()
    print("\n".join(lines))
    to = args.to or NOTEBOOK
    if args.to is None and any("SIMULATED" in line for line in lines):
        to = OUTPUTS / "stand-in" / NOTEBOOK.name  # no hand-in, nor may it replace one
    check_target(to)
    if args.quick:
        (OUTPUTS / "quick").mkdir(parents=True, exist_ok=True)
    before = NOTEBOOK.read_bytes()
    notebook = run(NOTEBOOK, args.quick)
    changed = to == NOTEBOOK and NOTEBOOK.read_bytes() != before
    if changed:
        to = NOTEBOOK.with_name("Lab6.executed.ipynb")
    write_text(to, nbformat.writes(notebook) + "\n")
    if changed:
        return f"run: {NOTEBOOK.name} was changed meanwhile and stays so; the result is {to.name}"
    if to == NOTEBOOK:
        write_text(OUTPUTS / "Lab6.html", to_html(notebook))
    print(f"{to}: {len(notebook.cells)} cells run")
    return 0
