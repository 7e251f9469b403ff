"""What notebook and report say of the results in words, held against outputs/results.json.

A new run that turns a claim round fails here; a claim that is no longer written fails, too.
"""

import json
import re
from itertools import pairwise

import numpy as np
import pytest
from conftest import ROOT

from lab.files import read_results

RESULTS = read_results()
SINE, STACK, HIDDEN = RESULTS["sine"], RESULTS["stack"], RESULTS["hidden"]
RAW, OWN, WHITENED = SINE["raw"]["raw amplitude"], SINE["raw"]["own scale"], SINE["whitened"]
START, RECALL = RESULTS["initialisation"], RESULTS["recall"]
ACTIVITY = {name: r["ways"] for name, r in RESULTS["activity"].items()}
UNSEEN = ACTIVITY["by volunteer"]
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
LENGTHS = dict(
    zip(RESULTS["lengths"]["values"], np.transpose(RESULTS["lengths"]["mape"]), strict=True)
)
FED = {name: np.median(RESULTS["feedback"][name], axis=0) for name in ("dense", "rnn")}


ONE = {name: ways["one model"]["errors_by_model"][0] for name, ways in ACTIVITY.items()}


def errors(variant, way):
    return np.array(ACTIVITY[variant][way]["errors_by_volunteer"])


CLAIMS = [
    (
        "On raw values the RNN is better, by far where the amplitude is left in or the weights are "
        "equally few",
        max(RAW["rnn"]["mape"]) < min(RAW["dense"]["mape"]) / 2
        and mid(OWN["rnn"]["mape"]) < mid(OWN["dense, 11 units"]["mape"]) / 2,
    ),
    (
        "Dividing by the largest value helps Dense layers most",
        mid(RAW["dense"]["mape"]) / mid(OWN["dense"]["mape"])
        > max(1, mid(RAW["rnn"]["mape"]) / mid(OWN["rnn"]["mape"])),
    ),
    (
        "leaves the RNN a small lead in the MAPE only",
        0.5 < mid(OWN["rnn"]["mape"]) / mid(OWN["dense"]["mape"]) < 1
        and mid(OWN["rnn"]["rmse"]) > mid(OWN["dense"]["rmse"]),
    ),
    (
        "one linear layer is better than any network on raw values, by orders of magnitude",
        100 * max(WHITENED["dense"]["mape"]) < min(ALL_RAW),
    ),
    (
        "the RNN, trained as a whole, is not, until its states are whitened, too",
        100 * min(WHITENED["rnn, 60 epochs"]["mape"])
        > min(ALL_RAW)
        > 100 * max(WHITENED["rnn, readout of 40"]["mape"]),
    ),
    (
        "Then the two are equal but for rounding",
        max(*WHITENED["dense"]["rmse"], *WHITENED["rnn, readout of 40"]["rmse"]) < 1e-5,
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
        "The course's, wrong as it is, ends below none, at the edge of what 15 seeds can tell",
        0.002 < max(p_values(STACK, "course", "none")) < 0.1
        and mid(STACK["one step"]["course"]["final_loss"])
        < mid(STACK["one step"]["none"]["final_loss"]),
    ),
    (
        "flipped or turned at random it is not told apart from none",
        min(p_values(STACK, "flipped", "rotated", "none")) > 0.05,
    ),
    (
        "its cosine with the true one rises, and with the flipped sign it rises, too",
        all(
            STACK["one step"][name]["cosine_by_epoch"][-1]
            > STACK["one step"][name]["cosine_by_epoch"][0] + 0.1
            for name in ("course", "flipped")
        ),
    ),
    (
        "learnt almost by heart from 16 units on",
        all(learnt("training_error", H) < 0.1 for H in ("16", "32", "64", "128")),
    ),
    (
        "128 units make less than half the errors of 8, a difference that is significant",
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
        "learns to look back five steps with four seeds of five, after ten epochs or more",
        sorted(epochs or 999 for epochs in RECALL["course"]["5"]["epochs"])[3] < 999
        and RECALL["course"]["5"]["epochs"].count(None) == 1
        and min(epochs or 999 for epochs in RECALL["course"]["5"]["epochs"]) >= 10,
    ),
    ("at ten steps it does not get there in 100", set(RECALL["course"]["10"]["epochs"]) == {None}),
    (
        "needs three epochs at most for ten steps, and learns twenty with all seeds; at fifty it "
        "fails, too",
        max(RECALL["orthogonal"]["10"]["epochs"]) <= 3
        and None not in RECALL["orthogonal"]["20"]["epochs"]
        and set(RECALL["orthogonal"]["50"]["epochs"]) == {None},
    ),
    ("the gradient explodes in the first epoch", not any(EXPLODED)),
    (
        "With clipping the same rate trains better than a low one",
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
        "Neighbours take away every error on these 21 people, even of a single model",
        not any(UNSEEN["one model, with neighbours"]["errors_by_model"])
        and not any(UNSEEN["mean of models, with neighbours"]["errors_by_model"]),
    ),
    ("leave room for up to 13 % of all people", round(100 * (1 - 0.05 ** (1 / 21))) == 13),
    (
        "A random split makes the errors of unseen people nearly vanish",
        ONE["at random"] <= ONE["by volunteer"] / 4,
    ),
    (
        "the model errs about as often as on unseen ones",
        0.5 < ONE["by run"] / ONE["by volunteer"] < 1.5,
    ),
    (
        "the value of augmentation is one person, or two",
        errors("not augmented", "one model")[[7, 9]].sum()
        > 0.7 * errors("not augmented", "one model").sum()
        > 2 * errors("by volunteer", "one model").sum(),
    ),
    (
        "neighbours do not mend that",
        errors("not augmented", "one model, with neighbours")[7]
        > 0.7 * errors("not augmented", "one model")[7],
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
