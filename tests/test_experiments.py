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


def course(r, name):
    return middle([row["course_mape"] for row in r.rows("sine", name)])


def cut(r, steps):
    return middle([row["loss"] for row in r.rows("truncated", steps)])


RAW, OWN = ("Dense only, raw", "with RNN, raw"), ("Dense only, own scale", "with RNN, own scale")
CLAIMS = [  # where, words of it, what must hold
    (PAGE, "values and without noise the RNN has the smaller error", lambda r: all(
        middle(r.sine(RAW[1], 0, k)) < middle(r.sine(RAW[0], 0, k)) for k in ("mape", "median"))),
    (PAGE, "Dense layers have the smaller median error, and on the course's file the smaller MAPE", lambda r:
        max(r.sine(OWN[0], 0, "median")) < min(r.sine(OWN[1], 0, "median"))
        and course(r, OWN[0]) < course(r, OWN[1])),
    (PAGE, "With noise of 0.01 they are ahead\nin both forms", lambda r: all(
        middle(r.sine(a, 0.01, "mape")) < middle(r.sine(b, 0.01, "mape")) for a, b in (RAW, OWN))),
    (PAGE, "stands noise better, but not as well as they do", lambda r:
        middle(r.sine(RAW[0], 0.01, "mape")) < middle(r.sine("with RNN, noisy", 0.01, "mape"))
        < middle(r.sine(RAW[1], 0.01, "mape"))),
    (PAGE, "a little noise takes it away", lambda r:
        middle(r.sine("submitted", 0.001, "mape")) > 1000 * middle(r.sine("submitted", 0, "mape"))),
    (PAGE, "The true\ngradient has the lowest median loss of these five", lambda r:
        middle(r.losses("true")) < min(middle(r.losses(v)) for v in ("none", "turned", "flipped", "course"))),
    (PAGE, "Lower still is what the course's way cannot do", lambda r: all(
        middle(r.losses("sequence", k)) < middle(r.losses("true")) for k in (16, 32))),
    (PAGE, "an orthogonal $W_h$ alone it learns at least as far back as with both", lambda r: all(
        learnt(r, "only Wh", T) >= learnt(r, "orthogonal", T) for T in (5, 10, 20, 50))),
    (PAGE, "with an orthogonal $W_x$ alone no farther", lambda r: all(
        learnt(r, "only Wx", T) <= learnt(r, "course", T) for T in (5, 10, 20, 50))),
    (PAGE, "Twenty steps are as good as all 99", lambda r: cut(r, 20) < 1.1 * cut(r, 99) < cut(r, 5)),
    (PAGE, "A high rate needs clipping, and with it is better than a low one", lambda r:
        all(row["loss"] is None for row in r.rows("clipping", 0.3, None))
        and max(row["loss"] for row in r.rows("clipping", 0.3, 1.0))
        < min(row["loss"] for row in r.rows("clipping", 0.05, 1.0))),
    (PAGE, "Recurrence\nleaves fewer errors than Dense layers alone", lambda r:
        max(r.errors("one layer")) < min(r.errors("Dense alone"))),
    (PAGE, "depth by itself buys nothing here, augmentation, neighbours and the average do", lambda r:
        middle(r.errors("stack")) > middle(r.errors("one layer")) - 15
        and max(r.errors("stack")) < min(r.errors("not augmented"))
        and max(r.errors("submitted", "neighbours")) < min(r.errors("stack", "neighbours"))
        < min(r.errors("stack"))),
    (PAGE, "Turning the windows in training helps those whose phone sits otherwise", lambda r:
        middle(r.errors("not turned")) > middle(r.errors("stack"))),
    (PAGE, "a leak promises too much", lambda r:
        middle(r.errors("submitted", "alone", "random")) < middle(r.errors("submitted", "alone", "folds"))),
    (REPORT, "with a fifteenth of the weights", lambda r:
        14 < r.rows("sine", RAW[0])[0]["weights"] / r.rows("sine", RAW[1])[0]["weights"] < 16),
    (REPORT, "Dividing each\nsequence by its largest value helps the Dense layers most", lambda r: all(
        middle(r.sine(RAW[0], 0, k)) / middle(r.sine(OWN[0], 0, k))
        > middle(r.sine(RAW[1], 0, k)) / middle(r.sine(OWN[1], 0, k)) for k in ("mape", "median"))),
    (REPORT, "A straight line through the last two values has a MAPE of 6 to 9 %", lambda r:
        6 <= min(r.sine("line", 0, "mape")) and max(r.sine("line", 0, "mape")) < 9.5),
    (REPORT, "the error falls on people the model was trained on, and less on others", lambda r:
        np.mean(r.hidden(8, "seen")) / max(np.mean(r.hidden(128, "seen")), 1e-9)
        > np.mean(r.hidden(8, "unseen")) / np.mean(r.hidden(128, "unseen")) > 1),
    (REPORT, "the time more slowly", lambda r:
        middle(r.seconds("hidden", 128)) / middle(r.seconds("hidden", 8))
        < r.hidden(128, "weights")[0] / r.hidden(8, "weights")[0]),
    (NOTEBOOK, "the RNN has the smaller error of the two networks", lambda r:
        r.sine(RAW[1], 0, "mape")[0] < r.sine(RAW[0], 0, "mape")[0]),
    (NOTEBOOK, "With noise of 0.01 the order turns round", lambda r:
        r.sine(RAW[1], 0.01, "mape")[0] > r.sine(RAW[0], 0.01, "mape")[0]),
    (NOTEBOOK, "With noise of 0.001 it is back among the per cents, and with 0.01 it is larger", lambda r:
        r.sine("submitted", 0.001, "mape")[0] > 1
        and r.sine("submitted", 0.01, "mape")[0] > r.sine("line", 0.01, "mape")[0]),
    (NOTEBOOK, "left to themselves both lose the wave", lambda r: all(
        row["free"]["100"] > 0.5 for name in RAW for row in r.rows("sine", name))),
    (NOTEBOOK, "With 128 steps the basic model learns next to nothing", lambda r:
        r.errors("basic, 128 steps")[0] > 3 * middle(r.errors("basic, 16 steps"))),
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
    (tmp_path / "figures").mkdir()
    for name in ("results.json", "timings.json"):
        (tmp_path / name).write_bytes((OUTPUTS / name).read_bytes())
    page.write_page(tmp_path)
    assert (tmp_path / "experiments.md").read_bytes() == (OUTPUTS / "experiments.md").read_bytes()
    off = r.rows("sine", "line")[0]["free"]  # by the number of steps, not by the order of texts
    cells = " | ".join(f"{off[k]:.2g}" for k in ("1", "5", "20", "100"))
    assert f"| straight line | {cells} |" in (tmp_path / "experiments.md").read_text("utf-8")
    notebook = NOTEBOOK.read_text("utf-8")
    for table in (page.ladder(r), page.estimate(r)):
        assert json.dumps(table, ensure_ascii=False)[1:-1].split("\\n")[2] in notebook
    assert page.readme_table(r) in (ROOT / "README.md").read_text("utf-8")


def test_the_same_results_give_the_same_report_on_one_page(tmp_path):
    before = (OUTPUTS / "Lab6_report.pdf").read_bytes()
    write_report(OUTPUTS)
    assert (OUTPUTS / "Lab6_report.pdf").read_bytes() == before
    with pytest.raises(ValueError, match="expected results.json, run python -m tools experiments"):
        Results(tmp_path)
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ValueError, match=r"results.json: expected results of the experiments, got"):
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
