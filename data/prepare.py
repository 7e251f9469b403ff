"""Fill a folder with the lab's data and check it; where all is there, only check.

Sources, in this order: a folder that is named, the files already here, the course's own folders
beside this one, the UCI HAR archive (activity task only), and for a machine without network a
simulator. See README.md beside this file.
"""

import json
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from data.course import ACTIVITY, FILES, LABELS, SINE, check_file, npy_bytes
from data.record import (
    RECORD,
    SIMULATED,
    entry_of,
    is_stand_in,
    new_entry,
    read_records,
    source_line,
)
from data.simulate import simulate_activity, sine_waves
from data.uci import UCI, URL, download, read_archive
from lab.files import replacing

HERE = Path(__file__).resolve().parent
OWN = "Kaggle or own files"  # and the name of their folder
SETS = {"Sinewave": (SINE,), "Activity data": ACTIVITY}  # by the course's name of their folder
SEED = 6


def prepare(folder, source=None, *, force=False, simulate=False, url=URL):
    """Fill `folder` with the files of both tasks and SOURCE.json, and check all of them.

    What is neither in `source` nor in `folder`, or there only simulated, is looked for beside
    `folder`, in the course's folders "Activity data" and "Sinewave"; then it is fetched or made.

    Args:
        folder: where the files go; made if missing.
        source: folder to take files from, e.g. a Kaggle download; they are in it, or in those two
            folders in it.
        force: replace files: by those of `source` if given, else all by newly found ones.
        simulate: simulate what is missing, without trying the network.
        url: address of the UCI HAR archive.

    Returns:
        One line on where the files came from.

    Raises:
        ValueError: a file is not what the course describes; nothing was written.
        FileNotFoundError: `source` holds none of the files.
        FileExistsError: a file would be overwritten without `force`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    offered = dict.fromkeys(SETS, (None, {}))
    if source is not None:
        offered = {place: _find(SETS[place], source, Path(source, place)) for place in SETS}
        if not any(files for _, files in offered.values()):
            raise FileNotFoundError(
                f"--from {source}: expected some of {', '.join(FILES)}, got none of them; name "
                f"the folder that holds them, or holds the folders {' and '.join(SETS)}"
            )
    if simulate:
        make_activity = partial(_simulate_activity, "as asked for")
    else:
        make_activity = partial(_fetch_activity, folder, url)
    chosen = {}
    for place, make in (("Sinewave", _simulate_sine), ("Activity data", make_activity)):
        renew = force and (source is None or offered[place][1])
        chosen = _choose(folder, place, *offered[place], make, renew, force) | chosen
    _write(folder, chosen)
    return source_line(folder)


def _find(names, *folders):
    """The first of `folders` that holds some of the files `names`, and {name: bytes} of these."""
    for folder in map(Path, folders):
        files = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
        if files:
            break
    return folder, files


def _choose(folder, place, where, given, make, renew, force):
    """Return {name: (bytes, entry)} of one set: as `given`, as in `folder`, beside, or by `make`.

    where: the folder of what is given. renew: what is in `folder` does not count.
    """
    names, records, (_, here) = SETS[place], read_records(folder), _find(SETS[place], folder)
    own = {name: raw for name, raw in here.items() if not is_stand_in(records, name, raw)}
    if not renew:
        _check_present(folder, here, records)
    if not given and (renew or _missing(names, own)):
        where, given = _find(names, folder.parent / place)
    if given and _missing(names, given):
        raise ValueError(
            f"{where}: expected one whole set, got {', '.join(given)} without "
            f"{', '.join(_missing(names, given))}; put all or none of them there"
        )
    if not given and (renew or _missing(names, here)):
        files, origin = make()
        entries = {}
    else:
        where, files = (where, given) if given else (folder, here)
        origin = f"{OWN}: {where.resolve().name}"
        entries = read_records(where)  # what is simulated there is simulated here
    if all(here.get(name) == files[name] for name in names if name != LABELS):
        files, entries = here | files, records  # the same data: labels and entries stay
    differing = [name for name in own if own[name] != files.get(name)]
    if differing and not force:
        raise FileExistsError(
            f"{', '.join(differing)}: expected none in {folder}, or the same as of the "
            f"source ({origin}), got others; they are kept unless you add --force"
        )
    chosen = {}
    for name, raw in files.items():
        array = check_file(name, raw)
        entry = entry_of(entries, name, raw) or new_entry(name, raw, array, origin)
        chosen[name] = raw, entry
    return chosen


def _missing(names, files):
    return [name for name in names if name not in files and name != LABELS]


def _check_present(folder, here, records):
    """Check each file, and that not just some of a recorded set were changed since."""
    for name, raw in here.items():
        check_file(name, raw)
    recorded = [name for name in here if name in records]
    changed = [name for name in recorded if entry_of(records, name, here[name]) is None]
    if 0 < len(changed) < len(recorded):
        raise ValueError(
            f"{', '.join(changed)}: expected the set of files in {folder} that {RECORD} "
            f"records ({records[recorded[0]]['from']}), got others beside some of that set; "
            "remove those that do not belong, or replace all with --force"
        )


def _fetch_activity(folder, url):
    """The activity files from UCI, or simulated where the transfer fails; wrong content raises."""
    from requests.exceptions import RequestException  # pooch's engine; late as in `download`

    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-") as temporary:
            raw = download(url, temporary)
    except RequestException as error:
        return _simulate_activity(f"no download of the {UCI} ({type(error).__name__})")
    return read_archive(raw), UCI


def _simulate_activity(reason):
    print(
        f"\n*** SIMULATED DATA: {reason}, so the activity files are simulated. They are NOT the "
        "course's data, and accuracy on them says nothing about people. For the real ones run "
        "python -m tools data --force when online, or --from DIR with Kaggle's files. ***\n"
    )
    arrays = simulate_activity(np.random.default_rng(SEED))
    return dict(zip(ACTIVITY, map(npy_bytes, arrays), strict=True)), SIMULATED


def _simulate_sine():
    waves = sine_waves(np.random.default_rng(SEED))[:, :-1]
    text = pd.DataFrame(waves, index=range(1, 501)).to_csv(index_label="Id")
    return {SINE: text.encode()}, SIMULATED


def _write(folder, chosen):
    """Write all or nothing: every temporary file is on disk before the first is renamed."""
    _, present = _find((*ACTIVITY, SINE), folder)
    records = {name: entry for name, (_, entry) in chosen.items()}
    with ExitStack() as stack:
        for name, (raw, _) in chosen.items():
            if present.get(name) != raw:
                stack.enter_context(replacing(folder / name)).write_bytes(raw)
        if records != read_records(folder):  # entered last, so renamed first: all is recorded
            text = json.dumps(records, indent=1) + "\n"
            stack.enter_context(replacing(folder / RECORD)).write_bytes(text.encode())
        for name in present.keys() - chosen.keys():
            (folder / name).unlink()  # labels of a test set that others replace
