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


@pytest.mark.parametrize("slugs, said", [(["a", "b"], ("a", "b")), (["a; b"], ("'a; b'",) * 2)])
def test_exactly_the_five_files_are_gathered(rule, tmp_path, capsys, slugs, said):
    to = tmp_path / "submission"
    assert submit.main(slugs) == 0
    for line, name in zip(capsys.readouterr().out.splitlines()[-2:], FILES[-2:], strict=True):
        slug = said[FILES[-2:].index(name)]
        assert line.endswith(f'-c {slug} -f {(to / name).as_posix()} -m "Lab 6, {name}"')
    held = {path.name: path.read_text("utf-8") for path in to.iterdir()}
    assert held == {name: name for name in FILES} | {NOTEBOOK: "run"}
    (to / "notes.txt").write_text("", "utf-8")
    with pytest.raises(ValueError, match=r"got notes\.txt"):
        submit.main(slugs)


def test_faults_are_refused(rule, tmp_path):
    rule["verdict"] = "suspect"
    (tmp_path / GRADED).unlink()
    with pytest.raises(ValueError, match=f"(?s)format: two pages.*{GRADED} is missing"):
        submit.main(["lab-6"])
    assert not (tmp_path / "submission").exists()
