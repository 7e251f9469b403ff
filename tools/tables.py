"""Fill the result tables of the READMEs from the results files, so that no figure is typed.

python -m tools tables
"""

import argparse
import re
from pathlib import Path

import numpy as np

from lab.files import read_results, write_text

TOOLS = Path(__file__).resolve().parent
SIGNS = {"least": ">= ", "most": "<= ", "each": "each >= "}  # of a target for a ratio's mean


def results_table(results):
    """Return the README's table, Markdown, from the contents of outputs/results.json."""
    sine, activity = results["sine"], results["activity"]["by volunteer"]
    raw, whitened = sine["raw"]["raw amplitude"], sine["whitened"]
    ways, windows = activity["ways"], sum(activity["windows_by_volunteer"])
    one, mean, submitted = (
        ways[way] for way in ("one model", "mean of models", "one model, with neighbours")
    )
    across = ways["one model, with neighbours across gaps"]
    models, by_itself = len(one["errors_by_model"]), "a window by itself"
    random = results["activity"]["at random"]["ways"]["one model"]
    rows = {
        "Sine, raw values, Dense only and with RNN: MAPE": (
            f"{_seeds(raw['dense']['mape'])}; {_seeds(raw['rnn']['mape'])}"
        ),
        "Sine, submitted (RNN, whitened): MAPE on `X_test.csv`": _seeds(
            whitened["rnn, readout of 40"]["test_mape"]
        ),
        "Sine, Dense only, whitened: MAPE on `X_test.csv`": _seeds(whitened["dense"]["test_mape"]),
        f"Activity, one model, {by_itself}: accuracy on unseen volunteers": (
            f"{_accuracy(one)}; {models} seeds with {_errors(one)} errors in {windows:,}"
        ),
        f"Activity, {models} models averaged, {by_itself}": (
            f"{_accuracy(mean)}, {_errors(mean)} errors"
        ),
        "Activity, submitted: one model, with the windows' neighbours": (
            f"{_accuracy(submitted)}; {models} seeds with {_errors(submitted)} errors"
        ),
        "The same, if the gaps between recordings were not known": (
            f"{_accuracy(across)}; {models} seeds with {_errors(across)} errors"
        ),
        f"One model, {by_itself}, if windows were split at random": (
            f"{100 * random['accuracy']:.2f} %: what a leak would have promised"
        ),
    }
    lines = ["| measured | result |", "|:--|:--|"]
    lines += [f"| {name} | {text} |" for name, text in rows.items()]
    origin = ", ".join(sorted({_origin(entry) for entry in results["source"].values()}))
    versions = ", ".join(f"{k} {v}" for k, v in results["versions"].items() if k != "threads")
    lines += ["", f"Source of the data: {origin}. Measured with {versions}, one thread."]
    return "\n".join(lines)


def _origin(entry):
    origin = entry["from"].split(":")[0]  # the folder's name says nothing to others
    return origin + (", recognised as the course's own" if entry["authentic"] else "")


def _errors(way):
    return ", ".join(map(str, way["errors_by_model"]))


def _accuracy(way):
    low, high = way["accuracy_of_nine"]
    people = len(way["errors_by_volunteer"])
    if not any(way["errors_by_volunteer"]):
        return (
            f"100 %; {people} people without an error leave room for up to "
            f"{100 * (1 - 0.05 ** (1 / people)):.0f} % of people who are misread throughout"
        )
    return (
        f"{100 * way['accuracy']:.2f} %; for nine new people, 95 % of the time, between "
        f"{100 * low:.2f} and {100 * high:.2f} %"
    )


def _seeds(values):
    return (
        f"{np.median(values):.3g} %, median of {len(values)} seeds "
        f"({min(values):.3g} to {max(values):.3g})"
    )


def speed_tables(results):
    """Return the benchmark's tables, Markdown, from the contents of tools/speed/results.json."""
    parts = []
    for dtype, rows in results["milliseconds"].items():
        engines = list(next(iter(rows.values())))
        parts += [f"Milliseconds per step, {dtype}:", ""]
        parts += [f"| N, T, D, H | {' | '.join(engines)} |", "|:--|" + "--:|" * len(engines)]
        for shape, times in rows.items():
            parts.append(f"| {shape} | {' | '.join(f'{times[e]:.2f}' for e in engines)} |")
        parts.append("")
    parts += ["| ratio | mean | smallest | largest | target |", "|:--|--:|--:|--:|:--|"]
    for name, r in results["ratios"].items():
        cells = f"{r['mean']:.2f} | {r['min']:.2f} | {r['max']:.2f} | {_judged(**r)}"
        parts.append(f"| {name} | {cells} |")
    parts += ["", "| N | T | ms per step | MB kept |", "|--:|--:|--:|--:|"]
    parts += ["| " + " | ".join(map(str, row)) + " |" for row in results["growth"]]
    share = 100 * results["training_overhead"]
    parts += ["", f"`Model.train` spends {share:.1f} % of its time outside the layers."]
    machine = results["environment"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    parts += ["", f"Measured on {machine['processor']}, {machine['cores']} cores; {versions}."]
    return "\n".join(parts)


def _judged(mean, min, max, target):
    """Return a ratio's target, such as ">= 3.5, each >= 1", and whether it was met."""
    if not target:
        return "none"
    in_mean = target.get("least", 0) <= mean <= target.get("most", np.inf)
    met = in_mean and min >= target.get("each", 0)
    said = ", ".join(f"{SIGNS[kind]}{bound:g}" for kind, bound in target.items())
    return f"{said}: {'met' if met else 'missed'}"


def fill(path, table):
    """Put `table` between the two results markers of the Markdown file at `path`."""
    parts = re.split("<!-- /?results -->", path.read_text("utf-8"))
    if len(parts) != 3:
        raise ValueError(
            f"{path.name}: expected the markers <!-- results --> and <!-- /results --> once each, "
            f"got {len(parts) - 1} markers in all; put them around the place of the table"
        )
    before, _, after = parts
    write_text(path, f"{before}<!-- results -->\n{table}\n<!-- /results -->{after}")


def main(argv):
    argparse.ArgumentParser(
        prog="python -m tools tables", description=__doc__.splitlines()[0]
    ).parse_args(argv)
    fill(TOOLS.parent / "README.md", results_table(read_results()))
    fill(TOOLS / "speed" / "README.md", speed_tables(read_results(folder=TOOLS / "speed")))
