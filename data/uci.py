"""The UCI HAR archive: fetch it, and read the course's activity files out of it.

Its members are read in memory; nothing is unpacked to disk.
"""

import hashlib
import io
import stat
import warnings
import zipfile
from pathlib import Path, PureWindowsPath

import numpy as np
from tqdm import TqdmWarning, tqdm

from data import course
from data.course import check_finite, is_authentic, npy_bytes, unlike
from lab.progress import bar_options

UCI = "UCI HAR archive"
URL = (
    "https://archive.ics.uci.edu/static/public/240/human+activity+recognition+using+smartphones.zip"
)
ROOT = "UCI HAR Dataset"  # of the archive; also the name of the archive inside the archive
TIMEOUT, RETRIES = (5, 30), 2  # seconds to connect, between two pieces; attempts after the first
MAX_BYTES, MAX_RATIO = 2**29, 100  # unpacked, and per packed byte; the real one: 0.3e9, below 5


def download(url, folder):
    """Fetch `url` by way of a file in `folder`, with a progress bar, and return its bytes.

    Raises:
        requests.RequestException: the server cannot be reached, refuses or breaks off.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # of a widget that is not wanted
        import pooch  # here, because it takes longer to import than the whole check of files

    pooch.get_logger().setLevel("WARNING")  # its messages would put this machine's paths on show
    print(f"Downloading the {UCI} (about 60 MB) ...")
    fetcher = pooch.create(
        folder, "", registry={"uci.zip": None}, urls={"uci.zip": url}, retry_if_failed=RETRIES
    )
    # pooch sets the total when it knows it, but takes a bar without one for none at all.
    with tqdm(total=1, leave=False, unit="B", unit_scale=True, **bar_options()) as bar:
        get = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)
        return Path(fetcher.fetch("uci.zip", downloader=get)).read_bytes()


def read_archive(raw):
    """Read the activity files out of the bytes of UCI HAR's archive and check them.

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
    for part, rows in course.WINDOWS.items():
        inputs, labels, found = _read_part(archive, part, rows)
        arrays |= {f"X_{part}.npy": inputs, f"y_{part}.npy": labels}
        blobs += found
    counts = tuple(np.bincount(arrays["y_train.npy"].ravel(), minlength=3).tolist())
    if counts != course.LABEL_COUNTS:
        raise unlike("y_train.txt", f"{course.LABEL_COUNTS} labels of class 0, 1, 2", counts)
    for name in ("y_train.npy", "X_train.npy", "X_test.npy"):
        if not is_authentic(name, arrays[name]):
            what = "published order of labels" if name[0] == "y" else "published first values"
            raise unlike(f"{UCI}, {name}", f"the {what}", "others")
    same = sum(known in found for known, found in zip(course.BLOBS, blobs, strict=True))
    files = {name: npy_bytes(array) for name, array in arrays.items()}
    return files, f"{same} of 12 signal files as published"


def _open_zip(raw):
    """Open an archive, but none that holds an unsafe path, a link or a bomb."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(raw))
    except Exception as error:  # a damaged archive ends in errors of many kinds
        raise unlike(UCI, "a whole zip archive", f"something else ({error})") from error
    members = archive.infolist()
    for info in members:
        path = PureWindowsPath(info.filename)  # knows both kinds of slash, and drives
        if path.anchor or ".." in path.parts:
            raise unlike(UCI, "paths inside the archive", f"the path {info.filename!r}")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise unlike(UCI, "plain files", f"the link {info.filename!r}")
        if info.file_size > 2**20 and info.file_size > MAX_RATIO * info.compress_size:
            came = f"{info.file_size} bytes packed in {info.compress_size}"
            raise unlike(UCI, f"text packed at most {MAX_RATIO} times", came)
    total = sum(info.file_size for info in members)
    if total > MAX_BYTES:
        raise unlike(UCI, f"at most {MAX_BYTES} bytes unpacked", total)
    return archive


def _member(archive, name):
    """The bytes of one member; never more than the size that was looked at."""
    try:
        return archive.read(name)
    except KeyError as error:
        raise unlike(UCI, f"a file {name!r} in the archive", "none") from error
    except Exception as error:  # as in `_open_zip`
        raise unlike(f"{UCI}, {name}", "a readable file", error) from error


def _read_part(archive, part, rows):
    """X (rows, 128, 6) float32, y (rows, 1) int64 and the possible blob names of six files."""
    signals, blobs = [], []
    for sensor in ("acc", "gyro"):
        for axis in "xyz":
            name = f"{ROOT}/{part}/Inertial Signals/body_{sensor}_{axis}_{part}.txt"
            raw = _member(archive, name)
            lf = raw.replace(b"\r\n", b"\n")  # Git may have kept other line ends than the archive
            blobs.append({_git_blob(lf), _git_blob(lf.replace(b"\n", b"\r\n"))})
            signals.append(check_finite(name, _read_text(name, raw, (rows, 128))))
    name = f"{ROOT}/{part}/y_{part}.txt"
    activity = _read_text(name, _member(archive, name), (rows, 1))
    if not np.isin(activity, range(1, 7)).all():
        raise unlike(name, "activities 1..6", f"{activity.min():g}..{activity.max():g}")
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
        raise unlike(name, f"{shape[0]} lines of {shape[1]} numbers", error) from error
    return values


def _git_blob(raw):
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
