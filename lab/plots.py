"""The notebook's figures: one function each, one style, so that the cells say only what is drawn.

Colours are Okabe and Ito's, told apart by colour-blind readers; where lines share an axis they also
differ in dash or marker, for grey print.
"""

import inspect
import textwrap
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter

from lab.files import replacing

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
)
COLORS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)
ACTIVITIES = ("walking", "stairs", "resting")
CHANNELS = ("x", "y", "z")
LOSS = "validation_loss"
RATE = 50  # Hz, of the activity recordings
TRAINING = {"fc": SKY, "ec": "white"}
VALIDATION = {"fc": VERMILION, "ec": "white", "hatch": "///"}
save_to = None  # folder for figures as files


def keep_figures(folder):
    """Keep every named figure as a file in `folder` (pathlib.Path), made if need be."""
    global save_to
    save_to = folder
    folder.mkdir(parents=True, exist_ok=True)


def use_style():
    """Set the one style of all figures."""
    plt.rcParams.update(
        {
            "figure.figsize": (7.2, 3),
            "figure.constrained_layout.use": True,
            "figure.dpi": 96,
            "savefig.dpi": 150,  # of what is rasterised inside a vector file
            "svg.hashsalt": "lab6",  # equal figures are equal files
            "font.size": 9,
            "axes.titlesize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.6,
            "axes.prop_cycle": plt.cycler(color=COLORS),
            "lines.linewidth": 1.3,
            "legend.frameon": False,
        }
    )


class source:  # noqa: N801 - used like a function
    """Shows the source of functions or classes, highlighted; as the last line of a cell."""

    def __init__(self, *what):
        self.text = "\n\n".join(textwrap.dedent(inspect.getsource(one)).rstrip() for one in what)

    def _repr_markdown_(self):
        return f"```python\n{self.text}\n```"

    def __repr__(self):
        return self.text


def unrolled_network():
    """The recurrent layer, one copy for each timestep, with the shapes of what flows."""
    fig, ax = plt.subplots(figsize=(7.2, 2.9))
    ax.set(xlim=(-0.9, 8.6), ylim=(-1.5, 1.45))
    ax.axis("off")
    forward = {"arrowstyle": "-|>", "color": BLUE, "lw": 1.5}
    back = {"arrowstyle": "-|>", "color": VERMILION, "lw": 1.3, "ls": "--"}
    box = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": BLUE, "lw": 1.5}
    places = (0, 2.2, 4.4, 7)
    for x, name in zip(places, ("$h_0 = 0$", "$h_1$", "$h_2$", "$h_T$"), strict=True):
        ax.text(x, 0, name, ha="center", va="center", fontsize=12, bbox=box)
    for x, name in zip(places[1:], ("$x_1$", "$x_2$", "$x_T$"), strict=True):
        ax.text(x, -1.36, f"{name}  (N, D)", ha="center", va="center", fontsize=11)
        ax.text(x, 0.45, "(N, H)", ha="center", fontsize=10)
        ax.annotate("", (x - 0.08, -0.35), (x - 0.08, -1.15), arrowprops=forward)
        ax.annotate("", (x + 0.08, -1.15), (x + 0.08, -0.35), arrowprops=back)
        ax.text(x - 0.18, -0.8, "$W_x$", color=BLUE, fontsize=11, ha="right")
        ax.text(x + 0.18, -0.8, r"$W_x^\top$", color=VERMILION, fontsize=11)
    for left, right in pairwise(places):
        gap = 0.66 if left == 0 else 0.42
        ax.annotate("", (right - 0.42, 0.08), (left + gap, 0.08), arrowprops=forward)
        ax.annotate("", (left + gap, -0.12), (right - 0.42, -0.12), arrowprops=back)
        middle = (left + gap + right - 0.42) / 2
        ax.text(middle, 0.18, "$W_h$", ha="center", color=BLUE, fontsize=11)
        ax.text(middle, -0.46, r"$W_h^\top$", ha="center", color=VERMILION, fontsize=11)
    ax.text(5.7, -1.0, ". . .", ha="center", fontsize=14)
    ax.text(0, -0.62, "$dh_0$: the course's\ndL_dX", ha="center", va="center", color=VERMILION)
    ax.annotate("", (8.1, 0.08), (7.45, 0.08), arrowprops=forward)
    ax.annotate("", (7.45, -0.12), (8.1, -0.12), arrowprops=back)
    ax.text(8.2, -0.02, "loss", va="center", fontsize=11)
    says = "forward: each state is made of the one before it and of the step's input"
    ax.text(3.85, 1.25, says, color=BLUE, ha="center")
    says = (
        "backward (dashed): the gradient returns along the same paths, to every input and to $h_0$"
    )
    ax.text(3.85, 0.92, says, color=VERMILION, ha="center")
    _show(fig, "unrolled_network")


def gradients_back(factors, sizes):
    """What each step back leaves of a gradient, {title: {layer: (T,)}}; two sizes of Wh."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3), sharey=True)
    for ax, (title, left) in zip(axes, factors.items(), strict=True):
        for (name, values), color, style in zip(
            left.items(), COLORS, ("-", "--", "-."), strict=False
        ):
            ax.semilogy(np.arange(1, 1 + len(values)), values, style, color=color, label=name)
        ax.axhline(1, color="black", lw=0.8)
        ax.set(title=title, xlabel="step back")
    for name, size in sizes.items():
        axes[0].axhline(size, color="#555555", lw=0.8, ls=":")
        axes[0].text(
            50, 1.06 * size, f"{name} of the course's Wh", ha="right", va="bottom", fontsize=8
        )
    axes[0].set_yticks([0.1, 0.3, 1, 3], ["0.1", "0.3", "1", "3"])
    axes[0].minorticks_off()
    axes[0].set_ylabel("factor of this step")
    _legend_above(fig, axes[0])
    _show(fig, "gradients_back")


def principal_axes(axes, sizes):
    """Principal axes (4, 9) of neighbouring values, drawn, and how much data vary along each."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.6))
    names = ("level", "slope", "curvature", "wiggle")
    looks = zip(names, axes, ("-", "--", "-.", ":"), COLORS, strict=False)
    for name, axis, style, color in looks:
        left.plot(range(1, 10), axis * np.sign(axis[-1]), style, color=color, label=name)
    left.set(xlabel="place among the nine", ylabel="weight of the value", xticks=range(1, 10))
    right.bar(range(1, 1 + len(sizes)), sizes, color=[*COLORS[:4], *["#bbbbbb"] * 5])
    right.set(xlabel="principal axis", ylabel="size", yscale="log", xticks=range(1, 10))
    right.grid(axis="x", visible=False)
    _legend_above(fig, left)
    _show(fig, "principal_axes")


def units(panels):
    """One hidden unit a panel, {title: states (windows, steps) of each activity}, step by step."""
    fig, axes = plt.subplots(1, len(panels), figsize=(7.2, 2.7), sharey=True)
    for ax, (title, by_activity) in zip(axes, panels.items(), strict=True):
        looks = zip(ACTIVITIES, by_activity, COLORS, ("-", "--", ":"), strict=False)
        for name, states, color, style in looks:
            low, middle, high = np.quantile(states, (0.25, 0.5, 0.75), axis=0)
            x = np.arange(1, 1 + len(middle))
            ax.plot(x, middle, style, color=color, label=name)
            ax.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
        ax.set(title=title, xlabel="step", xticks=(1, 8, 16), ylim=(-1.05, 1.05))
    axes[0].set_ylabel("state of the unit")
    _legend_above(fig, axes[0])
    _show(fig, "hidden_units_at_work")


def training_curve(train_losses, val_losses, learning_rates, name=None):
    """Losses by epoch on a logarithmic axis, with the learning rate as a dotted line."""
    fig, ax = plt.subplots(figsize=(7.2, 2.6))
    epochs = np.arange(1, len(train_losses) + 1)
    ax.semilogy(epochs, train_losses, color=BLUE, label="training loss")
    if val_losses:
        epochs_seen = np.arange(1, len(val_losses) + 1)
        ax.semilogy(epochs_seen, val_losses, color=VERMILION, ls="--", label="validation loss")
    ax.set(xlabel="epoch", ylabel="loss")
    rate = ax.twinx()
    rate.plot(epochs, learning_rates, color="#555555", lw=1, ls=":", label="learning rate")
    rate.set(ylabel="learning rate", ylim=(0, None))
    rate.grid(False)
    rate.spines["right"].set_visible(True)
    fig.legend(loc="outside upper center", ncols=3)
    _show(fig, name)


def sine_samples(X, y):
    """The first four sequences X (N, T) with the value y (N, 1) that follows each."""
    fig, axes = plt.subplots(1, 4, figsize=(7.2, 2.2))
    for i, ax in enumerate(axes):
        ax.plot(X[i], color=BLUE)
        ax.plot(X.shape[1], y[i, 0], "o", color=VERMILION, ms=5, label="next value")
        ax.set(xlabel="timestep")
    axes[0].set_ylabel("value")
    _legend_above(fig, axes[0])
    _show(fig, "sine_samples")


def sensor_windows(X, y):
    """One window of each activity: acceleration above, rotation below."""
    fig, axes = plt.subplots(2, 3, figsize=(7.2, 3.2), sharex=True, sharey="row")
    seconds = np.arange(X.shape[1]) / RATE
    for c, name in enumerate(ACTIVITIES):
        window = X[np.flatnonzero(np.ravel(y) == c)[10]]
        _three_axes(axes[0, c], seconds, window[:, :3])
        _three_axes(axes[1, c], seconds, window[:, 3:])
        axes[0, c].set_title(f"{c}: {name}")
        axes[1, c].set_xlabel("time [s]")
    axes[0, 0].set_ylabel("acceleration [g]")
    axes[1, 0].set_ylabel("rotation [rad/s]")
    _legend_above(fig, axes[0, 0])
    _show(fig, "sensor_windows")


def splits(held_by_name, shared, first, count=24):
    """Which of `count` windows from `first` on train and which validate, on their time axis.

    held_by_name: {title: booleans (N,), True for validation}.
    shared: booleans (N - 1,), whether a window shares half its samples with the next one; where it
        does not, the axis has a gap.
    """
    rows = slice(first, first + count - 1)
    left = np.concatenate([[0], np.cumsum(np.where(shared[rows], 1, 3))])
    fig, axes = plt.subplots(len(held_by_name), 1, figsize=(7.2, 2.9), sharex=True)
    for ax, (title, held) in zip(axes, held_by_name.items(), strict=True):
        for i in range(count):
            look = VALIDATION if held[first + i] else TRAINING
            ax.barh(i % 2, 2, left=left[i], height=0.8, **look)
        ax.set(title=title, yticks=[], xticks=[], ylim=(-0.6, 1.6))
        ax.grid(False)
    axes[-1].set_xlabel("time; each bar is a window of 2.56 s, a gap is where a recording ends")
    bars = [Patch(**look) for look in (TRAINING, VALIDATION)]
    fig.legend(bars, ["training", "validation"], loc="outside upper center", ncols=2)
    _show(fig, "splits")


def sine_comparison(results):
    """Errors of each seed: raw values in two scales and by two measures; MAPE on whitened ones."""
    fig, axes = plt.subplots(1, 3, figsize=(7.2, 2.9), width_ratios=(1, 1, 1.3))
    names = {
        "dense": "Dense, 170 relu",
        "dense, 11 units": "Dense, 11 relu",
        "linear": "linear",
        "rnn": "RNN, course's",
        "rnn, orthogonal": "RNN, orthogonal",
    }
    scales = (("raw amplitude", VERMILION, "s", -0.17), ("own scale", BLUE, "o", 0.17))
    for ax, key in zip(axes, ("mape", "rmse"), strict=False):
        for scale, color, marker, shift in scales:
            for y, name in enumerate(names):
                values = results["raw"][scale][name][key]
                _dots(ax, y + shift, values, color, marker, scale if y == 0 else None)
        _names(ax, names.values(), (1, 2, 5))
    axes[0].set(xlabel="MAPE [%]", title="raw values")
    axes[1].set(xlabel="root mean square error", title="raw values")
    axes[1].set_yticklabels([])
    names = {
        "dense": "linear",
        "dense, relu": "Dense, 500 relu",
        "rnn, 5 epochs": "RNN, 5 epochs",
        "rnn, 60 epochs": "RNN, 60 epochs",
        "rnn, readout of 16": "readout of 16",
        "rnn, readout of 30": "readout of 30",
        "rnn, readout of 40": "readout of 40",
    }
    for y, name in enumerate(names):
        _dots(axes[2], y, results["whitened"][name]["mape"], BLUE)
    _names(axes[2], names.values())
    axes[2].set(xlabel="MAPE [%]", title="whitened values")
    _legend_above(fig, axes[0])
    _show(fig, "sine_comparison")


def spectrum(mean_squares, reach):
    """The 40 largest mean squares along principal axes, {name: values}; below `reach`, unlearnt."""
    fig, ax = plt.subplots(figsize=(7.2, 2.8))
    looks = zip(
        mean_squares.items(), (VERMILION, BLUE, GREEN), ("--", "-", ":"), "so^", strict=True
    )
    for (name, values), color, style, marker in looks:
        values = values[:40]
        look = {"ls": style, "color": color, "marker": marker, "ms": 3, "label": name}
        ax.semilogy(np.arange(1, len(values) + 1), values, **look)
    ax.axhline(reach, color="#555555", lw=1)
    ax.axhline(1, color="#555555", lw=1, ls=":")
    ax.text(40, 2 * reach, "well above: learnt in 60 epochs", ha="right")
    ax.text(40, 2, "limits the learning rate: the bias", ha="right")
    ax.set(xlabel="principal axis", ylabel="mean square", ylim=(1e-17, 1e2))
    _legend_above(fig, ax)
    _show(fig, "spectrum")


def recall(results):
    """Epochs until the sign of the first value is told, by sequence length and start."""
    fig, ax = plt.subplots(figsize=(7.2, 2.8))
    most = 100
    for name, color, marker, shift in (
        ("course", VERMILION, "s", -1),
        ("orthogonal", BLUE, "o", 1),
    ):
        distances = sorted(map(int, results[name]))
        for i, T in enumerate(distances):
            needed = results[name][str(T)]["epochs"]
            x = i + 0.12 * shift + np.linspace(-0.08, 0.08, len(needed))
            y = [1.6 * most if n is None else n for n in needed]
            label = f"{name} start" if i == 0 else None
            ax.plot(x, y, marker, color=color, mfc="none", ls="", label=label)
    ax.axhline(1.25 * most, color="#555555", lw=0.8)
    ticks = (1, 2, 5, 10, 20, 50, most)
    ax.set(xlabel="sequence length T", ylabel="epochs needed", yscale="log")
    ax.set_xticks(range(len(distances)), distances)
    ax.set_yticks([*ticks, 1.6 * most], [*map(str, ticks), "more"])
    ax.minorticks_off()
    _legend_above(fig, ax)
    _show(fig, "recall")


STACK = {  # what reaches the first layer: (colour, line)
    "true": (BLUE, "-"),
    "course": (VERMILION, "--"),
    "flipped": (ORANGE, "-."),
    "rotated": (PURPLE, ":"),
    "none": ("#555555", (0, (4, 1, 1, 1, 1, 1))),
}


def stack_curves(results):
    """Loss and gradient's direction, by what reaches the first layer; all ways' last losses."""
    fig, axes = plt.subplot_mosaic("ab;cc", figsize=(7.2, 5), height_ratios=(1, 1.05))
    names, last = [], []
    for name, (color, style) in STACK.items():
        r = results["one step"][name]
        epochs = np.arange(1, len(r["loss_by_epoch"]) + 1)
        axes["a"].plot(epochs, r["loss_by_epoch"], color=color, ls=style, label=name)
        if name not in ("true", "none"):
            axes["b"].plot(epochs - 1, r["cosine_by_epoch"], color=color, ls=style)
        names.append(f"one step: {name}")
        last.append((r["final_loss"], color))
    for k, r in results["sequence"].items():
        names.append(f"sequence: true, {k} units")
        last.append((r["final_loss"], GREEN))
    for y, (values, color) in enumerate(last):
        _dots(axes["c"], y, values, color)
    axes["a"].set(xlabel="epoch", ylabel="validation loss", yscale="log")
    axes["b"].set(xlabel="epochs done", ylabel="cosine with the true one")
    axes["c"].set(xlabel="validation loss at the end")
    _names(axes["c"], names)
    _legend_above(fig, axes["a"])
    _show(fig, "stack")


def hidden_units(results, seconds):
    """Errors on seen and unseen volunteers, and training time, against the number of units."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.6))
    H = sorted(int(name) for name in results if name.isdigit())
    for key, color, style, marker, label in (
        ("training_error", BLUE, "--", "o", "training volunteers"),
        ("validation_error", VERMILION, "-", "s", "unseen volunteers"),
    ):
        values = np.array([results[str(h)][key] for h in H])
        axes[0].plot(H, values.mean(1), color=color, ls=style, marker=marker, ms=5, label=label)
        axes[0].plot(H, values, "_", color=color, ms=5)
    times = [np.median(seconds[f"hidden {h}"]) for h in H]
    axes[1].plot(H, times, color=GREEN, marker="o", ms=4)
    for ax in axes:
        ax.set_xscale("log", base=2)
        ax.set(xticks=H, xlabel="hidden units H", ylim=(0, None))
        ax.set_xticklabels(H)
    axes[0].set_ylabel("errors [%]")
    axes[1].set_ylabel("training time [s]")
    _legend_above(fig, axes[0])
    _show(fig, "hidden_units")


def initialisations(results):
    """How much gradient is left at each timestep, and training on raw sine sequences."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.8))
    gradients = (
        ("orthogonal", "gradient_resting", BLUE, "-", "orthogonal, resting"),
        ("orthogonal", "gradient_moving", GREEN, "-.", "orthogonal, moving"),
        ("course", "gradient_moving", VERMILION, "--", "course's, moving"),
    )
    for name, key, color, style, label in gradients:
        last = np.array(results[name][key])[:, -10:]
        _band(axes[0], last, color, style, label, first=119)
    for name, color, style in (("course", VERMILION, "--"), ("orthogonal", GREEN, "-.")):
        _band(axes[1], np.array(results[name][LOSS]), color, style, f"{name} start")
    axes[1].legend()
    axes[0].set(xlabel="timestep t", ylabel="size of dx$_t$", yscale="log")
    axes[1].set(xlabel="epoch", ylabel="validation loss, sine", yscale="log")
    _legend_above(fig, axes[0])
    _show(fig, "initialisations")


def long_gradients(explosion, truncated):
    """Gradients that explode, clipped or not, and gradients that are cut off after some steps."""
    fig, axes = plt.subplots(1, 3, figsize=(7.2, 2.9))
    for layer, title, style in (("rnn", "RNN", "-"), ("dense", "Dense", ":")):
        for name, color in (("not clipped", VERMILION), ("clipped", GREEN)):
            lengths = explosion[f"rate 0.3, {name}"]["gradient_norm"][0][layer][:12]
            lengths = np.maximum(lengths, 1e-4)  # where it is 0, at the lower end
            label = f"{title}, {name}"
            axes[0].semilogy(range(1, 1 + len(lengths)), lengths, style, color=color, label=label)
    axes[0].set(xlabel="update", ylabel="length of the gradient, rate 0.3", xticks=(1, 4, 8, 12))
    axes[0].legend(fontsize=7, loc="upper left")
    for (name, r), color, style in zip(explosion.items(), (BLUE, GREEN), ("-", "-."), strict=False):
        _band(axes[1], np.array(r[LOSS]), color, style, name)
    axes[1].set(xlabel="epoch", ylabel="validation loss", yscale="log")
    axes[1].legend(fontsize=7)
    kept = sorted(map(int, truncated))
    for y, k in enumerate(kept):
        _dots(axes[2], y, 1e3 * np.array(truncated[str(k)]["final_loss"]), PURPLE)
    axes[2].set(xlabel="1000 x validation loss", ylabel="steps that the gradient goes back")
    _names(axes[2], kept, (1, 2, 5))
    _show(fig, "long_gradients")


def folds(results):
    """Errors of one model by fold; and by volunteer, with turned windows in training or without."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.7), width_ratios=(1, 1.6))
    ways = {name: r["ways"]["one model"] for name, r in results.items()}
    turned, not_turned = (
        np.array(ways[name]["errors_by_volunteer"]) for name in ("by volunteer", "not turned")
    )
    windows = np.reshape(results["by volunteer"]["windows_by_volunteer"], (7, 3))
    errors = 100 * turned.reshape(7, 3).sum(axis=1) / windows.sum(axis=1)
    axes[0].bar(range(7), errors, color=BLUE)
    axes[0].axhline(100 * (1 - ways["at random"]["accuracy"]), color=VERMILION, ls="--")
    axes[0].set(xlabel="fold of three volunteers", ylabel="errors [%]", xticks=range(7))
    x = np.arange(21)
    axes[1].bar(x - 0.2, turned, 0.4, color=BLUE, label="trained with turned windows")
    axes[1].bar(x + 0.2, not_turned, 0.4, color=ORANGE, label="not turned")
    axes[1].set(xlabel="volunteer", ylabel="wrong windows", xticks=range(0, 21, 5))
    axes[1].legend()
    for ax in axes:
        ax.grid(axis="x", visible=False)
    _show(fig, "folds")


def _three_axes(ax, seconds, X):
    """One line for each axis of a sensor, X (T, 3)."""
    for values, style, color, name in zip(X.T, ("-", "--", ":"), COLORS, CHANNELS, strict=False):
        ax.plot(seconds, values, style, color=color, label=name)


def _dots(ax, y, values, color, marker="o", label=None):
    """One circle a seed at height y, and a bar at their median."""
    ax.plot(values, [y] * len(values), marker, color=color, mfc="none", ms=5, label=label)
    ax.plot([np.median(values)] * 2, [y - 0.3, y + 0.3], color=color, lw=2)


def _names(ax, names, digits=(1,)):
    """Rows from the top down, each with its name; `digits` are those of the ticks."""
    ax.set(xscale="log", ylim=(len(names) - 0.5, -0.5), yticks=range(len(names)))
    ax.set_yticklabels(names)
    if len(digits) > 1:
        ax.xaxis.set_major_locator(LogLocator(subs=digits))
        ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def _band(ax, runs, color, style, label, first=1):
    """The median of runs (seeds, points), and the range between the extremes; x from `first` on."""
    x = np.arange(first, first + runs.shape[1])
    ax.plot(x, np.median(runs, axis=0), ls=style, color=color, label=label)
    ax.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.15, lw=0)


def _legend_above(fig, ax):
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(labels))


def _show(fig, name=None):
    """Show the figure and, where it has a name, keep it as a file for readers without Jupyter."""
    if name and save_to is not None:
        with replacing(save_to / f"{name}.svg") as path:
            fig.savefig(path, metadata={"Date": None, "Creator": None})
    plt.show()
    plt.close(fig)
