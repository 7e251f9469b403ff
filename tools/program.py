"""How the programs here end: bad input in its one sentence, not in a traceback."""

import sys
from pathlib import Path


def run(main):
    """Call `main` and leave with what it returns, or with the message of a ValueError or OSError.

    Raises:
        SystemExit: always.
    """
    try:
        status = main()
    except (ValueError, OSError) as error:
        status = f"{Path(sys.argv[0]).stem}: {error}"
    sys.exit(status)
