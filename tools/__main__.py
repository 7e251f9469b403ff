"""The one door to what people run: python -m tools COMMAND [ARGUMENTS]."""

import os
import sys
from importlib import import_module

COMMANDS = {  # name: (module, who it is for, what it does)
    "run": ("tools.run", "everybody", "run the notebook and save it with its output"),
    "data": ("tools.data", "everybody", "fetch the data, or take it from a folder or zip"),
    "check": ("tools.check", "everybody", "say what is wrong with a layer or a model"),
    "submit": ("tools.submit", "teachers", "gather this notebook's hand-in under its exact names"),
    "report": ("tools.report", "maintainers", "write this notebook's one-page report"),
    "handout": ("tools.handout", "teachers", "make the folder that a student gets"),
    "score": ("tools.grading.score", "assistants", "the score card of hand-ins"),
    "experiments": ("tools.experiments", "maintainers", "measure anew, and fill in the texts"),
    "speed": ("tools.speed", "maintainers", "time the RNN layer beside PyTorch and JAX"),
}


def usage():
    rows = [f"  {name:<13}{who:<22}{what}" for name, (_, who, what) in COMMANDS.items()]
    return "\n".join([__doc__, "", *rows, "", "python -m tools COMMAND --help says more."])


def main(arguments):
    """Run one command; bad input ends in its one sentence, not in a traceback.

    A command's module is imported only now: some set the number of threads before NumPy loads.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        return f"tools: expected one of {', '.join(COMMANDS)}, got {name!r}; see --help"
    try:
        status = import_module(COMMANDS[name][0]).main(rest)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError) as error:
        return f"{name}: {error}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
