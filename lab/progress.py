"""Progress as plain text that saves well in a notebook."""

import sys

from tqdm import tqdm


def bar_options():
    """Return tqdm options for one plain line: to stdout, drawn twice a second, of one width."""
    return {"file": sys.stdout, "ascii": " =", "ncols": 96, "mininterval": 0.5}


def progress_bar(total):
    """Return the bar of a training of `total` epochs."""
    return tqdm(total=total, **bar_options())
