"""Every known mistake, and 200 pairs, made in a student's solution: checks name these and no other.

The solution in mistakes.txt, and how each mistake is made in it, share nothing with tools/.
"""

import re
from functools import cache
from itertools import combinations
from unittest.mock import patch

import numpy as np
import pytest
from conftest import ROOT
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from Activation import Activation
from Dense import Dense
from RNN import RNN

from lab import expected, further, mistakes
from lab.checks import NotWritten
from lab.model import gradients_of
from tools import mistakes as maker
from tools.grading import score

SOLUTION, TABLE = (ROOT / "tests" / "mistakes.txt").read_text("utf-8").split("\n# mistakes\n")
EDITS = {}
for line in TABLE.splitlines():
    what, *edits = line.split(" | ")
    EDITS[what] = [[t.strip().replace("\\n", "\n") for t in edit.split("->")] for edit in edits]


def course(check, *seed):
    """One of the course's checks, of the names that it is called with."""
    return lambda names: expected.compare(check, maker.course_figures(check, names, *seed))


CHECKS = {
    "RNN_initialization": course("RNN_initialization"),
    **{check: course(check, 1) for check in ("RNN_forward", "RNN_backward", "Model_class")},
    "Weights": lambda names: further.weights(names["RNN"]),
    "Bias": lambda names: further.bias(names["RNN"]),
    "Sequences": lambda names: further.sequences(names["RNN"]),
    "Losses": lambda names: further.losses(names["compute_MSE_loss"], names["compute_CCE_loss"]),
    "Training": lambda names: further.training(names["Model"], names["RNN"], Dense),
}
ORDER = ["RNN_initialization", *maker.CHECKS]


def with_mistakes(*whats):
    """The names of the solution with mistakes in it; None if two of them change the same place."""
    sources = []
    for order in (whats, whats[::-1]):
        source = SOLUTION
        for old, new in (edit for what in order for edit in EDITS[what]):
            if source.count(old) != 1:
                return None
            source = source.replace(old, new)
        sources.append(source)
    names = {"np": np, "Activation": Activation, "Dense": Dense, "gradients_of": gradients_of}
    exec(sources[0], names)
    return names if sources[0] == sources[1] else None


def run(names):
    """Run all checks as the notebook does: {check: (figures, sentences)} of those that differ."""
    found = {}

    def explain(check, figures, *rest):
        found[check] = figures, mistakes.explain(check, figures, *rest)
        return found[check][1]

    with patch.object(expected, "explain", explain), np.errstate(all="ignore"):
        for check in ORDER:
            try:
                CHECKS[check](names)
            except expected.Differs as error:
                assert str(error).endswith("\n".join(found[check][1]))
            except (ValueError, IndexError, TypeError, AttributeError) as error:
                found[check] = None, [repr(error)]
    return found


@cache
def run_with(*whats):
    return run(with_mistakes(*whats))


def named(said):
    """The sets of mistakes that sentences name, one set for each "or"."""
    options = said[0].partition(" what comes out with ")[2].split("; or with ")
    return [{part.partition(": ")[0] for part in o.split("; together with ")} for o in options if o]


def equal(figures, others):
    return all(np.allclose(figures[key], others[key], rtol=1e-8, atol=0) for key in figures)


@pytest.mark.parametrize("what", EDITS)
def test_a_mistake_is_named_and_no_other(what):
    found = run_with(what)
    assert any({what} in named(said) for _, said in found.values())
    for check, (figures, said) in found.items():
        if figures is not None and (check != "Sequences" or "returned" not in what):
            assert {what} in named(said)  # Sequences expects what the last states are
        for other in named(said):
            assert len(other) == 1
            assert equal(figures, run_with(*other)[check][0])


def test_200_pairs_are_named():
    pairs, asked, both_named = [*combinations(EDITS, 2)], 0, 0
    np.random.default_rng(12).shuffle(pairs)
    for pair in pairs:
        if with_mistakes(*pair) is None:
            continue
        asked += 1
        alone, found = [run_with(what) for what in pair], run_with(*pair)
        for check, (figures, said) in found.items():
            options = named(said)
            earlier = [name for name in ORDER[: ORDER.index(check)] if name in found]
            if figures is None or all(any(name in a for name in earlier) for a in alone):
                continue  # an error, not figures; or earlier checks have shown both
            if check == "Sequences" and earlier and not options:
                continue  # it expects what the last states are, which are wrong here
            assert set(pair) in options or any(len(option) == 1 for option in options)
            both_named += set(pair) in options
            for option in options:
                others = run_with(*sorted(option, key=[*EDITS].index))
                assert equal(figures, others[check][0])
        if asked == 200:
            break
    assert both_named > 100


def test_right_solutions_are_met_with_silence(notebook):
    assert run_with() == {}
    assert run(with_mistakes() | {"RNN": RNN, "Model": notebook.Model}) == {}
    styles = [*(ROOT / "tests" / "students").glob("*/RNN.py")]
    assert len(styles) == 3
    for path in styles:
        names = with_mistakes()
        exec(path.read_text("utf-8"), names)  # into where Model looks for RNN, too
        found = run(names)
        assert list(found) == ["Sequences"]
        assert "expected the opt-ins return_sequences, input_gradient" in found["Sequences"][1][0]


def figures_of(check):
    held = expected.expected_seed1() | mistakes.known()["expected"]
    return {key: np.array(A) for key, A in held.get(check, {"Output": np.ones((3, 3))}).items()}


def test_random_figures_have_no_name():
    rng = np.random.default_rng(3)
    for check in maker.CHECKS:
        right = figures_of(check)
        for _ in range(50):
            wrong = {key: A * rng.normal(size=A.shape) for key, A in right.items()}
            said = mistakes.explain(check, wrong, right, 1e-12)
            assert said == [f"{check}: none of the mistakes known here"]


RELATIONS = {  # what happens to one entry, and what is said
    "dL_dWh is exactly N = 2 times the expected one": lambda A: 2 * A,
    "dL_dWh is exactly 1/(N T) = 0.125 times the expected one": lambda A: A / 8,
    "dL_dWh is exactly -0.37 times the expected one": lambda A: -0.37 * A,
    "dL_dWh is zero everywhere": lambda A: 0 * A,
    "dL_dWh is the expected one cut to -0.02 ... 0.02": lambda A: A.clip(-0.02, 0.02),
    "RNN_backward: none of the mistakes": lambda A: A * [1, 1, np.nan],
    "RNN_backward: none of the mistakes ": lambda A: A[:2],
    "MSE is exactly N^2 = 16 times the expected one": lambda A: 16 * A,
    "Losses: none of the mistakes": lambda A: 1.7 * A,
}


@pytest.mark.parametrize("said", RELATIONS)
def test_simple_relations_of_one_entry(said):
    check, key = ("Losses", "MSE") if said[0] in "ML" else ("RNN_backward", "dL_dWh")
    right = figures_of(check)
    figures = right | {key: RELATIONS[said](right[key])}
    [sentence] = mistakes.explain(check, figures, right, 1e-12)
    assert sentence.startswith(said)


def test_the_file_is_up_to_date():
    """Its pairs are held by the pairs above."""
    kept, now = mistakes.known(), maker.made(pairs=False)
    assert kept["mistakes"] == now["mistakes"]
    assert list(kept["mistakes"]) == list(EDITS)
    for check, figures in now["expected"].items():
        for key, A in figures.items():
            np.testing.assert_allclose(kept["expected"][check][key], A, rtol=1e-13)
    for check, rows in now["prints"].items():
        alone = [row for row in kept["prints"][check] if len(row) == 2]
        np.testing.assert_allclose(alone, rows, rtol=0, atol=1e-9)
    for check, rows in maker.handed_in().items():
        np.testing.assert_allclose(score.mistakes()[check], rows, rtol=0, atol=1e-9)


def test_a_notebook_shows_sentences_and_no_traceback(capsys):
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.user_ns |= {"NotWritten": NotWritten, "compare": expected.compare}
    for code, shown in (
        ("raise NotWritten('RNN.forward')", r"not written yet: RNN\.forward"),
        (
            "compare('a', {'b': [1, 2]}, {'b': [1, 4]})",
            r"a: b relative .*\na: none of the mistakes .*",
        ),
    ):
        assert not shell.run_cell(code).success
        assert re.fullmatch(rf"([b ] .*\n)*{shown}\n", capsys.readouterr().out)
