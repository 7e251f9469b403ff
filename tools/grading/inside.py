"""Inside the sandbox: run one notebook to its end and report what it made.

rerun.py starts this file: a job comes as JSON on the standard input, the report goes as JSON to
the standard output. Nobody may trust that report, for it comes from where a stranger's code runs.
"""

import base64
import json
import os
import shutil
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE, PROJECT, DATA = Path("/tmp/lab"), Path("/project"), Path("/data")
FOLDERS = ("data", "Sinewave", "Activity data")  # where notebooks look for DATA


class Client(NotebookClient):
    """Keeps nothing of what is printed, so that endless output fills no memory."""

    def output(self, outs, msg, display_id, cell_index):
        return None


def execute(seconds):
    """Run all code cells, also behind one that fails; return what went wrong, as sentences."""
    end, errors = time.monotonic() + seconds, []

    def note(cell, cell_index, execute_reply):
        ename, evalue = (execute_reply["content"][key] for key in ("ename", "evalue"))
        errors.append(f"cell {cell_index + 1} ended in {ename}: {evalue[:100]}")

    notebook = nbformat.read("Lab6.ipynb", 4)
    notebook.cells = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    client = Client(
        notebook,
        kernel_name="python3",
        allow_errors=True,
        timeout_func=lambda cell: max(1, end - time.monotonic()),
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=50"],
        on_cell_error=note,
    )
    try:
        client.execute()
    except Exception as error:  # the kernel died, the time was over, ...
        cell, reason = client.code_cells_executed, type(error).__name__
        errors.insert(0, f"cell {cell} ended the run: {reason}")
    return errors


def lay_out(files):
    """Put our layers and code, the course's data and the hand-in's files beside the notebook."""
    shutil.copytree(PROJECT, HERE, copy_function=shutil.copyfile)  # the hand-in's come over it
    for folder in FOLDERS:
        (HERE / folder).mkdir(exist_ok=True)
        for path in DATA.iterdir():
            (HERE / folder / path.name).symlink_to(path)
    os.chdir(HERE)
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(base64.b64decode(content))


def read(name, limit):
    """Return the newest regular file of this name as text, where it is not too large; or ""."""
    found = [path for path in HERE.rglob(name) if path.is_file() and not path.is_symlink()]
    if not found:
        return ""
    newest = max(found, key=os.path.getmtime)
    with open(os.open(newest, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        content = file.read(limit + 1)
    return base64.b64encode(content).decode() if len(content) <= limit else ""


if __name__ == "__main__":
    job, report, nowhere = json.load(sys.stdin), os.dup(1), os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # the kernel would inherit them
        os.dup2(nowhere, standard)
    lay_out(job["files"])
    errors = execute(job["seconds"])
    made = {name: read(name, limit) for name, limit in job["wanted"].items()}
    with open(report, "w") as file:
        json.dump({"made": made, "errors": errors}, file)
