"""The score card: right hand-ins earn all points, wrong ones lose some, hostile ones do nothing."""

import contextlib
import csv
import io
import json
import pickle
import re
import shutil
import struct
import time

import numpy as np
import pandas as pd
import pytest
from pypdf import PdfWriter

from data.course import npy_bytes, sha256
from data.simulate import sine_waves
from tools import mistakes as maker
from tools.continuation import exact_continuation, mape
from tools.grading import reference, score, submission
from tools.grading.safe_load import UnsafeError, load_dictionary
from tools.grading.score import Truth, batch, score_card, summary
from tools.grading.submission import ADVANCED, BASIC, GRADED, NOTEBOOK, REPORT

ELSEWHERE = 10  # points that Kaggle's board and the assistant decide: ranking and report
TRUTH_OF = {"Sine data": "X_test.csv", "Activity, accuracy": "y_test.npy"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with test sequences and test labels."""
    folder = tmp_path_factory.mktemp("data")
    waves = sine_waves(np.random.default_rng(11))[:, :-1]
    table = pd.DataFrame(waves, index=pd.RangeIndex(1, 501, name="Id"))
    table.to_csv(folder / "X_test.csv")
    np.save(folder / "y_test.npy", np.resize([0, 1, 2, 2, 1, 2], (2947, 1)))
    return folder


@pytest.fixture(scope="module")
def truth(data):
    return Truth(data)


@pytest.fixture(scope="module")
def perfect(truth, tmp_path_factory):
    """A hand-in with nothing wrong; tests change copies of it."""
    folder = tmp_path_factory.mktemp("perfect")
    np.save(folder / GRADED, reference.graded(42))
    write_csv(folder / BASIC, "Id,answer", enumerate(truth.sine.ravel().tolist(), 1))
    write_csv(folder / ADVANCED, "Id,Classes", enumerate(truth.activity.tolist()))
    write_pdf(folder / REPORT, pages=1)
    imports = "import numpy as np\nfrom RNN import RNN\nfrom data.prepare import prepare"
    write_notebook(folder / NOTEBOOK, imports, "from lab.expected import compare")
    (folder / "RNN.py").write_text("import numpy\nfrom lab.checks import check_size\n", "utf-8")
    return folder


@pytest.fixture
def hand_in(perfect, tmp_path):
    return shutil.copytree(perfect, tmp_path / "hand-in")


def write_csv(path, header, rows):
    path.write_text("\n".join([header, *(f"{a},{b}" for a, b in rows)]) + "\n", "utf-8")


def write_pdf(path, pages):
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    writer.write(path)


def write_notebook(path, *sources, counts=None, kind="stream"):
    cells = [
        {"cell_type": "code", "source": source, "execution_count": count}
        | {"outputs": [{"output_type": kind}]}
        for source, count in zip(sources, counts or range(1, len(sources) + 1), strict=True)
    ]
    path.write_text(json.dumps({"cells": cells}), "utf-8")


def line(folder, truth, part, **options):
    return next(x for x in score_card(folder, truth, **options) if x.part == part)


def total(folder, truth):
    return summary(score_card(folder, truth))


# The figures behind the card


def test_exact_continuation():
    waves = sine_waves(np.random.default_rng(11))
    X, y = waves[:, :-1].copy(), waves[:, -1:]
    np.testing.assert_allclose(exact_continuation(X), y, rtol=1e-10, atol=1e-12)
    X[1, 50] += 1e-6
    with pytest.raises(ValueError, match="row 1"):
        exact_continuation(X)


def test_mape():
    assert mape([[1.1], [-1.8]], [[1.0], [-2.0]]) == pytest.approx(10)
    with pytest.raises(ValueError, match="expected shape"):
        mape([1.0, 2.0], [[1.0], [2.0]])


# The rubric


def test_a_perfect_hand_in_earns_all_that_is_decided_here(perfect, truth):
    card = total(perfect, truth)
    assert card["points"] == card["out_of"] - ELSEWHERE == 90
    assert (card["open"], card["complete"], card["format_errors"]) == (ELSEWHERE, True, [])
    assert sum(len(figures) for figures in truth.graded.values()) == 22


def test_both_spellings_of_the_shape_keys(hand_in, truth):
    graded = {
        check: {key.replace("_shape", " shape"): value for key, value in figures.items()}
        for check, figures in reference.graded(42).items()
    }
    np.save(hand_in / GRADED, graded)
    assert total(hand_in, truth)["complete"]


def test_each_wrong_entry_costs_its_share(hand_in, truth):
    graded = reference.graded(42) | {"mine": {}}
    graded["RNN_initialization"]["bh_shape"] = (3,)
    graded["RNN_forward"] |= {"Output": np.full((2, 3), np.nan), "\x1b[2J": 1}
    graded["RNN_backward"]["dL_dWh"] += 1e-9
    del graded["Model_class"]["AL"]
    np.save(hand_in / GRADED, graded)
    lines = score_card(hand_in, truth)[:4]
    assert [x.points for x in lines] == pytest.approx([2, 9, 13.5, 8])
    assert [x.format_error for x in lines] == [True, True, False, True]
    all_said = ("no meaning: 'mine'", r"'\x1b[2J'", "dL_dWh is off by 1.0e-09", "has no AL")
    for found, said in zip(lines, all_said, strict=True):
        assert said in found.missing


@pytest.mark.parametrize(("factor", "points"), [(1.139, 20), (1.141, 10), (0.829, 0)])
def test_points_by_mape(hand_in, truth, factor, points):
    write_csv(hand_in / BASIC, "Id,answer", enumerate((truth.sine.ravel() * factor).tolist(), 1))
    assert line(hand_in, truth, "Sine data").points == points


@pytest.mark.parametrize(("right", "points"), [(0.76, 30), (0.74, 20), (0.66, 10), (0.64, 0)])
def test_points_by_accuracy(hand_in, truth, right, points):
    classes = truth.activity.copy()
    classes[int(right * len(classes)) :] += 1
    write_csv(hand_in / ADVANCED, "Id,Classes", enumerate((classes % 3).tolist()))
    assert line(hand_in, truth, "Activity, accuracy").points == points


@pytest.fixture
def unlabelled(own_data):
    """A data folder in which no answer is known."""
    for name in TRUTH_OF.values():
        (own_data / name).unlink()
    return Truth(own_data)


@pytest.mark.parametrize("what", ["no tanh", "no 1 - h^2", "the bias added twice"])
def test_a_mistake_in_the_handed_in_figures_is_named(hand_in, truth, what):
    figures = maker.run(maker.put_in(what), maker.HANDED_IN, 42)
    np.save(hand_in / submission.GRADED, reference.graded(42) | figures)
    said = " ".join(line.missing for line in score_card(hand_in, truth))
    assert (what in said) == (what != "the bias added twice")  # it is zero in the course's checks


def test_without_the_answers_validation_figures_are_an_estimate(perfect, unlabelled):
    figures = {"sine_mape": 16.5, "activity_accuracy": 0.72}
    for validation, status, points in ((figures, "estimate", (10, 20)), ({}, "open", (0, 0))):
        lines = score_card(perfect, unlabelled, validation=validation)[4:6]
        assert [(x.points, x.status) for x in lines] == [(n, status) for n in points]
        for found in lines:
            assert ("own validation data" in found.evidence) == (status == "estimate")
            assert (f"there is no {TRUTH_OF[found.part]}" in found.missing) == (status == "open")


def test_an_estimate_is_none_for_classes_of_other_shares(hand_in, unlabelled):
    write_csv(hand_in / ADVANCED, "Id,Classes", ((i, 0) for i in range(2947)))
    found = line(hand_in, unlabelled, "Activity, accuracy", validation={"activity_accuracy": 1})
    assert (found.points, found.status) == (0, "open")
    assert "have the shares [1.0, 0.0, 0.0] where [0.17, 0.28, 0.55] are usual" in found.missing


def test_a_strangers_estimate_is_no_evidence(hand_in, tmp_path, monkeypatch):
    (hand_in / "validation.json").write_text('{"activity_accuracy": 1}', "utf-8")
    for status in ("open", "estimate"):
        lines = {x.part: x for x in score.own_card(hand_in, tmp_path)}
        assert lines["Activity, accuracy"].status == status
        monkeypatch.setattr(score, "OUTPUTS", hand_in)  # from here on the folder is one's own


# A student's edition, which knows neither seed 42 nor the sine's continuation


@pytest.fixture
def student(monkeypatch, hand_in):
    """A hand-in whose notebook says that all checks but the one of the model agree."""
    monkeypatch.setattr(score, "reference", None)
    monkeypatch.setattr(score, "exact_continuation", None)
    said = "".join(f"{name}: all 4 entries agree\n" for name, _ in list(score.CHECKS.values())[:3])
    cell = {"cell_type": "code", "source": "1", "execution_count": 1}
    cell |= {"outputs": [{"output_type": "stream", "text": said}]}
    (hand_in / NOTEBOOK).write_text(json.dumps({"cells": [cell]}), "utf-8")
    return hand_in


def test_a_students_card_goes_by_form_and_by_seed_1(student, data):
    graded = reference.graded(1)  # any figures of the right shapes
    graded["RNN_backward"]["dL_dWx"] = np.zeros(3)
    np.save(student / GRADED, graded)
    *lines, sine, _, _, _, _ = score_card(student, Truth(data))
    assert [x.points for x in lines] == pytest.approx([3, 12, 13.5, 0])
    assert {x.status for x in lines} == {"estimate"}
    assert "is no array of shape (3, 5)" in lines[2].missing
    assert 'does not say "Model_class: all ... entries agree"' in lines[3].missing
    assert (sine.status, sine.points) == ("open", 0)
    assert "known to the assistant's card alone" in sine.missing
    assert "The assistant's card decides" in score.as_text(lines)


def test_a_students_card_reads_no_broken_notebook(student, data):
    for broken in ("[", '{"cells": [1]}', "{}"):
        (student / NOTEBOOK).write_text(broken, "utf-8")
        assert [x.points for x in score_card(student, Truth(data))[:4]] == [0] * 4


# What it is scored against


def record(folder, origin):
    """Write SOURCE.json for the truth in `folder`, as data/prepare.py does."""
    entries = {
        name: {"from": origin, "sha256": sha256((folder / name).read_bytes()), "authentic": False}
        for name in TRUTH_OF.values()
    }
    (folder / "SOURCE.json").write_text(json.dumps(entries), "utf-8")


@pytest.fixture
def own_data(data, tmp_path):
    folder = shutil.copytree(data, tmp_path / "own data")
    record(folder, "Kaggle or own files: mine")
    return folder


def test_simulated_data_is_no_truth(perfect, own_data):
    record(own_data, "simulated")
    lines = score_card(perfect, Truth(own_data))
    for found in lines[4:6]:
        assert (found.status, found.points, found.format_error) == ("open", 0, False)
        name = TRUTH_OF[found.part]
        assert f"{name} is a simulated stand-in; put the real file" in found.missing
    card = summary(lines)
    assert (card["points"], card["open"], card["complete"]) == (40, 60, False)


def test_the_card_says_where_the_truth_came_from(perfect, own_data):
    """Real files put in the place of simulated ones count, before the record is renewed too."""
    for origin in ("Kaggle or own files: mine", "of unknown origin"):
        for found in score_card(perfect, Truth(own_data))[4:6]:
            assert (found.status, found.points) == ("measured", found.out_of)
            assert f"on {TRUTH_OF[found.part]} ({origin})" in found.evidence
        record(own_data, "simulated")
        quoted = re.sub(rb"[^,\n]+", rb'"\g<0>"', (own_data / "X_test.csv").read_bytes())
        (own_data / "X_test.csv").write_bytes(b"\xef\xbb\xbf" + quoted.replace(b"\n", b"\r\n"))
        np.save(own_data / "y_test.npy", np.load(own_data / "y_test.npy").astype(np.int32))


@pytest.mark.parametrize(
    ("part", "name", "old", "new", "said"),
    [
        ("Activity, accuracy", "y_test.npy", b"\x02", b"\x03", "expected labels 0, 1, 2"),
        ("Activity, accuracy", "SOURCE.json", b"{", b"", "SOURCE.json: expected the record"),
        ("Sine data", "SOURCE.json", b"{", b"", "SOURCE.json: expected the record"),
        ("Sine data", "X_test.csv", b"\n500,.*", b"", "expected 500 rows"),
        ("Sine data", "X_test.csv", b"\n7,.*", b"\n7" + 33 * b",1,2,3", "noise-free sinusoids"),
    ],
)
def test_damaged_truth_is_none(perfect, own_data, part, name, old, new, said):
    path = own_data / name
    path.write_bytes(re.sub(old, new, path.read_bytes()))
    found = line(perfect, Truth(own_data), part)
    assert (found.status, found.points) == ("open", 0)
    assert said in found.missing


# The format of each file


def test_a_missing_file_is_named(hand_in, truth):
    shutil.rmtree(hand_in)
    errors = " ".join(total(hand_in, truth)["format_errors"])
    assert all(f"{name}: expected this file" in errors for name in submission.FILES)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (BASIC, "Id,answer", "id,answer", "expected the header Id,answer"),
        (BASIC, "(?s).*", "", "expected the header"),
        (BASIC, "\n7,", "\n8,", "line 9: expected an Id in 1..500, each once"),
        (BASIC, "\n500,", "\n501,", "line 501: expected an Id"),
        (BASIC, "\n500,.*", "", "expected 500 rows, got 499"),
        (BASIC, "\n1,.*", "\n1,nan", "a finite number, got '1,nan'"),
        (BASIC, "\n1,.*", "\n1,1_0", "a finite number, got '1,1_0'"),
        (BASIC, "\n1,", "\n1,0,", "line 2"),
        (BASIC, "\n10,", "\n1_0,", "line 11"),
        (BASIC, "\n1,.*", '\n"' + 200_000 * "a", "expected a CSV"),
        *((ADVANCED, "\n5,2", f"\n5,{x}", "line 7") for x in ("3", "1.0", "")),
    ],
)
def test_csv(hand_in, truth, name, old, new, said):
    text = (hand_in / name).read_text("utf-8")
    (hand_in / name).write_text(re.sub(old, new, text, count=1), "utf-8")
    part = "Sine data" if name == BASIC else "Activity, accuracy"
    found = line(hand_in, truth, part)
    assert (found.points, found.format_error) == (0, True)
    assert said in found.missing


def test_report_has_one_page_and_its_text_earns_nothing_here(hand_in, truth):
    found = line(hand_in, truth, "Report")  # an empty page answers no question
    assert (found.status, found.points, found.out_of, found.format_error) == ("open", 0, 5, False)
    assert "for the assistant to read" in found.evidence
    write_pdf(hand_in / REPORT, pages=2)
    found = line(hand_in, truth, "Report")
    assert "got 2" in found.missing
    assert (found.status, found.format_error) == ("measured", True)
    assert not total(hand_in, truth)["complete"]
    (hand_in / REPORT).write_bytes(b"%PDF-1.7 nonsense")
    assert "expected a PDF" in line(hand_in, truth, "Report").missing


@pytest.mark.parametrize(
    ("cells", "options", "said"),
    [
        (["x = 1", "x"], {"counts": [1, None]}, "was not run"),
        (["x = 1", "x"], {"counts": [2, 1]}, "top to bottom"),
        (["x"], {"kind": "error"}, "ended in an error"),
        (["import torch.nn as nn"], {}, "imports 'torch.nn'"),
        (["if x:\n    from sklearn import svm"], {}, "imports 'sklearn'"),
        (["from tools.continuation import mape"], {}, "imports 'tools.continuation'"),
        (["__import__('torch')"], {}, "imports '__import__'"),
        (["\n%%capture out\n%%timeit -n 1\nimport torch"], {}, "imports 'torch'"),
        (["def f(:"], {}, "no Python"),
        (['=%"""%f"1_In [1]:'], {}, "no Python"),
        (["-" * 100_000 + "1"], {}, "no Python"),
        (["1 + " * 40_000 + "1"], {}, "no Python"),
        (["#" * 200_001], {}, "no Python"),
        ([], {}, "no output"),
    ],
)
def test_notebook(hand_in, truth, cells, options, said):
    write_notebook(hand_in / NOTEBOOK, *cells, **options)
    found = line(hand_in, truth, "Notebook")
    assert said in found.missing
    assert found.format_error


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("RNN.py", "import numpy as np\nimport jax\n", "RNN.py imports 'jax'"),
        ("Dense.py", "%matplotlib inline\n", "Dense.py is no Python"),  # in a module no command
        (NOTEBOOK, "[" * 100_000, "expected a notebook"),
        (NOTEBOOK, '{"cells": [1]}', "expected a notebook"),
    ],
)
def test_layers_beside_the_notebook_and_what_is_none(hand_in, truth, name, text, said):
    (hand_in / name).write_text(text, "utf-8")
    assert said in line(hand_in, truth, "Notebook").missing


def test_jupyter_commands_are_no_imports(hand_in, truth):
    cells = [
        "'\\m'\n%matplotlib inline\nif True:\n    %env A=1\n!ls\nfrom tqdm import tqdm",
        "%%html\n<b>import</b>",
        "%%time\nx = 1",
        'print("%d"\n % 3)',
        'x = """\n%d\n!"""',
        "import numpy as np\nnp.array?",
        "x = !ls\ny = %who_ls",
    ]
    write_notebook(hand_in / NOTEBOOK, *cells)
    assert not line(hand_in, truth, "Notebook").missing
    source = 'total = (8\n % 3)\ntext = """\n%d\n"""\n'  # lines that only look like commands
    assert submission.as_python(source) == source


# Pickles


def npy(body):
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + body


def wrapped(value, protocol=4):
    """What np.save writes for `value`, by any pickle protocol."""
    box = np.empty((), object)
    box[()] = value
    return npy(pickle.dumps(box, protocol))


def check_refused(raw, said="expected"):
    with pytest.raises(UnsafeError, match=said):
        load_dictionary(raw)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_honest_pickles_are_read(protocol):
    A = np.arange(12.0).reshape(3, 4)
    values = {"F": np.asfortranarray(A), "cut": A[:, ::2], "big-endian": A.astype(">f8")}
    values |= {"small": A.astype(np.float32), "counts": A.astype(np.int64), "flags": A > 3}
    values |= {"none": A[:0], "scalar": np.float64(1.5), "shape": (3, 4), "list": [1, 2.5, "a"]}
    values["more"] = {"flag": True, "nothing": None}
    read = load_dictionary(wrapped(values, protocol))
    for key, value in values.items():
        assert np.array_equal(read[key], value), key
    assert read["F"].dtype == A.dtype
    assert read["shape"] == (3, 4)
    if protocol == 3:  # names there end in a line end, so a shorter name needs no other length
        old = wrapped(values, protocol).replace(b"numpy._core.", b"numpy.core.")
        assert set(load_dictionary(old)) == set(values)


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
def test_malicious_pickles_run_nothing(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    calls = [
        Call(exec, "import pathlib; pathlib.Path('owned').touch()"),
        Call(np.save, "owned", np.ones(1)),
        Call(np.ndarray.tofile, np.ones(1), "owned"),
        Call(getattr, "text", "upper"),
    ]
    for call in calls:
        for value in (call, {"a": call}, {"a": {"b": (1, [call])}}, np.array([call], object)):
            check_refused(wrapped(value, protocol))
        check_refused(npy(pickle.dumps(call, protocol)))
    assert not list(tmp_path.iterdir())
    pickle.loads(pickle.dumps(calls[0]))
    assert (tmp_path / "owned").exists()  # what an ordinary reader would have done


def test_pickles_that_abuse_the_allowed_names():
    dtype, core = b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n"
    check_refused(npy(dtype + b"}b."), "alters a name")
    check_refused(npy(b"P0\n."), "opcode PERSID")
    check_refused(npy(b"cnumpy\ndtype.__class__\n."), "a call of 'numpy', 'dtype.__class__'")
    for body in (
        dtype + b"(\x8c\x02O8t\x85R.",
        b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.",
        core + b"_reconstruct\n)R.",  # an array without content
        core + b"scalar\n(" + dtype + b"\x8c\x02f8\x85RC\x04abcdtR.",  # four bytes as eight
        b"\x96" + b"\xff" * 8 + b".",  # a bytearray of 2^64 bytes
        b"N" + b"r\xff\xff\xff\x0f" + b".",  # a memo of 2^28 entries
        b"}" + b"\x94" + b"h\x00" * 40_000 + b".",
        b")" * 3 + b"\x85" * 60_000 + b".",
        b"N.",
        b"",
    ):
        check_refused(npy(body))


def test_pickles_that_grow():
    """Repeating a list of its own repeated lists: small on disk, endless to walk."""
    nest, A = [0], np.zeros(10_000)
    for _ in range(7):
        nest = [nest] * 50
    check_refused(wrapped({"a": nest}), "small")
    check_refused(wrapped({str(i): A for i in range(50)}), "small")
    check_refused(wrapped({"a": np.zeros(50_000)}), "bytes")


def test_damaged_files_are_refused():
    raw = wrapped(reference.graded(42))
    rng = np.random.default_rng(0)
    for end in range(0, len(raw), 97):
        check_refused(raw[:end])
    for _ in range(300):  # any other outcome than a dictionary or UnsafeError fails the test
        broken = bytearray(raw)
        for place in rng.integers(0, len(raw), 3):
            broken[place] = rng.integers(256)
        with contextlib.suppress(UnsafeError):
            assert type(load_dictionary(bytes(broken))) is dict
    check_refused(npy_bytes(np.ones(3)), "an array")


# Many hand-ins, and the command line


def test_200_hand_ins(perfect, truth, tmp_path):
    """One CSV in well under a minute; bad ones are said to be bad and stop nothing."""
    for number in range(196):
        (tmp_path / f"{number:03}").symlink_to(perfect)
    (tmp_path / "=cmd()").symlink_to(perfect)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no hand-in", "utf-8")
    hostile = shutil.copytree(perfect, tmp_path / "hostile")
    (hostile / GRADED).write_bytes(wrapped(Call(exec, "raise SystemExit")))
    (tmp_path / "odd" / GRADED).mkdir(parents=True)
    start = time.perf_counter()
    text = batch(tmp_path, truth)
    assert time.perf_counter() - start < 60
    rows = {row["hand-in"]: row for row in csv.DictReader(io.StringIO(text))}
    assert len(rows) == 200
    assert {rows[f"{n:03}"]["points"] for n in range(196)} == {"90"}
    assert rows["'=cmd()"]["points"] == "90"
    assert (rows["000"]["Report"], rows["000"]["remarks"]) == ("open", "")
    assert (rows["empty"]["points"], rows["empty"]["Report"]) == ("0", "0")
    assert rows["hostile"]["points"] == "50"
    assert "Lab6_outputs.npy" in rows["hostile"]["remarks"]


def test_an_unforeseen_error_stays_in_its_row(perfect, truth, tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).symlink_to(perfect)

    def count_pages(path):
        if path.parent.name == "b":
            raise RuntimeError("unforeseen")
        time.sleep(5 * (path.parent.name == "c"))
        return 1

    monkeypatch.setattr(submission, "count_pages", count_pages)
    monkeypatch.setattr(score, "SECONDS", 0.3)
    rows = list(csv.DictReader(io.StringIO(batch(tmp_path, truth))))
    assert [row["points"] for row in rows] == ["90", "", ""]
    assert "unforeseen" in rows[1]["remarks"]
    assert "TimeoutError" in rows[2]["remarks"]


def test_command_line(perfect, data, hand_in, tmp_path, capsys):
    def run(*args):
        return score.main([*map(str, args), "--data-dir", str(data)])

    assert run(perfect) == 0
    shown = capsys.readouterr().out
    assert "90 / 100" in shown
    assert "? 10 points cannot be decided here." in shown
    assert run(perfect, "--json") == 0
    assert json.loads(capsys.readouterr().out)["complete"]
    (hand_in / REPORT).unlink()
    assert run(hand_in) == 1
    assert "Lab6_report.pdf: expected this file" in capsys.readouterr().out
    assert run("--batch", tmp_path) == 0
    assert (tmp_path / "marks.csv").read_text("utf-8").startswith("hand-in,points,out of,")
    with pytest.raises(SystemExit):
        run(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected a folder a hand-in"):
        batch(perfect, None)
