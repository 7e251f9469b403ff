"""The five files of a hand-in, read as a stranger's: each is what the course asks for, or an error.

A reader takes a pathlib.Path and returns what the file holds, or raises FormatError with what was
expected, what came and what to do. Nothing in a file is run. Foreign text is quoted and cut before
it is repeated.
"""

import ast
import csv
import io
import json
import logging
import math
import re
import warnings

from tools.grading import safe_load

NOTEBOOK, GRADED, REPORT = "Lab6.ipynb", "Lab6_outputs.npy", "Lab6_report.pdf"
BASIC, ADVANCED = "y_pred_basic.csv", "y_pred_advanced.csv"
FILES = (NOTEBOOK, GRADED, REPORT, BASIC, ADVANCED)
MAX_BYTES = {NOTEBOOK: 50e6, GRADED: safe_load.MAX_BYTES, REPORT: 20e6, BASIC: 1e6, ADVANCED: 1e6}
MAX_SOURCE = 200_000  # characters of one cell or module
LAYERS = ("RNN", "Dense", "Activation", "Flatten", "Loss")
PACKAGES = {"numpy", "pandas", "matplotlib", "tqdm"}
OWN = {*LAYERS, "lab", "data"}
PYTHON_MAGIC = re.compile(r"\A(\s*%%(time|timeit|capture)\b.*\n?)+")  # what follows is Python


class FormatError(ValueError):
    """A file is missing or is not in the course's format."""


def read_bytes(path):
    """Return the content of one of FILES.

    Raises:
        FormatError: it is missing, or too large to be one.
    """
    if not path.is_file():
        raise FormatError(f"{path.name}: expected this file, found none; hand it in by this name")
    limit, size = MAX_BYTES.get(path.name, 20e6), path.stat().st_size
    if size > limit:
        raise FormatError(
            f"{path.name}: expected at most {limit / 1e6:g} MB, got {size / 1e6:.1f} MB; "
            "clear outputs that are no part of the lab"
        )
    return path.read_bytes()


def read_graded(path):
    """Return `Lab6_outputs.npy` as {check: {key: value}}, shape keys spelt with an underscore.

    Raises:
        FormatError: it is no np.save of a dictionary of dictionaries of arrays and shapes.
    """
    advice = "save the dictionary of the four checks once more with np.save"
    try:
        checks = safe_load.load_dictionary(read_bytes(path))
    except safe_load.UnsafeError as error:
        raise FormatError(f"{GRADED}: {error}; {advice}") from None
    for name, figures in checks.items():
        if type(figures) is not dict:
            raise FormatError(
                f"{GRADED}: expected a dictionary in {quoted(name)}, got "
                f"{type(figures).__name__}; {advice}"
            )
    return {
        name: {key.replace(" shape", "_shape"): value for key, value in figures.items()}
        for name, figures in checks.items()
    }


def read_basic(path):
    """Return the answers, floats in the order of Id 1..500."""
    return _read_column(path, ["Id", "answer"], range(1, 501), _finite, "a finite number")


def read_advanced(path):
    """Return the classes, 0, 1 or 2 in the order of Id 0..2946."""
    return _read_column(path, ["Id", "Classes"], range(2947), _class, "0, 1 or 2")


def _finite(text):
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value


def _class(text):
    return {"0": 0, "1": 1, "2": 2}[text]


def _read_column(path, header, ids, convert, wanted):
    name, values = path.name, {}
    raw = read_bytes(path)
    try:
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{name}: expected a CSV in UTF-8, got: {error}; save it anew") from None
    came = rows[0] if rows else []
    if came != header:
        raise FormatError(
            f"{name}: expected the header {','.join(header)}, got {quoted(','.join(came))}; "
            "write it with index=False"
        )
    for line, row in enumerate(rows[1:], 2):
        try:
            row_id, text = row
            value = convert(text)
            if row_id != str(int(row_id)) or int(row_id) not in ids or int(row_id) in values:
                raise ValueError(row_id)
        except (ValueError, KeyError):
            raise FormatError(
                f"{name}: line {line}: expected an Id in {ids[0]}..{ids[-1]}, each once, and "
                f"{wanted}, got {quoted(','.join(row))}; correct it"
            ) from None
        values[int(row_id)] = value
    if len(values) != len(ids):
        raise FormatError(
            f"{name}: expected {len(ids)} rows, got {len(values)}; predict every test sample"
        )
    return [values[i] for i in ids]


def count_pages(path):
    """Return the number of pages of a PDF.

    Raises:
        FormatError: it is no readable PDF.
    """
    raw = read_bytes(path)
    from pypdf import PdfReader  # here, for the experiments use the scorer's figures without it

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it repairs is no one's concern
    try:
        return len(PdfReader(io.BytesIO(raw)).pages)
    except Exception as error:  # a damaged PDF can fail in any way
        raise FormatError(
            f"{REPORT}: expected a PDF, got {type(error).__name__} on reading; export it anew"
        ) from None


def notebook_problems(path):
    """Return what is wrong with a notebook, and with layer modules beside it, as sentences.

    Raises:
        FormatError: it is missing or no notebook.
    """
    cells = _code_cells(path)
    counts = [count for _, count, _ in cells]
    kinds = [kind for _, _, kinds in cells for kind in kinds]
    problems = []
    if not cells or not all(type(count) is int for count in counts):
        problems.append("a code cell was not run; choose Run All Cells and save")
    elif sorted(set(counts)) != counts:
        problems.append("cells were not run from top to bottom; choose Restart and Run All, save")
    if not kinds:
        problems.append("it has no output; run it and save it with its output")
    if "error" in kinds:
        problems.append("a cell ended in an error; correct it and run all again")
    return problems + _foreign_imports(path, cells)


def _code_cells(path):
    """Return (source, execution count, kinds of output) of each code cell that is not empty."""
    raw = read_bytes(path)
    try:
        cells = [  # a source is one string or a list of lines
            ("".join(c["source"]), c["execution_count"], [o["output_type"] for o in c["outputs"]])
            for c in json.loads(raw)["cells"]
            if c["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(
            f"{NOTEBOOK}: expected a notebook of format 4, got {type(error).__name__} on reading; "
            "save it from Jupyter"
        ) from None
    return [cell for cell in cells if cell[0].strip()]


def foreign_imports(path):
    """Return what a notebook, or a layer module beside it, imports against the rules, as sentences.

    Raises:
        FormatError: it is missing or no notebook.
    """
    return _foreign_imports(path, _code_cells(path))


def _foreign_imports(path, cells):
    problems = []
    for i, (source, _, _) in enumerate(cells, 1):
        problems += _imports_against_rules(f"cell {i}", source, of_cell=True)
    for layer in LAYERS:
        module = path.with_name(f"{layer}.py")
        if module.is_file():
            source = read_bytes(module).decode("utf-8", "replace")
            problems += _imports_against_rules(module.name, source, of_cell=False)
    return problems


def as_python(source):
    """Return a cell with Jupyter's own commands as the Python calls that IPython makes of them.

    Raises:
        SyntaxError, ValueError, LookupError, RuntimeError: IPython can make nothing of it.
    """
    from IPython.core.inputtransformer2 import TransformerManager  # here, as pypdf above

    return TransformerManager().transform_cell(PYTHON_MAGIC.sub("", source))


def _imports_against_rules(name, source, of_cell):
    try:
        if len(source) > MAX_SOURCE:
            raise ValueError(source[:40])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\\m" in a string and the like are no one's concern
            nodes = list(ast.walk(ast.parse(as_python(source) if of_cell else source)))
    except (SyntaxError, ValueError, LookupError, RuntimeError, MemoryError):
        return [f"{name} is no Python that can be read; correct it"]
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    modules += [node.id for node in nodes if isinstance(node, ast.Name) and node.id == "__import__"]
    foreign = sorted({m for m in modules if m.split(".")[0] not in PACKAGES | OWN})
    return [f"{name} imports {quoted(m)}, which the course does not allow" for m in foreign]


def quoted(text):
    """Return foreign text as ASCII in quotes, cut to 40 characters."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")
