"""Fill this folder with the lab's data and check it; where all is there, only check.

Sources, in this order: the files already here, `--from DIR`, the UCI HAR archive (activity task
only), and for a machine without network a simulator. See README.md beside this file.
"""

import argparse
import datetime
import hashlib
import io
import json
import stat
import sys
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # run as a script, Python looks in this folder only
    sys.path.insert(0, str(HERE.parent))

from data.simulate import simulate_activity, sine_waves  # noqa: E402
from tools.files import replacing  # noqa: E402

SINE, LABELS = "X_test.csv", "y_test.npy"
ACTIVITY = ("X_train.npy", "y_train.npy", "X_test.npy", LABELS)  # one set, of one source
OWN, UCI, SIMULATED = "Kaggle or own files", "UCI HAR archive", "simulated"
UCI_URL = (
    "https://archive.ics.uci.edu/static/public/240/human+activity+recognition+using+smartphones.zip"
)
ROOT = "UCI HAR Dataset"  # of the archive; also the name of the archive inside the archive
SEED = 6
MAX_BYTES, MAX_RATIO = 2**29, 100  # of an archive unpacked; the real one: 0.3e9 bytes, ratio < 5
AGAIN = "get it anew, or remove it and let data/prepare.py fetch it or (--simulate) make it"


class Facts(NamedTuple):
    """What is known of the course's data; the defaults are the real figures."""

    train: int = 7352  # windows
    test: int = 2947
    label_counts: tuple = (1226, 2059, 4067)  # of y_train's classes 0, 1, 2
    label_sha256: str = "72cd46b986236c5ee1a724a533f0c47e55b9c8f51194b0f57aa5dcdd6386e37d"
    first_train: tuple = (1.808515e-4, 1.076681e-2, 5.556068e-2, 3.019122e-2, 6.601362e-2,
                          2.285864e-2)  # fmt: skip
    first_test: tuple = (1.165315e-2, -2.939904e-2, 1.068262e-1, 4.374637e-1, 5.313492e-1,
                         1.365279e-1)  # fmt: skip
    sine_sha256: str = "72f6ce8bedc2ee5ab2a586506e6a328cfe4a7f8a6f7359ea696780fe4c3a7fde"
    blobs: tuple = (  # git's SHA-1 of the signal files: train, then test; acc, gyro; x, y, z
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


REAL = Facts()


# Checks: each takes a file's bytes, so that what was checked is what is written.


def check_file(name, raw, facts=REAL):
    """Read one data file and check that it is what the course describes.

    Args:
        name: one of the five file names; it decides what is expected.
        raw: the file's bytes.
        facts: number of windows to expect.

    Returns:
        X_test.csv: (500, 99) float64 without the Id. X_*.npy: (N, 128, 6) float32 or float64.
        y_*.npy: (N, 1) integers 0..2.

    Raises:
        ValueError: one sentence: what was expected, what came, what to do.
    """
    if name == SINE:
        return _check_csv(raw)
    rows = facts.train if "train" in name else facts.test
    labels = name.startswith("y")
    shape = (rows, 1) if labels else (rows, 128, 6)
    try:
        array = np.lib.format.read_array(io.BytesIO(raw))  # refuses pickles
    except Exception as error:  # a damaged header ends in errors of many kinds
        raise _unlike(name, "a whole .npy file of numbers", str(error).rstrip(".")) from error
    if array.shape != shape:
        raise _unlike(name, f"shape {shape}", array.shape)
    if labels:
        if array.dtype.kind not in "iu":
            raise _unlike(name, "integer labels", f"dtype {array.dtype}")
        if array.min() < 0 or array.max() > 2:
            raise _unlike(name, "labels 0, 1, 2", f"{array.min()}..{array.max()}")
    else:
        if array.dtype not in (np.float32, np.float64):
            raise _unlike(name, "float32 or float64", f"dtype {array.dtype}")
        _check_finite(name, array)
    return array


def _check_csv(raw):
    """X_test.csv as numbers (500, 99); a byte-order mark and Windows line ends do no harm."""
    try:
        header, *lines = raw.decode("utf-8-sig").rstrip().splitlines() or [""]
    except UnicodeDecodeError as error:
        raise _unlike(SINE, "a CSV file in UTF-8", f"other bytes ({error.reason})") from error
    columns = [cell.strip('" ') for cell in header.split(",")]
    if columns != ["Id", *map(str, range(99))]:
        came = f"{len(columns)} columns, {', '.join(columns[:3])[:40]} ... {columns[-1][-40:]}"
        raise _unlike(SINE, "the columns Id, 0 ... 98, split by commas", came)
    if len(lines) != 500:
        raise _unlike(SINE, "500 rows below the header", len(lines))
    try:
        values = np.loadtxt(lines, delimiter=",", comments=None, quotechar='"', ndmin=2)
    except ValueError as error:
        hint = f"100 numbers in each row, split by commas, with decimal points; {AGAIN}"
        raise ValueError(f"{SINE}: got {str(error).rstrip('.')}; expected {hint}") from error
    if values.shape != (500, 100):
        raise _unlike(SINE, "500 rows of 100 numbers with decimal points", values.shape)
    if not np.array_equal(values[:, 0], np.arange(1, 501)):
        raise _unlike(SINE, "Id 1..500 in order", f"Id {values[0, 0]:g}..{values[-1, 0]:g}")
    return _check_finite(SINE, values[:, 1:])


def _check_finite(name, array):
    bad = array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        raise _unlike(name, "finite numbers", f"{bad} NaN or infinite")
    return array


def _unlike(name, expected, came):
    return ValueError(f"{name}: expected {expected}, got {came}; {AGAIN}")


def is_authentic(name, array, facts=REAL):
    """Whether a checked array is recognisably the course's own; None where nothing is known."""
    if name == "y_train.npy":
        return _sha256(array.astype("<i8").tobytes()) == facts.label_sha256
    if name == SINE:
        return _sha256(array.astype("<f8").tobytes()) == facts.sine_sha256
    if name == LABELS:
        return None
    first = facts.first_train if name == "X_train.npy" else facts.first_test
    return bool(np.allclose(array[0, 0], first, rtol=0, atol=1e-6))


def _sha256(raw):
    return hashlib.sha256(raw).hexdigest()


# The UCI HAR archive. Members are read in memory, nothing is unpacked to disk.


def download(url, folder, timeout, retries):
    """Fetch `url` by way of a file in `folder`, with a progress bar, and return its bytes.

    Args:
        timeout: seconds to connect and between two pieces, one number or a pair.
        retries: further attempts, after pauses of 1, 2, ... seconds.

    Raises:
        requests.RequestException: the server cannot be reached, refuses or breaks off.
    """
    import pooch  # here, because it takes longer to import than the whole check of files

    pooch.get_logger().setLevel("WARNING")  # its messages would put this machine's paths on show
    print(f"Downloading the {UCI} (about 60 MB) ...")
    fetcher = pooch.create(
        folder, "", registry={"uci.zip": None}, urls={"uci.zip": url}, retry_if_failed=retries
    )
    get = pooch.HTTPDownloader(progressbar=True, timeout=timeout)
    return Path(fetcher.fetch("uci.zip", downloader=get)).read_bytes()


def read_archive(raw, facts=REAL):
    """Read the activity files out of the bytes of UCI HAR's archive and check them by `facts`.

    Inputs are body acceleration x, y, z (g), then body gyroscope x, y, z (rad/s). Its six
    activities become three: 1 walking is 0; 2, 3 stairs are 1; 4, 5, 6 sitting, standing, lying
    are 2.

    Returns:
        (files, note): the bytes of the four .npy files by name; for SOURCE.json, how many of the
        signal files are the published ones to the byte. Others are taken if the rest is right.

    Raises:
        ValueError: not a whole archive, unsafe, or not the course's data.
    """
    archive = _open_zip(raw)
    if f"{ROOT}.zip" in archive.namelist():
        archive = _open_zip(_member(archive, f"{ROOT}.zip"))
    arrays, blobs = {}, []
    for part, rows in (("train", facts.train), ("test", facts.test)):
        inputs, labels, found = _read_part(archive, part, rows)
        arrays |= {f"X_{part}.npy": inputs, f"y_{part}.npy": labels}
        blobs += found
    counts = tuple(np.bincount(arrays["y_train.npy"].ravel(), minlength=3).tolist())
    if counts != facts.label_counts:
        raise _unlike("y_train.txt", f"{facts.label_counts} labels of class 0, 1, 2", counts)
    for name in ("y_train.npy", "X_train.npy", "X_test.npy"):
        if not is_authentic(name, arrays[name], facts):
            what = "published order of labels" if name[0] == "y" else "published first values"
            raise _unlike(f"{UCI}, {name}", f"the {what}", "others")
    same = sum(known in found for known, found in zip(facts.blobs, blobs, strict=True))
    files = {name: _npy_bytes(array) for name, array in arrays.items()}
    return files, f"{same} of 12 signal files as published"


def _open_zip(raw):
    """Open an archive, but none that holds an unsafe path, a link or a bomb."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(raw))
    except Exception as error:  # a damaged archive ends in errors of many kinds
        raise _unlike(UCI, "a whole zip archive", f"something else ({error})") from error
    members = archive.infolist()
    for info in members:
        path = PureWindowsPath(info.filename)  # knows both kinds of slash, and drives
        if path.anchor or ".." in path.parts:
            raise _unlike(UCI, "paths inside the archive", f"the path {info.filename!r}")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _unlike(UCI, "plain files", f"the link {info.filename!r}")
        if info.file_size > 2**20 and info.file_size > MAX_RATIO * info.compress_size:
            came = f"{info.file_size} bytes packed in {info.compress_size}"
            raise _unlike(UCI, f"text packed at most {MAX_RATIO} times", came)
    total = sum(info.file_size for info in members)
    if total > MAX_BYTES:
        raise _unlike(UCI, f"at most {MAX_BYTES} bytes unpacked", total)
    return archive


def _member(archive, name):
    """The bytes of one member; never more than the size that was looked at."""
    try:
        return archive.read(name)
    except KeyError as error:
        raise _unlike(UCI, f"a file {name!r} in the archive", "none") from error
    except Exception as error:  # as in `_open_zip`
        raise _unlike(f"{UCI}, {name}", "a readable file", error) from error


def _read_part(archive, part, rows):
    """X (rows, 128, 6) float32, y (rows, 1) int64 and the possible blob names of six files."""
    signals, blobs = [], []
    for sensor in ("acc", "gyro"):
        for axis in "xyz":
            name = f"{ROOT}/{part}/Inertial Signals/body_{sensor}_{axis}_{part}.txt"
            raw = _member(archive, name)
            lf = raw.replace(b"\r\n", b"\n")  # Git may have kept other line ends than the archive
            blobs.append({_git_blob(lf), _git_blob(lf.replace(b"\n", b"\r\n"))})
            signals.append(_check_finite(name, _read_text(name, raw, (rows, 128))))
    name = f"{ROOT}/{part}/y_{part}.txt"
    activity = _read_text(name, _member(archive, name), (rows, 1))
    if not np.isin(activity, range(1, 7)).all():
        raise _unlike(name, "activities 1..6", f"{activity.min():g}..{activity.max():g}")
    merged = np.array([0, 1, 1, 2, 2, 2])[activity.astype(np.int64) - 1]
    return np.stack(signals, axis=-1).astype(np.float32), merged, blobs


def _read_text(name, raw, shape):
    try:
        lines = raw.decode("ascii").splitlines()
        if len(lines) != shape[0]:
            raise ValueError(f"{len(lines)} lines")
        values = np.loadtxt(lines, ndmin=2)
        if values.shape != shape:
            raise ValueError(f"shape {values.shape}")
    except ValueError as error:
        raise _unlike(name, f"{shape[0]} lines of {shape[1]} numbers", error) from error
    return values


def _git_blob(raw):
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()


# Where the files come from: each source gives ({name: bytes}, origin, note for SOURCE.json).


def _npy_bytes(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _fetch_activity(folder, url, facts, timeout, retries):
    """The activity files from UCI, or simulated where the transfer fails; wrong content raises."""
    from requests.exceptions import RequestException  # pooch's engine; late as in `download`

    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-") as temporary:
            raw = download(url, temporary, timeout, retries)
    except RequestException as error:
        return _simulate_activity(f"no download of the {UCI} ({type(error).__name__})")
    files, note = read_archive(raw, facts)
    return files, UCI, note


def _simulate_activity(reason):
    print(
        f"\n*** SIMULATED DATA: {reason}, so the activity files are simulated. They are NOT the "
        "course's data, and accuracy on them says nothing about people. For the real ones run "
        "data/prepare.py --force when online, or --force --from DIR with Kaggle's files. ***\n"
    )
    arrays = simulate_activity(np.random.default_rng(SEED))
    return dict(zip(ACTIVITY, map(_npy_bytes, arrays), strict=True)), SIMULATED, ""


def _simulate_sine():
    rows = sine_waves(np.random.default_rng(SEED))[:, :-1].tolist()
    lines = [["Id", *range(99)], *([i, *row] for i, row in enumerate(rows, 1))]
    text = "".join(",".join(map(str, line)) + "\n" for line in lines)
    return {SINE: text.encode()}, SIMULATED, ""


def _read_folder(folder):
    paths = [Path(folder) / name for name in (*ACTIVITY, SINE)]
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def prepare(
    folder=HERE,
    source=None,
    *,
    force=False,
    simulate=False,
    url=UCI_URL,
    facts=REAL,
    timeout=(5, 30),
    retries=2,
):
    """Fill `folder` with the files of both tasks and SOURCE.json, and check all of them.

    Args:
        folder: where the files go; made if missing.
        source: folder to take files from, e.g. a Kaggle download; the rest comes otherwise.
        force: replace files: by those of `source` if given, else all by newly made ones.
        simulate: simulate what is missing, without trying the network.
        url, facts, timeout, retries: see `download` and `Facts`.

    Raises:
        ValueError: a file is not what the course describes; nothing was written.
        FileNotFoundError: `source` holds none of the files.
        FileExistsError: a file would be overwritten without `force`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    present, records = _read_folder(folder), read_records(folder)
    offered = {} if source is None else _read_folder(source)
    if source is not None and not offered:
        names = ", ".join((*ACTIVITY[:3], SINE))
        raise FileNotFoundError(f"--from {source}: expected some of {names}, got none of them")

    def make_activity():
        if simulate:
            return _simulate_activity("as asked for")
        return _fetch_activity(folder, url, facts, timeout, retries)

    chosen = {}
    for names, make in ((ACTIVITY, make_activity), ((SINE,), _simulate_sine)):
        here = {name: present[name] for name in names if name in present}
        there = {name: offered[name] for name in names if name in offered}
        renew = force and (there or source is None)
        if not renew:  # before a long download
            _check_set(here, records, folder, facts)
        if there:
            if _missing(names, there):
                came, missing = ", ".join(there), ", ".join(_missing(names, there))
                raise ValueError(f"--from {source}: expected one whole set, got {came} without "
                                 f"{missing}; put all or none of them there")  # fmt: skip
            files, origin, note = there, f"{OWN}: {Path(source).resolve().name}", ""
        elif renew or _missing(names, here):
            files, origin, note = make()
        else:
            files, origin, note = here, f"{OWN}: {folder.resolve().name}", ""
        known = {}
        if all(here.get(name) == files[name] for name in names if name != LABELS):
            files, known = here | files, records  # the same data: labels and entries stay
        differing = [name for name in here if here[name] != files.get(name)]
        if differing and not force:
            raise FileExistsError(
                f"{', '.join(differing)}: expected none in {folder}, or the same as of the source "
                f"({origin}), got others; they are kept unless you add --force"
            )
        chosen |= {
            name: (raw, _record(name, raw, origin, note, known.get(name), facts))
            for name, raw in files.items()
        }
    _write(folder, chosen, present, records)


def _missing(names, files):
    return [name for name in names if name not in files and name != LABELS]


def _check_set(files, records, folder, facts):
    """Check each file, and that not just some of a recorded set were changed since."""
    for name, raw in files.items():
        check_file(name, raw, facts)
    recorded = [name for name in files if name in records]
    changed = [name for name in recorded if _sha256(files[name]) != records[name]["sha256"]]
    if 0 < len(changed) < len(recorded):
        raise ValueError(
            f"{', '.join(changed)}: expected the set of files in {folder} that SOURCE.json "
            f"records ({records[recorded[0]]['from']}), got others beside some of that set; "
            "remove those that do not belong, or replace all with --force"
        )


def _write(folder, chosen, present, old_records):
    """Write all or nothing: every temporary file is on disk before the first is renamed."""
    records = {name: record for name, (_, record) in chosen.items()}
    with ExitStack() as stack:
        for name, (raw, _) in chosen.items():
            if present.get(name) != raw:
                stack.enter_context(replacing(folder / name)).write_bytes(raw)
        if records != old_records:  # entered last, so renamed first: no file goes unrecorded
            text = json.dumps(records, indent=1) + "\n"
            stack.enter_context(replacing(folder / "SOURCE.json")).write_bytes(text.encode())
        for name in present.keys() - chosen.keys():
            (folder / name).unlink()  # labels of a test set that --force replaces


# SOURCE.json: {file name: entry}.


def _record(name, raw, origin, note, old, facts):
    """The checked file's entry; that of an unchanged file stays, date and all."""
    array, sha256 = check_file(name, raw, facts), _sha256(raw)
    if old is not None and old["sha256"] == sha256:
        return old
    return {
        "from": origin,
        "sha256": sha256,
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "date": datetime.date.today().isoformat(),
        "authentic": is_authentic(name, array, facts),
        "note": note,
    }


def read_records(folder):
    """SOURCE.json as {file name: entry}; {} where there is none.

    Raises:
        ValueError: it is not readable; going on would let simulated files pass for one's own.
    """
    try:
        records = json.loads((Path(folder) / "SOURCE.json").read_bytes())
        return {name: {**entry, "sha256": entry["sha256"]} for name, entry in records.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise ValueError(
            f"SOURCE.json: expected the record that data/prepare.py wrote, got {error!r}; remove "
            "it and run data/prepare.py --force, with --from DIR for your own files"
        ) from error


def source_line(folder):
    """One line on where the four files in `folder` came from, for the notebook to print.

    Raises:
        ValueError: a file is missing or is not the one that `prepare` checked and recorded, so
            a notebook that prints this line stops where preparing failed (`%run` alone goes on).
    """
    records, present, told = read_records(folder), _read_folder(folder), {}
    for name in (*ACTIVITY[:3], SINE):
        if name not in records or _sha256(present.get(name, b"")) != records[name]["sha256"]:
            came = "another" if name in present else "none"
            raise _unlike(name, f"the file that data/prepare.py checked in {folder}", came)
        text = records[name]["from"]
        if text == SIMULATED:
            text = "SIMULATED, not the course's data"
        elif records[name]["authentic"]:
            text += " (recognised as the course's data)"
        told.setdefault(text, []).append(name)
    return "Data: " + "; ".join(f"{', '.join(names)}: {text}" for text, names in told.items())


def source_summary(folder):
    """{file name: {"from", "sha256": first 12 digits, "authentic"}}, without dates, for results."""
    return {
        name: {
            "from": entry["from"],
            "sha256": entry["sha256"][:12],
            "authentic": entry["authentic"],
        }
        for name, entry in read_records(folder).items()
    }


def main():
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Fill data/ with the lab's files and check them.")
    parser.add_argument("--dir", type=Path, default=HERE, help="folder to fill")
    parser.add_argument("--from", type=Path, dest="source", help="folder to take files from")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.add_argument("--simulate", action="store_true", help="do not try the network")
    parser.add_argument("--url", default=UCI_URL, help="address of the UCI HAR archive")
    args = parser.parse_args()
    prepare(args.dir, args.source, force=args.force, simulate=args.simulate, url=args.url)
    print(source_line(args.dir))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"data/prepare.py: {error}")
