"""The record beside the data: SOURCE.json says of each file where it came from and what it was.

{file name: {"from", "sha256", "shape", "dtype", "date", "authentic"}}; an entry speaks of the
bytes with its sha256 and of no others.
"""

import datetime
import json
from pathlib import Path

from data.course import FILES, is_authentic, sha256

RECORD = "SOURCE.json"
SIMULATED = "simulated"  # the origin of what data/simulate.py made
NEEDED = {"from", "sha256", "authentic"}  # of each entry, by those who read it


def new_entry(name, raw, array, origin):
    """Return the entry of a file of today, whose bytes `raw` were checked and hold `array`."""
    return {
        "from": origin,
        "sha256": sha256(raw),
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "date": datetime.date.today().isoformat(),
        "authentic": is_authentic(name, array),
    }


def read_records(folder):
    """Return SOURCE.json as {file name: entry}; {} where there is none.

    Raises:
        ValueError: it is not what `prepare` wrote; going on would let simulated files pass for
            one's own.
    """
    try:
        raw = (Path(folder) / RECORD).read_bytes()
    except FileNotFoundError:
        return {}
    try:
        records = json.loads(raw)
        if all(entry.keys() >= NEEDED for entry in records.values()):
            return records
    except (ValueError, AttributeError):  # no JSON, or no table of tables
        pass
    raise ValueError(
        f"{RECORD}: expected the record that python -m tools data wrote, got {raw[:40]!r}; remove "
        f"{RECORD} and run python -m tools data --force, with --from DIR for your own files"
    )


def entry_of(records, name, raw):
    """Return the entry of the file `name` if it speaks of the bytes `raw`, else None."""
    entry = records.get(name)
    return entry if entry is not None and entry["sha256"] == sha256(raw) else None


def is_stand_in(records, name, raw):
    """Whether the file `name` with the bytes `raw` is simulated, as far as `records` say."""
    entry = entry_of(records, name, raw)
    return entry is not None and entry["from"] == SIMULATED


def stand_ins(folder):
    """Return the names of those of the course's four files in `folder` that are simulated.

    Raises:
        ValueError: the record cannot be read.
    """
    folder, records = Path(folder), read_records(folder)
    there = [name for name in FILES if (folder / name).is_file()]
    return [name for name in there if is_stand_in(records, name, (folder / name).read_bytes())]


def source_line(folder):
    """Return one line on where the four files that `prepare` put into `folder` came from."""
    records, told = read_records(folder), {}
    for name in FILES:
        text = records[name]["from"]
        if text == SIMULATED:
            text = "SIMULATED, not the course's data"
        elif records[name]["authentic"]:
            text += " (recognised as the course's data)"
        told.setdefault(text, []).append(name)
    return "Data: " + "; ".join(f"{', '.join(names)}: {text}" for text, names in told.items())


def source_summary(folder):
    """{file name: {"from", "sha256": first 12 digits, "authentic"}}, without dates, for results."""
    summary = {}
    for name, entry in read_records(folder).items():
        summary[name] = {key: entry[key] for key in ("from", "sha256", "authentic")}
        summary[name]["sha256"] = entry["sha256"][:12]
    return summary
