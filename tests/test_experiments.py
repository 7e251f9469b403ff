"""What page, report, README and notebook say of results is what the results say."""

import json
import re

import numpy as np
import pytest
from conftest import NOTEBOOK, ROOT

from tools.experiments import page
from tools.experiments.page import Results, filled, spread
from tools.files import OUTPUTS
from tools.report import write_report

PAGE = ROOT / "tools" / "experiments" / "page.md"
REPORT = ROOT / "tools" / "report" / "report.typ"


@pytest.fixture(scope="module")
def r():
    return Results(OUTPUTS)


def middle(values):
    return np.median(values)


def learnt(r, start, T):
    return sum(epochs is not None for epochs in r.rows("recall", start, T))


RAW, OWN = (
    ("Dense only, raw values", "with RNN, raw values"),
    ("Dense only, own scale", "with RNN, own scale"),
)
SUBMITTED, NOISY = "submitted: whitened states", "with RNN, trained on noisy waves"
ONE_STEP = [
    f"one step, {way}" for way in ("no gradient", "the course's dL_dX", "the true gradient")
]
CLAIMS = [  # where, words of it, what must hold
    (PAGE, "values and without noise the RNN has the smaller error", lambda r: all(
        middle(r.sine(RAW[1], 0, k)) < middle(r.sine(RAW[0], 0, k)) for k in ("mape", "median"))),
    (PAGE, "Dense layers have the smaller median error, and on the course's file the smaller MAPE", lambda r:
        max(r.sine(OWN[0], 0, "median")) < min(r.sine(OWN[1], 0, "median"))
        and middle(r.course(OWN[0])) < middle(r.course(OWN[1]))),
    (PAGE, "With noise of 0.01 they are ahead in both forms", lambda r: all(
        middle(r.sine(a, 0.01, "mape")) < middle(r.sine(b, 0.01, "mape")) for a, b in (RAW, OWN))),
    (PAGE, "stands noise better, but not as well as they do", lambda r:
        middle(r.sine(RAW[0], 0.01, "mape")) < middle(r.sine(NOISY, 0.01, "mape"))
        < middle(r.sine(RAW[1], 0.01, "mape"))),
    (PAGE, "a little noise takes it away", lambda r:
        middle(r.sine(SUBMITTED, 0.001, "mape")) > 1000 * middle(r.sine(SUBMITTED, 0, "mape"))),
    (PAGE, "Dense layers in own scale keep closest to the wave for 100 steps", lambda r:
        max(row["free"]["100"] for row in r.rows("sine", OWN[0]))
        < min(row["free"]["100"] for name in r.names("sine") if name != OWN[0] for row in r.rows("sine", name))),
    (PAGE, "Of these the true gradient has the lowest median loss", lambda r: all(
        middle(r.rows("stack", ONE_STEP[2])) < middle(r.rows("stack", way)) for way in ONE_STEP[:2])),
    (PAGE, "Lower still\nis what the course's way cannot do", lambda r: all(
        middle(r.rows("stack", "all states, the true gradient", k)) < middle(r.rows("stack", ONE_STEP[2])) for k in (16, 32))),
    (PAGE, "some of five seeds reach five steps back and none ten", lambda r:
        0 < learnt(r, "course", 5) < 5 and learnt(r, "course", 10) == 0),
    (PAGE, "with the orthogonal one all reach 20", lambda r: learnt(r, "orthogonal", 20) == 5),
    (PAGE, "with an orthogonal $W_h$ alone it learns at least as far back as with both", lambda r: all(
        learnt(r, "only Wh orthogonal", T) >= learnt(r, "orthogonal", T) for T in (5, 10, 20, 50))),
    (PAGE, "$W_x$ alone no farther than with the course's start", lambda r: all(
        learnt(r, "only Wx orthogonal", T) <= learnt(r, "course", T) for T in (5, 10, 20, 50))),
    (PAGE, "Twenty steps are as good as all 99", lambda r:
        middle(r.limits(20)) < 1.1 * middle(r.limits(99, 0.05)) < middle(r.limits(5))),
    (PAGE, "A high rate needs\nclipping, and with it is better than a low one", lambda r:
        not r.limits(99, 0.3, None) and max(r.limits(99, 0.3, 1.0)) < min(r.limits(99, 0.05, 1.0))),
    (PAGE, "Recurrence leaves fewer errors than Dense layers alone", lambda r:
        max(r.errors("one recurrent layer")) < min(r.errors("Dense layers alone"))),
    (PAGE, "depth by itself buys nothing here, augmentation, neighbours and the average do", lambda r:
        middle(r.errors("four")) > middle(r.errors("one recurrent layer")) - 15
        and max(r.errors("four")) < min(r.errors("four, not augmented"))
        and max(r.errors(page.SUBMITTED, "with neighbours")) < min(r.errors("four", "with neighbours"))
        < min(r.errors("four"))),
    (PAGE, "Turning the windows in training helps those whose phone sits otherwise", lambda r:
        middle(r.errors("four, not turned")) > middle(r.errors("four"))),
    (PAGE, "a leak promises too much", lambda r:
        middle(r.errors(page.SUBMITTED, page.WAYS[0], "random"))
        < middle(r.errors(page.SUBMITTED, page.WAYS[0], "folds"))),
    (REPORT, "with a fifteenth of the weights", lambda r:
        14 < r.rows("sine", RAW[0])[0]["weights"] / r.rows("sine", RAW[1])[0]["weights"] < 16),
    (REPORT, "Dividing each\nsequence by its largest value helps the Dense layers most", lambda r: all(
        middle(r.sine(RAW[0], 0, k)) / middle(r.sine(OWN[0], 0, k))
        > middle(r.sine(RAW[1], 0, k)) / middle(r.sine(OWN[1], 0, k)) for k in ("mape", "median"))),
    (REPORT, "A straight line through the last two values has a MAPE of 6 to 9 %", lambda r:
        6 <= min(r.sine("straight line", 0, "mape")) and max(r.sine("straight line", 0, "mape")) < 9.5),
    (REPORT, "the error falls on people the model was trained on, and less on others", lambda r:
        np.mean(r.hidden(8, "seen")) / max(np.mean(r.hidden(128, "seen")), 1e-9)
        > np.mean(r.hidden(8, "unseen")) / np.mean(r.hidden(128, "unseen")) > 1),
    (REPORT, "the time more slowly", lambda r:
        r.seconds(128) / r.seconds(8) < r.hidden(128, "weights") / r.hidden(8, "weights")),
    (NOTEBOOK, "the RNN has the smaller error of the two networks", lambda r:
        r.sine(RAW[1], 0, "mape")[0] < r.sine(RAW[0], 0, "mape")[0]),
    (NOTEBOOK, "With noise of 0.01 the order turns round", lambda r:
        r.sine(RAW[1], 0.01, "mape")[0] > r.sine(RAW[0], 0.01, "mape")[0]),
    (NOTEBOOK, "With noise of 0.001 it is back among the per cents, and with 0.01 it is larger", lambda r:
        r.sine(SUBMITTED, 0.001, "mape")[0] > 1
        and r.sine(SUBMITTED, 0.01, "mape")[0] > r.sine("straight line", 0.01, "mape")[0]),
    (NOTEBOOK, "left to themselves both lose the wave", lambda r: all(
        row["free"]["100"] > 0.5 for name in RAW for row in r.rows("sine", name))),
    (NOTEBOOK, "With 128 steps the basic model learns next to nothing", lambda r:
        r.errors("basic model, 128 steps")[0] > 3 * middle(r.errors("basic model, 16 steps"))),
]  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS, ids=[words[:40] for _, words, _ in CLAIMS])
def test_each_claim_is_in_the_text_and_holds(claim, r):
    path, words, holds = claim
    text = path.read_text("utf-8")
    if path == NOTEBOOK:
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    assert " ".join(words.split()) in " ".join(text.split()).replace("**", "")
    assert holds(r)


def test_texts_and_files_are_those_of_the_results(r, tmp_path):
    for name in ("results.json", "timings.json"):
        (tmp_path / name).write_bytes((OUTPUTS / name).read_bytes())
    page.write_page(tmp_path)
    assert (tmp_path / "experiments.md").read_bytes() == (OUTPUTS / "experiments.md").read_bytes()
    notebook = NOTEBOOK.read_text("utf-8")
    for table in (page.ladder(r), page.estimate(r)):
        assert json.dumps(table, ensure_ascii=False)[1:-1].split("\\n")[2] in notebook
    assert page.readme_results(r) in (ROOT / "README.md").read_text("utf-8")


def test_the_same_results_give_the_same_report_on_one_page(tmp_path):
    before = (OUTPUTS / "Lab6_report.pdf").read_bytes()
    write_report(OUTPUTS)
    assert (OUTPUTS / "Lab6_report.pdf").read_bytes() == before
    words = r"results.json: expected results, got .*; run python -m tools experiments"
    with pytest.raises(ValueError, match=words):
        Results(tmp_path)
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ValueError, match=words):
        Results(tmp_path)


def test_pieces():
    assert spread([2, 1, 3]) == "2 (1 to 3)" and spread([0.12345]) == "0.123"
    assert spread([130, 1100.4], 2) == "615 (130 to 1100)"
    assert (
        filled("a <!-- x -->\nold\n<!-- /x --> b", "x", "new") == "a <!-- x -->\nnew\n<!-- /x --> b"
    )
    with pytest.raises(ValueError, match="expected this mark once"):
        filled("none", "x", "new")
    assert len(re.findall("^## ", PAGE.read_text("utf-8"), re.MULTILINE)) == 6
