"""Fill this folder with the lab's data and check it; where all is there, only check.

Sources, in this order: the files already here, `--from DIR`, the UCI HAR archive (activity task
only), and for a machine without network a simulator. See README.md beside this file.
"""

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # run as a script, Python looks in this folder only
    sys.path.insert(0, str(HERE.parent))

from data.course import ACTIVITY, LABELS, REAL, SINE, Facts, check_file, npy_bytes  # noqa: E402
from data.record import (  # noqa: E402
    RECORD,
    SIMULATED,
    entry_of,
    new_entry,
    read_records,
    source_line,
)
from data.simulate import simulate_activity, sine_waves  # noqa: E402
from data.uci import UCI, URL, download, read_archive  # noqa: E402
from lab.files import replacing  # noqa: E402

OWN = "Kaggle or own files"  # and the name of their folder
SEED = 6

# Where the files come from: each source gives ({name: bytes}, origin, note for SOURCE.json).


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
    return dict(zip(ACTIVITY, map(npy_bytes, arrays), strict=True)), SIMULATED, ""


def _simulate_sine():
    rows = sine_waves(np.random.default_rng(SEED))[:, :-1].tolist()
    lines = [["Id", *range(99)], *([i, *row] for i, row in enumerate(rows, 1))]
    text = "".join(",".join(map(str, line)) + "\n" for line in lines)
    return {SINE: text.encode()}, SIMULATED, ""


def prepare(
    folder=HERE,
    source=None,
    *,
    force=False,
    simulate=False,
    url=URL,
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
    if simulate:
        make_activity = partial(_simulate_activity, "as asked for")
    else:
        make_activity = partial(_fetch_activity, folder, url, facts, timeout, retries)
    state = _read_state(folder, source, force, facts)
    activity = _choose(state, ACTIVITY, make_activity)
    sine = _choose(state, (SINE,), _simulate_sine)
    _write(state, activity | sine)


class _State(NamedTuple):
    """What one call of `prepare` finds, and what it was asked for."""

    folder: Path
    present: dict  # {name: bytes} of the files in `folder`
    records: dict  # what SOURCE.json says of them
    source: Path | None
    offered: dict  # {name: bytes} of the files in `source`
    force: bool
    facts: Facts


def _read_state(folder, source, force, facts):
    present, records, offered = _read_folder(folder), read_records(folder), {}
    if source is not None:
        offered = _read_folder(source)
        if not offered:
            names = ", ".join((*ACTIVITY[:3], SINE))
            raise FileNotFoundError(f"--from {source}: expected some of {names}, got none of them")
    return _State(folder, present, records, source, offered, force, facts)


def _read_folder(folder):
    paths = [Path(folder) / name for name in (*ACTIVITY, SINE)]
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def _choose(state, names, make):
    """Return {name: (bytes, entry)} of one set: as offered, else as present, else by `make`."""
    here = {name: state.present[name] for name in names if name in state.present}
    there = {name: state.offered[name] for name in names if name in state.offered}
    renew = state.force and (there or state.source is None)
    if not renew:  # before a long download
        _check_present(state, here)
    if there:
        _check_whole(state, names, there)
        files, origin, note = there, f"{OWN}: {Path(state.source).resolve().name}", ""
    elif renew or _missing(names, here):
        files, origin, note = make()
    else:
        files, origin, note = here, f"{OWN}: {state.folder.resolve().name}", ""
    old_records = {}
    if all(here.get(name) == files[name] for name in names if name != LABELS):
        files, old_records = here | files, state.records  # the same data: labels and entries stay
    if not state.force:
        _check_kept(state, here, files, origin)
    return {
        name: (raw, _checked_entry(name, raw, origin, note, old_records, state.facts))
        for name, raw in files.items()
    }


def _missing(names, files):
    return [name for name in names if name not in files and name != LABELS]


def _check_present(state, here):
    """Check each file, and that not just some of a recorded set were changed since."""
    for name, raw in here.items():
        check_file(name, raw, state.facts)
    recorded = [name for name in here if name in state.records]
    changed = [name for name in recorded if entry_of(state.records, name, here[name]) is None]
    if 0 < len(changed) < len(recorded):
        raise ValueError(
            f"{', '.join(changed)}: expected the set of files in {state.folder} that {RECORD} "
            f"records ({state.records[recorded[0]]['from']}), got others beside some of that set; "
            "remove those that do not belong, or replace all with --force"
        )


def _check_whole(state, names, there):
    missing = _missing(names, there)
    if missing:
        raise ValueError(
            f"--from {state.source}: expected one whole set, got {', '.join(there)} without "
            f"{', '.join(missing)}; put all or none of them there"
        )


def _check_kept(state, here, files, origin):
    differing = [name for name in here if here[name] != files.get(name)]
    if differing:
        raise FileExistsError(
            f"{', '.join(differing)}: expected none in {state.folder}, or the same as of the "
            f"source ({origin}), got others; they are kept unless you add --force"
        )


def _checked_entry(name, raw, origin, note, old_records, facts):
    """Check a file and return its entry; that of an unchanged file stays, date and all."""
    array = check_file(name, raw, facts)
    return entry_of(old_records, name, raw) or new_entry(name, raw, array, origin, note, facts)


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
            (state.folder / name).unlink()  # labels of a test set that --force replaces


def main():
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Fill data/ with the lab's files and check them.")
    parser.add_argument("--dir", type=Path, default=HERE, help="folder to fill")
    parser.add_argument("--from", type=Path, dest="source", help="folder to take files from")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.add_argument("--simulate", action="store_true", help="do not try the network")
    parser.add_argument("--url", default=URL, help="address of the UCI HAR archive")
    args = parser.parse_args()
    prepare(args.dir, args.source, force=args.force, simulate=args.simulate, url=args.url)
    print(source_line(args.dir))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"data/prepare.py: {error}")
