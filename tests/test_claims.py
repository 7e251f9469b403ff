"""What notebook and report say of the results in words, held against outputs/results.json.

A new run that turns a claim round fails here; a claim that is no longer written fails, too.
"""

import json
import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT, code_cells

from RNN import RNN

from data.course import LABEL_COUNTS
from lab import further
from lab.files import read_results
from lab.model import gradients_of
from tools.cells import NOTEBOOK, load_cells

RESULTS = read_results()
SINE, STACK, HIDDEN = RESULTS["sine"], RESULTS["stack"], RESULTS["hidden"]
RAW, OWN, WHITENED = SINE["raw"]["raw amplitude"], SINE["raw"]["own scale"], SINE["whitened"]
START, RECALL = RESULTS["initialisation"], RESULTS["recall"]
ACTIVITY = {name: r["ways"] for name, r in RESULTS["activity"].items()}
UNSEEN = ACTIVITY["by volunteer"]
MEASURES = ("mape", "rmse")
ACROSS = UNSEEN["one model, with neighbours across gaps"]
ALL_RAW = [mape for scale in (RAW, OWN) for run in scale.values() for mape in run["mape"]]


def mid(values):
    return np.median(values)


def p_values(results, *names):
    """The p-values of all pairs of `names`."""
    pairs = {frozenset(key.split(" - ")): p for key, p in results["p_values"].items()}
    return [p for pair, p in pairs.items() if pair <= set(names)]


def learnt(key, H):
    return np.mean(HIDDEN[H][key])


WRONG = ("course", "flipped", "rotated", "none")
TRUNCATED = {k: mid(r["final_loss"]) for k, r in RESULTS["truncated"].items()}
EXPLODED, CLIPPED, LOW = (
    RESULTS["explosion"][f"rate {name}"]["validation_loss"]
    for name in ("0.3, not clipped", "0.3, clipped", "0.05, clipped")
)
NORMS = RESULTS["explosion"]["rate 0.3, not clipped"]["gradient_norm"]
LENGTHS = dict(
    zip(RESULTS["lengths"]["values"], np.transpose(RESULTS["lengths"]["mape"]), strict=True)
)
FED = {name: np.median(RESULTS["feedback"][name], axis=0) for name in ("dense", "rnn")}


ONE = {name: ways["one model"]["errors_by_model"][0] for name, ways in ACTIVITY.items()}


def errors(variant, way):
    return np.array(ACTIVITY[variant][way]["errors_by_volunteer"])


CLAIMS = [
    (
        "With the amplitude left in, the RNN with the course's start is better, by far and by both "
        "measures",
        all(max(RAW["rnn"][key]) < 0.6 * min(RAW["dense"][key]) for key in MEASURES),
    ),
    (
        "scale it leads in the MAPE only; by the root mean square error the Dense-only model is "
        "twice as good",
        mid(OWN["rnn"]["mape"]) < mid(OWN["dense"]["mape"])
        and 1.7 < mid(OWN["rnn"]["rmse"]) / mid(OWN["dense"]["rmse"]) < 2.4,
    ),
    ("leads in the MAPE only", mid(OWN["rnn"]["rmse"]) > mid(OWN["dense"]["rmse"])),
    (
        "Where the weights are equally few, the RNN is better throughout",
        all(
            mid(scale["rnn"][key]) < mid(scale["dense, 11 units"][key])
            for scale in (RAW, OWN)
            for key in MEASURES
        ),
    ),
    (
        "With an orthogonal start the RNN depends on luck at such rates",
        all(max(m) > 5 * min(m) for m in (s["rnn, orthogonal"]["mape"] for s in (RAW, OWN))),
    ),
    (
        "Dividing each sequence by its largest value helps the Dense layers most",
        mid(RAW["dense"]["mape"]) / mid(OWN["dense"]["mape"])
        > max(1, mid(RAW["rnn"]["mape"]) / mid(OWN["rnn"]["mape"])),
    ),
    (
        "Whitening takes the linear layer from per cent to rounding, ahead of any network on raw "
        "values",
        min(OWN["linear"]["mape"]) > 1
        and max(WHITENED["dense"]["rmse"]) < 1e-5
        and 100 * max(WHITENED["dense"]["mape"]) < min(ALL_RAW),
    ),
    (
        "linear layer goes from 6.5 % on the 99 values to less than 0.0001 % on 26 whitened",
        f"{mid(OWN['linear']['mape']):.1f}" == "6.5" and max(WHITENED["dense"]["mape"]) < 1e-4,
    ),
    (
        "500 relu units gain nothing from it",
        mid(WHITENED["dense, relu"]["mape"]) > mid(OWN["dense"]["mape"]),
    ),
    (
        "The RNN trained as a whole gains less, and comes to rounding only with its states "
        "whitened, too",
        mid(OWN["rnn"]["mape"]) / 2
        > mid(WHITENED["rnn, 60 epochs"]["mape"])
        > 100 * max(WHITENED["rnn, readout of 40"]["mape"]),
    ),
    (
        "The first has 17,171 weights, the second 1,121",
        (RAW["dense"]["weights"], RAW["rnn"]["weights"]) == (17171, 1121),
    ),
    (
        "with a fifteenth of the weights",
        14.5 < OWN["dense"]["weights"] / OWN["rnn"]["weights"] < 16,
    ),
    (
        "The true gradient is significantly better than every other",
        all(max(p_values(STACK, "true", name)) < 0.01 for name in WRONG)
        and mid(STACK["one step"]["true"]["final_loss"])
        < min(mid(STACK["one step"][name]["final_loss"]) for name in WRONG),
    ),
    (
        "The course's, wrong as it is, ends below none (p = 0.02)",
        f"{max(p_values(STACK, 'course', 'none')):.2f}" == "0.02"
        and mid(STACK["one step"]["course"]["final_loss"])
        < mid(STACK["one step"]["none"]["final_loss"]),
    ),
    (
        "not told apart from its own negative or from random turns, nor are these from none",
        min(p_values(STACK, "course", "flipped") + p_values(STACK, "course", "rotated")) > 0.05
        and min(p_values(STACK, "flipped", "rotated", "none")) > 0.05,
    ),
    (
        "does not stay at 0, and that of its negative rises, too",
        all(
            abs(cosines[0]) < 0.1 and min(cosines[-10:]) > 0.05
            for cosines in (STACK["one step"][n]["cosine_by_epoch"] for n in ("course", "flipped"))
        ),
    ),
    (
        "the printed cosines of the two stay near 0",
        all(max(map(abs, r["alignment"])) < 0.15 for r in STACK["one step"].values()),
    ),
    (
        "Best is what the course's way cannot do: `RNN(1, 16, return_sequences=True)` and "
        '`RNN(16, 32, input_gradient="true")`',
        mid(STACK["sequence"]["32"]["final_loss"])
        < mid(STACK["sequence"]["16"]["final_loss"])
        < mid(STACK["one step"]["true"]["final_loss"]),
    ),
    (
        "learnt almost by heart from 16 units on",
        all(learnt("training_error", H) < 0.1 for H in ("16", "32", "64", "128")),
    ),
    (
        "the number of weights, from 483 to 23,043",
        (HIDDEN["8"]["weights"], HIDDEN["128"]["weights"]) == (483, 23043),
    ),
    (
        "128 units make less than half the errors of 8, a significant difference",
        HIDDEN["128"]["errors"] < HIDDEN["8"]["errors"] / 2
        and max(p_values(HIDDEN, "8", "128")) < 0.01,
    ),
    (
        "neighbouring sizes are not told apart",
        all(
            min(p_values(HIDDEN, *pair)) > 0.05 for pair in pairwise(("8", "16", "32", "64", "128"))
        ),
    ),
    (
        "a step keeps about as much as the spectral radius says",
        np.allclose(
            START["course"]["kept_by_a_step_moving"], START["course"]["spectral_radius"], rtol=0.15
        ),
    ),
    (
        "the norm would allow nearly twice as much",
        1.5 < mid(START["course"]["norm"]) / mid(START["course"]["spectral_radius"]) < 2,
    ),
    (
        "little while the phone rests, a third a step while its owner moves",
        mid(START["orthogonal"]["kept_by_a_step_resting"]) > 0.95
        and 0.6 < mid(START["orthogonal"]["kept_by_a_step_moving"]) < 0.72,
    ),
    (
        "learns sequences of five with four seeds of five, after ten epochs or more",
        sorted(epochs or 999 for epochs in RECALL["course"]["5"]["epochs"])[3] < 999
        and RECALL["course"]["5"]["epochs"].count(None) == 1
        and min(epochs or 999 for epochs in RECALL["course"]["5"]["epochs"]) >= 10,
    ),
    ("sequences of ten not in 100", set(RECALL["course"]["10"]["epochs"]) == {None}),
    (
        "needs three epochs at most for ten steps, and learns twenty with all seeds; at fifty it "
        "fails, too",
        max(RECALL["orthogonal"]["10"]["epochs"]) <= 3
        and None not in RECALL["orthogonal"]["20"]["epochs"]
        and set(RECALL["orthogonal"]["50"]["epochs"]) == {None},
    ),
    ("Without clipping the high rate diverges in the first epoch", not any(EXPLODED)),
    (
        "needs some 20 to 60 values, and gains nothing from more",
        mid(LENGTHS[10]) > 5 * mid(LENGTHS[60]) > mid(LENGTHS[20])
        and mid(LENGTHS[200]) > 0.95 * mid(LENGTHS[60]),
    ),
    (
        "18.8 times as large",
        17.5 < np.median([np.divide(*run["dense"][-2::][::-1]) for run in NORMS]) < 19.5,
    ),
    (
        "From then on the RNN's gradient is 0, but for a rare jump",
        np.mean([x == 0 for run in NORMS for x in run["rnn"][run["rnn"].index(0) :]]) > 0.85,
    ),
    (
        "with clipping it trains better than a low one",
        mid([losses[-1] for losses in CLIPPED]) < mid([losses[-1] for losses in LOW]),
    ),
    (
        "Twenty steps of gradient are as good as all 99, five somewhat worse, one is far behind",
        TRUNCATED["20"] < 1.05 * TRUNCATED["99"]
        and 1.1 < TRUNCATED["5"] / TRUNCATED["99"] < 1.6
        and TRUNCATED["1"] > 3 * TRUNCATED["99"],
    ),
    (
        "200 values are as good as 99, and so are 60 with four seeds of five",
        (LENGTHS[200] < 1.15 * LENGTHS[99]).all() and (LENGTHS[60] < 1.05 * LENGTHS[99]).sum() == 4,
    ),
    ("sooner than the Dense-only model does", (FED["rnn"][1:] > FED["dense"][1:]).all()),
    (
        "Neighbours take away every error on these 21 people, even of a single model. If the gaps "
        "are not known, most errors of single models go, though only half of those of seed 1, and "
        "all of their average",
        not any(UNSEEN["one model, with neighbours"]["errors_by_model"])
        and sum(ACROSS["errors_by_model"]) < sum(UNSEEN["one model"]["errors_by_model"]) / 4
        and 2 * ACROSS["errors_by_model"][0] == UNSEEN["one model"]["errors_by_model"][0]
        and not any(UNSEEN["mean of models, with neighbours across gaps"]["errors_by_model"]),
    ),
    (
        "which is 5 % for $p$ = 13 %: so up to 13 % may be, about one of the nine",
        round(100 * (1 - 0.05 ** (1 / 21))) == 13 and round(9 * 0.13) == 1,
    ),
    (
        "A random split promises far fewer errors than unseen people give",
        ONE["at random"] <= min(UNSEEN["one model"]["errors_by_model"]) / 2,
    ),
    (
        "give about as many as unseen people",
        min(UNSEEN["one model"]["errors_by_model"])
        <= ONE["by run"]
        <= max(UNSEEN["one model"]["errors_by_model"]),
    ),
    (
        "leaving out only that costs as much as leaving out all",
        ONE["not turned"] >= ONE["not augmented"] > 3 * ONE["by volunteer"],
    ),
    (
        "Without it more than nine errors in ten are of volunteers 7 and 9, and neighbours mend "
        "none of them",
        errors("not turned", "one model")[[7, 9]].sum() > 0.9 * ONE["not turned"]
        and (
            errors("not turned", "one model, with neighbours")[[7, 9]]
            >= errors("not turned", "one model")[[7, 9]]
        ).all(),
    ),
]


def written():
    """The texts, each white space one blank."""
    cells = json.loads((ROOT / "Lab6.ipynb").read_text("utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    texts += [(ROOT / name).read_text("utf-8") for name in ("README.md", "tools/report.typ")]
    return " ".join(re.sub(r"\s+", " ", text) for text in texts)


TEXT = written()


@pytest.mark.parametrize(("claim", "holds"), CLAIMS, ids=[claim[:60] for claim, _ in CLAIMS])
def test_claim(claim, holds):
    assert claim.lower() in TEXT.lower(), "is no longer written: take it out here, too"
    assert holds, "the results say something else: mend the text"


# The answers that readers unfold


def test_answer_1_what_a_step_back_leaves():
    """By the cell that the question is about, with another factor in place of 3."""
    cell = next(c.source for c in code_cells(NOTEBOOK) if '("orthogonal", 3)' in c.source)
    left = []
    for factor in (1.1, 1.5, 2):
        names = load_cells("imports", "model")
        names["plots"] = SimpleNamespace(gradients_back=lambda *panels: None)
        exec(cell.replace('("orthogonal", 3)', f'("orthogonal", {factor})'), names)
        silent, noisy = (f[f"orthogonal, times {factor}"] for f in names["factors"].values())
        np.testing.assert_allclose(silent, factor)
        left.append(np.prod(noisy) ** (1 / len(noisy)))
    plain = np.prod(names["factors"]["noise: tanh acts, too"]["orthogonal, times 1"]) ** (1 / 50)
    assert f"times the {plain:.2f} of the plain orthogonal matrix" in TEXT
    assert "leaves {:.2f}, {:.2f} and {:.2f}. Only 2 is enough".format(*left) in TEXT
    assert left[1] < 1 < left[2]


def test_answer_2_half_a_gradient_is_half_a_rate(notebook, capsys):
    cell = next(c.source for c in code_cells(NOTEBOOK) if "class Model(" in c.source)
    assert "2 * (AL - y[rows])" in cell
    names = load_cells("imports")
    exec(cell.replace("2 * (AL - y[rows])", "(AL - y[rows])"), names)
    rng, losses = np.random.default_rng(0), []
    X, y = rng.normal(size=(6, 3, 2)), rng.normal(size=(6, 1))
    for Model, rate in ((names["Model"], 0.2), (notebook.Model, 0.1)):
        model = Model()
        model.add(RNN(2, 4))
        model.add(notebook.Dense(4, 1))
        further.check_gradients(model, X, y)
        model.train(X, y, None, None, epochs=3, learning_rate=rate)
        losses.append(model.train_losses)
    np.testing.assert_allclose(*losses)
    assert losses[0][0] > losses[0][-1]
    with pytest.raises(AssertionError, match="Training"):
        further.training(names["Model"], RNN, notebook.Dense)


def test_answer_4_an_rnn_reads_the_end_of_a_wave():
    c = SimpleNamespace(**load_cells("imports", "model", "sine"))
    whole = c.build_sine_rnn(1)
    c.train_sine(whole, c.sine_steps, c.own_scale, 0.15, 5, seed=1)
    model = c.train_readout(c.whitened_states(whole), 30, 1)
    X, y = c.sine_waves(5000, np.random.default_rng(2024))
    steps = c.sine_steps(X / c.own_scale(X))
    mape = {
        k: c.percentage_errors(c.own_scale(X) * model.predict(steps[:, -k:]), y).mean()
        for k in (11, 5, 1)
    }
    assert "the MAPE is 0.0041 %, fifty to a hundred times as large as with all steps" in TEXT
    assert mape[5] == pytest.approx(0.0041, rel=0.1)
    assert 40 < mape[5] / mape[11] < 110
    assert mape[1] == pytest.approx(6, rel=0.1)
    rnn, fit = whole.layers[0], c.sine_steps(c.own_fit)
    far, near = rnn.forward(steps), rnn.forward(steps[:, -5:])
    assert "change the state by less than a ten-thousandth" in TEXT
    assert 0 < np.abs(far - near).max() / np.abs(far).max() < 1e-4
    states = [np.hstack([rnn.forward(A[:, -1:]), np.ones((len(A), 1))]) for A in (fit, steps)]
    weights = np.linalg.lstsq(states[0], c.y_fit / c.own_scale(c.X_fit), rcond=None)[0]
    assert c.percentage_errors(c.own_scale(X) * (states[1] @ weights), y).mean() < 1e-3


def test_answer_5_of_windows_two_classes_and_one_step():
    _, stairs, rest = np.array(LABEL_COUNTS) / sum(LABEL_COUNTS)
    assert f"training windows about {rest:.2f}, and about {rest + stairs:.2f}" in TEXT
    rnn, X, dH = RNN(4, 3), np.ones((2, 1, 4)), np.ones((2, 3))
    h = rnn.forward(X)
    course = rnn.backward(dH)
    rnn.Wh = 10 * rnn.Wh
    np.testing.assert_array_equal(rnn.forward(X), h)
    np.testing.assert_allclose(rnn.backward(dH), 10 * course)


def test_answer_7_rows_of_the_next_step():
    """RNN.backward with Z[1:] for Z[:T] in dW."""
    source = (ROOT / "RNN.py").read_text("utf-8")
    assert source.count("@ Z[:T].reshape") == 1
    names = {}
    exec(source.replace("@ Z[:T].reshape", "@ Z[1:].reshape"), names)
    rng, gradients = np.random.default_rng(0), []
    X, dH = rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 3))
    for layer in (RNN(5, 3), names["RNN"](5, 3)):
        layer.forward(X)
        layer.backward(dH)
        gradients.append(gradients_of(layer))
    same = {name: np.allclose(g, gradients[1][name]) for name, g in gradients[0].items()}
    assert same == {"Wx": False, "Wh": False, "bh": True}
