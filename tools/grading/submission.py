"""What a student handed in: found by a tolerant search, read as a stranger's, never run.

`read` finds the five files in a folder or a zip, under other names and in deeper folders too. Each
of the readers takes a file's bytes and returns what the file holds. All raise FormatError with what
was expected, what came and what to do. Foreign text is quoted and cut before it is repeated.
"""

import io
import json
import logging
import re
import zipfile
from collections import namedtuple
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from IPython.core.inputtransformer2 import TransformerManager
from pypdf import PdfReader

from data.prepare import SHAPES
from tools.grading import safe_load

NOTEBOOK, GRADED, REPORT = "Lab6.ipynb", "Lab6_outputs.npy", "Lab6_report.pdf"
BASIC, ADVANCED = "y_pred_basic.csv", "y_pred_advanced.csv"
FILES = (NOTEBOOK, GRADED, REPORT, BASIC, ADVANCED)
LAYERS = ("RNN", "Dense", "Activation", "Flatten", "Loss")
WORDS = {BASIC: "basic", ADVANCED: "advanced"}  # in the name of what may stand for a missing file
CODE = {".py", ".pyc", ".pyd", ".so"}  # what an import beside the notebook can find
MAX_BYTES = {".ipynb": 50e6, ".npy": safe_load.MAX_BYTES, ".pdf": 20e6, ".csv": 1e6, ".zip": 200e6}
MAX_BYTES |= dict.fromkeys(CODE, 1e6)
ARCHIVES = {".zip", ".rar", ".7z", ".tar", ".gz", ".tgz"}
LEFT_OUT = re.compile(r"\..*|__MACOSX|__pycache__|site-packages|node_modules")

Cell = namedtuple("Cell", "source count outputs")  # of a notebook's code; outputs as in the file


@dataclass
class HandIn:
    """What a student handed in, by canonical names; nothing of it was run."""

    name: str  # the folder's or the zip's
    student: str  # the student number in it, or ""
    files: dict[str, bytes] = field(default_factory=dict)  # FILES, and code beside the notebook
    notes: list[str] = field(default_factory=list)  # on names that are not the course's
    packing: list[str] = field(default_factory=list)  # on zips and folders
    doubts: list[str] = field(default_factory=list)  # on links, and on other files of such names


class FormatError(ValueError):
    """A file is missing or is not in the course's format."""


def _fault(name, expected, came, advice):
    return FormatError(f"{name}: expected {expected}, got {came}; {advice}")


def read(path):
    """Return the HandIn in a folder or a zip, a pathlib.Path; nothing is unpacked to disk."""
    hand_in = HandIn(path.name, max(re.findall(r"\d{5,}", path.name), key=len, default=""))
    paths = sorted(path.rglob("*")) if path.is_dir() else [path]  # not through links to folders
    links = [x for x in paths if x.is_symlink()]
    hand_in.doubts += [f"{quoted(link.name)} is a link and was not read" for link in links]
    folder = path if path.is_dir() else path.parent
    entries = {  # name inside: what opens it
        PurePosixPath(x.relative_to(folder).as_posix()): partial(x.open, "rb")
        for x in paths
        if x.is_file() and x not in links
    }
    try:
        for name in [name for name in entries if name.suffix.lower() in ARCHIVES]:
            hand_in.packing.append(f"handed in packed, as {quoted(name.name)}")
            archive = zipfile.ZipFile(io.BytesIO(_start_of(entries.pop(name), ".zip")))
            entries |= {
                PurePosixPath(info.filename.lstrip("/")): partial(archive.open, info)
                for info in archive.infolist()
                if not info.is_dir()
            }
        kept = [name for name in entries if not any(map(LEFT_OUT.fullmatch, name.parts))]
        _take_files(hand_in, {name: entries[name] for name in kept})
    except Exception as error:  # a damaged or locked zip can fail in any way
        wanted = "a folder or a zip to read"
        raise _fault(quoted(path.name), wanted, error, "unpack it by hand") from None
    return hand_in


def _start_of(opening, suffix):
    with opening() as file:  # one byte more shows a reader what is too large
        return file.read(int(MAX_BYTES[suffix]) + 1)


def _take_files(hand_in, entries):
    """Take the course's files out of {path inside: what opens it}, and the code beside them."""
    home = PurePosixPath()
    for wanted in FILES:
        ranks = {name: rank for name in entries if (rank := _rank(name, wanted))}
        if not ranks:
            continue
        # Of files alike, the last name: "Lab6 (2).ipynb" came after "Lab6 (1).ipynb".
        name, *others = sorted(sorted(ranks, reverse=True), key=ranks.get)
        hand_in.files[wanted] = _start_of(entries[name], name.suffix.lower())
        if name.name != wanted:
            hand_in.notes.append(f"{quoted(name.name)} for {wanted}")
        if len(name.parts) > 1 and not hand_in.packing:
            hand_in.packing.append(f"{wanted} is in a folder of its own, {quoted(str(name))}")
        if others and ranks[others[0]] < (4, 0):
            hand_in.doubts.append(f"{quoted(str(others[0]))} is there beside {quoted(str(name))}")
        home = name.parent if wanted == NOTEBOOK else home
    for name, entry in entries.items():
        if name.suffix in CODE:
            beside = name.relative_to(home) if name.is_relative_to(home) else name
            hand_in.files[str(beside)] = _start_of(entry, name.suffix)


def _rank(path, wanted):
    """Return a pair, the lower the nearer a path is to the file `wanted`; None: another file."""
    stem, suffix = wanted.split(".")
    plain = re.sub(r"[\W_]+", "", path.stem.lower())
    if path.suffix.lower() != f".{suffix}" or path.name in SHAPES:
        return None
    nearness = [path.name == wanted, path.name.lower() == wanted.lower()]
    nearness += [stem.replace("_", "").lower() in plain, WORDS.get(wanted, "") in plain]
    return (1 + nearness.index(True), len(path.parts)) if any(nearness) else None


def _checked(name, raw):
    """Return a file's bytes if it is there and not too large."""
    if raw is None:
        raise _fault(name, "this file", "found none", "hand it in by this name")
    limit = MAX_BYTES[Path(name).suffix]
    if len(raw) > limit:
        raise _fault(name, f"at most {limit / 1e6:g} MB", "more", "clear what is no part of it")
    return raw


def read_graded(raw):
    """Return `Lab6_outputs.npy` as {check: {key: value}}, shape keys spelt with an underscore."""
    raw = _checked(GRADED, raw)
    try:
        checks = safe_load.load_dictionary(raw)
        return {
            name: {key.replace(" shape", "_shape"): value for key, value in figures.items()}
            for name, figures in checks.items()
        }
    except (safe_load.UnsafeError, AttributeError) as error:
        raise _fault(GRADED, "the four checks' dictionary", error, "write it by np.save") from None


def read_basic(raw):
    """Return the answers (500,), floats in the order of Id 1..500."""
    return _read_column(BASIC, raw, "answer", range(1, 501))


def read_advanced(raw):
    """Return the classes (2947,), 0, 1 or 2 in the order of Id 0..2946."""
    return _read_column(ADVANCED, raw, "Classes", range(2947), (0, 1, 2)).astype(int)


# Of what is held against the truth, or against another's; each takes a file's bytes.
READERS = {GRADED: read_graded, BASIC: read_basic, ADVANCED: read_advanced}


def _read_column(name, raw, column, ids, classes=()):
    raw = _checked(name, raw)
    try:
        table = pd.read_csv(io.BytesIO(raw), encoding="utf-8-sig")
    except (ValueError, OverflowError) as error:  # pandas' own errors are ValueErrors
        raise _fault(name, "a CSV in UTF-8", quoted(str(error)), "save it anew") from None
    header = ",".join(str(title).strip() for title in table.columns)
    if header != f"Id,{column}":
        raise _fault(name, f"the header Id,{column}", quoted(header), "write it so, no index")
    numbers = table.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    good = np.isin(numbers[:, 0], ids) & ~table.iloc[:, 0].duplicated()
    good &= np.isin(numbers[:, 1], classes) if classes else np.isfinite(numbers[:, 1])
    if not good.all():
        row = int(np.argmin(good))
        wanted = "0, 1 or 2" if classes else "a finite number"
        expected = f"an Id in {ids[0]}..{ids[-1]}, each once, and {wanted}"
        came = quoted(",".join(map(str, table.iloc[row])))
        raise _fault(f"{name}: line {row + 2}", expected, came, "correct it")
    if len(table) != len(ids):
        raise _fault(name, f"{len(ids)} rows", len(table), "predict every test sample")
    return numbers[np.argsort(numbers[:, 0]), 1]


def count_pages(raw):
    """Return the number of pages of the report, whose bytes are `raw`."""
    raw = _checked(REPORT, raw)
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it repairs is no one's concern
    try:
        return len(PdfReader(io.BytesIO(raw)).pages)
    except Exception as error:  # a damaged PDF can fail in any way
        raise _fault(REPORT, "a PDF", type(error).__name__, "export it anew") from None


def code_cells(raw):
    """Return the Cells of a notebook's code that are not empty."""
    raw = _checked(NOTEBOOK, raw)
    try:
        cells = [  # a source is one string or a list of lines
            Cell("".join(c["source"]), c.get("execution_count"), c.get("outputs", []))
            for c in json.loads(raw)["cells"]
            if c["cell_type"] == "code"
        ]
        for cell in cells:
            outputs_of(cell)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        kind = type(error).__name__
        raise _fault(NOTEBOOK, "a notebook of format 4", kind, "save it from Jupyter") from None
    return [cell for cell in cells if cell.source.strip()]


def outputs_of(cell):
    """Return what a cell printed, and the kinds of its other outputs, as text and a set."""
    texts, kinds = [], set()
    for output in cell.outputs:
        data = output.get("data", {})
        texts.append("".join(output.get("text", data.get("text/plain", ""))))
        kinds |= {output["output_type"], *data}
    return "\n".join(texts), kinds


def as_python(source):
    """Return a cell with Jupyter's own commands as the Python calls that IPython makes of them."""
    return TransformerManager().transform_cell(source)


def quoted(text):
    """Return foreign text as ASCII in quotes, cut to 60 characters."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")
