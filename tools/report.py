"""The one-page report: report.typ, its numbers filled in from outputs/results.json.

    python -m tools report [--name "Ada Lovelace"] [--number 112062000]

What the page says of the numbers is held by tests/test_claims.py. Equal results give an equal file.
"""

import argparse
from pathlib import Path

import typst

from lab.files import OUTPUTS, replacing
from tools.grading.submission import REPORT, count_pages

TEMPLATE = Path(__file__).with_name("report.typ")


def write_report(folder, name="", number=""):
    """Write the PDF into `folder`, whose results.json the page may use; atomically.

    Raises:
        ValueError: the page cannot be set, for want of a result or another reason, or is not one.
    """
    results = folder / "results.json"
    given = {"name": name, "number": number}
    if results.exists():
        given["results"] = results.read_text("utf-8")
    with replacing(folder / REPORT) as temporary:
        try:
            page = typst.compile(TEMPLATE, ignore_system_fonts=True, sys_inputs=given)
        except typst.TypstError as error:
            raise ValueError(
                f"{TEMPLATE.name}: expected a page that can be set, got: {error}; where a result "
                "is missing, run python -m tools experiments"
            ) from None
        temporary.write_bytes(page)
        pages = count_pages(temporary.read_bytes())
        if pages != 1:
            raise ValueError(f"report: expected one page, got {pages}; shorten {TEMPLATE.name}")


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools report", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--name", default="", help="your name, for the page's head")
    parser.add_argument("--number", default="", help="your student number")
    parser.add_argument("--output-dir", type=Path, default=OUTPUTS)
    args = parser.parse_args(argv)
    write_report(args.output_dir, args.name, args.number)
    print(args.output_dir / REPORT)
