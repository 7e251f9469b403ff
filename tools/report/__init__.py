"""Write the one-page report from what the experiments measured.

    python -m tools report [--name "Ada Lovelace"] [--number 112062000]

Equal results give an equal file.
"""

import argparse
import io
import json

import typst
from pypdf import PdfReader

from tools.experiments.measure import NOISY, TRIVIAL
from tools.experiments.page import Results, hidden_rows, spread, stack_rows
from tools.files import OUTPUTS, ROOT, replacing

REPORT = "Lab6_report.pdf"


def values_of(r):
    """Return the rows of the page's tables, from `r`, the Results."""
    sine = [
        [
            name.split(":")[0],
            f"{r.rows('sine', name)[0]['weights']:,}",
            spread(r.sine(name, 0, "mape")),
            spread(r.sine(name, 0, "median"), 2),
            spread(r.sine(name, 0.01, "mape"), 2),
        ]
        for name in r.names("sine")
        if name not in (*TRIVIAL, NOISY)
    ]
    rows = {"sine": sine, "stacks": stack_rows(r), "units": hidden_rows(r)}
    return {name: [[str(cell) for cell in row] for row in table] for name, table in rows.items()}


def write_report(folder, name="", number=""):
    """Write the PDF into `folder`, from its results; ValueError if it is not one page."""
    inputs = {"name": name, "number": number, "values": json.dumps(values_of(Results(folder)))}
    inputs["figure"] = f"/{(folder / 'figures' / 'hidden.svg').relative_to(ROOT).as_posix()}"
    source = ROOT / "tools" / "report" / "report.typ"
    page = typst.compile(source, root=ROOT, ignore_system_fonts=True, sys_inputs=inputs)
    pages = len(PdfReader(io.BytesIO(page)).pages)
    if pages != 1:
        raise ValueError(f"report: expected one page, got {pages}; shorten {source.name}")
    with replacing(folder / REPORT) as temporary:
        temporary.write_bytes(page)


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools report", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--name", default="", help="your name, for the page's head")
    parser.add_argument("--number", default="", help="your student number")
    args = parser.parse_args(argv)
    write_report(OUTPUTS, args.name, args.number)
    print(OUTPUTS / REPORT)
    return 0
