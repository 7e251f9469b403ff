"""The report: one page, the same bytes for the same results, its numbers those of the results."""

import json
import shutil

import numpy as np
import pytest
from conftest import ROOT
from pypdf import PdfReader

from lab.files import read_results
from tools.grading.submission import REPORT
from tools.report import write_report


@pytest.fixture
def folder(tmp_path):
    shutil.copy(ROOT / "outputs/results.json", tmp_path)
    return tmp_path


def text_of(path):
    (page,) = PdfReader(path).pages
    assert [round(float(x)) for x in page.mediabox[2:]] == [595, 842]  # A4
    return " ".join(page.extract_text().split())


def test_one_page_with_the_same_bytes(folder):
    pages = []
    for _ in range(2):
        write_report(folder, "Zoë #Müller *" + 30 * "A", "112062000")
        pages.append((folder / REPORT).read_bytes())
    assert pages[0] == pages[1]
    text = text_of(folder / REPORT)
    for said in ("Zoë #Müller *", "112062000", "RNN(16, k)"):
        assert said in text


def test_its_numbers_are_those_of_the_results(folder):
    results = read_results()
    raw, seeds = results["sine"]["raw"]["own scale"], (0, 1, 2)
    for name, value in (("dense", 7.654), ("rnn", 3.456)):
        raw[name]["mape"] = [value * (1 + 0.1 * seed) for seed in seeds]
    results["hidden"]["128"]["validation_error"] = [4.5, 6.1]
    (folder / "results.json").write_text(json.dumps(results), "utf-8")
    write_report(folder)
    text = text_of(folder / REPORT)
    for number in (f"{np.median(raw['dense']['mape']):.2g}", "3.8", "5.3 % with 128"):
        assert number in text


def test_a_missing_result_ends_in_one_sentence(folder):
    write_report(folder)
    before = (folder / REPORT).read_bytes()
    results = read_results()
    del results["stack"]
    (folder / "results.json").write_text(json.dumps(results), "utf-8")
    for _ in range(2):  # once without one experiment, once without any
        with pytest.raises(ValueError, match="run python -m tools experiments"):
            write_report(folder)
        (folder / "results.json").unlink(missing_ok=True)
    assert (folder / REPORT).read_bytes() == before  # the old one is whole
