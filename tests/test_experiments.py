"""The long experiments in quick mode: every one runs, and what reads their results can."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT

from lab import plots
from lab.files import read_results
from tools import experiments


@pytest.fixture(scope="module")
def written(quick, tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiments")
    run(quick, folder)
    return folder


def run(quick, folder, *options):
    """As people run it, in a process of its own: one thread, set before NumPy is imported."""
    arguments = ["--data-dir", quick / "data", "--output-dir", folder, "--quick", *options]
    command = [sys.executable, "-m", "tools", "experiments", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, (int, float)) else []


def test_every_experiment_leaves_finite_numbers(written):
    results, timings = (read_results(name, written) for name in ("results", "timings"))
    assert set(results) == {*experiments.EXPERIMENTS, "source", "versions"}
    for name in experiments.EXPERIMENTS:
        found = numbers(results[name])
        assert len(found) > 5
        assert np.isfinite(found).all(), name
        assert any(key.startswith(name) for key in timings), name


def test_variants_differ_where_they_should(written):
    results = read_results("results", written)
    for scale in results["sine"]["raw"].values():
        assert len({tuple(r["mape"]) for r in scale.values()}) == len(scale) == 5
    whitened = results["sine"]["whitened"]
    assert whitened.pop("rnn, 5 epochs") == whitened["rnn, 60 epochs"]  # both of one epoch here
    assert len({tuple(r["mape"]) for r in whitened.values()}) == len(whitened) == 6
    stack = results["stack"]["one step"]
    assert len({tuple(r["final_loss"]) for r in stack.values()}) == len(stack) == 5
    assert stack["true"]["cosine_by_epoch"] == [1]
    assert stack["course"]["cosine_by_epoch"] == [-x for x in stack["flipped"]["cosine_by_epoch"]]
    assert stack["none"]["cosine_by_epoch"] == [0]
    one, most = (results["truncated"][k]["before"] for k in ("1", "99"))
    assert max(one) < 0.99 < min(most)
    assert results["explosion"]["rate 0.3, not clipped"]["validation_loss"] == [[], []]
    radius = results["initialisation"]["course"]["spectral_radius"]
    assert np.allclose(results["initialisation"]["course"]["kept_by_a_step_resting"], radius, 0.05)


def test_activity_counts_every_window_once(quick, written):
    unseen = read_results("results", written)["activity"]["by volunteer"]
    windows = sum(unseen["windows_by_volunteer"])
    assert windows == len(np.load(quick / "data" / "y_train.npy"))
    for way in unseen["ways"].values():
        wrong = (1 - way["accuracy"]) * windows
        assert sum(way["errors_by_volunteer"]) == pytest.approx(wrong, abs=0.01)
        low, high = way["accuracy_of_nine"]
        assert low <= way["accuracy"] <= high
    assert all(unseen["ways"]["one model"]["errors_by_model"])


def test_pairwise_tests_are_corrected_for_their_number():
    b = np.arange(1.0, 16)
    p = experiments.pairwise_tests({"a": 0 * b, "b": b, "c": b + (-0.1) ** b})
    lowest = 2 / 2**15  # all of 15 differences have one sign
    assert p["a - b"] == p["a - c"] == pytest.approx(3 * lowest)
    assert 0.05 < p["b - c"] <= 1


def test_the_grid_of_rates_goes_on_until_it_holds_the_best(written, monkeypatch):
    class Setting:
        def trained(self, name, recipe, rate, *rest):
            tried.append(rate)
            loss = abs(np.log2(rate / best))
            return experiments.SimpleNamespace(val_losses=[loss])

        def seeds(self, count):
            return []

    monkeypatch.setattr(experiments, "scores", lambda *args: {})
    for best in (0.00625, 0.1, 1.6):
        tried = []
        chosen = experiments.at_its_best(Setting(), "name", [], 40)["rate"]
        assert chosen == pytest.approx(best)
        assert min(tried) < best < max(tried)


def test_figures_can_be_made_of_them(written, monkeypatch):
    results, timings = (read_results(name, written) for name in ("results", "timings"))
    drawn = []
    monkeypatch.setattr(plots, "_show", lambda fig, name=None: drawn.append(name) or plt.close(fig))
    plots.sine_comparison(results["sine"])
    plots.recall(results["recall"])
    plots.stack_curves(results["stack"])
    plots.hidden_units(results["hidden"], timings)
    plots.long_gradients(results["explosion"], results["truncated"])
    plots.initialisations(results["initialisation"])
    plots.folds(results["activity"])
    assert len(set(drawn)) == 7


def test_an_experiment_repeats_to_the_byte(quick, written):
    before = (written / "results.json").read_bytes()
    run(quick, written, "--only", "stack", "recall")
    assert (written / "results.json").read_bytes() == before


def test_published_results_are_not_overwritten_in_quick_mode(capsys):
    with pytest.raises(SystemExit):
        experiments.main(["--quick"])
    assert "--quick needs --output-dir" in capsys.readouterr().err
