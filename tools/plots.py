"""The notebook's figures: one function each, one style, so that the cells say only what is drawn.

Colours are Okabe and Ito's, told apart by colour-blind readers; where lines share an axis they also
differ in dash or marker, for grey print.
"""

import matplotlib.pyplot as plt
import numpy as np

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


def use_style():
    """Set the one style of all figures."""
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
            "grid.color": "#dddddd",
            "grid.linewidth": 0.6,
            "axes.prop_cycle": plt.cycler(color=COLORS),
            "lines.linewidth": 1.3,
            "legend.frameon": False,
        }
    )


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
    rate.plot(epochs, learning_rates, color="#888888", lw=0.8, ls=":", label="learning rate")
    rate.set(ylabel="learning rate", ylim=(0, None))
    rate.grid(False)
    rate.spines["right"].set_visible(True)
    fig.legend(loc="outside upper center", ncols=3)
    plt.show()


def sine_samples(X, y, predictions=None, count=4, tail=None):
    """The first `count` sequences X (N, T) with the value y (N, 1) that follows each.

    predictions: {name: (N, 1)} to mark beside y.
    """
    fig, axes = plt.subplots(1, count, figsize=(7.2, 2.2))
    steps = np.arange(X.shape[1])
    start = 0 if tail is None else X.shape[1] - tail
    for i, ax in enumerate(axes):
        ax.plot(steps[start:], X[i, start:], color=BLUE, marker="." if tail else None, ms=3)
        ax.plot(X.shape[1], y[i, 0], "o", color=VERMILION, ms=5, label="next value")
        for marker, (name, p) in zip(("x", "+"), (predictions or {}).items(), strict=False):
            ax.plot(X.shape[1], p[i, 0], marker, color="black", ms=8, label=name)
        ax.set(xlabel="timestep")
    axes[0].set_ylabel("value")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    plt.show()


def errors(frequency, amplitude, y, predictions):
    """Absolute percentage error of each sequence against frequency, amplitude and |y|.

    predictions: {name: (N, 1)}.
    """
    fig, axes = plt.subplots(1, 3, figsize=(7.2, 2.6), sharey=True)
    for (name, p), color, marker in zip(
        predictions.items(), (VERMILION, BLUE), ("o", "^"), strict=False
    ):
        error = 100 * np.abs((p - y) / y).ravel()
        for ax, values in zip(axes, (frequency, amplitude, np.abs(y)), strict=True):
            ax.loglog if ax is axes[2] else ax.semilogy
            ax.plot(np.ravel(values), error, marker, color=color, ms=2.5, alpha=0.5, label=name)
    axes[2].set_xscale("log")
    for ax, label in zip(axes, ("frequency", "amplitude", "|y|"), strict=True):
        ax.set(xlabel=label, yscale="log")
    axes[0].set_ylabel("absolute error, % of |y|")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(labels), markerscale=2)
    plt.show()


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
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=3)
    plt.show()


def confusion(truth, predicted):
    """Confusion matrix of integer labels: counts, and rates within each true class."""
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (np.ravel(truth), np.ravel(predicted)), 1)
    rates = counts / counts.sum(axis=1, keepdims=True)
    _, ax = plt.subplots(figsize=(3.8, 3))
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
    plt.show()
