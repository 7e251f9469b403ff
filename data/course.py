"""What the course's data files are: names, shapes, known figures, and the check of each.

Checks take a file's bytes, so that what was checked is what is written.
"""

import hashlib
import io

import numpy as np

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
BLOBS = (  # git's SHA-1 of UCI's signal files: train, then test; acc, gyro; x, y, z
    "929fde6b878e777f408626f624f836da08f4fe3a",
    "8176fab7248c2ed4f9f81ab269477bf382817ca7",
    "a39df0ded2436e9780bc5bd342aea3e600d8935d",
    "03a8e30004b496a2dc4d3ae86d4780b17dea67c4",
    "83c9bd1900438683f205be232fc3c9f4490cf1df",
    "27be709838197209bd9bbae0c718c537e4ea9052",
    "43cc8b67728804ae0f47cdade4776bb4710b560f",
    "798f707479b1e8b86d983d562f0da173540a28da",
    "54995aa9d1bc13a1cb38e34b0f08eb4672d18d9b",
    "19908204424d87d963d1d1319639428800234570",
    "f08e94b66e1f02abc984e994d9cbfde3c875072b",
    "8e0c93642c7fbe17f2b1c509909c89ea677c8e99",
)


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
    try:
        header, *lines = raw.decode("utf-8-sig").rstrip().splitlines() or [""]
    except UnicodeDecodeError as error:
        raise unlike(SINE, "a CSV file in UTF-8", f"other bytes ({error.reason})") from error
    columns = [cell.strip('" ') for cell in header.split(",")]
    if columns != ["Id", *map(str, range(99))]:
        came = f"{len(columns)} columns, {', '.join(columns[:3])[:40]} ... {columns[-1][-40:]}"
        raise unlike(SINE, "the columns Id, 0 ... 98, split by commas", came)
    if len(lines) != 500:
        raise unlike(SINE, "500 rows below the header", len(lines))
    try:
        values = np.loadtxt(lines, delimiter=",", comments=None, quotechar='"', ndmin=2)
    except ValueError as error:
        hint = f"100 numbers in each row, split by commas, with decimal points; {AGAIN}"
        raise ValueError(f"{SINE}: got {str(error).rstrip('.')}; expected {hint}") from error
    if values.shape != (500, 100):
        raise unlike(SINE, "500 rows of 100 numbers with decimal points", values.shape)
    if not np.array_equal(values[:, 0], np.arange(1, 501)):
        raise unlike(SINE, "Id 1..500 in order", f"Id {values[0, 0]:g}..{values[-1, 0]:g}")
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
