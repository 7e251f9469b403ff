"""Bring the lab's data: what is missing is fetched or, without a network, simulated.

    %run data/prepare.py     from the notebook
    python data/prepare.py   in a terminal

Real files are in data/, or in the course's own folders Sinewave/ and Activity data/. Simulated ones
are in data/simulated/ and nowhere else, so a path tells what is real. No file of yours is replaced.
"""

import io
import os
import re
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

ROOT = Path(__file__).resolve().parent.parent
SINE, ACTIVITY = ("X_test.csv",), ("X_train.npy", "y_train.npy", "X_test.npy")
LABELS = "y_test.npy"  # of the test windows; only for whoever scores, and only when asked for
FOLDERS = {"Sinewave": SINE, "Activity data": ACTIVITY}  # the course's own, beside the notebook
SHAPES = {"X_test.csv": (500, 99), "X_train.npy": (7352, 128, 6), "X_test.npy": (2947, 128, 6)}
SHAPES |= {"y_train.npy": (7352, 1), LABELS: (2947, 1)}
URL = (
    "https://archive.ics.uci.edu/static/public/240/human+activity+recognition+using+smartphones.zip"
)
SIGNALS = [f"body_{sensor}_{axis}" for sensor in ("acc", "gyro") for axis in "xyz"]
UCI = [f"{name}_{part}.txt" for part in ("train", "test") for name in (*SIGNALS, "y")]
CHANNELS = [f"{sensor} {axis}" for sensor in ("acceleration", "rotation") for axis in "xyz"]
SPREAD = np.array([0.195, 0.123, 0.107, 0.407, 0.382, 0.256])  # of each channel, in g and rad/s
# Of the course's files, `weighted_sums`: any change of a value or of the order moves them. Copies
# may differ in the seventh digit.
SUMS = {
    "X_test.csv": [-218.726768280],
    "X_train.npy": [73.57240, -81.87830, -14.96082, -175.86864, -442.98119, -273.65300],
    "y_train.npy": [-53.863323709],
    "X_test.npy": [41.96367, -12.35956, -26.27021, -102.09968, -92.04548, 104.84708],
}


def read_file(name, raw):
    """Return the array in the bytes of the data file `name`; numbers, float or int.

    Raises:
        ValueError: it is not what the course describes: damaged, another shape, NaN, other labels.
    """
    try:
        if name == "X_test.csv":
            table = pd.read_csv(io.BytesIO(raw))
            array = table.drop(columns="Id", errors="ignore").to_numpy(float)
        else:
            file = io.BytesIO(raw)
            array = np.lib.format.read_array(file, allow_pickle=False)
            if file.read(1):
                raise ValueError("more behind the array")
    except Exception as error:  # a damaged file ends in errors of many kinds
        raise ValueError(f"{name}: expected a whole file of numbers, got {error}") from error
    if array.shape != SHAPES[name] or array.dtype.kind not in "iuf":
        raise ValueError(
            f"{name}: expected numbers of shape {SHAPES[name]}, got {array.dtype} {array.shape}; "
            "take the course's file"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity; get it anew")
    if name.startswith("y") and not np.isin(array, (0, 1, 2)).all():
        raise ValueError(f"{name}: expected labels 0, 1, 2, got {np.unique(array)[:9]}")
    return array


def weighted_sums(array):
    """Return the sum of each channel, or of all numbers, weighted by sin(k^2) at place k."""
    rows = array.reshape(-1, 6 if array.ndim == 3 else 1).astype(float)
    return np.sin(np.arange(1.0, len(rows) + 1) ** 2) @ rows


def look(name, array):
    """Return one line in words: the course's file, or not, and what is odd about it."""
    close = 1e-3 if array.ndim == 3 else 1e-6
    if name in SUMS and np.allclose(weighted_sums(array), SUMS[name], rtol=0, atol=close):
        return f"{name}: recognised as the course's file"
    if name == "X_test.csv":
        odd = _odd_waves(array)
    else:
        odd = _odd_labels(array) if name.startswith("y") else _odd_windows(array)
    seen = "; ".join(odd) or "nothing odd is seen in its numbers"
    return f"{name}: NOT the course's file: {seen}"


def _odd_waves(waves):
    if np.abs(waves).max() > 5:
        yield f"a value of {waves.flat[np.abs(waves).argmax()]:g}, where waves stay within 5"
    for decimals in range(9):
        if np.array_equal(waves, waves.round(decimals)):
            yield f"all values have at most {decimals} decimals"
            break
    jumps = np.abs(np.diff(waves, 2)).max(axis=1) / np.abs(waves).max(axis=1)
    if (jumps > 0.11).any():  # f = 5 bends by (5 * 2 pi / 99)^2 of the amplitude
        yield f"row {jumps.argmax()} is not smooth"


def _odd_labels(y):
    counts = np.bincount(y.ravel().astype(int), minlength=3).tolist()
    yield f"its classes have {counts} windows, the course's [1226, 2059, 4067]"
    yield f"the label changes {np.count_nonzero(np.diff(y[:, 0]))} times, the course's 125 times"


def _odd_windows(X):
    means, spreads = X.mean(axis=(0, 1)), X.std(axis=(0, 1))
    for channel, mean, spread, usual in zip(CHANNELS, means, spreads, SPREAD, strict=True):
        if spread == 0:
            yield f"{channel} is {mean:g} throughout"
        elif abs(mean) > 0.2 or not 0.7 < spread / usual < 1.5:
            numbers = f"mean {mean:.2f} and spread {spread:.2f}, usual are 0.00 and {usual:.2f}"
            yield f"{channel} has {numbers}"
    still = np.count_nonzero((np.ptp(X, axis=1) == 0).all(axis=1))
    if still:
        yield f"{still} windows hold one value throughout"
    shared = (np.abs(X[:-1, 64:] - X[1:, :64]).max(axis=(1, 2)) < 1e-5).mean()
    if shared < 0.8:
        yield f"{100 * shared:.0f} % of the windows share half with the next, usual are 92 %"
    if np.array_equal(X, X.round(4)):
        yield "all values have at most 4 decimals"


def places(root=ROOT):
    """Return {name: path} of the real files that are there."""
    paths = {}
    for folder, names in FOLDERS.items():
        for name in names:
            for path in (root / folder / name, root / "data" / name):  # the notebook prefers data/
                if path.is_file():
                    paths[name] = path
    return paths


def look_at_all(root=ROOT):
    """Return one line for each of the four files: what it is, or that it is missing."""
    found, lines = places(root), []
    for name in (*SINE, *ACTIVITY):
        if name in found:
            lines.append(look(name, read_file(name, found[name].read_bytes())))
        elif (root / "data/simulated" / name).is_file():
            lines.append(f"{name}: SIMULATED, not the course's data")
        else:
            lines.append(f"{name}: missing")
    return lines


def collect(path):
    """Return {name: bytes} of the course's and UCI's files in a folder, zip or file.

    Raises:
        FileNotFoundError: there is no such path.
        ValueError: two different files of one name, or a damaged zip.
    """
    path = Path(path.strip("'\"") if isinstance(path, str) else path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a folder, a zip or a file, found nothing there")
    wanted, found, origin = {*SHAPES, *UCI}, {}, {}
    for where, read in _files(path):
        name = re.sub(r" ?\(\d+\)(?=\.\w+$)", "", where.rpartition("/")[2])  # "X_train (1).npy"
        if name in wanted:
            raw = read()
            if found.setdefault(name, raw) != raw:
                raise ValueError(
                    f"{name}: expected one, got two that differ: {origin[name]} and {where}; name "
                    "the right one's folder"
                )
            origin.setdefault(name, where)
    if not found:
        raise FileNotFoundError(f"{path}: expected some of {', '.join(SHAPES)}, found none of them")
    return found


def _files(path):
    """Yield (path as text, function that reads the bytes) of all files in a folder or in zips."""
    deep = [path.glob("*/" * depth + "*") for depth in range(5)]  # UCI's files are four deep
    paths = [path] if path.is_file() else sorted(p for level in deep for p in level if p.is_file())
    for file in paths:
        if "simulated" in file.parts:
            continue
        if file.suffix == ".zip" and (zipfile.is_zipfile(file) or file == path):
            yield from _members(str(file), file)  # other damaged zips in the folder do not matter
        else:
            yield file.as_posix(), file.read_bytes


def _members(where, file):
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                inside = f"{where}/{info.filename}"
                if info.filename.endswith(".zip"):
                    yield from _members(inside, io.BytesIO(archive.read(info)))
                elif "__MACOSX" not in info.filename:
                    yield inside, lambda info=info: archive.read(info)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{where}: expected a zip archive, got {error}; get it anew") from error


def from_uci(files):
    """Return {name: bytes} of the course's activity files, made of UCI HAR's text files.

    Walking (UCI's 1) becomes 0, both kinds of stairs (2, 3) 1, and sitting, standing, lying 2.
    """
    missing = [name for name in UCI if name not in files]
    if missing:
        raise ValueError(
            f"UCI HAR: expected all its signal files, {', '.join(missing[:3])} missing"
        )
    arrays = {}
    for part in ("train", "test"):
        tables = [np.loadtxt(io.BytesIO(files[f"{name}_{part}.txt"])) for name in (*SIGNALS, "y")]
        arrays[f"X_{part}.npy"] = np.stack(tables[:-1], axis=-1).astype(np.float32)
        if not np.isin(tables[-1], range(1, 7)).all():
            raise ValueError(f"y_{part}.txt: expected activities 1 to 6, got others")
        classes = np.array([0, 1, 1, 2, 2, 2])[tables[-1].astype(int) - 1]
        arrays[f"y_{part}.npy"] = classes[:, np.newaxis]
    return {name: _npy(array) for name, array in arrays.items()}


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write(path, raw):
    """Write bytes to `path` by way of a temporary name in the same folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    temporary.write_bytes(raw)
    os.replace(temporary, path)


def keep(files, root=ROOT):
    """Put {name: bytes} into data/ after checking them all; what is there stays as it is.

    Raises:
        ValueError: a file is not the course's kind; nothing is written.
        FileExistsError: another file of that name is there.
    """
    for name, raw in files.items():
        read_file(name, raw)
    for name, raw in files.items():
        path = root / "data" / name
        if path.exists() and path.read_bytes() != raw:
            raise FileExistsError(f"{path}: expected none, or the same, got another; move it away")
    for name, raw in files.items():
        write(root / "data" / name, raw)


def download(url=URL):
    """Return the bytes of the UCI HAR archive, about 60 MB; OSError if it cannot be had."""
    print("Fetching the UCI HAR recordings (60 MB) ...")
    for attempt in (1, 2):
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.read()
        except (OSError, HTTPException):
            if attempt == 2:
                raise


def fill(root=ROOT, source=None, labels=False, fetch=download):
    """Take files from `source`, then fetch or simulate what is still missing.

    Args:
        root: the notebook's folder; files go to data/ in it.
        source: folder, zip or file with the course's or UCI's files; None: none.
        labels: also bring y_test.npy, the labels of the test windows, from UCI.
        fetch: function that returns the bytes of UCI's archive.

    Raises:
        FileNotFoundError, FileExistsError, ValueError: see `collect`, `keep`; or a file of the
            activity set is missing beside others of it.
    """
    if source is not None:
        files = collect(source)
        if {*UCI} <= files.keys() and not {*ACTIVITY} & files.keys():  # never a mixture of both
            files |= from_uci(files)
        wanted = {*SINE, *ACTIVITY, *([LABELS] if labels else [])}
        keep({name: raw for name, raw in files.items() if name in wanted}, root)
    there = places(root)
    missing = [name for name in ACTIVITY if name not in there]
    if 0 < len(missing) < 3:
        raise FileNotFoundError(
            f"{', '.join(missing)}: missing beside {', '.join(n for n in ACTIVITY if n in there)}; "
            "put all three into data/, since they belong together"
        )
    if missing or (labels and not (root / "data" / LABELS).exists()):
        try:
            archive = io.BytesIO(fetch())
            made = from_uci({w.rpartition("/")[2]: r() for w, r in _members("UCI HAR", archive)})
            keep({name: made[name] for name in (*missing, *([LABELS] if labels else []))}, root)
        except (OSError, ValueError, HTTPException) as error:
            if isinstance(error, FileExistsError) or not missing:
                raise
            print(f"No download of the activity data ({error}), so they are SIMULATED.")
            simulate(root, ACTIVITY)
    if not any(name in there for name in SINE):
        print("X_test.csv is on Kaggle only, so it is SIMULATED.")
        simulate(root, SINE)


def simulate(root, names):
    """Write stand-ins to data/simulated/: the course's form, but no result on them counts."""
    (root / "outputs/stand-in").mkdir(parents=True, exist_ok=True)  # where the notebook writes
    rng = np.random.default_rng(6)
    if names == SINE:
        freq, amp = rng.uniform(0.5, 5, (2, 500, 1))
        phase = rng.uniform(0, 2 * np.pi, (500, 1))
        waves = amp * np.sin(freq * np.linspace(0, 2 * np.pi, 100)[:99] + phase)
        text = pd.DataFrame(waves, index=range(1, 501)).to_csv(index_label="Id")
        write(root / "data/simulated/X_test.csv", text.encode())
        return
    gaits = rng.normal(size=(1, 6, 6, 2)) + rng.normal(0, 0.5, (2, 6, 6, 2))  # walking and stairs
    for part, people, counts in (("train", 21, (1226, 2059, 4067)), ("test", 9, (496, 891, 1560))):
        X, y = _volunteers(rng, gaits, people, counts)
        write(root / f"data/simulated/X_{part}.npy", _npy(X))
        if part == "train":
            write(root / "data/simulated/y_train.npy", _npy(y))


def _volunteers(rng, gaits, people, counts):
    """Return windows (N, 128, 6) and labels (N, 1) of volunteers who rest, walk, climb, twice.

    gaits: of class 0 and 1, six harmonics of the stride by channel, cosine and sine.
    """
    usual = np.array([[0.23, 0.17, 0.14, 0.51, 0.55, 0.34], [0.32, 0.18, 0.16, 0.65, 0.57, 0.40]])
    rest = np.array([[0.024, 0.035, 0.032, 0.078, 0.060, 0.063]])
    spread = np.concatenate([usual, rest])
    windows, labels = [], []
    for person in range(people):
        own = gaits + rng.normal(0, 0.5, gaits.shape)  # everybody walks a little differently
        own /= np.sqrt((own**2).sum(axis=(1, 3), keepdims=True) / 2)
        for run, c in enumerate((2, 0, 1) * 2):
            part = 2 * person + run // 3  # a class's windows are shared out among the runs
            first, last = (counts[c] * k // (2 * people) for k in (part, part + 1))
            signal = rng.normal(size=((last - first + 1) * 64, 6))
            if c < 2:
                time = np.arange(len(signal)) / 50
                angle = 2 * np.pi * rng.normal(0.9, 0.06) * time[:, np.newaxis] * np.arange(1, 7)
                stride = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
                signal = np.sqrt(0.5) * (np.einsum("thw,hcw->tc", stride, own[c]) + signal)
            cut = sliding_window_view(signal * spread[c], 128, axis=0)[::64]
            windows.append(cut.transpose(0, 2, 1))
            labels.append(np.full((len(cut), 1), c))
    return np.concatenate(windows).astype(np.float32), np.concatenate(labels)


if __name__ == "__main__":
    fill()
    print("\n".join(look_at_all()))
