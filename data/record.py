"""The record beside the data: SOURCE.json says of each file where it came from and what it was.

{file name: {"from", "sha256", "shape", "dtype", "date", "authentic", "note"}}; an entry speaks of
the bytes with its sha256 and of no others.
"""

import datetime
import json
from pathlib import Path

from data.course import ACTIVITY, SINE, is_authentic, sha256, unlike

RECORD = "SOURCE.json"
SIMULATED = "simulated"  # the origin of what data/simulate.py made
NEEDED = {"from", "sha256", "authentic"}  # of each entry, by those who read it


def new_entry(name, raw, array, origin, note, facts):
    """Return the entry of a file of today, whose bytes `raw` were checked and hold `array`."""
    return {
        "from": origin,
        "sha256": sha256(raw),
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "date": datetime.date.today().isoformat(),
        "authentic": is_authentic(name, array, facts),
        "note": note,
    }


def read_records(folder):
    """Return SOURCE.json as {file name: entry}; {} where there is none.

    Raises:
        ValueError: it is not what `data/prepare.py` wrote; going on would let simulated files
            pass for one's own.
    """
    try:
        records = json.loads((Path(folder) / RECORD).read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _unusable(repr(error)) from error
    if not isinstance(records, dict):
        raise _unusable(f"{records!r:.40}")
    for name, entry in records.items():
        if not isinstance(entry, dict):
            raise _unusable(f"{entry!r:.40} for {name}")
        missing = NEEDED - entry.keys()
        if missing:
            raise _unusable(f"an entry of {name} without {', '.join(sorted(missing))}")
    return records


def _unusable(came):
    return ValueError(
        f"{RECORD}: expected the record that data/prepare.py wrote, got {came}; remove "
        f"{RECORD} and run data/prepare.py --force, with --from DIR for your own files"
    )


def entry_of(records, name, raw):
    """Return the entry of the file `name` if it speaks of the bytes `raw`, else None."""
    entry = records.get(name)
    return entry if entry is not None and entry["sha256"] == sha256(raw) else None


def source_line(folder):
    """One line on where the four files in `folder` came from, for the notebook to print.

    Raises:
        ValueError: a file is missing or is not the one that `prepare` checked and recorded, so
            a notebook that prints this line stops where preparing failed (`%run` alone goes on).
    """
    records, told = read_records(folder), {}
    for name in (*ACTIVITY[:3], SINE):
        path = Path(folder) / name
        entry = entry_of(records, name, path.read_bytes()) if path.is_file() else None
        if entry is None:
            came = "another" if path.is_file() else "none"
            raise unlike(name, f"the file that data/prepare.py checked in {folder}", came)
        text = entry["from"]
        if text == SIMULATED:
            text = "SIMULATED, not the course's data"
        elif entry["authentic"]:
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
