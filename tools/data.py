"""Fill data/ with the lab's files and check them; where all is there, only check."""

import argparse
from pathlib import Path

from data.prepare import HERE, prepare
from data.uci import URL


def main(argv):
    """The command line; see data/README.md."""
    parser = argparse.ArgumentParser(prog="python -m tools data", description=__doc__)
    parser.add_argument("--dir", type=Path, default=HERE, help="folder to fill")
    parser.add_argument("--from", type=Path, dest="source", help="folder to take files from")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.add_argument("--simulate", action="store_true", help="do not try the network")
    parser.add_argument("--url", default=URL, help="address of the UCI HAR archive")
    args = parser.parse_args(argv)
    print(prepare(args.dir, args.source, force=args.force, simulate=args.simulate, url=args.url))
