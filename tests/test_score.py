"""The score card: right hand-ins earn all points, wrong ones lose some, hostile ones do nothing."""

import contextlib
import csv
import io
import json
import pickle
import shutil
import struct
import time

import nbformat
import numpy as np
import pytest
from pypdf import PdfWriter

from data.course import sha256
from data.simulate import sine_waves
from tools import handin, naive, score, unpickle
from tools.grading.score import Truth, batch, exact_continuation, mape, score_card, summary

ELSEWHERE = 10  # points that Kaggle's board and the assistant decide: ranking and report


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with test sequences and test labels."""
    folder = tmp_path_factory.mktemp("data")
    waves = sine_waves(np.random.default_rng(11))[:, :-1]
    table = np.hstack([np.arange(1, 501)[:, np.newaxis], waves])
    head = ",".join(["Id", *map(str, range(99))])
    np.savetxt(folder / "X_test.csv", table, "%.17g", ",", header=head, comments="")
    np.save(folder / "y_test.npy", np.arange(2947).reshape(-1, 1) % 3)
    return folder


@pytest.fixture(scope="module")
def truth(data):
    return Truth(data)


@pytest.fixture(scope="module")
def perfect(truth, tmp_path_factory):
    """A hand-in with nothing wrong; tests change copies of it."""
    folder = tmp_path_factory.mktemp("perfect")
    np.save(folder / handin.GRADED, naive.graded(42))
    write_csv(folder / handin.BASIC, "Id,answer", enumerate(truth.sine.ravel().tolist(), 1))
    write_csv(folder / handin.ADVANCED, "Id,Classes", enumerate(truth.activity.tolist()))
    write_pdf(folder / handin.REPORT, pages=1)
    write_notebook(folder / handin.NOTEBOOK, "import numpy as np")
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


def write_notebook(path, *sources, counts=None, kind="execute_result"):
    cells = []
    for count, source in enumerate(sources, 1):
        count = counts[count - 1] if counts else count
        output = nbformat.v4.new_output("stream", text="1")
        if kind == "error":
            output = nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])
        cells.append(nbformat.v4.new_code_cell(source, execution_count=count, outputs=[output]))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def line(folder, truth, part, **options):
    return next(x for x in score_card(folder, truth, **options) if x.part == part)


def total(folder, truth):
    return summary(score_card(folder, truth))


# The figures behind the card


def test_exact_continuation():
    waves = sine_waves(np.random.default_rng(11))
    np.testing.assert_allclose(
        exact_continuation(waves[:, :-1]), waves[:, -1:], rtol=1e-10, atol=1e-12
    )


def test_what_is_no_sinusoid_is_refused():
    waves = sine_waves(np.random.default_rng(11))[:3, :-1]
    waves[1, 50] += 1e-6
    with pytest.raises(ValueError, match="row 1"):
        exact_continuation(waves)


def test_mape():
    assert mape([[1.1], [-1.8]], [[1.0], [-2.0]]) == pytest.approx(10)
    with pytest.raises(ValueError, match="expected shape"):
        mape([1.0, 2.0], [[1.0], [2.0]])


# The rubric


def test_a_perfect_hand_in_earns_all_that_is_decided_here(perfect, truth):
    card = total(perfect, truth)
    assert card["points"] == card["out_of"] - ELSEWHERE == 90
    assert card["open"] == ELSEWHERE
    assert card["complete"]
    assert not card["format_errors"]
    assert sum(len(figures) for figures in truth.graded.values()) == 22


def test_both_spellings_of_the_shape_keys(hand_in, truth):
    graded = {
        check: {key.replace("_shape", " shape"): value for key, value in figures.items()}
        for check, figures in naive.graded(42).items()
    }
    np.save(hand_in / handin.GRADED, graded)
    assert total(hand_in, truth)["complete"]


def test_each_wrong_entry_costs_its_share(hand_in, truth):
    graded = naive.graded(42)
    graded["RNN_backward"]["dL_dWh"] = graded["RNN_backward"]["dL_dWh"] + 1e-9
    graded["RNN_forward"]["Output"] = np.full((2, 3), np.nan)
    graded["RNN_initialization"]["bh_shape"] = (3,)
    del graded["Model_class"]["AL"]
    np.save(hand_in / handin.GRADED, graded)
    points = {x.part: x.points for x in score_card(hand_in, truth)}
    assert points["RNN backward"] == pytest.approx(13.5)
    assert points["RNN forward"] == 9
    assert points["RNN initialize_parameters"] == 2
    assert points["Model class"] == 8
    assert "dL_dWh is off by 1.0e-09" in line(hand_in, truth, "RNN backward").missing
    assert "Model_class has no AL" in total(hand_in, truth)["format_errors"][0]


def test_keys_that_the_course_does_not_know(hand_in, truth):
    np.save(hand_in / handin.GRADED, naive.graded(42) | {"mine": {}})
    assert "'mine'" in total(hand_in, truth)["format_errors"][0]
    graded = naive.graded(42)
    graded["RNN_forward"]["\x1b[2J"] = 1
    np.save(hand_in / handin.GRADED, graded)
    assert r"'\x1b[2J'" in total(hand_in, truth)["format_errors"][0]


@pytest.mark.parametrize(("factor", "points"), [(1.139, 20), (1.141, 10), (0.829, 0)])
def test_points_by_mape(hand_in, truth, factor, points):
    rows = enumerate((truth.sine.ravel() * factor).tolist(), 1)
    write_csv(hand_in / handin.BASIC, "Id,answer", rows)
    assert line(hand_in, truth, "Sine data").points == points


@pytest.mark.parametrize(("right", "points"), [(0.76, 30), (0.74, 20), (0.66, 10), (0.64, 0)])
def test_points_by_accuracy(hand_in, truth, right, points):
    classes = truth.activity.copy()
    classes[int(right * len(classes)) :] += 1
    write_csv(hand_in / handin.ADVANCED, "Id,Classes", enumerate((classes % 3).tolist()))
    assert line(hand_in, truth, "Activity, accuracy").points == points


def test_without_test_labels_the_estimate_is_marked(perfect, tmp_path):
    bare = Truth(tmp_path)
    part = "Activity, accuracy"
    assert line(perfect, bare, part).status == "open"
    assert line(perfect, bare, "Sine data").status == "open"
    assert not total(perfect, bare)["complete"]
    results = tmp_path / "results.json"

    def estimate(confusion):
        folds = {"ensemble_by_fold": [0.99, 0.72], "confusion": confusion}
        results.write_text(json.dumps({"activity": {"by volunteer": folds}}), "utf-8")
        return line(perfect, bare, part, results=results)

    guess = estimate(np.diag([50, 52, 48]).tolist())
    assert (guess.status, guess.points) == ("estimate", 20)  # by the lowest fold
    assert "ESTIMATE" in guess.evidence
    guess = estimate(np.diag([20, 20, 60]).tolist())
    assert (guess.status, guess.points) == ("open", 0)
    assert "have the shares" in guess.missing
    results.write_text("{}", "utf-8")
    for path in (results, str(results)):
        assert "results.json has no estimate" in line(perfect, bare, part, results=path).missing


def test_an_estimate_from_simulated_data_is_none(perfect, tmp_path):
    folds = {"ensemble_by_fold": [0.99], "confusion": np.eye(3).tolist()}
    results = tmp_path / "results.json"
    for origin, status in (("UCI HAR archive", "estimate"), ("simulated", "open")):
        source = {"X_train.npy": {"from": origin}}
        content = {"activity": {"by volunteer": folds}, "source": source}
        results.write_text(json.dumps(content), "utf-8")
        found = line(perfect, Truth(tmp_path), "Activity, accuracy", results=results)
        assert found.status == status
    assert "measured on simulated data" in found.missing


def record(folder, origin):
    """Write SOURCE.json for the truth in `folder`, as data/prepare.py does."""
    entries = {
        name: {"from": origin, "sha256": sha256((folder / name).read_bytes()), "authentic": False}
        for name in ("X_test.csv", "y_test.npy")
    }
    (folder / "SOURCE.json").write_text(json.dumps(entries), "utf-8")


@pytest.fixture
def own_data(data, tmp_path):
    return shutil.copytree(data, tmp_path / "own data")


TRUTH_OF = {"Sine data": "X_test.csv", "Activity, accuracy": "y_test.npy"}


def test_simulated_data_is_no_truth(perfect, own_data, tmp_path):
    record(own_data, "simulated")
    simulated = Truth(own_data)
    for part, name in TRUTH_OF.items():
        found = line(perfect, simulated, part)
        assert (found.status, found.points, found.format_error) == ("open", 0, False)
        assert f"{name} is a simulated stand-in; put the real file" in found.missing
    card = total(perfect, simulated)
    assert (card["points"], card["open"], card["complete"]) == (40, 60, False)
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "one").symlink_to(perfect)
    (row,) = csv.DictReader(io.StringIO(batch(tmp_path / "batch", simulated)))
    assert row["Sine data"] == row["Activity, accuracy"] == "open"
    assert "X_test.csv is a simulated stand-in" in row["remarks"]


def check_measured(hand_in, data, origin):
    for part, name in TRUTH_OF.items():
        found = line(hand_in, Truth(data), part)
        assert (found.status, found.points) == ("measured", found.out_of)
        assert f"on {name} ({origin})" in found.evidence


def test_the_card_says_where_the_truth_came_from(perfect, own_data):
    check_measured(perfect, own_data, "of unknown origin")
    record(own_data, "Kaggle or own files: mine")
    check_measured(perfect, own_data, "Kaggle or own files: mine")


def test_a_record_speaks_of_the_recorded_bytes_only(perfect, own_data):
    """Real files put in the place of simulated ones count, before the record is renewed too."""
    record(own_data, "simulated")
    (own_data / "X_test.csv").write_bytes((own_data / "X_test.csv").read_bytes() + b"\n")
    np.save(own_data / "y_test.npy", np.load(own_data / "y_test.npy").astype(np.int32))
    check_measured(perfect, own_data, "of unknown origin")


def test_truth_is_read_as_strictly_and_as_kindly_as_the_data(perfect, own_data):
    path = own_data / "X_test.csv"
    lines = [x.split(",") for x in path.read_text("utf-8").splitlines()]
    quoted = "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in lines)
    path.write_bytes(quoted.encode("utf-8-sig"))
    assert line(perfect, Truth(own_data), "Sine data").points == 20
    np.save(own_data / "y_test.npy", np.full((2947, 1), 3))
    found = line(perfect, Truth(own_data), "Activity, accuracy")
    assert (found.status, found.points) == ("open", 0)
    assert "expected labels 0, 1, 2" in found.missing
    path.write_bytes(quoted.rsplit("\r\n", 1)[0].encode())
    assert "expected 500 rows" in line(perfect, Truth(own_data), "Sine data").missing
    lines[1:] = [[row[0], *"12" * 49, "3"] for row in lines[1:]]
    path.write_text("\n".join(map(",".join, lines)), "utf-8")
    assert "noise-free sinusoids" in line(perfect, Truth(own_data), "Sine data").missing


def test_a_damaged_record_lets_nothing_pass_for_the_truth(perfect, own_data):
    (own_data / "SOURCE.json").write_text("{", "utf-8")
    for part in TRUTH_OF:
        found = line(perfect, Truth(own_data), part)
        assert (found.status, found.points) == ("open", 0)
        assert "SOURCE.json: expected the record" in found.missing


def test_a_strangers_estimate_is_no_evidence(hand_in, tmp_path, monkeypatch):
    folds = {"ensemble_by_fold": [1.0], "confusion": np.eye(3).tolist()}
    text = json.dumps({"activity": {"by volunteer": folds}})
    (hand_in / "results.json").write_text(text, "utf-8")
    lines = {x.part: x for x in score.own_card(hand_in, tmp_path)}
    assert lines["Activity, accuracy"].status == "open"
    monkeypatch.setattr(score, "OUTPUTS", hand_in)
    lines = {x.part: x for x in score.own_card(hand_in, tmp_path)}
    assert lines["Activity, accuracy"].status == "estimate"


# The format of each file


def test_a_missing_file_is_named(hand_in, truth):
    for path in hand_in.iterdir():
        path.unlink()
    errors = " ".join(total(hand_in, truth)["format_errors"])
    assert all(name in errors for name in handin.FILES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace("Id,answer", "id,answer"), "expected the header Id,answer"),
        (lambda t: t.replace("\n7,", "\n8,"), "line 9: expected an Id in 1..500, each once"),
        (lambda t: t.rsplit("\n", 2)[0], "expected 500 rows, got 499"),
        (lambda t: t + "501,1\n", "line 502"),
        (lambda t: t.replace("\n1,", "\n1,nan#").split("#")[0], "a finite number, got '1,nan'"),
        (lambda t: t.replace("\n1,", "\n1,0,"), "line 2"),
        (lambda t: t.replace("\n1,", "\n1_0,"), "line 2"),
        (lambda t: "", "expected the header"),
        (lambda t: t + "\0", "expected"),
        (lambda t: t + '"' + "a" * 200_000, "expected a CSV"),
    ],
)
def test_basic_csv(hand_in, truth, change, said):
    path = hand_in / handin.BASIC
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    assert said in line(hand_in, truth, "Sine data").missing


@pytest.mark.parametrize("label", ["3", "-1", "1.0", "", "walking"])
def test_advanced_csv(hand_in, truth, label):
    path = hand_in / handin.ADVANCED
    path.write_text(path.read_text("utf-8").replace("\n5,2\n", f"\n5,{label}\n"), "utf-8")
    assert "line 7" in line(hand_in, truth, "Activity, accuracy").missing


def test_the_text_of_a_report_earns_nothing_here(perfect, truth):
    """One empty page has the course's format and answers no question."""
    found = line(perfect, truth, "Report")
    assert (found.status, found.points, found.out_of) == ("open", 0, 5)
    assert "for the assistant to read" in found.evidence
    assert not found.format_error


def test_report_has_one_page(hand_in, truth):
    write_pdf(hand_in / handin.REPORT, pages=2)
    found = line(hand_in, truth, "Report")
    assert "got 2" in found.missing
    assert (found.status, found.format_error) == ("measured", True)
    assert not total(hand_in, truth)["complete"]
    (hand_in / handin.REPORT).write_bytes(b"%PDF-1.7 nonsense")
    assert "expected a PDF" in line(hand_in, truth, "Report").missing


@pytest.mark.parametrize(
    ("cells", "options", "said"),
    [
        (["x = 1", "x"], {"counts": [1, None]}, "was not run"),
        (["x = 1", "x"], {"counts": [2, 1]}, "top to bottom"),
        (["x"], {"kind": "error"}, "ended in an error"),
        (["import torch.nn as nn"], {}, "imports 'torch.nn'"),
        (["if x:\n    from sklearn import svm"], {}, "imports 'sklearn'"),
        (["__import__('torch')"], {}, "imports '__import__'"),
        (["%%time\nimport torch"], {}, "imports 'torch'"),
        (["\n%%capture out\n%%timeit -n 1\nimport torch"], {}, "imports 'torch'"),
        (["x = !ls\nimport torch"], {}, "imports 'torch'"),
        (["def f(:"], {}, "no Python"),
        (["%a\n" * 501], {}, "no Python"),
        (['=%"""%f"1_In [1]:'], {}, "no Python"),
        (["-" * 100_000 + "1"], {}, "no Python"),
        (["1 + " * 100_000 + "1"], {}, "no Python"),
        ([], {}, "no output"),
    ],
)
def test_notebook(hand_in, truth, cells, options, said):
    write_notebook(hand_in / handin.NOTEBOOK, *cells, **options)
    found = line(hand_in, truth, "Notebook")
    assert said in found.missing
    assert found.format_error


def test_notebook_that_is_none_and_layers_beside_it(hand_in, truth):
    (hand_in / "RNN.py").write_text("import numpy as np\nimport jax\n", "utf-8")
    assert "RNN.py imports 'jax'" in line(hand_in, truth, "Notebook").missing
    (hand_in / "RNN.py").write_text("%matplotlib inline\n", "utf-8")  # in a module no command
    assert "RNN.py is no Python" in line(hand_in, truth, "Notebook").missing
    (hand_in / handin.NOTEBOOK).write_text("[" * 100_000, "utf-8")
    assert "expected a notebook" in line(hand_in, truth, "Notebook").missing


def test_jupyter_commands_are_no_imports(hand_in, truth):
    cells = [
        "'\\m'\n%matplotlib inline\nif True:\n    %env A=1\n!ls\nfrom tqdm import tqdm",
        "%%html\n<b>import</b>",
        "%%time\nx = 1",
        'print("%d"\n % 3)',
        'x = """\n%d\n!"""',
        "import numpy as np\nnp.array?",
        "?np.array",
        "x = !ls\ny = %who_ls",
        "%timeit -n 1 sum(range(3))",
    ]
    write_notebook(hand_in / handin.NOTEBOOK, *cells)
    assert not line(hand_in, truth, "Notebook").missing


def test_a_line_that_only_looks_like_a_command_stays():
    source = 'total = (8\n % 3)\ntext = """\n%d\n"""\n'
    assert handin.as_python(source) == source


# Pickles


def npy(body):
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + body


def wrapped(value, protocol=4):
    """What np.save writes for `value`, by any pickle protocol."""
    box = np.empty((), object)
    box[()] = value
    return npy(pickle.dumps(box, protocol))


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_honest_pickles_are_read(protocol):
    A = np.arange(12.0).reshape(3, 4)
    values = {
        "C": A,
        "F": np.asfortranarray(A),
        "cut": A[:, ::2],
        "big-endian": A.astype(">f8"),
        "small": A.astype(np.float32),
        "counts": A.astype(np.int64),
        "flags": A > 3,
        "none": A[:0],
        "scalar": np.float64(1.5),
        "shape": (3, 4),
        "list": [1, 2.5, "a"],
        "more": {"flag": True, "nothing": None},
    }
    read = unpickle.load_dictionary(wrapped(values, protocol))
    for key, value in values.items():
        assert np.array_equal(read[key], value), key
    assert read["F"].dtype == A.dtype
    assert read["shape"] == (3, 4)
    old = wrapped(values, protocol).replace(b"numpy._core.", b"numpy.core.")
    if protocol == 3:  # names there end in a line end, so a shorter name needs no other length
        assert set(unpickle.load_dictionary(old)) == set(values)


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
def test_malicious_pickles_run_nothing(protocol, tmp_path, monkeypatch):
    import os

    monkeypatch.chdir(tmp_path)
    calls = [
        Call(os.system, "touch owned"),
        Call(exec, "import pathlib; pathlib.Path('owned').touch()"),
        Call(open, "owned", "w"),
        Call(np.save, "owned", np.ones(1)),
        Call(np.ndarray.tofile, np.ones(1), "owned"),
        Call(getattr, "text", "upper"),
    ]
    for call in calls:
        for value in (call, {"a": call}, {"a": {"b": (1, [call])}}, np.array([call], object)):
            with pytest.raises(unpickle.UnsafeError):
                unpickle.load_dictionary(wrapped(value, protocol))
        with pytest.raises(unpickle.UnsafeError):
            unpickle.load_dictionary(npy(pickle.dumps(call, protocol)))
    assert not list(tmp_path.iterdir())
    pickle.loads(pickle.dumps(calls[1]))
    assert (tmp_path / "owned").exists()  # what an ordinary reader would have done


def test_pickles_that_abuse_the_allowed_names():
    dtype = b"cnumpy\ndtype\n"
    core = b"cnumpy.core.multiarray\n"
    for body, said in ((dtype + b"}b.", "alters a name"), (b"P0\n.", "opcode PERSID")):
        with pytest.raises(unpickle.UnsafeError, match=said):
            unpickle.load_dictionary(npy(body))
    bodies = [
        dtype + b"(\x8c\x02O8t\x85R.",
        b"cnumpy\ndtype.__class__\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.",
        core + b"_reconstruct\n)R.",  # an array without content
        core + b"scalar\n(" + dtype + b"\x8c\x02f8\x85RC\x04abcdtR.",  # four bytes as eight
        b"\x96" + b"\xff" * 8 + b".",  # a bytearray of 2^64 bytes
        b"N" + b"r\xff\xff\xff\x0f" + b".",  # a memo of 2^28 entries
        b"}" + b"\x94" + b"h\x00" * 40_000 + b".",
        b")" * 3 + b"\x85" * 60_000 + b".",
        b"N.",
        b"",
    ]
    for body in bodies:
        with pytest.raises(unpickle.UnsafeError):
            unpickle.load_dictionary(npy(body))


def test_pickles_that_grow():
    """Repeating a list of its own repeated lists: small on disk, endless to walk."""
    nest = [0]
    for _ in range(7):
        nest = [nest] * 50
    with pytest.raises(unpickle.UnsafeError, match="small"):
        unpickle.load_dictionary(wrapped({"a": nest}))
    A = np.zeros(10_000)
    with pytest.raises(unpickle.UnsafeError, match="small"):
        unpickle.load_dictionary(wrapped({str(i): A for i in range(50)}))
    with pytest.raises(unpickle.UnsafeError, match="bytes"):
        unpickle.load_dictionary(wrapped({"a": np.zeros(50_000)}))


def test_damaged_files_are_refused():
    raw = wrapped(naive.graded(42))
    rng = np.random.default_rng(0)
    for end in range(0, len(raw), 97):
        with pytest.raises(unpickle.UnsafeError):
            unpickle.load_dictionary(raw[:end])
    for _ in range(300):  # any other outcome than a dictionary or UnsafeError fails the test
        broken = bytearray(raw)
        for place in rng.integers(0, len(raw), 3):
            broken[place] = rng.integers(256)
        with contextlib.suppress(unpickle.UnsafeError):
            unpickle.load_dictionary(bytes(broken))
    array = io.BytesIO()
    np.save(array, np.ones(3))
    with pytest.raises(unpickle.UnsafeError, match="an array"):
        unpickle.load_dictionary(array.getvalue())


# Many hand-ins, and the command line


def test_200_hand_ins(perfect, data, tmp_path):
    """One CSV in well under a minute; bad ones are said to be bad and stop nothing."""
    for number in range(196):
        (tmp_path / f"{number:03}").symlink_to(perfect)
    shutil.copytree(perfect, tmp_path / "=cmd()")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no hand-in", "utf-8")
    hostile = shutil.copytree(perfect, tmp_path / "hostile")
    (hostile / handin.GRADED).write_bytes(wrapped(Call(exec, "raise SystemExit")))
    (hostile / handin.NOTEBOOK).write_text('{"cells": [1]}', "utf-8")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / handin.GRADED).mkdir()
    start = time.perf_counter()
    text = batch(tmp_path, Truth(data))
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
    count = handin.count_pages

    def breaks_on_b(path):
        if path.parent.name == "b":
            raise RuntimeError("unforeseen")
        return count(path)

    def slow_on_c(path):
        if path.parent.name == "c":
            time.sleep(5)
        return breaks_on_b(path)

    monkeypatch.setattr(handin, "count_pages", slow_on_c)
    monkeypatch.setattr(score, "SECONDS", 0.3)
    rows = list(csv.DictReader(io.StringIO(batch(tmp_path, truth))))
    assert [row["points"] for row in rows] == ["90", "", ""]
    assert "unforeseen" in rows[1]["remarks"]
    assert "TimeoutError" in rows[2]["remarks"]


def test_command_line(perfect, data, hand_in, tmp_path, monkeypatch, capsys):
    def run(*args):
        monkeypatch.setattr("sys.argv", ["score", *map(str, args), "--data-dir", str(data)])
        return score.main()

    assert run(perfect) == 0
    shown = capsys.readouterr().out
    assert "90 / 100" in shown
    assert "? 10 points cannot be decided here." in shown
    assert run(perfect, "--json") == 0
    assert json.loads(capsys.readouterr().out)["complete"]
    (hand_in / handin.REPORT).unlink()
    assert run(hand_in) == 1
    assert "Lab6_report.pdf: expected this file" in capsys.readouterr().out
    assert run("--batch", tmp_path) == 0
    assert (tmp_path / "marks.csv").read_text("utf-8").startswith("hand-in,points,out of,")
    with pytest.raises(SystemExit):
        run(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected a folder a hand-in"):
        batch(perfect, None)
