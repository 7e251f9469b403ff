"""Deliberate faults in data and grading: for each a test that fails, and is green without it.

python tests/test_faults.py     each fault in a process of its own, and what became of it
"""

import inspect
import os
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

FAULTS = [  # module, right, wrong, the test that tells
    ("data.prepare", "np.sin(np.arange(1.0, len(rows) + 1) ** 2)", "np.ones(len(rows))", "data.py::test_the_whole_array_decides"),
    ("data.prepare", "spread == 0", "False", "data.py::test_the_whole_array_decides"),
    ("data.prepare", "(jumps > 0.11).any()", "(jumps > 11).any()", "data.py::test_the_whole_array_decides"),
    ("data.prepare", "shared < 0.8", "shared < 0", "data.py::test_the_whole_array_decides"),
    ("data.prepare", "file.read(1)", "False", "data.py::test_a_broken_file_is_a_sentence"),
    ("data.prepare", "np.isin(array, (0, 1, 2)).all()", "True", "data.py::test_a_broken_file_is_a_sentence"),
    ("data.prepare", "np.isfinite(array).all()", "np.isfinite(array).any()", "data.py::test_a_broken_file_is_a_sentence"),
    ("data.prepare", "[0, 1, 1, 2, 2, 2]", "[0, 1, 2, 2, 2, 2]", "data.py::test_the_archive_becomes_the_courses_files"),
    ("data.prepare", "np.random.default_rng(6)", "np.random.default_rng()", "data.py::test_offline_all_is_simulated_twice_alike_and_told"),
    ("data.prepare", "path.exists() and path.read_bytes() != raw", "False", "data.py::test_own_files_are_never_replaced"),
    ("data.prepare", "0 < len(missing) < 3", "False", "data.py::test_a_missing_file_of_the_set_is_named"),
    ("data.prepare", 'r" ?\\(\\d+\\)(?=\\.\\w+$)"', '"None"', "data.py::test_files_are_taken_from_zips_and_folders"),
    ("tools.grading.boards", "timedelta(minutes=1, microseconds=-1)", "timedelta(0)", "batch.py::test_late"),
    ("tools.grading.boards", "_time(handed_in).tzinfo", "True", "batch.py::test_late"),
    ("tools.grading.boards", "times and all(times.values())", "times", "batch.py::test_late"),
    ("tools.grading.boards", "fit != CLOSE and len(rows) == 1", "fit != CLOSE", "batch.py::test_boards"),
    ("tools.grading.boards", "0 <= row[\"Score\"] <= 1", "True", "batch.py::test_nothing_of_a_board_is_guessed"),
    ("tools.grading.card", '0 if "zero" in penalties else', "", "score.py::test_penalties_are_those_of_the_table"),
    ("tools.grading.card", "self.lines[basic:]", "self.lines", "score.py::test_penalties_are_those_of_the_table"),
    ("tools.grading.rerun", "error <= BOUND or", "error <= 1e-8 or", "score.py::test_by_files_alone[HONEST: no tanh]"),
    ("tools.grading.notebook", "len(entries) > MANY", "False", "score.py::test_by_files_alone[DISHONEST: answers written out]"),
    ("tools.grading.notebook", "value > LARGE", "False", "score.py::test_by_files_alone[DISHONEST: answers in a number]"),
    ("tools.grading.notebook", "sure and top in FOREIGN.split()", "top in FOREIGN.split()", "score.py::test_by_files_alone[DISHONEST: in a function]"),
    ("tools.grading.notebook", "empty = tree is not None", "empty = tree is None", "score.py::test_by_files_alone[DISHONEST: all blanks]"),
    ("tools.grading.plagiarism", "likeness >= NEARLY_ALL", "False", "batch.py::test_copies_are_suspect_and_nobody_else"),
    ("tools.grading.plagiarism", "work.pieces - nobodys", "work.pieces", "batch.py::test_unrelated_hand_ins_are_not_suspect"),
]  # fmt: skip


def put_in(module, right, wrong):
    """Change the one function of a module in whose source `right` stands."""
    module = import_module(module)
    classes = [x for x in vars(module).values() if inspect.isclass(x)]
    found = [x for owner in (module, *classes) for x in vars(owner).values()]
    found = {x for x in found if inspect.isfunction(x) and x.__module__ == module.__name__}
    (function,) = [x for x in found if inspect.getsource(x).count(right) == 1]
    names = dict(vars(module))
    exec(textwrap.dedent(inspect.getsource(function)).replace(right, wrong), names)
    function.__code__ = names[function.__name__].__code__


def outcome(fault, test):
    """Run a test in a forked process, with a fault; return pytest's exit status, 1 if it fails."""
    if not (child := os.fork()):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        put_in(*fault)
        path = str(Path(__file__).with_name(f"test_{test}"))
        os._exit(pytest.main([path, "-n0", "-x", "-p", "no:randomly", "-p", "no:cacheprovider"]))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.slow
def test_each_fault_is_caught():
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == len(FAULTS), done.stderr
    assert [line for line in lines if not line.startswith("caught")] == []


if __name__ == "__main__":
    import conftest  # noqa: F401 - once for all; the tests themselves start threads

    for *fault, test in FAULTS:
        caught = outcome(fault, test) == 1
        print("caught" if caught else "let through", fault[2], test, sep=": ", flush=True)
