"""Run the notebook from a clean kernel and save it with its output, in place.

    python -m tools run                               the hand-in
    python -m tools run --quick --to quick.ipynb      a try-out that leaves the hand-in alone

A run that fails leaves the notebook as it was. The saved file has no timestamps and no machine's
metadata, so that two runs differ only where results do. The hand-in is also saved as
outputs/Lab6.html, for readers without Jupyter. Where some data are simulated, all goes
to outputs/stand-in/ instead.
"""

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from data.prepare import prepare
from data.record import stand_ins
from lab.files import OUTPUTS, output_folder, write_text
from tools.cells import NOTEBOOK
from tools.html import to_html

TIMEOUT = 1200  # seconds for one cell; a dead kernel is reported at once


def run(path=NOTEBOOK, to=None, **parameters):
    """Execute the notebook at `path`, save it at `to` (default: in place), and return it.

    Args:
        parameters: values for names of the cell tagged "parameters", set right after it.

    Raises:
        nbclient.exceptions.CellExecutionError, DeadKernelError: nothing is saved.
    """
    notebook = nbformat.read(path, 4)
    if parameters:
        notebook.cells.insert(_after_parameters(notebook), _injected(parameters))
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=40"],  # errors of the kernel, not its remarks
        resources={"metadata": {"path": str(Path(path).resolve().parent)}},
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
    write_text(to or path, nbformat.writes(notebook) + "\n")
    return notebook


def _after_parameters(notebook):
    for index, cell in enumerate(notebook.cells):
        if "parameters" in cell.metadata.get("tags", []):
            return index + 1
    raise ValueError("notebook: expected a cell tagged 'parameters', found none; tag one")


def _injected(parameters):
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    return nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools run", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--quick", action="store_true", help="far less training")
    parser.add_argument("--data-dir", help="folder of the data, instead of data/")
    parser.add_argument("--output-dir", help="folder of the results, instead of outputs/")
    parser.add_argument("--to", type=Path, help="save the executed notebook there")
    args = parser.parse_args(argv)
    names = {"QUICK": args.quick, "DATA_DIR": args.data_dir, "OUTPUT_DIR": args.output_dir}
    given = {name: value for name, value in names.items() if value}
    if given and args.to is None:
        parser.error(
            "--quick, --data-dir and --output-dir need --to FILE, or they would end up in the "
            "hand-in notebook"
        )
    if args.to is None:
        data = NOTEBOOK.parent / "data"
        prepare(data)
        simulated = stand_ins(data)
        if simulated:  # what is computed on them is no hand-in, nor may it replace one
            given["OUTPUT_DIR"] = str(output_folder(OUTPUTS, stand_in=True))
            args.to = Path(given["OUTPUT_DIR"], NOTEBOOK.name)
            print(f"{', '.join(simulated)}: simulated, so the hand-in stays as it is")
    try:
        notebook = run(to=args.to, **given)
    except CellExecutionError as error:
        raise ValueError(
            f"the notebook stopped, expected it to run to its end, got {error.ename}: "
            f"{error.evalue}; nothing was saved, open it to see where"
        ) from None
    if args.to is None:
        write_text(OUTPUTS / "Lab6.html", to_html(notebook))
    print(f"{args.to or NOTEBOOK.name}: {len(notebook.cells)} cells run")
