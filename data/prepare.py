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
from typing import NamedTuple

import numpy as np

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

# What makes files gives ({name: bytes}, origin, note for SOURCE.json).


def _fetch_activity(folder, url):
    """The activity files from UCI, or simulated where the transfer fails; wrong content raises."""
    from requests.exceptions import RequestException  # pooch's engine; late as in `download`

    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-") as temporary:
            raw = download(url, temporary)
    except RequestException as error:
        return _simulate_activity(f"no download of the {UCI} ({type(error).__name__})")
    files, note = read_archive(raw)
    return files, UCI, note


def _simulate_activity(reason):
    print(
        f"\n*** SIMULATED DATA: {reason}, so the activity files are simulated. They are NOT the "
        "course's data, and accuracy on them says nothing about people. For the real ones run "
        "python -m tools data --force when online, or --from DIR with Kaggle's files. ***\n"
    )
    arrays = simulate_activity(np.random.default_rng(SEED))
    return dict(zip(ACTIVITY, map(npy_bytes, arrays), strict=True)), SIMULATED, ""


def _simulate_sine():
    rows = sine_waves(np.random.default_rng(SEED))[:, :-1].tolist()
    lines = [["Id", *range(99)], *([i, *row] for i, row in enumerate(rows, 1))]
    text = "".join(",".join(map(str, line)) + "\n" for line in lines)
    return {SINE: text.encode()}, SIMULATED, ""


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
    _, present = _find((*ACTIVITY, SINE), folder)
    state = _State(folder, present, read_records(folder), _offered(source), source, force)
    if simulate:
        make_activity = partial(_simulate_activity, "as asked for")
    else:
        make_activity = partial(_fetch_activity, folder, url)
    sine = _choose(state, "Sinewave", _simulate_sine)  # first: a download may be long
    _write(state, _choose(state, "Activity data", make_activity) | sine)
    return source_line(folder)


class _State(NamedTuple):
    """What one call of `prepare` finds, and what it was asked for."""

    folder: Path
    present: dict  # {name: bytes} of the files in `folder`
    records: dict  # what SOURCE.json says of them
    offered: dict  # of each set: where in `source` it is, {name: bytes}
    source: Path | None
    force: bool


def _find(names, *folders):
    """The first of `folders` that holds some of the files `names`, and {name: bytes} of these."""
    for folder in map(Path, folders):
        files = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
        if files:
            break
    return folder, files


def _offered(source):
    if source is None:
        return dict.fromkeys(SETS, (None, {}))
    offered = {place: _find(names, source, Path(source, place)) for place, names in SETS.items()}
    if not any(files for _, files in offered.values()):
        raise FileNotFoundError(
            f"--from {source}: expected some of {', '.join(FILES)}, got none of them; name the "
            f"folder that holds them, or holds the folders {' and '.join(SETS)}"
        )
    return offered


def _choose(state, place, make):
    """Return {name: (bytes, entry)} of one set: as offered, as present, beside, or by `make`."""
    names = SETS[place]
    here = {name: state.present[name] for name in names if name in state.present}
    where, given = state.offered[place]
    renew = state.force and (given or state.source is None)
    if not renew:
        _check_present(state, here)
    own = {name: raw for name, raw in here.items() if not is_stand_in(state.records, name, raw)}
    if not given and (renew or _missing(names, own)):
        where, given = _find(names, state.folder.parent / place)
    records = {}
    if given:
        _check_whole(names, given, where)
        files, origin, note = given, f"{OWN}: {where.resolve().name}", ""
        records = read_records(where)  # simulated there is simulated here
    elif renew or _missing(names, here):
        files, origin, note = make()
    else:
        files, origin, note = here, f"{OWN}: {state.folder.resolve().name}", ""
    if all(here.get(name) == files[name] for name in names if name != LABELS):
        files, records = here | files, state.records  # the same data: labels and entries stay
    if not state.force:
        _check_kept(state, own, files, origin)
    return {
        name: (raw, _checked_entry(name, raw, origin, note, records)) for name, raw in files.items()
    }


def _missing(names, files):
    return [name for name in names if name not in files and name != LABELS]


def _check_present(state, here):
    """Check each file, and that not just some of a recorded set were changed since."""
    for name, raw in here.items():
        check_file(name, raw)
    recorded = [name for name in here if name in state.records]
    changed = [name for name in recorded if entry_of(state.records, name, here[name]) is None]
    if 0 < len(changed) < len(recorded):
        raise ValueError(
            f"{', '.join(changed)}: expected the set of files in {state.folder} that {RECORD} "
            f"records ({state.records[recorded[0]]['from']}), got others beside some of that set; "
            "remove those that do not belong, or replace all with --force"
        )


def _check_whole(names, given, where):
    missing = _missing(names, given)
    if missing:
        raise ValueError(
            f"{where}: expected one whole set, got {', '.join(given)} without "
            f"{', '.join(missing)}; put all or none of them there"
        )


def _check_kept(state, own, files, origin):
    differing = [name for name in own if own[name] != files.get(name)]
    if differing:
        raise FileExistsError(
            f"{', '.join(differing)}: expected none in {state.folder}, or the same as of the "
            f"source ({origin}), got others; they are kept unless you add --force"
        )


def _checked_entry(name, raw, origin, note, records):
    """Check a file and return its entry; that of an unchanged file stays, date and all."""
    array = check_file(name, raw)
    return entry_of(records, name, raw) or new_entry(name, raw, array, origin, note)


def _write(state, chosen):
    """Write all or nothing: every temporary file is on disk before the first is renamed."""
    records = {name: entry for name, (_, entry) in chosen.items()}
    with ExitStack() as stack:
        for name, (raw, _) in chosen.items():
            if state.present.get(name) != raw:
                stack.enter_context(replacing(state.folder / name)).write_bytes(raw)
        if records != state.records:  # entered last, so renamed first: no file goes unrecorded
            text = json.dumps(records, indent=1) + "\n"
            stack.enter_context(replacing(state.folder / RECORD)).write_bytes(text.encode())
        for name in state.present.keys() - chosen.keys():
            (state.folder / name).unlink()  # labels of a test set that others replace
