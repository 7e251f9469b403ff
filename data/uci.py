"""The UCI HAR archive: fetch it, and read the course's activity files out of it.

Its members are read in memory; nothing is unpacked to disk.
"""

import io
import warnings
import zipfile
from pathlib import Path

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
MAX_BYTES = 2**29  # unpacked; the real one: 0.3e9


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
        The bytes of the four .npy files by name.

    Raises:
        ValueError: not a whole archive, unpacked too large, or not the course's data.
    """
    try:
        arrays = _read_arrays(raw)
    except ValueError:
        raise
    except Exception as error:  # a damaged archive ends in errors of many kinds
        raise unlike(UCI, "a whole zip archive with its text files", error) from error
    for name, what in (
        ("y_train.npy", "labels"),
        ("X_train.npy", "first values"),
        ("X_test.npy", "first values"),
    ):
        if not is_authentic(name, arrays[name]):
            raise unlike(f"{UCI}, {name}", f"the published {what}", "others")
    return {name: npy_bytes(array) for name, array in arrays.items()}


def _read_arrays(raw):
    archive = zipfile.ZipFile(io.BytesIO(raw))
    unpacked = sum(info.file_size for info in archive.infolist())  # zipfile reads no more than that
    if unpacked > MAX_BYTES:
        raise unlike(UCI, f"at most {MAX_BYTES} bytes unpacked", unpacked)
    if f"{ROOT}.zip" in archive.namelist():
        return _read_arrays(archive.read(f"{ROOT}.zip"))
    arrays = {}
    for part, rows in course.WINDOWS.items():
        files = [f"body_{sensor}_{axis}" for sensor in ("acc", "gyro") for axis in "xyz"]
        signals = [
            _numbers(archive, f"{part}/Inertial Signals/{name}_{part}.txt", (rows, 128))
            for name in files
        ]
        activity = _numbers(archive, f"{part}/y_{part}.txt", (rows, 1))
        if not np.isin(activity, range(1, 7)).all():
            came = f"{activity.min():g}..{activity.max():g}"
            raise unlike(f"y_{part}.txt", "activities 1..6", came)
        arrays[f"X_{part}.npy"] = np.stack(signals, axis=-1).astype(np.float32)
        arrays[f"y_{part}.npy"] = np.array([0, 1, 1, 2, 2, 2])[activity.astype(np.int64) - 1]
    return arrays


def _numbers(archive, path, shape):
    """The finite numbers of one text file."""
    raw = archive.read(f"{ROOT}/{path}")
    try:
        values = np.loadtxt(raw.decode("ascii").splitlines(), ndmin=2)
    except ValueError as error:
        raise unlike(path, f"{shape[0]} lines of {shape[1]} numbers", error) from error
    if values.shape != shape:
        raise unlike(path, f"{shape[0]} lines of {shape[1]} numbers", f"shape {values.shape}")
    return check_finite(path, values)
