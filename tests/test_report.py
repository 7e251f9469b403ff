"""The report: one page, the same bytes for the same results, sentences that follow the numbers."""

import copy
import io
import json

import pytest
from pypdf import PdfReader

from lab.files import read_results
from tools import report
from tools.grading.submission import REPORT

LONG = ("A" * 40, "1" * 12)  # name and number


@pytest.fixture
def results():
    """A results file as tools/experiments.py writes it, with figures of no meaning."""

    def runs(**values):
        return {key: [v, 1.1 * v, 1.3 * v] for key, v in values.items()}

    def stack(loss):
        return {"validation_loss": [[1.0, loss * k] for k in (1, 1.1, 1.2)]}

    def hidden(H):
        return runs(training_error=1 / H, validation_error=8 / H, gap=7 / H) | {"weights": H * H}

    names = ("dense", *report.EXPLAINING, "rnn")
    mapes = {name: runs(validation_mape=0.1 + i, test_mape=i) for i, name in enumerate(names)}
    variants = [("one step", "course", 16), ("one step", "true", 16), ("sequence", "true", 32)]
    return {
        "sine": {name: mape | {"weights": 17_000} for name, mape in mapes.items()},
        "stack": {f"{a}, {b} gradient, k = {k}": stack(0.1 / k) for a, b, k in variants}
        | {report.REFUSED: {"refused": "why"}},
        "hidden": {str(H): hidden(H) for H in (128, 16, 32, 64, 8)},
        "source": {"X_test.csv": {"from": "Kaggle or own files: secret", "sha256": "0"}},
        "versions": {"numpy": "2", "threads": 1},
    }


def text_of(pdf):
    (page,) = PdfReader(io.BytesIO(pdf)).pages
    assert [round(float(x)) for x in page.mediabox[2:]] == [595, 842]  # A4
    return " ".join(page.extract_text().split())


def test_one_page_with_the_same_bytes(results):
    pdf = report.render(report.page(results, "Zoë #Müller *", "112062000"))
    assert pdf == report.render(report.page(results, "Zoë #Müller *", "112062000"))
    text = text_of(pdf)
    for said in ("Zoë #Müller *", "112062000", "RNN(1, 16)", "Kaggle or own files", "numpy 2"):
        assert said in text
    assert "secret" not in text


def test_one_page_from_the_saved_results():
    assert LONG[0] in text_of(report.render(report.page(read_results(), *LONG)))


def test_sentences_follow_the_numbers(results):
    def answers(content):
        page = report.page(content)
        return " ".join(str(page[key]) for key in ("sine", "stack", "hidden"))

    text = answers(results)
    for said in ("Dense-only model is", "layer stays at", "not to its", "32 units", "narrows"):
        assert said in text, said
    other, best, worst = copy.deepcopy(results), results["hidden"]["128"], results["hidden"]["8"]
    other["sine"] |= {"dense": results["sine"]["rnn"], "rnn": results["sine"]["dense"]}
    for key in ("validation_error", "gap"):
        other["hidden"]["8"][key], other["hidden"]["128"][key] = best[key], worst[key]
    text = answers(other)
    for said in ("RNN layer is", "Even a single", "itself is worth", "units, 8", "again", "widens"):
        assert said in text, said
    assert text_of(report.render(report.page(other, *LONG)))  # still one page
    other["sine"]["dense"] = other["sine"]["rnn"]
    assert "equally good" in answers(other)


def test_spread_and_compare():
    assert report.spread([17.95, 18.1], "%").replace(report.NBSP, " ") == "18.0 ± 0.1 %"
    assert report.spread([0.05, 0.11]).startswith("0.080")
    assert report.spread([0, 0]) == "0"
    assert report.spread([123456.0, 123457.0]).startswith("123456")
    assert report.compare([1, 2], [1.5, 4], ["A", "B"])[1].endswith("seeds overlap.")
    winner, said = report.compare([300, 320], [1, 2], ["A", "B"])
    assert winner == 1
    assert said.startswith("B is better: its mean error is 207 times smaller, and its worst seed")


def test_command_writes_a_page_or_leaves_the_old_one(results, tmp_path, capsys):
    file, arguments = tmp_path / "results.json", ["--output-dir", str(tmp_path), "--name"]
    file.write_text(json.dumps(results), "utf-8")
    report.main([*arguments, "Ada"])
    pdf = (tmp_path / REPORT).read_bytes()
    assert "Ada" in text_of(pdf)
    assert capsys.readouterr().out == f"{tmp_path / REPORT}\n"
    with pytest.raises(ValueError, match="expected one page, got 2"):
        report.main([*arguments, "Ada " * 500])
    file.write_text("{}", "utf-8")
    with pytest.raises(ValueError, match="got no sine, stack, hidden, source; run python -m"):
        report.main([*arguments, "Ada"])
    assert (tmp_path / REPORT).read_bytes() == pdf
    assert sorted(path.name for path in tmp_path.iterdir()) == [REPORT, file.name]
