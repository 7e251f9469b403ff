"""The notebook's figures: one function each, one style, so that the cells say only what is drawn.

Colours are Okabe and Ito's, told apart by colour-blind readers; where lines share an axis they also
differ in dash or marker, for grey print.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from tools.files import replacing

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
RATE = 50  # Hz, of the activity recordings
save_to = None  # folder for figures as files


def use_style(folder=None):
    """Set the one style of all figures, and the folder (pathlib.Path) to keep them in."""
    global save_to
    save_to = folder
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update(
        {
            "figure.figsize": (7.2, 3),
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "savefig.dpi": 150,
            "svg.hashsalt": "lab6",  # equal figures are equal files
            "svg.fonttype": "none",
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


def unrolled_network():
    """The recurrent layer, one copy for each timestep, with the shapes of what flows."""
    fig, ax = plt.subplots(figsize=(7.2, 2.9))
    ax.set(xlim=(-1.2, 8.4), ylim=(-1.5, 1.75))
    ax.axis("off")
    forward = {"arrowstyle": "-|>", "color": BLUE, "lw": 1.5}
    back = {"arrowstyle": "-|>", "color": VERMILION, "lw": 1.3, "ls": "--"}
    box = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": BLUE, "lw": 1.5}
    places = (0, 2, 4, 6.4)
    names = ("$h_0 = 0$", "$h_1$", "$h_2$", "$h_T$")
    for x, name in zip(places, names, strict=True):
        ax.text(x, 0, name, ha="center", va="center", fontsize=12, bbox=box)
    for x, name in zip(places[1:], ("$x_1$", "$x_2$", "$x_T$"), strict=True):
        ax.text(x, -1.25, f"{name}  (N, D)", ha="center", va="center", fontsize=11)
        ax.annotate("", (x, -0.35), (x, -1.05), arrowprops=forward)
        ax.text(x + 0.08, -0.72, "$W_x$", color=BLUE, fontsize=11)
    for left, right in pairwise(places):
        gap = 0.62 if left == 0 else 0.4
        ax.annotate("", (right - 0.4, 0.08), (left + gap, 0.08), arrowprops=forward)
        ax.annotate("", (left + gap, -0.12), (right - 0.4, -0.12), arrowprops=back)
        ax.text((left + right) / 2, 0.2, "$W_h$", ha="center", color=BLUE, fontsize=11)
    ax.text(5.2, -0.45, ". . .", ha="center", fontsize=14)
    ax.annotate("", (7.6, 0.08), (6.8, 0.08), arrowprops=forward)
    ax.annotate("", (6.8, -0.12), (7.6, -0.12), arrowprops=back)
    ax.text(7.7, -0.02, "loss", va="center", fontsize=11)
    for x in places[1:]:
        ax.text(x, 0.5, "(N, H)", ha="center", fontsize=10)
    ax.text(3.2, 1.4, "forward: every step adds its input to the state", color=BLUE, ha="center")
    note = "backward: the gradient returns through every step"
    ax.text(3.2, 1.0, note, color=VERMILION, ha="center")
    _show(fig, "unrolled_network")


def trajectories(states):
    """Hidden states {name: (T, H)} in the plane in which they differ most, step by step."""
    fig, ax = plt.subplots(figsize=(5, 3.4))
    every = np.concatenate(list(states.values()))
    centre = every.mean(axis=0)
    plane = np.linalg.svd(every - centre, full_matrices=False)[2][:2].T
    styles = zip(COLORS, ("-", "--", ":"), ("o", "s", "^"), strict=False)
    for (name, h), (color, style, marker) in zip(states.items(), styles, strict=False):
        x, y = ((h - centre) @ plane).T
        ax.plot(x, y, ls=style, marker=marker, ms=3.5, color=color, label=name)
        ax.annotate("1", (x[0], y[0]), xytext=(4, 4), textcoords="offset points", fontsize=8)
        ax.annotate(str(len(x)), (x[-1], y[-1]), xytext=(4, 4), textcoords="offset points")
    ax.set(xlabel="first principal direction", ylabel="second")
    ax.legend()
    _show(fig, "hidden_states")


def training_curve(train_losses, val_losses, learning_rates):
    """Losses by epoch on a logarithmic axis, with the learning rate as a thin line behind."""
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
    _show(fig)


def sine_samples(X, y, predictions=None, tail=None):
    """The first four sequences X (N, T) with the value y (N, 1) that follows each.

    predictions: {name: (N, 1)} to mark beside y.
    """
    fig, axes = plt.subplots(1, 4, figsize=(7.2, 2.2))
    steps = np.arange(X.shape[1])
    start = 0 if tail is None else X.shape[1] - tail
    for i, ax in enumerate(axes):
        ax.plot(steps[start:], X[i, start:], color=BLUE, marker="." if tail else None, ms=3)
        ax.plot(X.shape[1], y[i, 0], "o", color=VERMILION, ms=5, label="next value")
        for marker, (name, p) in zip(("x", "+"), (predictions or {}).items(), strict=False):
            ax.plot(X.shape[1], p[i, 0], marker, color="black", ms=8, label=name)
        ax.set(xlabel="timestep")
    axes[0].set_ylabel("value")
    _legend_above(fig, axes[0])
    _show(fig, "sine_samples" if predictions is None else "sine_predictions")


def errors(frequency, amplitude, y, errors_by_model):
    """Absolute percentage errors (N,) of each model against frequency, amplitude and |y|."""
    fig, axes = plt.subplots(1, 3, figsize=(7.2, 2.6), sharey=True)
    styles = zip(("o", "^"), (VERMILION, BLUE), strict=True)
    for (name, error), (marker, color) in zip(errors_by_model.items(), styles, strict=True):
        for ax, values in zip(axes, (frequency, amplitude, np.abs(y)), strict=True):
            ax.plot(np.ravel(values), error, marker, color=color, ms=2, alpha=0.4, label=name)
    axes[2].set_xscale("log")
    for ax, label in zip(axes, ("frequency f", "amplitude A", "|y|"), strict=True):
        ax.set(xlabel=label, yscale="log")
    axes[0].set_ylabel("absolute error [% of |y|]")
    _legend_above(fig, axes[0], markerscale=2.5)
    _show(fig, "sine_errors")


def sensor_windows(X, y):
    """One window of each activity: acceleration above, rotation below."""
    fig, axes = plt.subplots(2, 3, figsize=(7.2, 3.6), sharex=True, sharey="row")
    seconds = np.arange(X.shape[1]) / RATE
    for c, name in enumerate(ACTIVITIES):
        window = X[np.flatnonzero(np.ravel(y) == c)[10]]
        for channel, style in zip(range(3), ("-", "--", ":"), strict=True):
            color = COLORS[channel]
            axes[0, c].plot(
                seconds, window[:, channel], style, color=color, label=CHANNELS[channel]
            )
            axes[1, c].plot(seconds, window[:, 3 + channel], style, color=color)
        axes[0, c].set_title(f"{c}: {name}")
        axes[1, c].set_xlabel("time [s]")
    axes[0, 0].set_ylabel("acceleration [g]")
    axes[1, 0].set_ylabel("rotation [rad/s]")
    _legend_above(fig, axes[0, 0])
    _show(fig, "sensor_windows")


def confusion(truth, predicted):
    """Confusion matrix of integer labels: counts, and rates within each true class."""
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (np.ravel(truth), np.ravel(predicted)), 1)
    rates = counts / counts.sum(axis=1, keepdims=True)
    fig, ax = plt.subplots(figsize=(3.8, 3))
    ax.imshow(rates, cmap="Blues", vmin=0, vmax=1)
    ax.grid(False)
    for i in range(3):
        for j in range(3):
            ink = "white" if rates[i, j] > 0.5 else "black"
            text = f"{counts[i, j]}\n{100 * rates[i, j]:.1f} %"
            ax.text(j, i, text, ha="center", va="center", color=ink)
    ax.set(xlabel="predicted", ylabel="true", xticks=range(3), yticks=range(3))
    ax.set_xticklabels(ACTIVITIES)
    ax.set_yticklabels(ACTIVITIES)
    _show(fig, "confusion")


def sine_comparison(results):
    """MAPE of each seed, by model, on generated and on the course's sequences."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.6), sharey=True)
    names = {
        "rnn": "RNN",
        "dense": "Dense only",
        "linear": "one linear layer",
        "dense, the RNN's inputs": "Dense, RNN's inputs",
        "dense, last step only": "Dense, last 9 values",
    }
    keys = {
        "validation_mape": "10,000 generated sequences",
        "test_mape": "the course's 500 test sequences",
    }
    for ax, (key, title) in zip(axes, keys.items(), strict=True):
        for y, (name, color) in enumerate(zip(names, COLORS, strict=False)):
            values = results[name][key]
            ax.plot(values, [y] * len(values), "o", color=color, mfc="none")
            ax.plot([np.median(values)] * 2, [y - 0.3, y + 0.3], color=color, lw=2)
        ax.set(xscale="log", xlabel="MAPE [%]", title=title, yticks=range(len(names)))
    axes[0].set_yticklabels(names.values())
    axes[0].invert_yaxis()
    _show(fig, "sine_comparison")


def stack_curves(results):
    """Validation loss, and size of the first layer's gradient, for each way to stack."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 3.2))
    styles = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
    trained = {name: r for name, r in results.items() if "validation_loss" in r}
    for (name, r), color, style in zip(trained.items(), COLORS, styles, strict=False):
        for ax, key in zip(axes, ("validation_loss", "first_gradient"), strict=True):
            _band(ax, np.array(r[key]), color, style, name)
    axes[0].set(xlabel="epoch", ylabel="validation loss", yscale="log")
    axes[1].set(xlabel="epoch", ylabel="gradient of the first layer", yscale="log")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)
    _show(fig, "stack")


def hidden_units(results, seconds):
    """Errors on seen and unseen volunteers, and training time, against the number of units."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.6))
    H = sorted(int(name) for name in results)
    for key, color, style, marker, label in (
        ("training_error", BLUE, "--", "o", "training volunteers"),
        ("validation_error", VERMILION, "-", "s", "unseen volunteers"),
    ):
        values = np.array([results[str(h)][key] for h in H])
        axes[0].errorbar(
            H,
            values.mean(1),
            values.std(1),
            color=color,
            ls=style,
            marker=marker,
            ms=4,
            label=label,
        )
    times = np.array([seconds[f"hidden {h}"] for h in H])
    axes[1].errorbar(H, times.mean(1), times.std(1), color=GREEN, marker="o", ms=4)
    for ax in axes:
        ax.set_xscale("log", base=2)
        ax.set(xticks=H, xlabel="hidden units H", ylim=(0, None))
        ax.set_xticklabels(H)
    axes[0].set_ylabel("errors [%]")
    axes[1].set_ylabel("training time [s]")
    axes[0].legend()
    _show(fig, "hidden_units")


def initialisations(results):
    """How much gradient is left at each timestep, and what that does to training."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.6))
    for name, color, style in (("course", VERMILION, "--"), ("orthogonal", BLUE, "-")):
        sizes = np.array(results[name]["gradient_by_timestep"])
        _band(axes[0], sizes, color, style, name)
        _band(axes[1], np.array(results[name]["validation_loss"]), color, style, name)
    axes[0].set(xlabel="timestep t", ylabel="size of dL/dx$_t$", yscale="log")
    axes[1].set(xlabel="epoch", ylabel="validation loss", yscale="log")
    axes[0].legend()
    _show(fig, "initialisations")


def folds(results):
    """Errors by fold, single models and their average, and by volunteer."""
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 2.6), width_ratios=(1, 1.4))
    r = results["by volunteer"]
    single, average = (100 * (1 - np.array(r[k])) for k in ("single_by_fold", "ensemble_by_fold"))
    x = np.arange(len(single))
    axes[0].bar(x - 0.2, single, 0.4, color=SKY, label="one model")
    axes[0].bar(x + 0.2, average, 0.4, color=BLUE, label="models averaged")
    leak = 100 * (1 - np.mean(results["at random"]["single_by_fold"]))
    axes[0].axhline(leak, color=VERMILION, ls="--", label="one model, random split")
    axes[0].set(xlabel="fold of three volunteers", ylabel="errors [%]", xticks=x)
    _legend_above(fig, axes[0])
    errors = r["errors_by_volunteer"]
    axes[1].bar(np.arange(len(errors)), errors, color=BLUE)
    axes[1].set(xlabel="volunteer", ylabel="wrong windows")
    for ax in axes:
        ax.grid(axis="x", visible=False)
    _show(fig, "folds")


def _band(ax, runs, color, style, label):
    """The median of runs (seeds, points), and the range between the extremes."""
    x = np.arange(1, runs.shape[1] + 1)
    ax.plot(x, np.median(runs, axis=0), ls=style, color=color, label=label)
    ax.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.15, lw=0)


def _legend_above(fig, ax, **options):
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(labels), **options)


def _show(fig, name=None):
    """Show the figure and, where it has a name, keep it as a file for readers without Jupyter."""
    if name and save_to is not None:
        with replacing(save_to / f"{name}.png") as path:
            fig.savefig(path, metadata={"Software": None})
    plt.show()
    plt.close(fig)
