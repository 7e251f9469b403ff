"""The one-page report: the course's three questions, answered from outputs/results.json.

    python -m tools report [--name "Ada Lovelace"] [--number 112062000]

Every number on the page is computed here from the results file, and a sentence whose truth hangs
on numbers is chosen by them; `report.typ` sets the page. Equal results give an equal file.
"""

import argparse
import io
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import typst

from lab import plots
from lab.files import OUTPUTS, read_results, replacing
from tools.grading.submission import REPORT, count_pages

TEMPLATE = Path(__file__).with_name("report.typ")
SECTIONS = ("sine", "stack", "hidden", "source")
EXPLAINING = ("dense, the RNN's inputs", "dense, last step only", "linear")
REFUSED = "one step, course gradient, k = 32"
NBSP = "\N{NO-BREAK SPACE}"
CLOSE = 1.05  # mean errors within 5 % of each other are called equal


def spread(values, unit=""):
    """Return "mean ± standard deviation" of one value a seed, on one line with its unit.

    Decimals go as far as the deviation's first digit, but show two to three digits of the mean.
    """
    mean, sd = np.mean(values), deviation(values)
    if not mean and not sd:
        return f"0 {unit}".strip().replace(" ", NBSP)
    two = _decimals(mean, 2) if mean else 0
    decimals = max(0, two, min(_decimals(sd, 1), two + 1) if sd else two + 1)
    text = f"{mean:.{decimals}f} ± {sd:.{decimals}f} {unit}"
    return text.strip().replace(" ", NBSP)


def deviation(values):
    """Return the sample standard deviation; 0 for a single value."""
    return np.std(values, ddof=1) if len(values) > 1 else 0.0


def _decimals(value, digits):
    """How many decimals show so many digits of `value`, which is not zero."""
    return digits - 1 - int(np.floor(np.log10(abs(value))))


def compare(a, b, names, what="error"):
    """Say which of two lists of errors, one value a seed, is lower, and how surely.

    Returns:
        The winner's index, 0 or 1, or None if they are equal; and the sentence.
    """
    ratio = np.mean(a) / np.mean(b)
    if 1 / CLOSE < ratio < CLOSE:
        within = f"within {100 * (CLOSE - 1):.0f} %"
        return None, f"{names[0]} and {names[1]} are equally good: the mean {what} is {within}."
    winner = int(ratio > 1)
    low, high = (b, a) if winner else (a, b)
    factor = max(ratio, 1 / ratio)
    sure = (
        "and its worst seed beats the other's best"
        if max(low) < min(high)
        else "but the ranges over seeds overlap"
    )
    times = f"{factor:.{0 if factor >= 10 else 1}f}"
    return winner, f"{names[winner]} is better: its mean {what} is {times} times smaller, {sure}."


def sine_answer(results):
    """Question 1: texts, and the table's rows (name, weights, MAPE generated, MAPE course's)."""
    rnn, dense = (results[name]["validation_mape"] for name in ("rnn", "dense"))
    winner, verdict = compare(rnn, dense, ["The model with an RNN layer", "The Dense-only model"])
    names = {"rnn": "with RNN", "dense": "Dense only"}
    return {
        "verdict": verdict if winner is None else "Yes, they differ. " + verdict,
        "why": " ".join(_sine_reasons(results)),
        "rows": [
            [
                label,
                f"{results[name]['weights']:,}",
                spread(results[name]["validation_mape"]),
                spread(results[name]["test_mape"]),
            ]
            for name, label in names.items()
        ],
        "seeds": len(rnn),
    }


def _sine_reasons(results):
    """What the three models besides explain, whichever way their numbers fall."""
    rnn, dense = (np.mean(results[name]["validation_mape"]) for name in ("rnn", "dense"))
    same, last, linear = (results[name]["validation_mape"] for name in EXPLAINING)
    if np.mean(linear) < 2 * dense:
        yield (
            f"Even a single linear layer comes to {spread(linear, '%')}: waves this smooth are "
            "continued almost exactly by a fixed weighted sum of all 99 values. Dense layers learn "
            "that sum directly; an RNN has to carry it through the tanh of every step."
        )
    else:
        yield (
            f"A single linear layer stays at {spread(linear, '%')}: no fixed weighted sum of the "
            "99 values continues all frequencies that well."
        )
    worth = (
        "so the recurrence itself is worth something"
        if rnn * CLOSE < np.mean(same)
        else "so the RNN owes its result to those inputs and not to its recurrence"
    )
    yield (
        f"On the RNN's own inputs Dense layers come to {spread(same, '%')}, {worth}; "
        f"on the last nine values alone, to {spread(last, '%')}."
    )


def stack_answer(results):
    """Question 2: texts, and the table's rows (input, gradient, k, final validation loss)."""
    final = {
        name: [losses[-1] for losses in r["validation_loss"]]
        for name, r in results.items()
        if "validation_loss" in r
    }
    best = min(final, key=lambda name: np.mean(final[name]))
    course, true = (final[f"one step, {g} gradient, k = 16"] for g in ("course", "true"))
    _, verdict = compare(true, course, ["the true gradient", "the course's gradient"], "loss")
    fed, gradient, units = _parts(best)
    fed = {"sequence": "the whole sequence"}.get(fed, fed)
    return {
        "gradients": f"With one step and 16 units, {verdict}",
        "best": (
            f"The lowest mean loss of all comes with {fed}, the {gradient} gradient and "
            f"{units} units."
        ),
        "rows": [[*_parts(name), spread(1e3 * np.array(v))] for name, v in final.items()],
        "bold": list(final).index(best),
        "refused": "refused" in results.get(REFUSED, {}),
        "seeds": len(course),
    }


def _parts(name):
    """Take "one step, true gradient, k = 16" apart: what comes in, which gradient goes out, k."""
    fed, gradient, units = name.split(", ")
    return fed, gradient.removesuffix(" gradient"), units.removeprefix("k = ")


def hidden_answer(results):
    """Question 3: sentences on error, gap and cost, from the fewest units to the most."""
    units = sorted(map(int, results))
    unseen, seen, gap = (
        {H: results[str(H)][key] for H in units}
        for key in ("validation_error", "training_error", "gap")
    )
    few, many = units[0], units[-1]
    best = min(units, key=lambda H: np.mean(unseen[H]))
    text = (
        f"From {few} to {best} hidden units the error on unseen volunteers falls from "
        f"{spread(unseen[few], '%')} to {spread(unseen[best], '%')}"
        if best != few
        else f"Here the fewest units, {few}, make the fewest errors: {spread(unseen[few], '%')}"
    )
    if best != many:
        beyond = units[units.index(best) + 1 :]
        overlap = min(min(unseen[H]) for H in beyond) <= max(unseen[best])
        text += f"; with {many} it is {spread(unseen[many], '%')}, " + (
            "no difference beyond the spread over seeds" if overlap else "more again"
        )
    change, meaning = (
        ("widens", "the added capacity goes more into the people it has seen than into the rest")
        if np.mean(gap[many]) > np.mean(gap[few])
        else ("narrows", "more units did not mean more learning by heart")
    )
    return {
        "errors": text + ".",
        "gap": (
            f"On the training volunteers it goes from {spread(seen[few], '%')} to "
            f"{spread(seen[many], '%')}. The gap between the two {change}, from "
            f"{spread(gap[few])} to {spread(gap[many])} percentage points: {meaning}."
        ),
        "few": few,
        "many": many,
        "weights": [f"{results[str(H)]['weights']:,}" for H in (few, many)],
        "seeds": len(unseen[few]),
    }


def sine_plot(results):
    """MAPE of each seed on the generated sequences, by model; SVG text."""
    labels = (
        "RNN",
        "Dense only",
        "Dense, RNN's inputs",
        "Dense, last 9 values",
        "one linear layer",
    )
    fig, ax = plt.subplots(figsize=(3.1, 1.8))
    keys = ("rnn", "dense", *EXPLAINING)
    for y, (key, color) in enumerate(zip(keys, plots.COLORS, strict=False)):
        values = results[key]["validation_mape"]
        ax.plot(values, [y] * len(values), "o", color=color, mfc="none", ms=4)
        ax.plot([np.mean(values)] * 2, [y - 0.3, y + 0.3], color=color, lw=2)
    ax.set(xscale="log", xlabel="MAPE [%]", yticks=range(len(keys)))
    ax.set_yticklabels(labels)
    ax.invert_yaxis()
    return _svg(fig)


def hidden_plot(results):
    """Errors on training and on unseen volunteers against H, mean and spread; SVG text."""
    units = sorted(map(int, results))
    fig, ax = plt.subplots(figsize=(3.1, 1.95))
    for key, color, style, marker, label in (
        ("validation_error", plots.VERMILION, "-", "s", "unseen volunteers"),
        ("training_error", plots.BLUE, "--", "o", "training volunteers"),
    ):
        values = [results[str(H)][key] for H in units]
        means, spreads = [np.mean(v) for v in values], [deviation(v) for v in values]
        ax.errorbar(units, means, spreads, color=color, ls=style, marker=marker, ms=4, label=label)
    ax.set_xscale("log", base=2)
    ax.set(xticks=units, xlabel="hidden units H", ylabel="errors [%]", ylim=(0, None))
    ax.set_xticklabels(units)
    ax.minorticks_off()
    ax.legend()
    return _svg(fig)


def _svg(fig):
    text = io.StringIO()
    fig.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(fig)
    return text.getvalue()


def source_note(results):
    """Say where the data came from, the files of one origin together; no folder names."""
    told = {}
    for name, entry in results["source"].items():
        told.setdefault(entry["from"].split(":")[0], []).append(name)
    return "; ".join(f"{', '.join(names)}: {origin}" for origin, names in told.items())


def page(results, name="", number=""):
    """Return what the template sets, as a dict of texts, rows and SVG pictures.

    Raises:
        ValueError: the results file lacks one of the experiments.
    """
    lacking = [section for section in SECTIONS if section not in results]
    if lacking:
        raise ValueError(
            f"results.json: expected {', '.join(SECTIONS)}, got no {', '.join(lacking)}; "
            "run python -m tools experiments"
        )
    style = {"svg.fonttype": "path", "font.size": 8, "axes.titlesize": 8}
    with plt.rc_context():
        plots.use_style()
        plt.rcParams.update(style)  # letters as outlines: the page needs no font of the plots
        pictures = {
            "sine_plot": sine_plot(results["sine"]),
            "hidden_plot": hidden_plot(results["hidden"]),
        }
    return pictures | {
        "name": name,
        "number": number,
        "sine": sine_answer(results["sine"]),
        "stack": stack_answer(results["stack"]),
        "hidden": hidden_answer(results["hidden"]),
        "source": source_note(results),
        "versions": ", ".join(f"{key} {v}" for key, v in results.get("versions", {}).items()),
    }


def render(content):
    """Return the page as the bytes of a PDF; the same bytes for the same content."""
    inputs = {"page": json.dumps(content)}
    return typst.compile(TEMPLATE, ignore_system_fonts=True, sys_inputs=inputs)


def write_report(folder, name="", number=""):
    """Write the report into `folder` from its results.json; return the path of the PDF.

    Raises:
        ValueError: there are no results, one is missing, or the page is too full.
    """
    content = page(read_results(folder=folder), name, number)
    with replacing(folder / REPORT) as temporary:
        temporary.write_bytes(render(content))
        pages = count_pages(temporary)
        if pages != 1:
            raise ValueError(f"report: expected one page, got {pages}; shorten report.typ")
    return folder / REPORT


def main(argv):
    parser = argparse.ArgumentParser(
        prog="python -m tools report", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--name", default="", help="your name, for the page's head")
    parser.add_argument("--number", default="", help="your student number")
    parser.add_argument("--output-dir", type=Path, default=OUTPUTS)
    args = parser.parse_args(argv)
    print(write_report(args.output_dir, args.name, args.number))
