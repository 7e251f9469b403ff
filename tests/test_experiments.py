"""The long experiments in quick mode: every one runs, and what reads their results can."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lab import plots
from lab.files import read_results
from tools import experiments


@pytest.fixture(scope="module")
def written(quick, tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiments")
    run(quick, folder)
    return folder


def run(quick, folder, *options):
    data = str(quick / "data")
    experiments.main(["--data-dir", data, "--output-dir", str(folder), "--quick", *options])


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
        assert len(found) > 20
        assert np.isfinite(found).all(), name
        assert any(key.startswith(name) for key in timings), name


def test_variants_differ_where_they_should(written):
    results = read_results("results", written)
    for scale in results["sine"]["raw"].values():
        assert len({tuple(r["mape"]) for r in scale.values()}) == len(scale) == 5
    assert len({tuple(r["mape"]) for r in results["sine"]["whitened"].values()}) == 7
    stack = results["stack"]["one step"]
    assert len({tuple(r["final_loss"]) for r in stack.values()}) == len(stack) == 5
    assert stack["true"]["cosine_by_epoch"] == [1]
    assert stack["course"]["cosine_by_epoch"] == [-x for x in stack["flipped"]["cosine_by_epoch"]]
    assert stack["none"]["cosine_by_epoch"] == [0]
    assert "input_gradient" in results["stack"]["refused"]
    one, most = (results["truncated"][k]["before"] for k in ("1", "99"))
    assert max(one) < 0.99 < min(most)
    assert results["explosion"]["rate 0.3, not clipped"]["validation_loss"] == [[], []]
    radius = results["initialisation"]["course"]["spectral_radius"]
    assert np.allclose(results["initialisation"]["course"]["kept_by_a_step_resting"], radius, 0.05)


def test_activity_counts_every_window_once(written):
    unseen = read_results("results", written)["activity"]["by volunteer"]
    assert np.sum(unseen["confusion"]) == sum(unseen["windows_by_volunteer"]) == unseen["windows"]
    assert sum(unseen["errors_by_volunteer"]) == unseen["ensemble_errors"]
    assert unseen["ways"]["mean of models"]["errors_by_volunteer"] == unseen["errors_by_volunteer"]
    for way in unseen["ways"].values():
        assert sum(way["errors_by_volunteer"]) == pytest.approx(
            (1 - way["accuracy"]) * unseen["windows"], abs=0.01
        )
        low, high = way["accuracy_of_nine"]
        assert low < way["accuracy"] < high


def test_neighbours_count_as_far_as_one_recording_and_fold_go():
    recording = np.random.default_rng(0).standard_normal((64 * 7, 6))
    X = np.stack([recording[64 * i : 64 * i + 128] for i in range(6)])
    X[3:] += 1  # another recording
    P = np.full((1, 6, 3), 1 / 3)
    P[0, 1] = 0.8, 0.1, 0.1
    told = experiments.with_neighbours(P, X, np.zeros(6))[0].argmax(axis=1)
    assert told.tolist() == [0, 0, 0, 0, 0, 0]
    summed = experiments.with_neighbours(P, X, np.zeros(6))[0]
    assert summed[0, 0] > summed[0, 1] and summed[2, 0] > summed[2, 1]
    assert np.allclose(summed[3:, 0], summed[3:, 1])
    apart = experiments.with_neighbours(P, X, np.array([0, 1, 2, 3, 4, 5]))
    assert np.allclose(apart, np.log(P))


def test_pairwise_tests_are_corrected_for_their_number():
    values = {"a": np.arange(15.0), "b": np.arange(15) + 1.5, "c": np.arange(15) + 1.5 + 1e-9}
    p = experiments.pairwise_tests(values)
    assert p["a - b"] == pytest.approx(3 * 2 / 2**15)
    assert max(p.values()) <= 1


def test_the_grid_of_rates_goes_on_until_it_holds_the_best(written, monkeypatch):
    class Setting:
        def trained(self, name, build, inputs, rate, *rest):
            tried.append(rate)
            loss = abs(np.log2(rate / best))
            return experiments.SimpleNamespace(val_losses=[loss])

        def seeds(self, count):
            return []

    monkeypatch.setattr(experiments, "gathered", lambda runs: {})
    for best in (0.00625, 0.1, 1.6):
        tried = []
        chosen = experiments.at_its_best(Setting(), None, "name", None, None, 40)["rate"]
        assert chosen == pytest.approx(best)
        assert min(tried) < best < max(tried)


def test_figures_can_be_made_of_them(written, monkeypatch):
    results, timings = (read_results(name, written) for name in ("results", "timings"))
    drawn = []
    monkeypatch.setattr(plots, "_show", lambda fig, name=None: drawn.append(name) or plt.close(fig))
    plots.sine_comparison(results["sine"])
    plots.spectrum(results["sine"])
    plots.recall(results["recall"])
    plots.stack_curves(results["stack"])
    plots.hidden_units(results["hidden"], timings)
    plots.long_gradients(results["explosion"], results["truncated"])
    plots.initialisations(results["initialisation"])
    plots.folds(results["activity"])
    assert len(set(drawn)) == 8


def test_an_experiment_repeats_to_the_byte(quick, written):
    before = (written / "results.json").read_bytes()
    run(quick, written, "--only", "stack", "recall")
    assert (written / "results.json").read_bytes() == before


def test_published_results_are_not_overwritten_in_quick_mode(capsys):
    with pytest.raises(SystemExit):
        experiments.main(["--quick"])
    assert "--quick needs --output-dir" in capsys.readouterr().err
