"""The data folder: files checked, sources taken in order, archives distrusted, a fair simulator."""

import contextlib
import hashlib
import http.server
import io
import json
import os
import pickle
import stat
import struct
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import course, record, uci
from data import prepare as prep
from data.simulate import simulate_activity, sine_waves
from tools import files

ROOT = "UCI HAR Dataset"
ACTIVITIES = {"train": [5, 4, 1, 3, 2, 6, 5, 1], "test": [6, 1, 2]}  # UCI's numbers
MERGED = {"train": [2, 2, 0, 1, 1, 2, 2, 0], "test": [2, 0, 1]}


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def make_csv():
    rows = sine_waves(np.random.default_rng(1))[:, :-1].tolist()
    lines = [["Id", *range(99)], *([i, *row] for i, row in enumerate(rows, 1))]
    return "".join(",".join(map(str, line)) + "\n" for line in lines)


def make_archive():
    """A UCI HAR archive of 8 + 3 windows: {path: text}, the facts to check it by, the inputs."""
    rng, members, inputs, blobs = np.random.default_rng(3), {}, {}, []
    for part, labels in ACTIVITIES.items():
        values = rng.normal(size=(len(labels), 128, 6)).astype(np.float32)
        inputs[part] = values
        for i, name in enumerate(f"body_{s}_{axis}" for s in ("acc", "gyro") for axis in "xyz"):
            text = "".join(" " + " ".join(f"{v:.9e}" for v in row) + "\n" for row in values[..., i])
            members[f"{ROOT}/{part}/Inertial Signals/{name}_{part}.txt"] = text
            blobs.append(hashlib.sha1(f"blob {len(text)}\0{text}".encode()).hexdigest())
        members[f"{ROOT}/{part}/y_{part}.txt"] = "".join(f"{label}\n" for label in labels)
    facts = course.Facts(
        train=8,
        test=3,
        label_counts=(2, 2, 4),
        label_sha256=hashlib.sha256(np.array(MERGED["train"], "<i8").tobytes()).hexdigest(),
        first_train=inputs["train"][0, 0],
        first_test=inputs["test"][0, 0],
        blobs=tuple(blobs),
    )
    return members, facts, inputs


CSV = make_csv()
GOOD, FACTS, INPUTS = make_archive()


def zipped(members, nested=False):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return zipped({f"{ROOT}.zip": file.getvalue()}) if nested else file.getvalue()


@contextlib.contextmanager
def serving(body, status=200, missing=0, hang=False):
    """A loopback server that answers each request with `body`, `missing` bytes short, or never."""
    done, requests = threading.Event(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802, RUF100 - http.server's name
            requests.append(self.path)
            if hang:
                done.wait(20)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) - missing])

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/uci.zip", requests
    finally:
        done.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(scope="session")
def simulated():
    return simulate_activity(np.random.default_rng(6))


@pytest.fixture
def quick_simulator(monkeypatch, simulated):
    monkeypatch.setattr(prep, "simulate_activity", lambda rng: simulated)


@pytest.fixture
def own(tmp_path):
    """A folder as downloaded from Kaggle, but with few windows: those that FACTS describe."""
    folder = tmp_path / "kaggle"
    folder.mkdir()
    (folder / "X_train.npy").write_bytes(npy(INPUTS["train"]))
    (folder / "X_test.npy").write_bytes(npy(INPUTS["test"]))
    (folder / "y_train.npy").write_bytes(npy(np.array(MERGED["train"])[:, None]))
    (folder / "X_test.csv").write_text(CSV)
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


# Checks of single files


X = np.zeros((8, 128, 6), np.float32)
Y = np.zeros((8, 1), np.int64)


def replaced(array, value):
    array = array.copy()
    array.flat[5] = value
    return array


def huge_header():
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 128, 60000), }\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def cell(row, column, value):
    """X_test.csv with one cell of its text replaced."""
    lines = [line.split(",") for line in CSV.splitlines()]
    lines[row][column] = value
    return "\n".join(map(",".join, lines))


BAD = [
    ("empty", "X_train.npy", b"", "whole .npy file"),
    ("truncated", "X_train.npy", npy(X)[:-9], "whole .npy file"),
    ("cut in the header", "X_train.npy", npy(X)[:40], "whole .npy file"),
    ("broken header", "X_train.npy", npy(X).replace(b"(8,", b"((8"), "whole .npy file"),
    ("pickle", "X_train.npy", pickle.dumps(X), "whole .npy file"),
    ("objects", "y_train.npy", npy(Y.astype(object)), "Object arrays"),
    ("other format", "X_train.npy", zipped({"a.npy": npy(X)}), "whole .npy file"),
    ("absurd size", "X_train.npy", huge_header(), "whole .npy file"),
    ("rows", "X_train.npy", npy(X[:7]), r"shape \(8, 128, 6\), got \(7, 128, 6\)"),
    ("train for test", "X_test.npy", npy(X), r"shape \(3, 128, 6\)"),
    ("channels first", "X_train.npy", npy(X.swapaxes(1, 2)), r"got \(8, 6, 128\)"),
    ("flat labels", "y_train.npy", npy(Y[:, 0]), r"shape \(8, 1\), got \(8,\)"),
    ("integers", "X_train.npy", npy(X.astype(int)), "float32 or float64, got dtype int64"),
    ("half floats", "X_train.npy", npy(X.astype(np.float16)), "got dtype float16"),
    ("text labels", "y_train.npy", npy(Y.astype(str)), "integer labels"),
    ("float labels", "y_train.npy", npy(Y * 1.0), "integer labels, got dtype float64"),
    ("NaN", "X_train.npy", npy(replaced(X, np.nan)), "finite numbers, got 1 NaN"),
    ("infinite", "X_test.npy", npy(replaced(X[:3], -np.inf)), "finite numbers"),
    ("label 3", "y_train.npy", npy(replaced(Y, 3)), "labels 0, 1, 2, got 0..3"),
    ("label -1", "y_test.npy", npy(replaced(Y, -1)[5:]), "labels 0, 1, 2, got -1..0"),
    ("empty", "X_test.csv", "", "columns Id, 0 ... 98"),
    ("header only", "X_test.csv", CSV.splitlines()[0], "500 rows below the header, got 0"),
    ("no header", "X_test.csv", CSV.split("\n", 1)[1], "columns Id, 0 ... 98"),
    ("missing cell", "X_test.csv", cell(3, 4, ""), "could not convert string ''"),
    ("short row", "X_test.csv", CSV.rstrip().rsplit(",", 1)[0], "changed from 100 to 99"),
    ("text", "X_test.csv", cell(3, 4, "abc"), "string 'abc'"),
    ("NaN", "X_test.csv", cell(3, 4, "nan"), "finite numbers"),
    ("extra column", "X_test.csv", CSV.replace("\n", ",1\n"), "columns Id, 0 ... 98"),
    ("extra cell", "X_test.csv", cell(3, 4, "1,2"), "changed from 100 to 101"),
    ("row lost", "X_test.csv", CSV.rsplit("\n", 2)[0], "500 rows below the header, got 499"),
    ("row doubled", "X_test.csv", CSV + CSV.splitlines()[-1], "got 501"),
    ("Id order", "X_test.csv", cell(1, 0, "7"), "Id 1..500 in order"),
    ("decimal comma", "X_test.csv", cell(3, 4, '"1,5"'), "string '1,5'.*decimal points"),
    ("Excel", "X_test.csv", CSV.replace(",", ";").replace(".", ","), "split by commas"),
    ("UTF-16", "X_test.csv", CSV.encode("utf-16"), "UTF-8"),
]


@pytest.mark.parametrize("name, raw, words", [c[1:] for c in BAD], ids=[c[0] for c in BAD])
@pytest.mark.parametrize("offered", [False, True], ids=["present", "offered"])
def test_bad_file_is_refused_in_one_sentence(tmp_path, own, name, raw, words, offered):
    (own / "y_test.npy").write_bytes(npy(Y[:3]))
    (own / name).write_bytes(raw.encode() if isinstance(raw, str) else raw)
    before, target = contents(own), tmp_path / "target"
    folders = (target, own) if offered else (own,)
    with pytest.raises(ValueError, match=f"(?s){name}: .*{words}") as error:
        prep.prepare(*folders, facts=FACTS)
    message = str(error.value)
    assert "expected" in message and "got" in message and course.AGAIN in message
    assert "\n" not in message
    assert contents(own) == before
    assert not (offered and contents(target))


@pytest.mark.parametrize(
    "raw",
    [
        CSV.encode("utf-8-sig"),
        CSV.replace("\n", "\r\n").encode(),
        CSV.replace("\n", "\r\n").encode("utf-8-sig"),
        CSV.rstrip().encode(),
    ],
    ids=["byte-order mark", "Windows line ends", "both", "no last line end"],
)
def test_harmless_csv_reads_as_pandas_reads_it(raw):
    values = course.check_file("X_test.csv", raw)
    frame = pd.read_csv(io.BytesIO(raw))
    assert list(frame.columns) == ["Id", *map(str, range(99))]
    assert np.allclose(values, frame.iloc[:, 1:], rtol=1e-15, atol=0)


# Sources: own files, then the archive, then the simulator


def test_from_takes_own_files_and_again_does_nothing(tmp_path, own):
    target = tmp_path / "target"
    prep.prepare(target, own, facts=FACTS)
    after = contents(target)
    assert {n: after[n] for n in contents(own)} == contents(own)
    assert set(after) == {*contents(own), "SOURCE.json"}
    entry = json.loads(after["SOURCE.json"])["X_train.npy"]
    assert entry["sha256"] == hashlib.sha256(after["X_train.npy"]).hexdigest()
    assert (entry["from"], entry["shape"]) == ("Kaggle or own files: kaggle", [8, 128, 6])
    assert (entry["dtype"], entry["authentic"]) == ("float32", True)
    assert str(tmp_path) not in after["SOURCE.json"].decode()

    stamps = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    prep.prepare(target, own, facts=FACTS)
    prep.prepare(target, facts=FACTS)
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == stamps
    assert record.source_summary(target)["X_train.npy"] == {
        "from": "Kaggle or own files: kaggle",
        "sha256": entry["sha256"][:12],
        "authentic": True,
    }
    assert "\n" not in record.source_line(target)


def test_from_takes_what_is_there_but_no_part_of_a_set(tmp_path, own):
    (own / "X_test.npy").unlink()
    with pytest.raises(ValueError, match=r"without X_test.npy"):
        prep.prepare(tmp_path / "target", own, facts=FACTS)
    for name in ("X_train.npy", "y_train.npy"):
        (own / name).unlink()
    with serving(zipped(GOOD)) as (url, _):
        prep.prepare(tmp_path / "target", own, facts=FACTS, url=url)
    origins = {n: e["from"] for n, e in record.source_summary(tmp_path / "target").items()}
    assert origins.pop("X_test.csv").startswith("Kaggle or own files")
    assert set(origins.values()) == {"UCI HAR archive"} and len(origins) == 4
    (own / "X_test.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected some of X_train.npy"):
        prep.prepare(tmp_path / "target", own, facts=FACTS)


def test_files_are_kept_without_force(tmp_path, own):
    target = tmp_path / "target"
    prep.prepare(target, own, facts=FACTS)
    (target / "y_test.npy").write_bytes(npy(Y[:3]))
    prep.prepare(target, own, facts=FACTS)  # of the same set, so they stay
    before = contents(target)
    (own / "X_train.npy").write_bytes(npy(X))
    with pytest.raises(FileExistsError, match=r"X_train.npy.*--force"):
        prep.prepare(target, own, facts=FACTS)
    assert contents(target) == before
    (own / "X_test.csv").unlink()
    prep.prepare(target, own, facts=FACTS, force=True)
    after = contents(target)
    assert after["X_train.npy"] == npy(X) and after["X_test.csv"] == before["X_test.csv"]
    assert "y_test.npy" not in after  # they were the labels of the other set
    assert not json.loads(after["SOURCE.json"])["X_train.npy"]["authentic"]
    with serving(zipped(GOOD)) as (url, _):
        prep.prepare(target, facts=FACTS, url=url, force=True)
    origins = [entry["from"] for entry in record.source_summary(target).values()]
    assert origins == ["UCI HAR archive"] * 4 + ["simulated"]


def test_force_replaces_a_file_that_is_bad(tmp_path, own):
    target = tmp_path / "target"
    target.mkdir()
    (target / "X_train.npy").write_bytes(b"not an array")
    (target / "SOURCE.json").write_text("{}")
    prep.prepare(target, own, facts=FACTS, force=True)
    assert "kaggle" in record.source_line(target)


def test_part_of_a_set_is_completed_only_by_its_own_source(tmp_path):
    with serving(zipped(GOOD)) as (url, _):
        prep.prepare(tmp_path, facts=FACTS, url=url)
        whole = contents(tmp_path)
        (tmp_path / "X_test.npy").unlink()
        prep.prepare(tmp_path, facts=FACTS, url=url)
        assert contents(tmp_path) == whole
        (tmp_path / "X_test.npy").unlink()
        (tmp_path / "X_train.npy").write_bytes(npy(X))
        with pytest.raises(ValueError, match=r"X_train.npy: expected the set of files"):
            prep.prepare(tmp_path, facts=FACTS, url=url)
        (tmp_path / "SOURCE.json").unlink()
        before = contents(tmp_path)
        with pytest.raises(FileExistsError, match=r"X_train.npy: expected"):
            prep.prepare(tmp_path, facts=FACTS, url=url)
        assert contents(tmp_path) == before


def test_a_file_changed_behind_the_record_is_noticed(tmp_path, own):
    prep.prepare(own, facts=FACTS)
    (own / "X_test.npy").write_bytes(npy(X[:3]))
    with pytest.raises(ValueError, match=r"X_test.npy: expected the file that .* checked"):
        record.source_line(own)
    with pytest.raises(ValueError, match=r"X_test.npy: expected the set of files"):
        prep.prepare(own, facts=FACTS)
    (own / "X_test.npy").unlink()
    (own / "SOURCE.json").unlink()
    with pytest.raises(ValueError, match=r"X_train.npy: expected the file that .* got another"):
        record.source_line(own)


def record_of(**entry):
    return json.dumps({"X_test.npy": entry})


@pytest.mark.parametrize(
    "text, came",
    [
        ("{", "JSONDecodeError"),
        ("[1]", r"got \[1\]"),
        ('{"X_test.npy": 1}', "got 1 for X_test.npy"),
        (record_of(sha256="0", authentic=True), "got an entry of X_test.npy without from"),
        (record_of(**{"from": "simulated", "authentic": False}), "X_test.npy without sha256"),
        (record_of(**{"from": "simulated", "sha256": "0"}), "X_test.npy without authentic"),
        ('{"X_test.npy": {}}', "without authentic, from, sha256"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused(own, text, came):
    (own / "SOURCE.json").write_text(text)
    for read in (record.source_summary, record.source_line, lambda f: prep.prepare(f, facts=FACTS)):
        with pytest.raises(ValueError, match=rf"SOURCE.json: expected the record .*{came}"):
            read(own)
    assert (own / "SOURCE.json").read_text() == text


# The archive


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("nested", [False, True], ids=["folder", "zip in zip"])
def test_archive_of_either_layout(tmp_path, nested, ends):
    members = {name: text.replace("\n", ends) for name, text in GOOD.items()}
    with serving(zipped(members, nested)) as (url, requests):
        prep.prepare(tmp_path, url=url, facts=FACTS)
        prep.prepare(tmp_path, url=url, facts=FACTS)
    assert len(requests) == 1
    for part in ("train", "test"):
        got = np.load(tmp_path / f"X_{part}.npy")
        assert got.dtype == np.float32 and np.array_equal(got, INPUTS[part])
        labels = np.load(tmp_path / f"y_{part}.npy")
        assert labels.dtype == np.int64 and labels.tolist() == [[c] for c in MERGED[part]]
    record = json.loads((tmp_path / "SOURCE.json").read_bytes())["X_test.npy"]
    assert record["note"] == "12 of 12 signal files as published" and record["authentic"]
    assert len(contents(tmp_path)) == 6  # five files of data, SOURCE.json, nothing temporary


def link():
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


SIGNAL = f"{ROOT}/train/Inertial Signals/body_gyro_y_train.txt"
LABEL = f"{ROOT}/train/y_train.txt"
FIRST = GOOD[SIGNAL].split()[0]
WRONG = [
    ("zip version 99", zipped(GOOD).replace(b"PK\1\2\x14\3\x14", b"PK\1\2\x14\3\x63"), "whole zip"),
    ("truncated", zipped(GOOD)[:-30], "a whole zip archive"),
    ("web page", b"<html>log in</html>", "a whole zip archive"),
    ("inner truncated", zipped({f"{ROOT}.zip": zipped(GOOD)[:-30]}), "a whole zip archive"),
    ("climbing path", zipped(GOOD | {"../evil.txt": "x"}), r"the path '../evil.txt'"),
    ("climbing path, Windows", zipped(GOOD | {"a\\..\\..\\evil": "x"}), "inside the archive"),
    ("climbing path, nested", zipped(GOOD | {"a/../../evil": "x"}, True), "inside the archive"),
    ("absolute path", zipped(GOOD | {"/tmp/evil.txt": "x"}), "inside the archive"),
    ("drive", zipped(GOOD | {"C:\\evil.txt": "x"}), "inside the archive"),
    ("link", zipped(GOOD | {link(): "/etc"}), "plain files, got the link 'link'"),
    ("bomb", zipped(GOOD | {"bomb": bytes(2**22)}), "packed at most 100 times"),
    ("damaged", zipped(GOOD).replace(b"\x50\x4b\x03\x04", b"\x50\x4b\x03\x05"), "a readable file"),
    ("file lost", zipped({n: t for n, t in GOOD.items() if n != SIGNAL}), "body_gyro_y_train"),
    ("line lost", zipped(GOOD | {SIGNAL: GOOD[SIGNAL].split("\n", 1)[1]}), "8 lines of 128"),
    ("value lost", zipped(GOOD | {SIGNAL: GOOD[SIGNAL].rsplit(" ", 1)[0]}), "8 lines of 128"),
    ("text", zipped(GOOD | {SIGNAL: GOOD[SIGNAL].replace(FIRST, "one")}), "8 lines of 128"),
    ("NaN", zipped(GOOD | {SIGNAL: GOOD[SIGNAL].replace(FIRST, "nan")}), "finite numbers"),
    ("other first value", zipped(GOOD | {SIGNAL: GOOD[SIGNAL].replace(FIRST, "9")}), "first val"),
    ("label 7", zipped(GOOD | {LABEL: GOOD[LABEL].replace("6", "7")}), "activities 1..6"),
    ("wrong label", zipped(GOOD | {LABEL: GOOD[LABEL].replace("6", "1")}), r"\(2, 2, 4\)"),
    ("labels swapped", zipped(GOOD | {LABEL: "5\n1\n4\n3\n2\n6\n5\n1\n"}), "order of labels"),
]


@pytest.mark.parametrize("body, words", [c[1:] for c in WRONG], ids=[c[0] for c in WRONG])
def test_wrong_archive_is_an_error_and_leaves_nothing(tmp_path, body, words):
    target = tmp_path / "outer" / "data"
    with serving(body) as (url, _), pytest.raises(ValueError, match=words) as error:
        prep.prepare(target, url=url, facts=FACTS)
    assert "expected" in str(error.value) and "got" in str(error.value)
    assert not contents(target)
    assert [p.name for p in tmp_path.rglob("*")] == ["outer", "data"]  # nor beside it


def test_archive_of_many_large_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(uci, "MAX_BYTES", 10_000)
    with pytest.raises(ValueError, match="at most 10000 bytes unpacked"):
        uci.read_archive(zipped(GOOD), FACTS)


def test_other_bytes_with_the_right_content_are_taken_and_noted():
    other = zipped(GOOD | {SIGNAL: GOOD[SIGNAL].replace(" ", "  ")})
    taken, note = uci.read_archive(other, FACTS)
    assert note == "11 of 12 signal files as published"
    assert taken == uci.read_archive(zipped(GOOD), FACTS)[0]


FAULTS = {"not found": {"status": 404}, "broken off": {"missing": 99}, "hangs": {"hang": True}}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_failed_transfer_falls_back_to_the_simulator(tmp_path, capsys, quick_simulator, fault):
    start = time.monotonic()
    with serving(zipped(GOOD), **fault) as (url, requests):
        prep.prepare(tmp_path, url=url, timeout=0.2, retries=1)
    assert len(requests) == 2
    assert time.monotonic() - start < 15  # the server that hangs does so for 20 s
    check_simulated(tmp_path, capsys)


def test_without_network_the_simulator_runs(tmp_path, capsys, quick_simulator):
    prep.prepare(tmp_path, url="http://127.0.0.1:1/uci.zip", retries=0)  # nothing listens there
    check_simulated(tmp_path, capsys)


def check_simulated(folder, capsys):
    assert "NOT the course's data" in capsys.readouterr().out
    assert "SIMULATED" in record.source_line(folder)
    assert {entry["from"] for entry in record.source_summary(folder).values()} == {"simulated"}
    assert len(contents(folder)) == 6


# The script, the simulator, atomic writing


def test_script_runs_from_anywhere_and_speaks_one_line(tmp_path, own):
    script = Path(prep.__file__)
    (own / "X_train.npy").unlink()  # few windows, so only the CSV passes for real
    for name in ("y_train.npy", "X_test.npy"):
        (own / name).unlink()

    def run(*args):
        command = [sys.executable, "-W", "error", str(script), "--dir", "my data", *args]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    first = run("--simulate", "--from", "kaggle")
    assert first.returncode == 0 and "SIMULATED DATA: as asked for" in first.stdout
    again = run()
    assert (again.returncode, again.stderr, again.stdout.count("\n")) == (0, "", 1)
    assert again.stdout.startswith("Data: ") and "kaggle" in again.stdout
    (tmp_path / "my data" / "X_test.csv").write_text("Id\n")
    bad = run()
    assert bad.returncode == 1 and bad.stderr.startswith("data/prepare.py: X_test.csv: expected")
    assert bad.stderr.count("\n") == 1


def test_simulator_has_the_form_of_the_recordings(simulated):
    for inputs, labels, counts, people in (
        (*simulated[:2], [1226, 2059, 4067], 21),
        (*simulated[2:], [496, 891, 1560], 9),
    ):
        assert inputs.shape == (sum(counts), 128, 6) and inputs.dtype == np.float32
        assert labels.shape == (sum(counts), 1) and labels.dtype == np.int64
        assert np.isfinite(inputs).all() and np.bincount(labels[:, 0]).tolist() == counts
        change = np.flatnonzero(np.diff(labels[:, 0])) + 1
        runs = [part[0] for part in np.split(labels[:, 0], change)]
        assert runs == [2, 0, 1] * 2 * people  # two trials of each volunteer
        overlap = (inputs[:-1, 64:] == inputs[1:, :64]).all(axis=(1, 2))
        assert np.flatnonzero(~overlap).tolist() == (change - 1).tolist()  # half, within a run
        assert abs(inputs.mean(axis=(0, 1))).max() < 0.02  # gravity-free
    spread = [simulated[0][simulated[1][:, 0] == c].std(axis=(0, 1)) for c in range(3)]
    recorded = [[0.23, 0.17, 0.14, 0.51, 0.55, 0.34], [0.32, 0.18, 0.16, 0.65, 0.57, 0.4],
                [0.024, 0.035, 0.032, 0.078, 0.06, 0.063]]  # fmt: skip
    assert np.allclose(spread, recorded, rtol=0.1)


def test_simulator_repeats_itself(simulated):
    again = simulate_activity(np.random.default_rng(6))
    assert all(map(np.array_equal, simulated, again))
    (made, *_), (same, *_) = prep._simulate_sine(), prep._simulate_sine()
    assert made == same
    waves = course.check_file("X_test.csv", made["X_test.csv"])
    assert 4.5 < abs(waves).max() <= 5


def test_replacing_leaves_the_old_file_on_failure(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(b"old")

    def break_off(error):
        with files.replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(KeyboardInterrupt):
        break_off(KeyboardInterrupt())
    with pytest.raises(OSError, match=r"expected to write a.npy into .*, got: 9 requested"):
        break_off(OSError("9 requested and 4 written"))
    assert contents(tmp_path) == {"a.npy": b"old"}
    with files.replacing(path) as temporary:
        np.save(temporary, X)  # keeps the suffix, or save would add one
    assert contents(tmp_path) == {"a.npy": npy(X)}
    files.write_text(path, "é\n")
    assert contents(tmp_path) == {"a.npy": b"\xc3\xa9\n"}
    with pytest.raises(FileNotFoundError, match="expected to write b into"):
        files.write_text(tmp_path / "none" / "b", "x")


@pytest.mark.parametrize("at", range(5))
def test_full_disk_writes_nothing_and_a_broken_end_heals(tmp_path, own, monkeypatch, at):
    target = tmp_path / "target"

    def failing(real):
        turn = iter(range(9))

        def call(*args):
            if next(turn) == at:
                raise OSError(28, "No space left on device")
            return real(*args)

        return call

    for place, call in ((Path, "write_bytes"), (os, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(place, call, failing(getattr(place, call)))
            with pytest.raises(OSError, match="got: No space left on device"):
                prep.prepare(target, own, facts=FACTS)
        assert len(contents(target)) == (at if call == "replace" else 0)
    prep.prepare(target, own, facts=FACTS)
    assert contents(own).items() <= contents(target).items() and len(contents(target)) == 5
    assert "kaggle" in record.source_line(target)
