"""The data folder: files checked, sources taken in order, archives distrusted, a fair simulator."""

import hashlib
import http.server
import io
import json
import os
import socket
import threading
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import course, record, uci
from data import prepare as prep
from data.course import npy_bytes as npy
from data.prepare import prepare
from data.simulate import simulate_activity, sine_waves
from tools.__main__ import main as door

ROOT = "UCI HAR Dataset"
ACTIVITIES = {"train": [5, 4, 1, 3, 2, 6, 5, 1], "test": [6, 1, 2]}  # UCI's numbers
MERGED = {"train": [2, 2, 0, 1, 1, 2, 2, 0], "test": [2, 0, 1]}
WAVES = sine_waves(np.random.default_rng(1))[:, :-1]
CSV = pd.DataFrame(WAVES, index=range(1, 501)).to_csv(index_label="Id", lineterminator="\n")
X, Y = np.zeros((8, 128, 6), np.float32), np.zeros((8, 1), np.int64)


def make_archive():
    """A UCI HAR archive of 8 + 3 windows: {path: text}, the facts to check it by, the inputs."""
    rng, members, inputs = np.random.default_rng(3), {}, {}
    for part, labels in ACTIVITIES.items():
        values = rng.normal(size=(len(labels), 128, 6)).astype(np.float32)
        inputs[part] = values
        for i, name in enumerate(f"body_{s}_{axis}" for s in ("acc", "gyro") for axis in "xyz"):
            text = "".join(" " + " ".join(f"{v:.9e}" for v in row) + "\n" for row in values[..., i])
            members[f"{ROOT}/{part}/Inertial Signals/{name}_{part}.txt"] = text
        members[f"{ROOT}/{part}/y_{part}.txt"] = "".join(f"{label}\n" for label in labels)
    facts = {
        "WINDOWS": {"train": 8, "test": 3},
        "SHA256": {
            "y_train.npy": course.sha256(np.array(MERGED["train"], "<i8").tobytes()),
            "X_test.csv": course.sha256(WAVES.astype("<f8").tobytes()),
        },
        "FIRST": {f"X_{part}.npy": values[0, 0] for part, values in inputs.items()},
    }
    return members, facts, inputs


GOOD, FACTS, INPUTS = make_archive()


def zipped(members, nested=False):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return zipped({f"{ROOT}.zip": file.getvalue()}) if nested else file.getvalue()


@pytest.fixture
def archive(monkeypatch):
    """Let the bytes of an archive pass for what was downloaded."""
    return lambda raw: monkeypatch.setattr(prep, "download", lambda url, folder: raw)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Data of 8 + 3 windows pass for the course's, and stand-ins are as small; no proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    for name, value in FACTS.items():
        monkeypatch.setattr(course, name, value)
    monkeypatch.setattr(uci, "MAX_BYTES", 2**21)
    monkeypatch.setattr(prep, "simulate_activity", lambda rng: (X, Y, X[:3], Y[:3]))


KAGGLE = "Kaggle or own files: kaggle"
OWN = {
    "X_train.npy": npy(INPUTS["train"]),
    "y_train.npy": npy(np.array(MERGED["train"])[:, None]),
    "X_test.npy": npy(INPUTS["test"]),
    "X_test.csv": CSV.encode(),
}


def put(folder, *names):
    """Put one's own files, all or the named ones, into `folder`, as downloaded from Kaggle."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or OWN:
        (folder / name).write_bytes(OWN[name])
    return folder


@pytest.fixture
def own(tmp_path):
    return put(tmp_path / "kaggle")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "lab" / "data"


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def origins(folder):
    return {name: entry["from"] for name, entry in record.source_summary(folder).items()}


# Checks of single files


NAN = np.where(INPUTS["train"] > 3, np.nan, X)
HUGE = npy(X).replace(b"(8, 128, 6), }" + 11 * b" ", b"(99999999, 128, 60000), }")
LONGER = CSV.replace("\n", ",1\n").replace(",98,1\n", ",98\n")
FIRST_ROW = CSV[CSV.index("\n1,") : CSV.index(",", CSV.index("\n1,") + 3) + 1]
BAD = [  # what, file, its content, words of the message
    ("empty", "X_train.npy", b"", "whole .npy file"),
    ("cut in the header", "X_train.npy", npy(X)[:40], "whole .npy file"),
    ("absurd size", "X_train.npy", HUGE, "whole .npy file"),
    ("objects", "y_train.npy", npy(Y.astype(object)), "Object arrays"),
    ("train for test", "X_test.npy", npy(X), r"shape \(3, 128, 6\), got \(8, 128, 6\)"),
    ("half floats", "X_train.npy", npy(X.astype(np.float16)), "float64, got dtype float16"),
    ("float labels", "y_train.npy", npy(Y * 1.0), "integer labels, got dtype float64"),
    ("NaN", "X_train.npy", npy(NAN), r"finite numbers, got \d+ NaN"),
    ("label 7", "y_train.npy", npy(np.c_[:8]), "labels 0, 1, 2, got 0..7"),
    ("label -1", "y_test.npy", npy(np.c_[-1:2]), "labels 0, 1, 2, got -1..1"),
    ("empty", "X_test.csv", b"", "a CSV file"),
    ("header", "X_test.csv", b"Id,a\n", "columns Id, 0 ... 98, .* got 2 columns, Id, a"),
    ("NaN", "X_test.csv", CSV.replace(FIRST_ROW, "\n1,nan,").encode(), "finite numbers, got 1"),
    ("Id", "X_test.csv", CSV.replace("\n1,", "\n7,").encode(), "Id 1..500 in order, got Id 7..500"),
    ("comma", "X_test.csv", CSV.replace(FIRST_ROW, '\n1,"1,5",').encode(), "points, got .*1,5"),
    ("last row lost", "X_test.csv", CSV[: CSV.rindex("\n500")].encode(), "500 rows .* got 499"),
    ("longer rows", "X_test.csv", LONGER.encode(), "99 numbers in each row"),
    ("UTF-16", "X_test.csv", CSV.encode("utf-16"), "UTF-8"),
]


@pytest.mark.parametrize("name, raw, words", [c[1:] for c in BAD], ids=[c[0] for c in BAD])
def test_bad_file_is_refused_in_one_sentence(name, raw, words):
    with pytest.raises(ValueError, match=f"(?s){name}: .*{words}") as error:
        course.check_file(name, raw)
    message = str(error.value)
    assert "expected" in message and "got" in message and course.AGAIN in message
    assert "\n" not in message


@pytest.mark.parametrize("name", OWN)
def test_a_bad_file_leaves_all_as_it_was(target, own, name):
    (own / name).write_bytes(b"bad")
    before = contents(own)
    for arguments in ((own,), (target, own)):  # as present, as offered
        with pytest.raises(ValueError, match=name):
            prepare(*arguments)
    assert contents(own) == before and not contents(target)


@pytest.mark.parametrize("end, code", [("\n", "utf-8"), ("\r\n", "utf-8-sig")])
def test_harmless_csv_is_read_to_the_last_digit(end, code):
    raw = CSV[:-1].replace("\n", end).encode(code)
    assert np.array_equal(course.check_file("X_test.csv", raw), WAVES)


# Sources: own files, then the archive, then the simulator


def test_from_takes_own_files_and_again_does_nothing(target, own):
    line = prepare(target, own)
    assert line == f"Data: {', '.join(course.FILES)}: {KAGGLE} (recognised as the course's data)"
    after = contents(target)
    assert after == OWN | {"SOURCE.json": after["SOURCE.json"]}
    entry = json.loads(after["SOURCE.json"])["X_train.npy"]
    assert entry["sha256"] == hashlib.sha256(after["X_train.npy"]).hexdigest()
    assert (entry["from"], entry["authentic"], entry["dtype"]) == (KAGGLE, True, "float32")
    stamps = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    assert prepare(target, own) == prepare(target) == line
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == stamps


def test_stand_ins_make_room_for_files_in_the_course_folders(target):
    lab = target.parent
    prepare(target, simulate=True)
    before = contents(target)
    put(lab / "Sinewave", "X_test.csv")
    put(lab / "Activity data", "X_train.npy", "y_train.npy")
    with pytest.raises(ValueError, match=r"Activity data: .* without X_test.npy"):
        prepare(target)
    assert contents(target) == before
    put(lab / "Activity data", "X_test.npy")
    assert prepare(target) == prepare(lab / "elsewhere", lab)
    activity = dict.fromkeys(course.FILES[:3], "Kaggle or own files: Activity data")
    assert origins(target) == activity | {"X_test.csv": "Kaggle or own files: Sinewave"}
    assert record.stand_ins(target) == [] and "y_test.npy" not in contents(target)


def test_stand_ins_stay_stand_ins_elsewhere_but_not_with_other_bytes(target, tmp_path):
    prepare(tmp_path / "old", simulate=True)
    assert "SIMULATED" in prepare(target, tmp_path / "old")
    assert record.stand_ins(target) == list(course.FILES)
    put(target, "X_test.csv")
    (target / "X_train.npy").unlink()
    assert record.stand_ins(target) == ["y_train.npy", "X_test.npy"]


def test_from_takes_what_is_there(target, own, archive):
    for name in course.FILES[:3]:
        (own / name).unlink()
    archive(zipped(GOOD))
    prepare(target, own)
    found = origins(target)
    assert found.pop("X_test.csv") == KAGGLE
    assert found == dict.fromkeys(course.ACTIVITY, "UCI HAR archive")
    (own / "X_test.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected some of X_train.npy"):
        prepare(target, own)


def test_files_are_kept_without_force(target, own, archive):
    prepare(target, own)
    (target / "y_test.npy").write_bytes(npy(Y[:3]))
    prepare(target, own)  # of the same set, so they stay
    before = contents(target)
    (own / "X_train.npy").write_bytes(npy(X))
    with pytest.raises(FileExistsError, match=r"X_train.npy.*--force"):
        prepare(target, own)
    assert contents(target) == before
    (own / "X_test.csv").unlink()
    prepare(target, own, force=True)
    after = contents(target)
    assert after["X_train.npy"] == npy(X) and after["X_test.csv"] == before["X_test.csv"]
    assert "y_test.npy" not in after  # they were the labels of the other set
    assert not json.loads(after["SOURCE.json"])["X_train.npy"]["authentic"]
    (target / "y_train.npy").write_bytes(b"bad, so replaced without a check")
    archive(zipped(GOOD))
    prepare(target, force=True)
    assert list(origins(target).values()) == ["UCI HAR archive"] * 4 + ["simulated"]


def test_part_of_a_set_is_completed_only_by_its_own_source(target, archive):
    archive(zipped(GOOD))
    prepare(target)
    whole = contents(target)
    (target / "X_test.npy").unlink()
    prepare(target)
    assert contents(target) == whole
    (target / "X_train.npy").write_bytes(npy(X))
    with pytest.raises(ValueError, match=r"X_train.npy: expected the set of files"):
        prepare(target)


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": 1}', '{"a": {"from": "b"}}'])
def test_a_record_that_cannot_be_read_is_refused(own, text):
    (own / "SOURCE.json").write_text(text)
    for read in (record.source_summary, record.stand_ins, prepare):
        with pytest.raises(ValueError, match="SOURCE.json: expected the record .* got .*--force"):
            read(own)
    assert (own / "SOURCE.json").read_text() == text


# The archive


@pytest.mark.parametrize("nested", [False, True], ids=["folder", "zip in zip"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_archive_of_either_layout(target, archive, nested, end):
    members = {name: text.replace("\n", end) for name, text in GOOD.items()}
    archive(zipped(members, nested))
    prepare(target)
    for part in ("train", "test"):
        got = np.load(target / f"X_{part}.npy")
        assert got.dtype == np.float32 and np.array_equal(got, INPUTS[part])
        labels = np.load(target / f"y_{part}.npy")
        assert labels.dtype == np.int64 and labels.tolist() == [[c] for c in MERGED[part]]
    assert record.read_records(target)["X_test.npy"]["authentic"]
    assert len(contents(target)) == 6  # five files of data, SOURCE.json, nothing temporary


SIGNAL = f"{ROOT}/train/Inertial Signals/body_gyro_y_train.txt"
LABEL = f"{ROOT}/train/y_train.txt"
FIRST = GOOD[SIGNAL].split()[0]
WRONG = [
    ("zip version 99", zipped(GOOD).replace(b"PK\1\2\x14\3\x14", b"PK\1\2\x14\3\x63"), "whole zip"),
    ("web page", b"<html>log in</html>", "a whole zip archive"),
    ("bomb", zipped(GOOD | {"bomb": bytes(2**22)}), "2097152 bytes unpacked"),
    ("damaged", zipped(GOOD).replace(b"\x50\x4b\x03\x04", b"\x50\x4b\x03\x05"), "a whole zip"),
    ("file lost", zipped({n: t for n, t in GOOD.items() if n != SIGNAL}), "body_gyro_y_train"),
    ("value lost", zipped(GOOD | {SIGNAL: GOOD[SIGNAL].rsplit(" ", 1)[0]}), "8 lines of 128"),
    ("two columns", zipped(GOOD | {LABEL: GOOD[LABEL].replace("\n", " 1\n")}), "8 lines of 1 num"),
    ("NaN", zipped(GOOD | {SIGNAL: GOOD[SIGNAL].replace(FIRST, "nan")}), "finite numbers"),
    ("other first value", zipped(GOOD | {SIGNAL: GOOD[SIGNAL].replace(FIRST, "9")}), "first val"),
    ("label 7", zipped(GOOD | {LABEL: GOOD[LABEL].replace("6", "7")}), "activities 1..6"),
    ("labels swapped", zipped(GOOD | {LABEL: "5\n1\n4\n3\n2\n6\n5\n1\n"}), "published labels"),
]


@pytest.mark.parametrize("body, words", [c[1:] for c in WRONG], ids=[c[0] for c in WRONG])
def test_wrong_archive_is_an_error_and_leaves_nothing(tmp_path, target, archive, body, words):
    archive(body)
    with pytest.raises(ValueError, match=words) as error:
        prepare(target)
    assert "expected" in str(error.value) and "got" in str(error.value)
    assert [p.name for p in tmp_path.rglob("*")] == ["lab", "data"]  # nor beside it


def test_archive_is_fetched_and_where_that_fails_simulated(tmp_path, target, capsys, monkeypatch):
    monkeypatch.setattr(uci, "TIMEOUT", 0.2)
    monkeypatch.setattr(uci, "RETRIES", 1)
    (tmp_path / "uci.zip").write_bytes(zipped(GOOD))
    files = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), files) as server,
        socket.create_server(("127.0.0.1", 0)) as silent,  # takes a call and says nothing
    ):
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        prepare(target, url=f"http://127.0.0.1:{server.server_port}/uci.zip")
        assert set(origins(target).values()) == {"UCI HAR archive", "simulated"}
        assert "no download" not in capsys.readouterr().out
        for port, path in ((server.server_port, "none.zip"), (silent.getsockname()[1], "uci.zip")):
            prepare(target, url=f"http://127.0.0.1:{port}/{path}", force=True)
            assert set(origins(target).values()) == {"simulated"}
            assert "no download of the UCI HAR archive" in capsys.readouterr().out
        server.shutdown()


# The command, the simulator, atomic writing


def test_command_without_network_says_so_and_bad_input_is_one_line(target, capsys, monkeypatch):
    monkeypatch.setattr(uci, "RETRIES", 0)
    arguments = ["data", "--dir", str(target)]
    assert not door([*arguments, "--url", "http://127.0.0.1:1/uci.zip"])  # nothing listens there
    out = capsys.readouterr().out
    assert "NOT the course's data" in out
    line = out.splitlines()[-1]
    assert line == f"Data: {', '.join(course.FILES)}: SIMULATED, not the course's data"
    assert not door(arguments) and capsys.readouterr().out == line + "\n"
    own = str(put(target.parent / "kaggle"))
    assert not door([*arguments, "--from", own]) and "kaggle" in capsys.readouterr().out
    assert not door([*arguments, "--force", "--simulate"])
    assert "as asked" in capsys.readouterr().out
    (target / "X_test.csv").write_text("Id\n")
    message = door(arguments)
    assert message.startswith("data: X_test.csv: expected") and "\n" not in message


def test_simulator_has_the_form_of_the_recordings_and_repeats_itself():
    simulated = simulate_activity(np.random.default_rng(6))
    for inputs, labels, counts, people in (
        (*simulated[:2], [1226, 2059, 4067], 21),
        (*simulated[2:], [496, 891, 1560], 9),
    ):
        assert inputs.shape == (sum(counts), 128, 6) and inputs.dtype == np.float32
        assert labels.shape == (sum(counts), 1) and labels.dtype == np.int64
        assert np.bincount(labels[:, 0]).tolist() == counts
        change = np.flatnonzero(np.diff(labels[:, 0])) + 1
        assert labels[[0, *change], 0].tolist() == [2, 0, 1] * 2 * people  # two trials each
        overlap = (inputs[:-1, 64:] == inputs[1:, :64]).all(axis=(1, 2))
        assert np.flatnonzero(~overlap).tolist() == (change - 1).tolist()  # half, within a run
    spread = [simulated[0][simulated[1][:, 0] == c].std(axis=(0, 1)) for c in range(3)]
    recorded = [[0.23, 0.17, 0.14, 0.51, 0.55, 0.34], [0.32, 0.18, 0.16, 0.65, 0.57, 0.4],
                [0.024, 0.035, 0.032, 0.078, 0.06, 0.063]]  # fmt: skip
    assert np.allclose(spread, recorded, rtol=0.1)
    assert all(map(np.array_equal, simulated, simulate_activity(np.random.default_rng(6))))
    assert np.abs(sine_waves(np.random.default_rng(6))).max() == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize("at", range(5))
def test_full_disk_heals(target, own, monkeypatch, at):
    real, turn = os.replace, iter(range(5))

    def failing(*args):
        if next(turn) == at:
            raise OSError(28, "No space left on device")
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing)
        with pytest.raises(OSError, match="into .*, got: No space left on device"):
            prepare(target, own)
    assert len(contents(target)) == at
    prepare(target, own)
    assert OWN.items() <= contents(target).items() and len(contents(target)) == 5
