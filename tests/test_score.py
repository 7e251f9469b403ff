"""The score card: fair to what students really hand in, and run by nothing that is in it."""

import contextlib
import csv
import io
import json
import pickle
import re
import shutil
import struct
import zlib
from itertools import count

import numpy as np
import pandas as pd
import pytest
import variations
from variations import Work, npy, table

from data.course import npy_bytes, sha256
from data.simulate import sine_waves
from tools.continuation import exact_continuation, mape
from tools.grading import reference, rules, score, submission
from tools.grading.safe_load import UnsafeError, load_dictionary
from tools.grading.submission import ADVANCED, BASIC, GRADED, NOTEBOOK, REPORT, FormatError, read

TRUTH_OF = {4: "X_test.csv", 5: "y_test.npy"}  # of a card's lines


@pytest.fixture(scope="module")
def truth():
    return variations.Truth()


@pytest.fixture
def work(truth):
    return Work(truth)


@pytest.fixture
def card(work, tmp_path):
    """What makes the card of the work, as it is by then."""
    folders = (tmp_path / str(n) for n in count())
    return lambda: score.score_card(read(work.write(next(folders))), work.truth)


@pytest.fixture
def own_data(tmp_path):
    """A data folder with test sequences and test labels, which are the ones of `truth`."""
    waves = sine_waves(np.random.default_rng(11))[:, :-1]
    folder = tmp_path / "own data"
    folder.mkdir()
    pd.DataFrame(waves, index=pd.RangeIndex(1, 501, name="Id")).to_csv(folder / "X_test.csv")
    np.save(folder / "y_test.npy", np.resize([0, 1, 2, 2, 1, 2], (2947, 1)))
    return folder


# The table of variations


@pytest.mark.parametrize(
    "kind, least, marks",
    [("honest", 60, r"[^!]*"), ("untidy", 10, r"90/85 \w+!"), ("dishonest", 40, r".*[!?]")],
)
def test_each_variation_gets_what_is_expected(kind, least, marks):
    rows = table(kind)
    assert [row for row in rows if row[2] != row[3]] == []
    assert len({name for _, name, _, _ in rows}) == len(rows) >= least
    assert all(re.fullmatch(marks, given) for *_, given in rows)


# Points and what is proposed


def test_exact_continuation_and_mape():
    waves = sine_waves(np.random.default_rng(11))
    X, y = waves[:, :-1].copy(), waves[:, -1:]
    np.testing.assert_allclose(exact_continuation(X), y, rtol=1e-10, atol=1e-12)
    X[1, 50] += 1e-6
    with pytest.raises(ValueError, match="row 1"):
        exact_continuation(X)
    assert mape([[1.1], [-1.8]], [[1.0], [-2.0]]) == pytest.approx(10)
    with pytest.raises(ValueError, match="expected shape"):
        mape([1.0, 2.0], [[1.0], [2.0]])


def test_each_wrong_entry_costs_its_share(work, card):
    graded = reference.graded(42)
    graded["RNN_initialization"]["bh_shape"] = (3,)
    graded["RNN_forward"]["Output"] = np.full((2, 3), np.nan)
    graded["RNN_backward"]["dL_dWh"] += 1e-9
    del graded["Model_class"]["AL"]
    work.figures(graded)
    lines = card()["lines"][:4]
    assert [x["points"] for x in lines] == pytest.approx([2, 0, 11.25, 8])
    all_said = ("bh_shape is not (3, 1)", "off by nan", "dL_dWh is off by 1.0e-09", "has no AL")
    assert all(said in line["missing"] for line, said in zip(lines, all_said, strict=True))


@pytest.mark.parametrize(
    ("what", "named"), [("no tanh", True), ("no 1 - h^2", True), ("the bias added twice", False)]
)
def test_a_mistake_in_the_handed_in_figures_is_named(work, card, what, named):
    variations.wrong(what)(work)  # the bias is zero in the course's checks
    assert (what in " ".join(line["missing"] for line in card()["lines"])) == named


@pytest.mark.parametrize(
    ("right", "points", "status"),
    [(0.8, 30, "measured"), (0.751, 30, "estimate"), (0.749, 20, "estimate"), (0.6, 0, "measured")],
)
def test_near_a_bound_the_public_score_is_open(work, card, right, points, status):
    classes = work.truth.activity.copy()
    classes[int(right * len(classes)) :] += 1
    work.csv(ADVANCED, classes % 3)
    line = card()["lines"][5]
    assert (line["points"], line["status"]) == (points, status)
    assert ("Kaggle decides by 60 % of the rows" in line["evidence"]) == (status == "estimate")


def test_public_range_holds_the_public_score_in_95_of_100():
    rng, hits = np.random.default_rng(0), np.arange(2947) < 2210
    low, high = score.public_range(hits.mean(), len(hits))
    public = [rng.permutation(hits)[:1768].mean() for _ in range(2000)]
    assert np.mean([low <= x <= high for x in public]) == pytest.approx(0.95, abs=0.015)


def test_what_is_proposed(work, card):
    assert [card()[key] for key in ("points", "out_of", "open", "proposed")] == [90, 100, 10, 90]
    assert [rule["rule"] for rule in card()["rules"]] == list(rules.RULES)
    assert all(set(rule) == {"rule", "verdict", "penalty", "evidence"} for rule in card()["rules"])
    variations.move(REPORT, "report.pdf")(work)
    assert card()["proposed"] == 85
    shown = score.as_text(card())
    assert "Proposed: 85 points; 10 more are open" in shown and "Broken: names" in shown


# What it is scored against


def record(folder, origin):
    """Write SOURCE.json for the truth in `folder`, as data/prepare.py does."""
    entries = {
        name: {"from": origin, "sha256": sha256((folder / name).read_bytes()), "authentic": False}
        for name in TRUTH_OF.values()
    }
    (folder / "SOURCE.json").write_text(json.dumps(entries), "utf-8")


def test_simulated_data_is_no_truth(work, card, own_data):
    """But a notebook's own validation figures may stand in for it."""
    record(own_data, "simulated")
    work.truth = score.Truth(own_data)
    for number, name in TRUTH_OF.items():
        line = card()["lines"][number]
        assert (line["status"], line["points"]) == ("open", 0)
        assert f"{name}: it is a simulated stand-in; put the real file" in line["missing"]
    figures = {"sine_mape": 16.5, "activity_accuracy": 0.72}
    hand_in = submission.HandIn("", "", work.files)
    estimates = score.score_card(hand_in, work.truth, figures)["lines"][4:6]
    assert [(x["points"], x["status"]) for x in estimates] == [(10, "estimate"), (20, "estimate")]


def test_the_card_says_where_the_truth_came_from(work, card, own_data):
    """Real files put in the place of simulated ones count, before the record is renewed too."""
    record(own_data, "simulated")
    raw = (own_data / "X_test.csv").read_bytes()
    (own_data / "X_test.csv").write_bytes(b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"))
    np.save(own_data / "y_test.npy", np.load(own_data / "y_test.npy").astype(np.int32))
    for origin in ("of unknown origin", "Kaggle or own files: mine"):
        work.truth = score.Truth(own_data)
        for number, name in TRUTH_OF.items():
            line = card()["lines"][number]
            assert line["points"] == line["out_of"]
            assert f"on {name} ({origin})" in line["evidence"]
        record(own_data, "Kaggle or own files: mine")


@pytest.mark.parametrize(
    ("number", "name", "old", "new", "said"),
    [
        (5, "y_test.npy", b"\x02", b"\x03", "expected labels 0, 1, 2"),
        (5, "SOURCE.json", b"{", b"", "SOURCE.json: expected the record"),
        (4, "X_test.csv", b"\n500,.*", b"", "expected 500 rows"),
        (4, "X_test.csv", b"\n7,.*", b"\n7" + 33 * b",1,2,3", "noise-free sinusoids"),
    ],
)
def test_damaged_truth_is_none(work, card, own_data, number, name, old, new, said):
    record(own_data, "mine")
    path = own_data / name
    path.write_bytes(re.sub(old, new, path.read_bytes()))
    work.truth = score.Truth(own_data)
    line = card()["lines"][number]
    assert (line["status"], line["points"]) == ("open", 0)
    assert said in line["missing"]


def test_a_students_card_goes_by_form_and_by_seed_1(work, card, own_data, monkeypatch):
    monkeypatch.setattr(score, "reference", None)
    monkeypatch.setattr(score, "exact_continuation", None)
    agree = "".join(f"{x}: all 4 entries agree\n" for x, *_ in list(score.CHECKS.values())[:3])
    work.cell("compare()", agree)
    graded = reference.graded(1)  # any figures of the right shapes
    graded["RNN_backward"]["dL_dWx"] = np.zeros(3)
    work.figures(graded)
    work.truth = score.Truth(own_data)
    *lines, sine, _, _, _ = card()["lines"]
    assert [(x["points"], x["status"]) for x in lines] == [
        (points, "estimate") for points in (3, 12, 11.25, 0)
    ]
    assert "is no array of shape (3, 5)" in lines[2]["missing"]
    assert 'does not print "Model_class: all ... entries agree"' in lines[3]["missing"]
    assert "known to the assistant's card alone" in sine["missing"]
    assert "The assistant's card decides" in score.as_text(card())


# Finding and reading


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (BASIC, b"Id,answer", b"id,answer", "expected the header Id,answer"),
        (BASIC, b"(?s).*", b"", "expected a CSV"),
        (BASIC, b"\n7,", b"\n8,", "line 9: expected an Id in 1..500, each once"),
        (BASIC, b"\n500,.*", b"", "expected 500 rows, got 499"),
        (BASIC, b"\n1,.*", b"\n1,1_0", "a finite number, got '1,1_0'"),
        (BASIC, b"\n1,.*", b'\n"' + 200_000 * b"a", "expected a CSV"),
        (BASIC, b"Id", b"\xff\xfe", "expected a CSV in UTF-8"),
        (BASIC, b"$", bytes(1_000_001), "expected at most 1 MB, got more"),
        *((ADVANCED, b"\n5,2", b"\n5," + x, "line 7") for x in (b"3", b"1.5", b"")),
        (REPORT, b"(?s).*", variations.pdf(2), "got 2"),
        (REPORT, b"(?s).*", b"%PDF-1.7 nonsense", "expected a PDF"),
    ],
)
def test_files_that_the_course_would_refuse(work, card, name, old, new, said):
    work.files[name] = re.sub(old, lambda _: new, work.files[name], count=1)
    line = card()["lines"][{BASIC: 4, ADVANCED: 5, REPORT: 7}[name]]
    assert (line["points"], line["status"]) == (0, "measured")
    assert said in line["missing"]
    verdicts = {rule["rule"]: rule["verdict"] for rule in card()["rules"]}
    assert verdicts["format"] == "suspect"


def test_what_is_not_read(work, tmp_path):
    """Links, archives of other kinds, damaged ones; of two notebooks the one by its name."""
    secret = tmp_path / "secret.pdf"
    secret.write_bytes(variations.pdf(1))
    del work.files[REPORT]
    folder = work.write(tmp_path / "110062101 a")
    (folder / REPORT).symlink_to(secret)
    (folder / "more").symlink_to(tmp_path)
    (folder / "Lab6 (2).ipynb").write_text("{}", "utf-8")
    hand_in = read(folder)
    assert hand_in.student == "110062101"
    assert REPORT not in hand_in.files and hand_in.files[NOTEBOOK] == work.files[NOTEBOOK]
    assert "'Lab6_report.pdf' is a link and was not read" in hand_in.doubts
    assert "'Lab6 (2).ipynb' is there beside 'Lab6.ipynb'" in hand_in.doubts
    for name, raw in (("a.rar", b"Rar!"), ("b.zip", b"PK\3\4 cut off")):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(FormatError, match=f"{name}.*unpack it by hand"):
            read(tmp_path / name)
    work.files = {"//a.py": b"", "../b.py": b""}
    work.zipped()
    assert set(read(work.write(tmp_path)).files) == {"a.py"}


@pytest.mark.parametrize(
    "source, verdict",
    [
        ('a = """\n%cd """; exec("import torch"); b = """\n"""', "suspect"),
        ("x = (cd\n%cd + exec('a'))", "suspect"),
        ("%time -__import__('torch')", "suspect"),
        ("%ls; python a.py", "suspect"),
        ("!cat x \\\na|python", "suspect"),
        ("x = %timeit -o -n 3 f(1)\n%config InlineBackend.figure_format = 'retina'", "ok"),
        ("%%capture out --no-stderr\nx = !ls\n?np.array", "ok"),
    ],
)
def test_what_looks_like_a_harmless_command_hides_nothing(source, verdict):
    cells = [submission.Cell(source, 1, [])]
    assert rules.packages(submission.HandIn("", ""), cells).verdict == verdict


@pytest.mark.parametrize(
    "printed, verdict",
    [
        ("100%| 9/9 [00:01<00:00, 900it/s]\r100%| 9/9 [00:01<00:00, 9.0it/s]\nloss 1", "ok"),
        ("100%| 9/9 [00:01<00:00, 9.0it/s]\r", "ok"),
        ("9/9 [00:01<00:00, 9.0it/s]\n9/9 [09:01<00:00, 9.0it/s]\n", "suspect"),
        ("9/9 [00:00<00:00, 90000it/s]\ndata made", "ok"),
    ],
)
def test_progress_bars(printed, verdict):
    output = {"output_type": "stream", "text": f"loss 1\n{printed}"}
    assert rules.own_code([submission.Cell("train()", 1, [output])]).verdict == verdict


# Pickles


def head(body):
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + body


def check_refused(raw, said="expected"):
    with pytest.raises(UnsafeError, match=said):
        load_dictionary(raw)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_honest_pickles_are_read(protocol):
    A = np.arange(12.0).reshape(3, 4)
    values = {"F": np.asfortranarray(A), "cut": A[:, ::2], "big-endian": A.astype(">f8")}
    values |= {"small": A.astype(np.float32), "counts": A.astype(np.int64), "flags": A > 3}
    values |= {"none": A[:0], "scalar": np.float64(1.5), "shape": (3, 4), "list": [1, 2.5, "a"]}
    read = load_dictionary(npy(values | {"more": {"flag": True, "nothing": None}}, protocol))
    for key, value in values.items():
        assert np.array_equal(read[key], value), key
    assert (read["F"].dtype, read["more"]) == (A.dtype, {"flag": True, "nothing": None})


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
            check_refused(npy(value, protocol))
        check_refused(head(pickle.dumps(call, protocol)))
    assert not list(tmp_path.iterdir())
    pickle.loads(pickle.dumps(calls[0]))
    assert (tmp_path / "owned").exists()  # what an ordinary reader would have done


def test_pickles_that_abuse_the_allowed_names():
    dtype, core = b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n"
    check_refused(head(dtype + b"}b."), "alters a name")
    check_refused(head(b"P0\n."), "opcode PERSID")
    check_refused(head(b"cnumpy\ndtype.__class__\n."), "a call of 'numpy', 'dtype.__class__'")
    for body in (
        dtype + b"(\x8c\x02O8t\x85R.",
        core + b"_reconstruct\n)R.",  # an array without content
        core + b"scalar\n(" + dtype + b"\x8c\x02f8\x85RC\x04abcdtR.",  # four bytes as eight
        b"c_codecs\nencode\n(\x8c\x01a\x8c\x05rot13tR.",  # encodings may be modules
        b"N" + b"r\xff\xff\xff\x0f" + b".",  # a memo of 2^28 entries
        b")" * 3 + b"\x85" * 60_000 + b".",
        *(b"}.", b"N.", b""),
    ):
        check_refused(head(body))


def test_pickles_that_grow_and_damaged_ones():
    """Repeating a list of its own repeated lists: small on disk, endless to walk."""
    nest = [0]
    for _ in range(7):
        nest = [nest] * 50
    check_refused(npy({"a": nest}), "small")
    check_refused(npy({"a": np.zeros(50_000)}), "bytes")
    check_refused(npy_bytes(np.ones(3)), "an array")
    raw, rng = npy(reference.graded(42)), np.random.default_rng(0)
    for end in range(0, len(raw), 97):
        check_refused(raw[:end])
    for _ in range(300):  # any other outcome than a dictionary or UnsafeError fails the test
        broken = bytearray(raw)
        for place in rng.integers(0, len(raw), 3):
            broken[place] = rng.integers(256)
        with contextlib.suppress(UnsafeError):
            assert type(load_dictionary(bytes(broken))) is dict


# Many hand-ins, and the command line


def slow_pdf():
    """A report of 70 kB whose table of contents takes many seconds to unpack."""
    body = zlib.compress(bytes(70_000_000))
    filters = b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 1>>"
    start = b"1 0 obj <</Type/XRef/Size 9/W[1 1 1]%b/Length %d>>\nstream\n" % (filters, len(body))
    return b"%PDF-1.5\n" + start + body + b"\nendstream endobj\nstartxref\n9\n%%EOF"


@pytest.fixture
def run(own_data, capsys):
    """What runs the command line and returns its exit status and what it printed."""
    pytest.importorskip("pebble")

    def run(*args):
        status = score.main([*map(str, args), "--data-dir", str(own_data)])
        return status, capsys.readouterr().out

    return run


def rows_of(path):
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    return {row["hand-in"]: row for row in csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))}


def test_a_class(work, run, tmp_path, monkeypatch):
    """One bad hand-in costs its own row; a second run keeps cards, and marks edited by hand."""
    folder = tmp_path / "class"
    for name in ("110062101", "=cmd()", "empty"):
        (folder / name).mkdir(parents=True)
    work.write(folder / "110062101")
    work.zipped()
    shutil.move(work.write(folder), folder / "=cmd().zip")
    Work(work.truth).write(folder / "slow")
    (folder / "slow" / REPORT).write_bytes(slow_pdf())
    (folder / "c.rar").write_bytes(b"Rar!")
    monkeypatch.setattr("tools.grading.desk.SECONDS", 6)
    marks = folder / "marks.csv"
    said = f"{marks}: 6 hand-ins; for the eye {folder}/marks.html\n"
    assert run("--batch", folder) == (0, said)
    rows = rows_of(marks)
    assert list(rows) == ["110062101", "'=cmd()", "'=cmd().zip", "c.rar", "empty", "slow"]
    first, packed = rows["110062101"], rows["'=cmd().zip"]
    assert (first["student"], first["points"], first["Report"]) == ("110062101", "90", "open")
    assert float(first["MAPE"]) == pytest.approx(6, abs=2)
    assert (first["names"], packed["format"], packed["proposed"]) == ("ok", "broken", "85")
    assert rows["empty"]["notebook"] == "broken"
    assert "took longer than 6 seconds" in rows["slow"]["remarks"]
    assert "unpack it by hand" in rows["c.rar"]["remarks"]
    assert "<html" in (folder / "marks.html").read_text("utf-8")

    store = folder / "marks.jsonl"  # the second run: one card as it was, one anew
    store.write_text(store.read_text("utf-8").replace("of 1 entries", "of 1 figures"), "utf-8")
    (folder / "110062101" / GRADED).unlink()
    shutil.rmtree(folder / "slow")
    marks.write_text(marks.read_text("utf-8").replace(",90,", ",91,"), "utf-8")
    edited = marks.read_bytes()
    assert run("--batch", folder)[1].startswith(f"{folder}/marks-2.csv: 5 hand-ins")
    assert marks.read_bytes() == edited
    rows = rows_of(folder / "marks-2.csv")
    assert (rows["110062101"]["points"], rows["'=cmd().zip"]["points"]) == ("50", "90")
    assert "of 1 entries" not in store.read_text("utf-8")  # no new card but the one without figures
    with pytest.raises(ValueError, match="expected a folder or a zip a hand-in, found none"):
        run("--batch", folder / "110062101")


def test_command_line(work, run, tmp_path, monkeypatch):
    folder = work.write(tmp_path / "0")
    status, shown = run(folder)
    assert (status, "90 / 100" in shown) == (0, True)
    status, shown = run(folder, "--json")
    assert status == 0
    assert list(json.loads(shown)) == ["points", "out_of", "open", "proposed", "lines", "rules"]
    (folder / REPORT).write_bytes(slow_pdf())
    monkeypatch.setattr("tools.grading.desk.SECONDS", 2)
    with pytest.raises(ValueError, match="could not be graded: took longer than 2 seconds"):
        run(folder)
    with pytest.raises(SystemExit):
        run(tmp_path / "nowhere")
