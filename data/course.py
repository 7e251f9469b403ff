"""What the course's data files are: names, shapes, known figures, and the check of each.

Checks take a file's bytes, so that what was checked is what is written.
"""

import hashlib
import io

import numpy as np
import pandas as pd

SINE, LABELS = "X_test.csv", "y_test.npy"
ACTIVITY = ("X_train.npy", "y_train.npy", "X_test.npy", LABELS)  # one set, of one source
FILES = (*ACTIVITY[:3], SINE)  # the four that the course hands out
AGAIN = "get it anew, or remove it and run python -m tools data (--simulate: without network)"

WINDOWS = {"train": 7352, "test": 2947}
LABEL_COUNTS = (1226, 2059, 4067)  # of y_train's classes 0, 1, 2
SHA256 = {  # of the numbers, as 64-bit integers or floats
    "y_train.npy": "72cd46b986236c5ee1a724a533f0c47e55b9c8f51194b0f57aa5dcdd6386e37d",
    SINE: "72f6ce8bedc2ee5ab2a586506e6a328cfe4a7f8a6f7359ea696780fe4c3a7fde",
}
FIRST = {  # of each input file, the first timestep of the first window
    "X_train.npy": (1.808515e-4, 1.076681e-2, 5.556068e-2, 3.019122e-2, 6.601362e-2, 2.285864e-2),
    "X_test.npy": (1.165315e-2, -2.939904e-2, 1.068262e-1, 4.374637e-1, 5.313492e-1, 1.365279e-1),
}


def check_file(name, raw):
    """Read one data file and check that it is what the course describes.

    Args:
        name: one of the five file names; it decides what is expected.
        raw: the file's bytes.

    Returns:
        X_test.csv: (500, 99) float64 without the Id. X_*.npy: (N, 128, 6) float32 or float64.
        y_*.npy: (N, 1) integers 0..2.

    Raises:
        ValueError: one sentence: what was expected, what came, what to do.
    """
    if name == SINE:
        return _check_csv(raw)
    rows = WINDOWS[name[2:-4]]
    labels = name.startswith("y")
    shape = (rows, 1) if labels else (rows, 128, 6)
    try:
        array = np.lib.format.read_array(io.BytesIO(raw))  # refuses pickles
    except Exception as error:  # a damaged header ends in errors of many kinds
        raise unlike(name, "a whole .npy file of numbers", str(error).rstrip(".")) from error
    if array.shape != shape:
        raise unlike(name, f"shape {shape}", array.shape)
    if labels:
        if array.dtype.kind not in "iu":
            raise unlike(name, "integer labels", f"dtype {array.dtype}")
        if array.min() < 0 or array.max() > 2:
            raise unlike(name, "labels 0, 1, 2", f"{array.min()}..{array.max()}")
    else:
        if array.dtype not in (np.float32, np.float64):
            raise unlike(name, "float32 or float64", f"dtype {array.dtype}")
        check_finite(name, array)
    return array


def _check_csv(raw):
    """X_test.csv as numbers (500, 99); a byte-order mark and Windows line ends do no harm."""
    try:  # as text first, for not every pandas reads numbers to the last digit
        frame = pd.read_csv(io.BytesIO(raw), dtype=str, keep_default_na=False)
    except ValueError as error:  # of what pandas cannot decode or take apart
        raise unlike(SINE, "a CSV file in UTF-8", " ".join(str(error).split())) from error
    if list(frame.columns) != ["Id", *map(str, range(99))]:
        came = f"{len(frame.columns)} columns, {', '.join(frame.columns[:3])[:40]} ..."
        raise unlike(SINE, "the columns Id, 0 ... 98, split by commas", came)
    if len(frame) != 500:
        raise unlike(SINE, "500 rows below the header", len(frame))
    try:
        values = frame.to_numpy(str).astype(float)
    except ValueError as error:
        raise unlike(SINE, "numbers with decimal points", error) from error
    if not np.array_equal(values[:, 0], np.arange(1, 501)):
        came = f"Id {values[0, 0]:g}..{values[-1, 0]:g}"
        raise unlike(SINE, "99 numbers in each row behind Id 1..500 in order", came)
    return check_finite(SINE, values[:, 1:])


def check_finite(name, array):
    """Return `array`; ValueError where some of its numbers are NaN or infinite."""
    bad = array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        raise unlike(name, "finite numbers", f"{bad} NaN or infinite")
    return array


def unlike(name, expected, came):
    """Return the ValueError that says what was expected of a file, what came, and what to do."""
    return ValueError(f"{name}: expected {expected}, got {came}; {AGAIN}")


def is_authentic(name, array):
    """Whether a checked array is recognisably the course's own; None where nothing is known."""
    if name in FIRST:
        return bool(np.allclose(array[0, 0], FIRST[name], rtol=0, atol=1e-6))
    if name in SHA256:
        return sha256(array.astype("<f8" if name == SINE else "<i8").tobytes()) == SHA256[name]
    return None


def sha256(raw):
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def npy_bytes(array):
    """Return what a .npy file of `array` holds."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
