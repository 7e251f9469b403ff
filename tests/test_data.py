"""data/prepare.py: the look at each file, what is taken from where, stand-ins, own files."""

import io
import zipfile

import numpy as np
import pytest
from conftest import ROOT

from data import prepare
from data.prepare import ACTIVITY, SINE, UCI, collect, fill, look, look_at_all, read_file

REAL = ROOT.parent / "shared" / "data"


def offline():
    raise OSError("no network")


@pytest.fixture(scope="module")
def course(simulated):
    """The files of a pretended course: {name: array}; the simulated ones, as if they were real."""
    return {path.name: read_file(path.name, path.read_bytes()) for path in simulated.iterdir()}


@pytest.fixture
def known(course, monkeypatch):
    """The look knows the pretended course's files."""
    sums = {name: prepare.weighted_sums(array) for name, array in course.items()}
    monkeypatch.setattr(prepare, "SUMS", sums)
    monkeypatch.setattr(prepare, "SPREAD", course["X_train.npy"].std(axis=(0, 1)))
    return course


def changed(A, at, value):
    A = A.copy()
    A[at] = value
    return A


LOOKS = {  # name: (file, what is done to its array, words)
    "as it is": ("X_train.npy", lambda A: A, "recognised"),
    "float64, the last digit": ("X_test.npy", lambda A: A.astype(float) * (1 + 1e-8), "recognised"),
    "one value": ("X_test.npy", lambda A: changed(A, (5, 7, 2), A[5, 7, 2] + 0.02), "nothing odd"),
    "with gravity": ("X_test.npy", lambda A: A + np.eye(6)[0], "acceleration x has mean 1.0"),
    "a small offset": ("X_test.npy", lambda A: A + 1e-4, "NOT the course's file"),
    "sensors swapped": ("X_test.npy", lambda A: A[..., [3, 4, 5, 0, 1, 2]], "rotation z has mean"),
    "a dead axis": ("X_test.npy", lambda A: A * [1, 0, 1, 1, 1, 1], "acceleration y is 0 through"),
    "all zero": ("X_test.npy", lambda A: A * 0, "2947 windows hold one value"),
    "a zero window": ("X_test.npy", lambda A: changed(A, 9, 0), "1 windows hold one value"),
    "rows shuffled": ("X_test.npy", np.random.default_rng(0).permutation, " 0 % of the windows share"),
    "rounded": ("X_test.npy", lambda A: A.round(3), "at most 4 decimals"),
    "labels swapped": ("y_train.npy", lambda A: 2 - A, "classes have [4067, 2059, 1226]"),
    "labels shuffled": ("y_train.npy", np.random.default_rng(0).permutation, "label changes 4"),
    "waves rounded": ("X_test.csv", lambda A: A.round(2), "at most 2 decimals"),
    "a long number": ("X_test.csv", lambda A: changed(A, (3, 5), 1265144), "a value of 1.26514e+06"),
    "not smooth": ("X_test.csv", lambda A: changed(A, (3, 5), A[3, 5] + 0.9), "row 3 is not smooth"),
    "waves shuffled": ("X_test.csv", np.random.default_rng(0).permutation, "NOT the course's file"),
}  # fmt: skip


@pytest.mark.parametrize("case", LOOKS)
def test_the_whole_array_decides(known, case):
    name, change, words = LOOKS[case]
    line = look(name, np.asarray(change(known[name])))
    assert line.startswith(f"{name}: ") and words in line


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not here")
def test_the_real_files_are_recognised():
    for name in (*SINE, *ACTIVITY):
        raw = (REAL / name).read_bytes()
        assert look(name, read_file(name, raw)) == f"{name}: recognised as the course's file"


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


BROKEN = {
    "a whole file of numbers": ("y_train.npy", npy(np.zeros((7352, 1), int))[:-9]),
    "more behind the array": ("y_train.npy", npy(np.zeros((7352, 1), int)) + b"junk"),
    "got int64 (7352,)": ("y_train.npy", npy(np.zeros(7352, int))),
    "expected labels 0, 1, 2": ("y_train.npy", npy(np.full((7352, 1), 3))),
    "expected finite numbers": ("X_test.npy", npy(np.full((2947, 128, 6), [0] * 5 + [np.nan]))),
    "allow_pickle=False": ("y_train.npy", npy(np.array([{}]))),
    "expected numbers of shape (500, 99)": ("X_test.csv", b"Id,0\n1,2\n"),
    "got No columns": ("X_test.csv", b""),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_file_is_a_sentence(words):
    name, raw = BROKEN[words]
    with pytest.raises(ValueError) as error:
        read_file(name, raw)
    assert str(error.value).startswith(name) and words in str(error.value)


def uci(course):
    """UCI's text files of the pretended course's arrays, {name: bytes}, some rows shortened."""
    files = {}
    for part in ("train", "test"):
        X = course[f"X_{part}.npy"]
        for k, name in enumerate(prepare.SIGNALS):
            text = io.BytesIO()
            np.savetxt(text, X[:, :, k], fmt="% .7e")
            files[f"{name}_{part}.txt"] = text.getvalue()
        labels = np.resize([1, 2, 3, 4, 5, 6], len(X))
        files[f"y_{part}.txt"] = "\n".join(map(str, labels)).encode()
    return files


@pytest.fixture(scope="module")
def archive(course):
    """The bytes of UCI's archive: a zip in a zip, folders inside."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        for name, raw in uci(course).items():
            file.writestr(f"UCI HAR Dataset/a/Inertial Signals/{name}", raw)
    with zipfile.ZipFile(outer, "w") as file:
        file.writestr("UCI HAR Dataset.zip", inner.getvalue())
    return outer.getvalue()


def test_the_archive_becomes_the_courses_files(archive, course, tmp_path):
    fill(tmp_path, fetch=lambda: archive)
    there = {path.name for path in (tmp_path / "data").iterdir()}
    assert there == {*ACTIVITY, "simulated"}  # no labels of the test file in a student's folder
    assert [p.name for p in (tmp_path / "data" / "simulated").iterdir()] == [*SINE]
    X, y = (np.load(tmp_path / "data" / name) for name in ACTIVITY[:2])
    np.testing.assert_allclose(X, course["X_train.npy"], rtol=1e-6)
    assert y[:6, 0].tolist() == [0, 1, 1, 2, 2, 2] and X.dtype == np.float32
    fill(tmp_path, labels=True, fetch=lambda: archive)
    assert np.load(tmp_path / "data" / "y_test.npy").shape == (2947, 1)
    (tmp_path / "UCI.zip").write_bytes(archive)
    (tmp_path / "new").mkdir()
    fill(tmp_path / "new", source=tmp_path / "UCI.zip", fetch=offline)
    assert {p.name for p in (tmp_path / "new" / "data").glob("*.npy")} == {*ACTIVITY}


def test_offline_all_is_simulated_twice_alike_and_told(tmp_path, capsys):
    fill(tmp_path, fetch=offline)
    assert "SIMULATED" in capsys.readouterr().out
    files = {p: p.read_bytes() for p in (tmp_path / "data" / "simulated").iterdir()}
    fill(tmp_path, fetch=offline)
    assert len(files) == 4 and all(path.read_bytes() == raw for path, raw in files.items())
    assert all(line.endswith("SIMULATED, not the course's data") for line in look_at_all(tmp_path))
    assert (tmp_path / "outputs" / "stand-in").is_dir()
    fill(tmp_path, fetch=lambda: b"a login page")  # no archive: simulated, too
    assert prepare.places(tmp_path) == {}


def test_files_are_taken_from_zips_and_folders(simulated, tmp_path):
    (tmp_path / "down" / "deep").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "down" / "kaggle.zip", "w") as file:
        for name in ACTIVITY:
            file.write(simulated / name, f"Activity data/{name}")
    (tmp_path / "down" / "broken.zip").write_bytes(b"no zip")
    copy = tmp_path / "down" / "deep" / "X_test (1).csv"
    copy.write_bytes((simulated / SINE[0]).read_bytes())
    fill(tmp_path, source=f"'{tmp_path / 'down'}'", fetch=offline)
    for name in (*SINE, *ACTIVITY):
        assert (tmp_path / "data" / name).read_bytes() == (simulated / name).read_bytes()
    assert not (tmp_path / "data" / "simulated").exists()
    fill(tmp_path, source=tmp_path / "down", fetch=offline)  # the same again does no harm
    (tmp_path / "down" / "X_test.csv").write_bytes(b"Id,0\n1,2\n")
    with pytest.raises(ValueError, match=r"X_test.csv: expected one, got two that differ: .*\(1\)"):
        collect(tmp_path / "down")


def test_own_files_are_never_replaced(simulated, tmp_path):
    (tmp_path / "data").mkdir()
    mine = tmp_path / "data" / "X_test.csv"
    mine.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="expected none, or the same, got another; move it"):
        fill(tmp_path, source=simulated, fetch=offline)
    fill(tmp_path, fetch=offline)
    assert mine.read_bytes() == b"mine" and not (tmp_path / "data/simulated/X_test.csv").exists()


def test_a_missing_file_of_the_set_is_named(simulated, tmp_path):
    (tmp_path / "Activity data").mkdir()
    for name in ACTIVITY[::2]:
        (tmp_path / "Activity data" / name).write_bytes((simulated / name).read_bytes())
    with pytest.raises(FileNotFoundError, match="^y_train.npy: missing beside X_train.npy, X_test"):
        fill(tmp_path, fetch=offline)


@pytest.mark.parametrize(
    ("path", "words"), [("none", "found nothing"), (".", "found none of them")]
)
def test_a_source_without_files_is_a_sentence(tmp_path, path, words):
    with pytest.raises(FileNotFoundError, match=words):
        collect(tmp_path / path)
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="expected a zip archive"):
        collect(tmp_path / "x.zip")
    assert len(UCI) == 14
