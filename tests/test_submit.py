"""The submission folder: the five files under their names, and Kaggle's commands."""

import pytest

from tools.grading import submit
from tools.grading.score import own_card
from tools.grading.submission import FILES, GRADED, NOTEBOOK


def test_the_project_s_own_hand_in_has_the_format():
    """What is committed in outputs/ and the notebook can be handed in as it is."""
    held = [rule for rule in own_card()["rules"] if rule["rule"] in submit.FORM]
    assert [rule for rule in held if rule["verdict"] != "ok"] == []


@pytest.fixture
def rule(tmp_path, monkeypatch):
    """A rule on an outputs folder in which every file holds its own name."""
    for name in (*FILES, "results.json"):
        (tmp_path / name).write_text(name, "utf-8")
    notebook = tmp_path / "executed" / NOTEBOOK
    notebook.parent.mkdir()
    notebook.write_text("run", "utf-8")
    rule = {"rule": "format", "verdict": "ok", "evidence": "two pages"}
    monkeypatch.setattr(submit, "OUTPUTS", tmp_path)
    monkeypatch.setattr(submit, "NOTEBOOK", notebook)
    monkeypatch.setattr(submit, "own_card", lambda: {"rules": [rule]})
    return rule


def test_exactly_the_five_files_are_gathered(rule, tmp_path, capsys):
    to = tmp_path / "submission"
    for slugs in (["lab-6"], ["one", "two"]):
        assert submit.main(slugs) == 0
        basic, advanced = capsys.readouterr().out.splitlines()[-2:]
        path = (to / "y_pred_basic.csv").as_posix()
        assert basic.endswith(f'-c {slugs[0]} -f {path} -m "Lab 6, y_pred_basic.csv"')
        assert f"-c {slugs[-1]} -f {to.as_posix()}/y_pred_advanced.csv" in advanced
    assert sorted(path.name for path in to.iterdir()) == sorted(FILES)
    assert (to / NOTEBOOK).read_text("utf-8") == "run"
    assert (to / GRADED).read_text("utf-8") == GRADED
    (to / "notes.txt").write_text("", "utf-8")
    with pytest.raises(ValueError, match=r"got notes\.txt"):
        submit.main(["lab-6"])


def test_faults_are_refused(rule, tmp_path):
    rule["verdict"] = "suspect"
    (tmp_path / GRADED).unlink()
    with pytest.raises(ValueError, match=f"(?s)format: two pages.*{GRADED} is missing"):
        submit.main(["lab-6"])
    assert not (tmp_path / "submission").exists()


@pytest.mark.parametrize(
    ("slugs", "said"),
    [
        (["a; rm -rf"], "expected the last part of the competition's address, such as lab-6-rnn"),
        (["a", "b", "c"], "unrecognized arguments: c"),
        ([], "the following arguments are required: SLUG"),
    ],
)
def test_wrong_slugs(slugs, said, capsys):
    with pytest.raises(SystemExit):
        submit.main(slugs)
    assert said in capsys.readouterr().err
