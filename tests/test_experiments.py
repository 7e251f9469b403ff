"""The long experiments in quick mode: every one runs, and what reads their results can."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lab import plots
from lab.files import read_results
from tools import experiments, report, tables


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
    unseen = results["activity"]["by volunteer"]
    assert np.sum(unseen["confusion"]) == unseen["windows"]
    assert sum(unseen["errors_by_volunteer"]) == unseen["ensemble_errors"]
    assert len({tuple(r["validation_mape"]) for r in results["sine"].values()}) == len(
        results["sine"]
    )


def test_figures_tables_and_report_can_be_made_of_them(written, monkeypatch):
    results, timings = (read_results(name, written) for name in ("results", "timings"))
    drawn = []
    monkeypatch.setattr(plots, "_show", lambda fig, name=None: drawn.append(name) or plt.close(fig))
    plots.sine_comparison(results["sine"])
    plots.stack_curves(results["stack"])
    plots.hidden_units(results["hidden"], timings)
    plots.initialisations(results["initialisation"])
    plots.folds(results["activity"])
    assert drawn == ["sine_comparison", "stack", "hidden_units", "initialisations", "folds"]
    assert "Sine, with RNN" in tables.results_table(results)
    assert report.page(results)


def test_an_experiment_repeats_to_the_byte(quick, written):
    before = (written / "results.json").read_bytes()
    run(quick, written, "--only", "stack", "initialisation")
    assert (written / "results.json").read_bytes() == before


def test_published_results_are_not_overwritten_in_quick_mode(capsys):
    with pytest.raises(SystemExit):
        experiments.main(["--quick"])
    assert "--quick needs --output-dir" in capsys.readouterr().err
