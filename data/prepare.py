"""Fill this folder with the lab's data and check it; where all is there, only check.

Sources, in this order: the files already here, `--from DIR`, the UCI HAR archive (activity task
only), and for a machine without network a simulator. See README.md beside this file.
"""

import argparse
import datetime
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # run as a script, Python looks in this folder only
    sys.path.insert(0, str(HERE.parent))

from data.course import (  # noqa: E402
    ACTIVITY,
    LABELS,
    REAL,
    SINE,
    check_file,
    is_authentic,
    npy_bytes,
    sha256,
    unlike,
)
from data.simulate import simulate_activity, sine_waves  # noqa: E402
from data.uci import UCI, URL, download, read_archive  # noqa: E402
from tools.files import replacing  # noqa: E402

OWN, SIMULATED = "Kaggle or own files", "simulated"
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


def _read_folder(folder):
    paths = [Path(folder) / name for name in (*ACTIVITY, SINE)]
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


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
    changed = [name for name in recorded if sha256(files[name]) != records[name]["sha256"]]
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
    array, digest = check_file(name, raw, facts), sha256(raw)
    if old is not None and old["sha256"] == digest:
        return old
    return {
        "from": origin,
        "sha256": digest,
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
        if name not in records or sha256(present.get(name, b"")) != records[name]["sha256"]:
            came = "another" if name in present else "none"
            raise unlike(name, f"the file that data/prepare.py checked in {folder}", came)
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
    parser.add_argument("--url", default=URL, help="address of the UCI HAR archive")
    args = parser.parse_args()
    prepare(args.dir, args.source, force=args.force, simulate=args.simulate, url=args.url)
    print(source_line(args.dir))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"data/prepare.py: {error}")
