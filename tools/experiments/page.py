"""The page of experiments, and the same figures in README and notebook, from results.json."""

import json
from itertools import product
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np

from tools.cells import NOTEBOOK
from tools.experiments.measure import DISTANCES, HIDDEN, KEPT, read
from tools.files import ROOT, filled, replacing, write_text

COLORS = "#0072B2", "#C04A00", "#00785A", "#7B4397", "#555555"
STACKS = {  # in the order of the figure: variant: (what the first layer gets, units)
    "none": "no gradient",
    "turned": "turned at random",
    "flipped": "the course's, sign flipped",
    "course": "the course's",
    "true": "the true one",
    "sequence": "all states, true",
}
SINE = {  # row of the table: name in the results
    "straight line": "line",
    "parabola": "parabola",
    "Dense only, raw values": "Dense only, raw",
    "with RNN, raw values": "with RNN, raw",
    "Dense only, own scale": "Dense only, own scale",
    "with RNN, own scale": "with RNN, own scale",
    "with RNN, trained on noisy waves": "with RNN, noisy",
    "submitted: whitened states": "submitted",
}
LADDER = {  # rung: (name in the results, with neighbours)
    "the course's basic model, 128 steps": ("basic, 128 steps", "alone"),
    "the same on 16 steps of 8 samples": ("basic, 16 steps", "alone"),
    "Dense layers alone, augmented": ("Dense alone", "alone"),
    "one recurrent layer, augmented": ("one layer", "alone"),
    "four, true gradient, not augmented": ("not augmented", "alone"),
    "four, augmented": ("stack", "alone"),
    "the same with neighbours": ("stack", "neighbours"),
    "finer steps and lengths, with neighbours": ("fine steps", "neighbours"),
    "submitted, each window by itself: mean of both": ("submitted", "alone"),
    "submitted, with neighbours": ("submitted", "neighbours"),
}


CHOSEN = """The accuracy on new people is expected between the two estimates. The sizes of steps and
augmentation, the average and the neighbours' reach were chosen on the first; depth, epochs, the
learning rate and the kind of augmentation earlier, on the second; all on these 21 people. Ranges
draw people and seeds."""


# If a part p of all people were misread throughout, 21 would show none with (1 - p)^21 = 5 %.
NO_ERROR = f"none was seen; 21 people leave room for {100 * (1 - 0.05 ** (1 / 21)):.0f} % misread"


def spread(values, digits=3):
    """Return "median (least to most)" of numbers, with so many significant digits."""
    numbers = min(values), np.median(values), max(values)
    shown = (f"{x:.{digits}g}" if x < 10**digits else f"{x:.0f}" for x in numbers)
    low, middle, high = shown
    return middle if low == high else f"{middle} ({low} to {high})"


class Results:
    """results.json, with what the page, the report and the tests take from it."""

    def __init__(self, folder):
        self.all, self.timings = read(folder / "results.json"), read(folder / "timings.json")
        if not self.all:
            raise ValueError(f"{folder}: expected results.json, run python -m tools experiments")

    def rows(self, section, *start):
        """Return the results of the runs whose arguments begin with `start`."""
        return [r[-1] for r in self.all[section] if r[: len(start)] == [*start]]

    def seconds(self, section, *start):
        return [r[-1] for r in self.timings[section] if r[: len(start)] == [*start]]

    def sine(self, name, noise, kind):
        """Return the errors, one a seed and evaluation set."""
        rows = self.rows("sine", name)
        return [x for row in rows for x in row["errors"][str(noise)][kind]]

    def losses(self, variant, k=16):
        return [row["loss"] for row in self.rows("stack", variant, k)]

    def hidden(self, H, key):
        return [row[key] for row in self.rows("hidden", H)]

    def errors(self, rung, kind="alone", split="splits"):
        """Return the errors of each seed on all volunteers."""
        return [sum(seed) for seed in self.all["people"][rung][split][kind]]

    def windows(self, split):
        """Return how many verdicts a split gives: each window twice, or once."""
        return sum(self.all["people"]["windows"]) * (2 if split == "splits" else 1)

    def accuracy(self, rung, kind, split):
        """Return the accuracy in %, and 95 % of those of nine other people, seeds drawn, too."""
        errors = np.array(self.all["people"][rung][split][kind])
        windows = np.array(self.all["people"]["windows"]) * (2 if split == "splits" else 1)
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
    for title, name in SINE.items():
        cells = [spread(r.sine(name, noise, "mape")) for noise in (0, 0.001, 0.01)]
        course = spread([row["course_mape"] for row in r.rows("sine", name)])
        rows.append([title, *cells, spread(r.sine(name, 0, "median")), course])
    header = ["MAPE [%]", "no noise", "noise 0.001", "noise 0.01", "median error [%]"]
    return table([*header, "course's file"], rows)


def ladder(r):
    """Return the ladder: errors on unseen people by the seven-against-fourteen splits."""
    total, rest = r.windows("splits"), r.all["people"]["rest"]
    rows = [['always "rest"', "", f"{100 * rest['accuracy']:.1f}"]]
    rows += [
        ["rest told from gait, which is then stairs", "", f"{100 * rest['rest_or_stairs']:.1f}"]
    ]
    for title, (rung, kind) in LADDER.items():
        errors = r.errors(rung, kind)
        rows.append([title, spread(errors, 5), f"{100 * (1 - np.median(errors) / total):.2f}"])
    return table(["model", f"errors in {total:,}", "accuracy [%]"], rows)


def estimate(r):
    """Return the two estimates of the submitted model, in one sentence each."""
    lines = []
    for split, words in (
        ("splits", "Trained on seven people, judged on the other fourteen, which says too little"),
        ("folds", "Trained on eighteen, judged on three, seven times, which says too much"),
    ):
        for kind, how in (("neighbours", "with neighbours"), ("alone", "each window by itself")):
            mean, low, high = r.accuracy("submitted", kind, split)
            errors = spread(r.errors("submitted", kind, split), 5)
            nine = f"{low:.2f} to {high:.2f}" if mean < 100 else NO_ERROR
            lines.append([words, how, errors, f"{mean:.2f}", nine])
            words = ""
    header = ["the submitted way", "", "errors", "accuracy [%]", "95 % of nine new people [%]"]
    return f"{table(header, lines)}\n\n{CHOSEN}"


def readme_table(r):
    """Return the table of README."""
    course = [row["course_mape"] for row in r.rows("sine", "submitted")]
    rows = [
        ["Sine, raw values, Dense only: MAPE [%]", spread(r.sine("Dense only, raw", 0, "mape"))],
        ["Sine, raw values, with RNN", spread(r.sine("with RNN, raw", 0, "mape"))],
        ["Sine, submitted, on the course's file, whose targets can be computed", spread(course, 2)],
    ]
    for split, words in (("splits", "7 people, judged on 14"), ("folds", "18 people, judged on 3")):
        mean, low, high = r.accuracy("submitted", "neighbours", split)
        nine = f"for nine new people {low:.2f} to {high:.2f}" if mean < 100 else NO_ERROR
        cell = f"{mean:.2f}; {nine}"
        rows.append([f"Activity, submitted, trained on {words}: accuracy [%]", cell])
    versions = ", ".join(f"{k} {v}" for k, v in r.all["versions"].items())
    return f"{table(['measured', 'median and range'], rows)}\n\nMeasured with {versions}."


# Figures ------------------------------------------------------------------------------------------


def figure(draw):
    """Return a function that draws into a file of the figure's name, the same bytes each time."""

    def save(r, folder):
        settings = {
            "svg.hashsalt": "lab6",
            "font.size": 9,
            "axes.grid": True,
            "axes.axisbelow": True,
        }
        settings |= {"axes.spines.top": False, "axes.spines.right": False, "grid.color": "#dddddd"}
        settings |= {"axes.prop_cycle": plt.cycler(color=COLORS), "legend.frameon": False}
        with plt.rc_context(settings | {"figure.constrained_layout.use": True}):
            fig = draw(r)
            folder.mkdir(exist_ok=True)
            with replacing(folder / f"{draw.__name__}.svg") as temporary:
                fig.savefig(temporary, metadata={"Date": None})
            plt.close(fig)

    return save


@figure
def stack(r):
    fig, ax = plt.subplots(figsize=(7.2, 2.6))
    groups = [(STACKS[v], r.losses(v)) for v in STACKS if v != "sequence"]
    groups += [(f"{STACKS['sequence']}, {k} units", r.losses("sequence", k)) for k in (16, 32)]
    for i, (_, losses) in enumerate(groups):
        ax.plot(losses, [i] * len(losses), "o", ms=4, alpha=0.6, color=COLORS[i > 4])
        ax.plot([np.median(losses)] * 2, [i - 0.3, i + 0.3], color="black")
    ax.set_yticks(range(len(groups)), [name for name, _ in groups])
    ax.set(xscale="log", xlabel="validation loss after 20 epochs, one circle a seed")
    return fig


@figure
def hidden(r):
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.6))
    for key, style in (("seen", "o--"), ("unseen", "s-")):
        left.plot(HIDDEN, [np.mean(r.hidden(H, key)) for H in HIDDEN], style, label=f"{key} people")
    left.set(xscale="log", yscale="log", xlabel="hidden units", ylabel="wrong windows [%]")
    left.set_xticks(HIDDEN, HIDDEN)
    left.legend()
    right.plot(HIDDEN, [r.hidden(H, "weights")[0] for H in HIDDEN], "o--", label="weights")
    seconds = [np.median(r.seconds("hidden", H)) for H in HIDDEN]
    right.plot(HIDDEN, np.array(seconds) * 1000, "s-", label="training time [ms]")
    right.set(xscale="log", yscale="log", xlabel="hidden units")
    right.set_xticks(HIDDEN, HIDDEN)
    right.legend()
    for ax in (left, right):
        ax.minorticks_off()
    return fig


@figure
def recall(r):
    fig, ax = plt.subplots(figsize=(7.2, 2.6))
    starts = ("course", "o"), ("only Wx", "s"), ("only Wh", "^"), ("orthogonal", "D")
    for i, (start, marker) in enumerate(starts):
        label = start if start in ("course", "orthogonal") else f"{start} orthogonal"
        for k, T in enumerate(DISTANCES):
            epochs = [100 if e is None else e for e in r.rows("recall", start, T)]
            place = k + 0.16 * (i - 1.5)
            ax.plot([place] * 5, epochs, marker, ms=4, alpha=0.7, color=COLORS[i], label=label)
            label = None
    ax.axhline(100, color="black", lw=0.6)
    ax.set_xticks(range(len(DISTANCES)), DISTANCES)
    ax.set(xlabel="timesteps back", ylabel="epochs (100: not learnt)", yscale="log")
    ax.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
    return fig


@figure
def people(r):
    fig, ax = plt.subplots(figsize=(7.2, 2.8))
    rungs = [(t, r.errors(*key)) for t, key in LADDER.items() if not key[0].startswith("basic")]
    for i, (_, errors) in enumerate(rungs):
        ax.plot(errors, [-i] * len(errors), "o", ms=5, alpha=0.7, color=COLORS[0])
        ax.plot([np.median(errors)] * 2, [-i - 0.3, -i + 0.3], color="black")
    ax.set_yticks([-i for i in range(len(rungs))], [name for name, _ in rungs])
    ax.set(xscale="log", xlabel=f"errors in {r.windows('splits'):,}, one circle a seed")
    return fig


FIGURES = stack, hidden, recall, people


# The page -----------------------------------------------------------------------------------------


def write_page(folder):
    """Write experiments.md and its figures into `folder`, from its results.json."""
    r = Results(folder)
    for save in FIGURES:
        save(r, folder / "figures")
    free = []
    for title, name in SINE.items():
        if name in ("line", "Dense only, raw", "with RNN, raw", "submitted"):
            off = [row["free"] for row in r.rows("sine", name)]
            steps = ("1", "5", "20", "100")
            free.append([title, *(f"{np.median([x[k] for x in off]):.2g}" for k in steps)])
    cut = [[k, spread([1000 * row["loss"] for row in r.rows("truncated", k)])] for k in KEPT]
    clip = []
    for rate, bound in ((0.05, 1.0), (0.3, 1.0), (0.3, None)):
        losses = [row["loss"] for row in r.rows("clipping", rate, bound)]
        done = [1000 * x for x in losses if x is not None]
        cell = f"{spread(done)}" if done else "diverged with every seed"
        clip.append([f"rate {rate}, {'clipped to 1' if bound else 'not clipped'}", cell])
    worst = {
        rung: np.median(np.array(r.all["people"][rung]["splits"]["alone"]), axis=0).astype(int)
        for rung in ("stack", "not turned", "submitted")
    }
    by_person = [
        [f"volunteer {v}", *(worst[rung][v] for rung in worst)]
        for v in np.argsort(-worst["not turned"])[:6]
    ]
    values = {
        "seeds": len(r.rows("sine", "submitted")),
        "sine": sine_table(r),
        "free": table(["steps ahead", "1", "5", "20", "100"], free),
        "truncated": table(["gradient over the last steps", "loss x 1000"], cut),
        "clipping": table(["training", "loss x 1000"], clip),
        "ladder": ladder(r),
        "by_person": table(["", "augmented", "without turning", "submitted"], by_person),
        "estimate": estimate(r),
        "random": spread(r.errors("submitted", "alone", "random"), 4),
        "folds": spread(r.errors("submitted", "alone", "folds"), 4),
        "windows": r.windows("random"),
    }
    for init, where in (("course", "motion"), ("orthogonal", "rest"), ("orthogonal", "motion")):
        left = [row[where] for row in r.rows("kept", init)]
        values[f"{init}_{where}"] = 100 * np.median(left)
    for variant in ("course", "flipped"):
        cosines = [row["cosine"] for row in r.rows("stack", variant)]
        values[f"cosine_{variant}"] = spread(cosines, 2)
    for H, key in product((8, 128), ("weights", "seen", "unseen")):
        mean = np.mean(r.hidden(H, key))
        values[f"{key}_{H}"] = int(mean) if key == "weights" else mean
    template = Path(__file__).with_name("page.md").read_text("utf-8")
    write_text(folder / "experiments.md", template.format(**values))


def fill_texts(folder):
    """Write the tables into README and the notebook."""
    r = Results(folder)
    readme = ROOT / "README.md"
    write_text(readme, filled(readme.read_text("utf-8"), "results", readme_table(r)))
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    for mark, content in (("ladder", ladder(r)), ("estimate", estimate(r))):
        (cell,) = [c for c in notebook["cells"] if f"<!-- {mark} -->" in "".join(c["source"])]
        cell["source"] = filled("".join(cell["source"]), mark, content).splitlines(keepends=True)
    write_text(NOTEBOOK, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
