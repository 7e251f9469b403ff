"""Fetch the data into data/, take it from a folder or zip, and say what is there."""

import argparse

from data.prepare import fill, look_at_all


def main(argv):
    parser = argparse.ArgumentParser(prog="python -m tools data", description=__doc__)
    parser.add_argument("--from", dest="source", help="folder or zip with the course's files")
    parser.add_argument("--labels", action="store_true", help="also y_test.npy, for whoever scores")
    args = parser.parse_args(argv)
    fill(source=args.source, labels=args.labels)
    print("\n".join(look_at_all()))
