"""The page of experiments, and the same figures in README and notebook, from results.json."""

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import nbformat
import numpy as np
from matplotlib.ticker import LogLocator

from tools.cells import NOTEBOOK
from tools.experiments.measure import NOISES, WAYS
from tools.files import OUTPUTS, ROOT, filled, replacing, write_text
from tools.html import to_html

SUBMITTED = "submitted: mean of the last two"
ESTIMATES = {
    "Trained on seven people, judged on the other fourteen, which says too little": "splits",
    "Trained on eighteen, judged on three, seven times, which says too much": "folds",
}
# If a part p of all people were misread throughout, 21 would show none with (1 - p)^21 = 5 %.
NO_ERROR = f"none was seen; 21 people leave room for {100 * (1 - 0.05 ** (1 / 21)):.0f} % misread"


def spread(values, digits=3):
    """Return "median (least to most)" of numbers, with so many significant digits."""
    numbers = min(values), np.median(values), max(values)
    shown = (f"{x:.{digits}g}" if x < 10**digits else f"{x:.0f}" for x in numbers)
    low, middle, high = shown
    return middle if low == high else f"{middle} ({low} to {high})"


def _read(path):
    """Return the JSON in a file of results; ValueError where there is none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError) as error:
        problem = f"expected results, got {error}; run python -m tools experiments"
        raise ValueError(f"{path}: {problem}") from error


class Results:
    """results.json and timings.json, with what the page, the report and the tests take from it."""

    def __init__(self, folder):
        self.all, self.timings = _read(folder / "results.json"), _read(folder / "timings.json")

    def names(self, section, which=0):
        """Return what the runs of a section have as an argument, in the order of the runs."""
        return list(dict.fromkeys(r[which] for r in self.all[section]))

    def rows(self, section, *start):
        """Return the results of the runs whose arguments begin with `start`."""
        return [r[-1] for r in self.all[section] if r[: len(start)] == [*start]]

    def sine(self, name, noise, kind):
        """Return the errors, one a seed and evaluation set."""
        rows = self.rows("sine", name)
        return [x for row in rows for x in row["errors"][str(noise)][kind]]

    def course(self, name):
        """Return the MAPE on the course's file, one a seed."""
        return [row["course_mape"] for row in self.rows("sine", name)]

    def hidden(self, H, key):
        """Return the mean over folds."""
        return np.mean([row[key] for row in self.rows("hidden", H)])

    def seconds(self, H):
        """Return the median over folds of the training's processor time."""
        return np.median([r[-1] for r in self.timings["hidden"] if r[0] == H])

    def limits(self, *start):
        """Return the losses times 1000; those that diverged are left out."""
        return [1000 * x for x in self.rows("limits", *start) if x is not None]

    def people(self, rung, way=WAYS[0], split="splits"):
        """Return the errors of each seed on each volunteer, (seeds, 21)."""
        return np.array([row[way] for row in self.rows("people", rung, split)])

    def errors(self, *run):
        """Return the errors of each seed on all volunteers."""
        return self.people(*run).sum(axis=1)

    def windows(self, split="splits"):
        """Return how many verdicts a split gives on each volunteer: each window twice, or once."""
        return np.array(self.all["windows"]) * (2 if split == "splits" else 1)

    def accuracy(self, rung, way, split):
        """Return the accuracy in %, and 95 % of those of nine other people, seeds drawn, too."""
        errors, windows = self.people(rung, way, split), self.windows(split)
        rng, draws = np.random.default_rng(0), 10_000
        people = rng.integers(21, size=(draws, 21))  # others could have taken part
        nine = np.take_along_axis(people, rng.integers(21, size=(draws, 9)), axis=1)
        seed = rng.integers(len(errors), size=(draws, 1))
        of_nine = 1 - errors[seed, nine].sum(axis=1) / windows[nine].sum(axis=1)
        mean = 1 - errors.mean(axis=0).sum() / windows.sum()
        return 100 * mean, *(100 * np.quantile(of_nine, (0.025, 0.975)))


def table(header, rows):
    lines = [f"| {' | '.join(header)} |", "|:--|" + "--:|" * (len(header) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def sine_table(r):
    rows = []
    for name in r.names("sine"):
        cells = [spread(r.sine(name, noise, "mape")) for noise in NOISES]
        cells += [spread(r.sine(name, 0, "median")), spread(r.course(name))]
        free = [spread([row["free"][k] for row in r.rows("sine", name)], 2) for k in ("5", "100")]
        rows.append([name, *cells, *free])
    header = ["MAPE [%]", "no noise", "noise 0.001", "noise 0.01", "median error [%]"]
    return table([*header, "course's file", "free, 5 steps", "free, 100 steps"], rows)


def stack_rows(r):
    """Return what the first layer gets, k, and the loss times 1000."""
    variants = dict.fromkeys((name, k) for name, k, *_ in r.all["stack"])
    return [[*v, spread([1000 * x for x in r.rows("stack", *v)], 2)] for v in variants]


def hidden_rows(r):
    """Return numbers of units, their weights, the errors in %, and the seconds of a training."""
    rows = []
    for H in r.names("hidden"):
        errors = [f"{r.hidden(H, key):.2f}" for key in ("seen", "unseen")]
        rows.append([H, f"{r.hidden(H, 'weights'):,.0f}", *errors, f"{r.seconds(H):.1f}"])
    return rows


def recall_table(r):
    rows, distances = [], r.names("recall", 1)
    for init in r.names("recall"):
        epochs = [[e or np.inf for e in r.rows("recall", init, T)] for T in distances]
        rows.append([init, *map(spread, epochs)])
    return table(["timesteps back", *map(str, distances)], rows)


def limits_table(r):
    rows = []
    for steps, rate, clip in dict.fromkeys(tuple(row[:3]) for row in r.all["limits"]):
        losses = r.limits(steps, rate, clip)
        cell = spread(losses) if losses else "diverged with every seed"
        rows.append([steps, rate, "to 1" if clip else "no", cell])
    return table(["gradient over the last steps", "rate", "clipped", "loss x 1000"], rows)


def ladder(r):
    """Return the ladder: errors on unseen people by the seven-against-fourteen splits."""
    total = r.windows().sum()
    rows = [[name, "", f"{100 * x:.1f}", "", ""] for name, x in r.all["trivial"].items()]
    for rung in r.names("people"):
        rows.append([rung])
        for way in WAYS:
            errors = r.errors(rung, way)
            rows[-1] += [spread(errors, 5), f"{100 * (1 - np.median(errors) / total):.2f}"]
    header = ["model", f"errors in {total:,}", "accuracy [%]"]
    return table([*header, "errors with neighbours", "accuracy [%]"], rows)


def by_person(r):
    """Return the errors on the six volunteers most often misread without turning."""
    rungs = "four, not turned", "four", SUBMITTED
    errors = [np.median(r.people(rung), axis=0).astype(int) for rung in rungs]
    rows = [[f"volunteer {v}", *(e[v] for e in errors)] for v in np.argsort(-errors[0])[:6]]
    return table(["", *rungs], rows)


def estimate(r):
    """Return the two estimates of the submitted model."""
    rows = []
    for words, split in ESTIMATES.items():
        for way in WAYS:
            mean, low, high = r.accuracy(SUBMITTED, way, split)
            nine = f"{low:.2f} to {high:.2f}" if mean < 100 else NO_ERROR
            errors = spread(r.errors(SUBMITTED, way, split), 5)
            rows.append([words if way == WAYS[0] else "", way, errors, f"{mean:.2f}", nine])
    header = ["the submitted way", "", "errors", "accuracy [%]", "95 % of nine new people [%]"]
    return table(header, rows)


def readme_results(r):
    """Return what README says of the results."""
    course = spread(r.course("submitted: whitened states"), 2)
    sine = f"Sine, submitted, on the course's file, whose targets can be computed: MAPE {course} %."
    return f"{sine}\n\n{estimate(r)}\n\nMeasured with NumPy {r.all['numpy']}."


STYLE = {"svg.hashsalt": "lab6", "font.size": 9, "axes.grid": True, "grid.color": "#dddddd"}
STYLE |= {"axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}
STYLE |= {"axes.prop_cycle": plt.cycler(color=["#0072B2", "#C04A00"])}


def _save(fig, path):
    """Write a figure as SVG, the same bytes each time."""
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as temporary:
        fig.savefig(temporary, metadata={"Date": None})
    plt.close(fig)


def draw_dots(path, rows, xlabel):
    """Draw (name, values) as a row of dots each, with their median, on a logarithmic axis."""
    fig, ax = plt.subplots(figsize=(7.2, 0.8 + 0.22 * len(rows)), layout="constrained")
    for i, (_, values) in enumerate(rows):
        ax.plot(values, [-i] * len(values), "o", ms=5, alpha=0.7, color="C0")
        ax.plot([np.median(values)] * 2, [-i - 0.3, -i + 0.3], color="black")
    ax.set_yticks([-i for i in range(len(rows))], [name for name, _ in rows])
    ax.set(xscale="log", xlabel=f"{xlabel}, one circle a seed")
    ax.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("{x:g}")
    _save(fig, path)


def draw_hidden(path, r):
    """Draw errors on seen and unseen people, weights and training time by hidden units."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.6), layout="constrained")
    units = r.names("hidden")
    for key, style in (("seen", "o--"), ("unseen", "s-")):
        left.plot(units, [r.hidden(H, key) for H in units], style, label=f"{key} people")
    right.plot(units, [r.hidden(H, "weights") for H in units], "o--", label="weights")
    right.plot(units, [1000 * r.seconds(H) for H in units], "s-", label="training time [ms]")
    left.set(ylabel="wrong windows [%]")
    for ax in (left, right):
        ax.set(xscale="log", yscale="log", xlabel="hidden units")
        ax.set_xticks(units, units)
        ax.minorticks_off()
        ax.legend(frameon=False)
    _save(fig, path)


def draw(r, folder):
    """Draw the page's figures into `folder`."""
    stacks = {(name, k): r.rows("stack", name, k) for name, k, *_ in r.all["stack"]}
    losses = [(f"{name}, k = {k}", 1000 * np.array(x)) for (name, k), x in stacks.items()]
    ways = [(name, WAYS[0]) for name in r.names("people") if not name.startswith("basic")]
    ways.append((SUBMITTED, WAYS[1]))
    rungs = [
        (f"{rung}, {way}" if way != WAYS[0] else rung, r.errors(rung, way)) for rung, way in ways
    ]
    with plt.rc_context(STYLE):
        draw_dots(folder / "stack.svg", losses, "validation loss x 1000")
        draw_dots(folder / "people.svg", rungs, f"errors in {r.windows().sum():,}")
        draw_hidden(folder / "hidden.svg", r)


def write_page(folder):
    """Write experiments.md and its figures into `folder`, from its results."""
    r = Results(folder)
    draw(r, folder / "figures")
    units = ["hidden units", "weights", "seen [%]", "unseen [%]", "training [s]"]
    values = {
        "sine": sine_table(r),
        "stack": table(["the first layer gets", "k", "validation loss x 1000"], stack_rows(r)),
        "hidden": table(units, hidden_rows(r)),
        "recall": recall_table(r),
        "limits": limits_table(r),
        "ladder": ladder(r),
        "by_person": by_person(r),
        "estimate": estimate(r),
        "random": spread(r.errors(SUBMITTED, WAYS[0], "random"), 4),
        "folds": spread(r.errors(SUBMITTED, WAYS[0], "folds"), 4),
        "windows": r.windows("folds").sum(),
    }
    template = Path(__file__).with_name("page.md").read_text("utf-8")
    write_text(folder / "experiments.md", template.format(**values))


def fill_texts(folder):
    """Write the tables into README and the notebook, and that as HTML."""
    r = Results(folder)
    readme = ROOT / "README.md"
    write_text(readme, filled(readme.read_text("utf-8"), "results", readme_results(r)))
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    for mark, content in (("ladder", ladder(r)), ("estimate", estimate(r))):
        (cell,) = [c for c in notebook["cells"] if f"<!-- {mark} -->" in "".join(c["source"])]
        cell["source"] = filled("".join(cell["source"]), mark, content).splitlines(keepends=True)
    write_text(NOTEBOOK, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    write_text(OUTPUTS / "Lab6.html", to_html(nbformat.read(NOTEBOOK, 4)))
