"""Measure what the page of experiments, the report, README and notebook say, and write it there."""

import argparse

from tools.files import OUTPUTS


def main(argv):
    parser = argparse.ArgumentParser(prog="python -m tools experiments", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="hardly any training, to try the code")
    parser.add_argument("--fill", action="store_true", help="measure nothing, only write the texts")
    args = parser.parse_args(argv)
    from tools.experiments import measure, page  # late: they set the number of threads

    folder = OUTPUTS / "quick" if args.quick else OUTPUTS
    if not args.fill:
        measure.measure(folder, args.quick)
    page.write_page(folder)
    if not args.quick:
        page.fill_texts(folder)
    return 0
