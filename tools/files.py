"""Write files so that a reader finds the old content or the new; fill marked places in texts."""

import os
import re
import secrets
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUTS = ROOT / "outputs"


@contextmanager
def replacing(path):
    """Yield a temporary path beside `path`; on success it becomes `path`, else it is deleted.

    The temporary name starts with ".tmp-" and keeps the suffix, which `np.save` and `savefig` go
    by. The rename is atomic on POSIX and Windows because both names are in one folder.

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


def filled(text, mark, content):
    """Return text with `content` between <!-- mark --> and <!-- /mark -->; ValueError without."""
    pattern = rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)"
    result, count = re.subn(pattern, lambda m: f"{m[1]}{content}\n{m[2]}", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"<!-- {mark} -->: expected this mark once with its end, got {count}")
    return result
