"""The notebook: it stands alone, also as handed in and with students' layers; its form."""

import json
import re
import shutil
import sys
import types
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import FOUR, NOTEBOOK, ROOT, STUDENTS, code_cells, copy_layers, errors, run_alone

from tools.cells import TAGS, load_cells
from tools.check.check import graded
from tools.grading.safe_load import load_dictionary
from tools.handout import blank_notebook
from tools.submit import gather

MADE = "Lab6_outputs.npy", "y_pred_basic.csv", "y_pred_advanced.csv"


def check_made(folder):
    """The three outputs are there, in the course's format."""
    saved = load_dictionary((folder / MADE[0]).read_bytes())
    for check, figures in graded(42).items():
        assert list(saved[check]) == list(figures)
        for key, right in figures.items():
            np.testing.assert_allclose(np.array(saved[check][key]), right, rtol=0, atol=1e-12)
    basic, advanced = (pd.read_csv(folder / name) for name in MADE[1:])
    assert list(basic) == ["Id", "answer"] and list(advanced) == ["Id", "Classes"]
    assert basic["Id"].tolist() == list(range(1, 501)) and np.isfinite(basic["answer"]).all()
    assert advanced["Id"].tolist() == list(range(2947)) and set(advanced["Classes"]) <= {0, 1, 2}


@pytest.mark.slow
def test_it_runs_alone_with_the_five_modules_and_the_data(tmp_path, simulated):
    copy_layers(tmp_path, (*FOUR, "RNN"))
    shutil.copytree(simulated, tmp_path / "data")
    assert errors(run_alone(tmp_path)) == []
    check_made(tmp_path)  # there is no outputs/, so they are beside the notebook


@pytest.mark.slow
def test_the_gathered_hand_in_runs_with_the_four_layers_of_other_labs(tmp_path, simulated):
    outputs, hand_in = tmp_path / "made", tmp_path / "hand-in"
    outputs.mkdir()
    for name in ("Lab6_outputs.npy", "Lab6_report.pdf", *MADE[1:]):
        (outputs / name).write_bytes(b"x")
    gather(hand_in, outputs=outputs)
    assert len(list(hand_in.iterdir())) == 5
    copy_layers(hand_in, FOUR)
    (hand_in / "Sinewave").mkdir()
    (hand_in / "Activity data").mkdir()
    for path in simulated.iterdir():
        shutil.copy(path, hand_in / ("Sinewave" if path.suffix == ".csv" else "Activity data"))
    assert errors(run_alone(hand_in, hand_in / "Lab6.ipynb")) == []
    check_made(hand_in)


@pytest.mark.slow
def test_a_course_style_layer_gets_to_the_end(tmp_path, simulated):
    copy_layers(tmp_path, FOUR, STUDENTS / "asserts")
    book = nbformat.read(NOTEBOOK, 4)
    for cell in book.cells:
        if "rnn" in cell.metadata.get("tags", []):
            cell.source = (STUDENTS / "asserts" / "RNN.py").read_text("utf-8")
    nbformat.write(book, tmp_path / "course.ipynb")
    shutil.copytree(simulated, tmp_path / "data")
    (tmp_path / "outputs").mkdir()
    cells = run_alone(tmp_path, tmp_path / "course.ipynb")
    assert errors(cells) == []
    text = "".join(o.get("text", "") for c in cells for o in c.outputs)
    assert text.count("left out, because RNN has no option") == 4
    check_made(tmp_path / "outputs")


@pytest.mark.slow
def test_without_data_it_simulates_some(tmp_path):
    copy_layers(tmp_path, (*FOUR, "RNN"))
    (tmp_path / "data").mkdir()
    source = (ROOT / "data" / "prepare.py").read_text("utf-8")
    nowhere = re.sub(r"https://\S+\.zip", "http://127.0.0.1:9/x.zip", source)
    (tmp_path / "data" / "prepare.py").write_text(nowhere, "utf-8")
    (tmp_path / "outputs").mkdir()
    assert errors(run_alone(tmp_path)) == []
    assert [path.name for path in (tmp_path / "outputs").iterdir() if path.is_file()] == [MADE[0]]
    shutil.copy(tmp_path / "outputs" / MADE[0], tmp_path / "outputs" / "stand-in")
    check_made(tmp_path / "outputs" / "stand-in")


@pytest.mark.slow
def test_blank_each_part_gives_one_line_and_the_rest_runs(tmp_path, simulated):
    copy_layers(tmp_path, FOUR)
    nbformat.write(blank_notebook(), tmp_path / "blank.ipynb")
    shutil.copytree(simulated, tmp_path / "data")
    cells = run_alone(tmp_path, tmp_path / "blank.ipynb")
    assert {*errors(cells)} == {"NotImplementedError", "NameError"}
    found = [o for cell in cells for o in cell.outputs if o.output_type == "error"]
    assert all(len(o.traceback) == 1 and "\n" not in o.evalue for o in found)
    assert sum(bool(c.outputs) and not errors([c]) for c in cells) >= 6


# What is committed


def test_the_saved_notebook_was_run_in_order_and_agrees_with_its_files():
    cells = code_cells(NOTEBOOK)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert errors(cells) == []
    check_made(ROOT / "outputs")
    last = pd.read_csv(ROOT / "outputs" / MADE[2]).head(3).to_string()
    assert last in cells[-1].outputs[-1].data["text/plain"]


def test_the_saved_notebook_is_clean():
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    assert set(notebook["metadata"]) == {"kernelspec", "language_info", "title"}
    assert all(set(cell["metadata"]) <= {"tags"} for cell in notebook["cells"])
    for cell in code_cells(NOTEBOOK):
        most = 130 if "model" in cell.metadata.get("tags", []) else 62
        assert len(cell.source.splitlines()) <= most, cell.source[:60]
        for output in cell.outputs:
            kinds = {*output.get("data", {})}
            assert kinds <= {"image/png", "text/plain", "text/html"}, cell.source[:60]
            assert ("image/png" in kinds) == ("image/png" in output.get("metadata", {}))
            assert output.get("text", "").count("%|") <= 3  # a bar is one line
            assert output.get("name") != "stderr", output.text  # no warning


def test_imports_are_the_templates():
    allowed = {"numpy", "pandas", "matplotlib", "tqdm", *FOUR, "RNN"}
    for cell in code_cells(NOTEBOOK):
        for line in re.findall(r"^ *(?:from|import) +(\w+)", cell.source, re.MULTILINE):
            assert line in allowed and {"imports", "rnn"} & {*cell.metadata.get("tags", [])}
        for line in re.findall(r"^ *[%!]\w*.*", cell.source, re.MULTILINE):
            assert re.fullmatch(r" *%(env .*|matplotlib inline|run data/prepare.py)", line)


def test_headings_come_in_the_templates_order():
    text = "\n".join(
        c.source for c in nbformat.read(NOTEBOOK, 4).cells if c.cell_type == "markdown"
    )
    wanted = ["Import packages", "Basic part", "RNN class (30 %)", "Model class (10 %)"]
    wanted += ["`Lab6_outputs.npy`", "Sinusoidal wave dataset (20 %)", "Dense layers only"]
    wanted += ["RNN layer", "Advanced part (35 %)", "Load", "Visualise", "Construct and train"]
    wanted += ["Predict and save", "Report (5 %)"]
    headings = [h for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    places = [next(i for i, h in enumerate(headings) if name in h) for name in wanted]
    assert places == sorted(places)
    text = re.sub(r"\$\$.+?\$\$|`[^`]*`", "", text, flags=re.DOTALL)
    for formula in re.findall(r"\$([^$]*)\$", text):  # what every viewer shows
        assert formula == formula.strip() and formula.count("\n") < 2


def test_tags_can_be_loaded_and_a_missing_one_is_named():
    assert hasattr(load_cells(*TAGS), "train_activity")
    with pytest.raises(ValueError, match="tagged 'nonsense'"):
        load_cells("nonsense")


def test_the_colab_cell(tmp_path, monkeypatch):
    """Uncommented, the first cell mounts the drive and goes to the lab's folder."""
    lines = [line.removeprefix("# ") for line in code_cells(NOTEBOOK)[0].source.splitlines()[1:5]]
    mounted, colab = [], types.ModuleType("google.colab")
    colab.drive = types.SimpleNamespace(mount=mounted.append)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.chdir(tmp_path)
    exec("\n".join(lines).replace("/content/drive/MyDrive/Lab6", str(ROOT)), {})
    assert mounted == ["/content/drive"] and Path.cwd() == ROOT


def test_waves_of_two_calls_differ(lab):
    """By default NumPy's global generator draws, as in the course."""
    ranges = 100, (0.5, 5), (0.5, 5)
    first, second = (lab.generate_sine_wave_data(4, *ranges)[0] for _ in range(2))
    assert first.shape == (4, 99) and not np.allclose(first, second)
    same = [lab.sine_waves(4, np.random.default_rng(1))[0] for _ in range(2)]
    np.testing.assert_array_equal(*same)


def test_augmentation_keeps_to_the_recording(lab):
    """Unchanged where all sizes are 0; turned, both sensors keep the angle between them."""
    rng = np.random.default_rng(0)
    signal = np.cumsum(rng.normal(size=(64 * 6, 6)), axis=0).astype(np.float32)
    X = np.stack([signal[i * 64 : i * 64 + 128] for i in range(5)])
    X = np.concatenate([X, X[::-1] + 100])
    np.testing.assert_array_equal(lab.recordings(X), [0] * 5 + [1, 2, 3, 4, 5])
    context = lab.with_context(X)
    none = {"shift": 0, "pace": 0, "strength": 0, "turn": 0}
    np.testing.assert_allclose(lab.augment(rng, *context, **none), X, rtol=1e-5, atol=1e-4)
    moved = lab.augment(rng, *context, **none | {"shift": 30})
    assert np.abs(moved - X).max(axis=(1, 2))[1:4].min() > 0.1
    for window in moved[:5]:  # on the straight lines between the samples of its own signal
        assert np.abs(window[:, None, 0] - signal[None, :, 0]).min(axis=1).max() < 2
    turned = lab.augment(rng, *context, **none | {"turn": 0.5})
    angle, before = (np.sum(w[..., :3] * w[..., 3:], axis=2) for w in (turned, X))
    np.testing.assert_allclose(angle, before, rtol=1e-3, atol=0.5)
    R = lab.rotations(rng, 7, 0.5)
    np.testing.assert_allclose(
        R @ R.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (7, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(R), 1)


def test_neighbours_count_within_a_recording_only(lab):
    p = np.array([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9], [0.6, 0.4]])
    total = lab.with_neighbours(p, np.array([0, 0, 0, 1]), reach=1)
    log_p = np.log(p + 1e-5)
    expected = [log_p[0] + log_p[1], log_p[:3].sum(axis=0), log_p[1] + log_p[2], log_p[3]]
    np.testing.assert_allclose(total, expected)


def test_volunteers_are_told_by_the_runs_of_labels(lab):
    y = np.repeat(np.tile([2, 0, 1], 42), 3)
    np.testing.assert_array_equal(lab.volunteers(y), np.repeat(np.arange(21), 18))
    with pytest.raises(ValueError, match="expected 126 runs"):
        lab.volunteers(y[:-3])
