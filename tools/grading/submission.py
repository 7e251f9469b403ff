"""What a student handed in: found by a tolerant search, read as a stranger's, never run.

`read` finds the course's files in a folder, a zip or a flat export, under other names too. Each of
READERS takes a file's bytes and returns what it holds, or raises FormatError.
"""

import hashlib
import io
import logging
import os
import re
import zipfile
from collections import namedtuple
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from pypdf import PdfReader

from tools.check import check
from tools.grading import safe_load

NOTEBOOK, GRADED, REPORT = "Lab6.ipynb", "Lab6_outputs.npy", "Lab6_report.pdf"
BASIC, ADVANCED = "y_pred_basic.csv", "y_pred_advanced.csv"
FILES = (NOTEBOOK, GRADED, REPORT, BASIC, ADVANCED)
DATA = ("X_test.csv", "X_train.npy", "y_train.npy", "X_test.npy")  # the course's, not a student's
LAYERS = ("Dense", "Activation", "Flatten", "Loss")  # of earlier labs
CODE = {".py", ".pyc", ".pyd", ".so"}  # what an import beside the notebook can find
MAX_BYTES = {".ipynb": 50e6, ".npy": safe_load.MAX_BYTES, ".pdf": 20e6, ".csv": 1e6, ".zip": 200e6}
MAX_BYTES |= dict.fromkeys(CODE, 1e6)
ARCHIVES = {".zip", ".rar", ".7z", ".tar", ".gz", ".tgz"}
LEFT_OUT = re.compile(r"\..*|__MACOSX|__pycache__|site-packages|node_modules")
SITE_NUMBER = re.compile(r"\d+(?=_assignsubmission)|(?<=submission_)\d+")  # Moodle's, Gradescope's
FLAT = r"(?P<hand_in>.+?)_(?P<file>(?:Lab6|y_pred)[^/]*\.(?:ipynb|npy|pdf|csv))"

Finding = namedtuple("Finding", "verdict sentences")  # of a rule: one of VERDICTS, and the evidence
EXACT, PREFIXED, ALIKE, LOOSE = range(4)  # how near a file's name is to the course's
VERDICTS = ("not checked", "ok", "suspect", "broken")
Cell = namedtuple("Cell", "source count outputs")  # of a notebook's code; outputs as in the file


@dataclass
class HandIn:
    """What a student handed in, by canonical names; nothing of it was run."""

    name: str  # the folder's or the zip's
    student: str = ""  # the student number, where it is known
    files: dict[str, bytes] = field(default_factory=dict)  # FILES, and code beside the notebook
    paths: dict[str, str] = field(default_factory=dict)  # file: where it is, for links
    prefixed: list[str] = field(default_factory=list)  # names with something before the right one
    notes: list[str] = field(default_factory=list)  # on names that are not the course's
    packing: list[str] = field(default_factory=list)  # on zips and folders
    doubts: list[str] = field(default_factory=list)  # on links, and on other files of such names

    def digest(self):
        """Return a SHA-256 of what can run or be compared: it changes with the content alone."""
        return hashlib.sha256(repr(sorted(self.files.items())).encode()).hexdigest()

    @cached_property
    def contents(self):
        """{file: what READERS say it holds}, and {file: why nothing can be read} of the others."""
        content, faults = {}, {}
        for name, reader in READERS.items():
            try:
                content[name] = reader(self.files.get(name))
            except FormatError as error:
                faults[name] = str(error)
        return content, faults

    @property
    def cells(self):
        """The Cells of the notebook; none if it cannot be read."""
        return self.contents[0].get(NOTEBOOK, [])

    def modules(self):
        """Return {name: source} of the Python files beside the notebook."""
        modules = {name: raw for name, raw in self.files.items() if name.endswith(".py")}
        return {name: raw.decode("utf-8", "replace") for name, raw in modules.items()}


class FormatError(ValueError):
    """A file is missing or is not in the course's format."""


def _fault(name, expected, came, advice):
    return FormatError(f"{name}: expected {expected}, got {came}; {advice}")


def _shown_name(path):  # as text that can be written, in whatever encoding it is
    return os.fsencode(path.name).decode("utf-8", "replace")


def find(folder, pattern=None):
    """Return {name: path, or the paths of a flat export} of the hand-ins in a folder."""
    found, flat = {}, re.compile(pattern or FLAT)
    for path in sorted(x for x in folder.iterdir() if not LEFT_OUT.fullmatch(x.name)):
        name = _shown_name(path)
        if (path.is_dir() and name != "feedback") or path.suffix.lower() in ARCHIVES:
            found[name] = path
        elif path.is_file() and (match := flat.fullmatch(name)):
            groups = match.groupdict()
            found.setdefault(groups.get("hand_in") or groups.get("student"), []).append(path)
    return found


def read(path, pattern=None, name=None, listed=()):
    """Return the HandIn in a folder, a zip, or the list of paths of a flat export, called `name`.

    `pattern` is a regular expression of names with the groups `student` and `file`, or None;
    `listed` are the student numbers on the class list. ValueError: it cannot be read.
    """
    flat = isinstance(path, list)
    folder = path[0].parent if flat else path if path.is_dir() else path.parent
    paths = path if flat else sorted(path.rglob("*")) if path.is_dir() else [path]
    hand_in = HandIn(name or _shown_name(path))
    entries = {}  # path inside: what opens it, and where it is
    for x in paths:
        if x.is_symlink():
            hand_in.doubts.append(f"{quoted(x.name)} is a link and was not read")
        elif x.is_file():
            inside = PurePosixPath(x.relative_to(folder).as_posix())
            if match := re.fullmatch(pattern or (FLAT if flat else "(?!)"), _shown_name(x)):
                inside = inside.with_name(match.groupdict().get("file") or x.name)
            entries[inside] = partial(x.open, "rb"), str(x)
    try:
        for packed in [x for x in entries if x.suffix.lower() in ARCHIVES]:
            hand_in.packing.append(f"handed in packed, as {quoted(packed.name)}")
            opening, where = entries.pop(packed)
            archive = zipfile.ZipFile(io.BytesIO(_start_of(opening, ".zip")))
            for info in (info for info in archive.infolist() if not info.is_dir()):
                inside = PurePosixPath(info.filename.lstrip("/"))
                entries[inside] = partial(archive.open, info), where
        _take_files(hand_in, entries)
    except Exception as error:  # a damaged or locked zip can fail in any way
        wanted = "a folder or a zip to read"
        raise _fault(quoted(hand_in.name), wanted, error, "unpack it by hand") from None
    names = [hand_in.name, *map(_shown_name, paths)]
    if pattern and "student" in re.compile(pattern).groupindex:
        matches = filter(None, (re.search(pattern, x) for x in names))
        numbers = [match["student"] for match in matches if match["student"]]
    else:
        numbers = [re.findall(r"\d{5,}", SITE_NUMBER.sub("", x)) for x in names]
        numbers = [x for found in numbers for x in found if x in listed] or numbers[0]
    hand_in.student = next(iter(numbers), "")
    return hand_in


def _start_of(opening, suffix):
    with opening() as file:
        return file.read(int(MAX_BYTES[suffix]) + 1)  # one byte more shows what is too large


def _take_files(hand_in, entries):
    """Take the course's files out of `entries`, and the code beside them."""
    home = PurePosixPath()
    kept = {x: entries[x] for x in entries if not any(map(LEFT_OUT.fullmatch, x.parts))}
    for wanted in FILES:
        ranks = {x: rank for x in kept if (rank := _rank(x, wanted))}
        if not ranks:
            continue
        # Of files alike, the last name: "Lab6-2.ipynb" came after "Lab6-1.ipynb".
        by_name = sorted(ranks, key=lambda path: path.stem, reverse=True)
        path, *others = sorted(by_name, key=ranks.get)
        hand_in.files[wanted] = _start_of(kept[path][0], path.suffix.lower())
        hand_in.paths[wanted] = kept[path][1]
        nearness, _ = ranks[path]
        if nearness != EXACT:
            said = hand_in.prefixed if nearness == PREFIXED else hand_in.notes
            said.append(f"{quoted(path.name)} for {wanted}")
        if len(path.parts) > 1 and not hand_in.packing:
            hand_in.packing.append(f"{wanted} is in a folder of its own, {quoted(str(path))}")
        if others and ranks[others[0]][0] < LOOSE:
            hand_in.doubts.append(f"{quoted(str(others[0]))} is there beside {quoted(str(path))}")
        home = path.parent if wanted == NOTEBOOK else home
    for path in (path for path in kept if path.suffix in CODE):
        beside = path.relative_to(home) if path.is_relative_to(home) else path
        hand_in.files[str(beside)] = _start_of(kept[path][0], path.suffix)


def _rank(path, wanted):
    """Return (nearness, depth) of a path to the file `wanted`; None if it is another file."""
    stem, suffix = wanted.split(".")
    if path.suffix.lower() != f".{suffix}" or path.name in (*DATA, "y_test.npy"):
        return None
    plain = re.sub(r"[\W_]+", "", path.stem.lower())
    right = rf"{stem}(-\d+)?\.{suffix}"  # the "-1" is a site's, of a second try
    fits = {
        EXACT: re.fullmatch(right, path.name),
        PREFIXED: re.fullmatch(f".+_{right}", path.name),
        ALIKE: stem.replace("_", "").lower() in plain,
        LOOSE: {BASIC: "basic", ADVANCED: "advanced"}.get(wanted, "") in plain,
    }
    return next(((nearness, len(path.parts)) for nearness in fits if fits[nearness]), None)


def _graded(raw):
    """Return `Lab6_outputs.npy` as {check: {key: value}}, shape keys spelt with an underscore."""
    return {
        name: {key.replace(" shape", "_shape"): value for key, value in figures.items()}
        for name, figures in safe_load.load_dictionary(raw).items()
        if isinstance(figures, dict)  # what else is in it concerns nobody
    }


def _column(name, column, ids, classes, raw):
    """Return the second column of a CSV, in the order of the Id in the first."""
    table = pd.read_csv(io.BytesIO(raw), encoding="utf-8-sig")
    header = ",".join(str(title).strip() for title in table.columns)
    if header != f"Id,{column}":
        raise _fault(name, f"the header Id,{column}", quoted(header), "write it so, no index")
    numbers = table.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    good = np.isin(numbers[:, 0], ids) & ~table.iloc[:, 0].duplicated()
    good &= np.isin(numbers[:, 1], classes) if classes else np.isfinite(numbers[:, 1])
    if len(table) != len(ids) or not good.all():
        values = "0, 1 or 2" if classes else "a finite number"
        expected = f"each Id in {ids[0]}..{ids[-1]} once, with {values}"
        first = int(np.argmin(good)) if len(good) else 0
        bad = "" if good.all() else f", line {first + 2}: {quoted(str(table.iloc[first].tolist()))}"
        raise _fault(name, expected, f"{len(table)} rows{bad}", "correct it")
    return numbers[np.argsort(numbers[:, 0]), 1]


def _report(raw):
    """Return the text of the report, which must have one page."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it repairs is no one's concern
    pages = PdfReader(io.BytesIO(raw)).pages
    count, text = len(pages), pages[0].extract_text()[:8000]
    if count != 1:
        raise _fault(REPORT, "one page", f"{count}, which begin: {quoted(text)}", "shorten it")
    return text


def _cells(raw):
    """Return the Cells of a notebook's code that are not empty."""
    found = check.code_cells(raw)
    cells = [Cell(source, x.get("execution_count"), x.get("outputs", [])) for source, x in found]
    list(map(printed, cells))
    return [cell for cell in cells if cell.source.strip()]


def _reader(name, parse, expected, advice):
    """Return what parses the bytes of a file, None if it is missing, or raises FormatError."""

    def reader(raw):
        if raw is None:
            raise _fault(name, "this file", "found none", "hand it in by this name")
        limit = MAX_BYTES[Path(name).suffix]
        if len(raw) > limit:
            raise _fault(name, f"at most {limit / 1e6:g} MB", "more", "clear what is no part of it")
        try:
            return parse(raw)
        except FormatError:
            raise
        except Exception as error:  # a damaged file can fail in any way
            came = quoted(f"{type(error).__name__}: {error}", 120)
            raise _fault(name, expected, came, advice) from None

    return reader


def _csv_reader(name, *form):
    return _reader(name, partial(_column, name, *form), "a CSV in UTF-8", "save it anew")


READERS = {  # file: what returns its content, given its bytes
    NOTEBOOK: _reader(NOTEBOOK, _cells, "a notebook", "save it from Jupyter"),
    GRADED: _reader(GRADED, _graded, "the four checks' dictionary", "write it by np.save"),
    REPORT: _reader(REPORT, _report, "a PDF", "export it anew"),
    BASIC: _csv_reader(BASIC, "answer", range(1, 501), ()),  # (500,)
    ADVANCED: _csv_reader(ADVANCED, "Classes", range(2947), (0, 1, 2)),  # (2947,)
}
code_cells = READERS[NOTEBOOK]


def printed(cell):
    """Return what a cell printed, as text."""
    shown = [{**output.get("data", {}), **output} for output in cell.outputs]
    return "\n".join("".join(x.get("text", x.get("text/plain", ""))) for x in shown)


def quoted(text, most=60):
    """Return foreign text as ASCII in quotes, cut to so many characters."""
    return ascii(text if len(text) <= most else text[: most - 3] + "...")
