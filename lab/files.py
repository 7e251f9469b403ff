"""Write files so that a reader finds the old content or the new, never a part; find results.

The one home of atomic writing here: everything that ends up on disk goes through `replacing`.
"""

import json
import os
import secrets
from contextlib import contextmanager
from pathlib import Path

OUTPUTS = Path(__file__).resolve().parent.parent / "outputs"
STAND_IN = "stand-in"  # folder of what was computed on simulated data


@contextmanager
def replacing(path):
    """Yield a temporary path beside `path`; on success it becomes `path`, else it is deleted.

    The temporary name starts with ".tmp-" and keeps the suffix, which `np.save` and `savefig` go
    by. The rename is atomic on POSIX and Windows because both names are in one folder.

    Args:
        path: file to make or replace; its folder exists.

    Yields:
        pathlib.Path to write to.

    Raises:
        OSError: the folder is missing or read-only, the disk is full, ...; the old file is whole.
    """
    path = Path(path)
    temporary = path.with_name(f".tmp-{secrets.token_hex(4)}-{path.name}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # on disk before the rename, or a power cut leaves it empty
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or error  # a short write of NumPy has no errno
        raise OSError(
            error.errno,
            f"expected to write {path.name} into {path.parent}, got: {reason}; what was there "
            f"before is untouched. Check the folder, its permissions and the free space",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text):
    """Write `text` (str) to `path` atomically: UTF-8, line ends as given on every system."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def output_folder(output_dir, quick=False, stand_in=False):
    """Return the folder for results as a Path, made if need be.

    Quick mode and answers to stand-in data get a folder of their own inside, so that neither ever
    touches a hand-in file.
    """
    folder = Path(output_dir)
    if quick:
        folder /= "quick"
    elif stand_in and folder.name != STAND_IN:
        folder /= STAND_IN
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def note(path, **figures):
    """Add `figures` to the JSON file `path`, made if need be; the last of a name counts."""
    path = Path(path)
    noted = json.loads(path.read_text("utf-8")) if path.exists() else {}
    write_text(path, json.dumps(noted | figures, indent=1, sort_keys=True) + "\n")


def read_results(name="results", folder=OUTPUTS):
    """Return what the long experiments wrote to the file `name`.json, "results" or "timings".

    Raises:
        ValueError: there is none.
    """
    path = Path(folder) / f"{name}.json"
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"{path}: expected the results of the experiments, found none; "
            "run python -m tools experiments"
        ) from None
