"""The one door to what people run: python -m tools COMMAND [ARGUMENTS]."""

import sys
from importlib import import_module
from importlib.util import find_spec


def is_here(module):
    """Whether this edition has the module tools.PACKAGE.NAME; a student's has fewer."""
    return find_spec(module.rpartition(".")[0]) is not None and find_spec(module) is not None


COMMANDS = {  # name: (module, who it is for, what it does)
    "run": ("tools.run", "everybody", "run the notebook and save it with its output"),
    "data": ("tools.data", "everybody", "fetch the data into data/, or check what is there"),
    "score": ("tools.grading.score", "students, assistants", "the score card of hand-ins"),
    "submit": ("tools.grading.submit", "students", "gather the hand-in under its exact names"),
    "report": ("tools.report", "students", "write the one-page report"),
    "experiments": ("tools.experiments", "maintainers", "repeat the long experiments"),
    "tables": ("tools.tables", "maintainers", "fill the result tables of the READMEs"),
    "handout": ("tools.handout", "maintainers", "make what students get, or renew template/"),
    "mistakes": ("tools.mistakes", "maintainers", "renew what names a student's mistake"),
    "speed": ("tools.speed.speed", "maintainers", "time the RNN layer beside PyTorch and JAX"),
}
COMMANDS = {name: row for name, row in COMMANDS.items() if is_here(row[0])}


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
        return import_module(COMMANDS[name][0]).main(rest)
    except (ValueError, OSError) as error:
        return f"{name}: {error}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
