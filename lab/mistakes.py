"""Name the mistake behind wrong figures: each known one, or two at once, gives figures of its own.

mistakes.json holds none of their code, but for each check one number, a fingerprint, for what the
check's figures would be with each of them; `python -m tools mistakes` makes it.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

CLOSE = 1e-9  # fingerprints of equal figures differ by less, of others by more
UNKNOWN = "none of the mistakes known here"
SIZES = {  # of each check: N, T
    "RNN_forward": (2, 4),
    "RNN_backward": (2, 4),
    "Model_class": (3, 3),
    "Bias": (3, 5),
    "Sequences": (3, 5),
    "Losses": (4, 1),
}


@cache
def known():
    """Return {"mistakes": {what: formula}, "expected": {check: figures}, "prints": {check: rows}}.

    A row is a fingerprint and the number of a mistake, or the numbers of two made at once.
    """
    return json.loads(Path(__file__).with_name("mistakes.json").read_text("utf-8"))


def difference(yours, theirs):
    """Return the largest difference of two arrays, as a part of the largest expected number."""
    if yours.shape != theirs.shape:
        return np.inf
    return float(np.abs(yours - theirs).max() / (np.abs(theirs).max() or 1))


def fingerprint(figures):
    """Return one number for a check's figures; it is equal only if they agree to nine digits.

    Fixed weights make one number of each array. Their logarithms are added up, so that a relative
    difference counts alike in a small and in a large array.
    """
    total = 0.0
    with np.errstate(all="ignore"):
        for k, A in enumerate(figures.values(), 2):
            A = np.ravel(np.asarray(A, float))
            number = A @ np.cos(np.arange(1, A.size + 1))
            total += np.sqrt(k) * (np.log(np.abs(number)) + (number > 0)) if number else 0
    return float(total)


def explain(check, figures, expected, bound, prints=None):
    """Return sentences that name the mistake in a check's figures; none if the figures are right.

    Args:
        check: name of the check.
        figures, expected: {key: array-like}, of the same keys.
        bound: largest difference that counts as equal, as `difference` measures it.
        prints: {check: rows} for other figures than the shipped ones.
    """
    pairs = {key: (np.asarray(figures[key]), np.asarray(expected[key])) for key in expected}
    wrong = [key for key, pair in pairs.items() if not difference(*pair) <= bound]
    if not wrong:
        return []
    mark, sentences = fingerprint(figures), [": ".join(m) for m in known()["mistakes"].items()]
    rows = (known()["prints"] if prints is None else prints).get(check, [])
    fits = [numbers for f, *numbers in rows if abs(f - mark) < CLOSE]
    if fits:
        said = ["; together with ".join(sentences[i] for i in numbers) for numbers in fits]
        *most, last = wrong
        subject = f"{', '.join(most)} and {last} are" if most else f"{last} is"
        return [f"{subject} what comes out with " + "; or with ".join(said)]
    found = [_relation(key, *pairs[key], SIZES.get(check, (1, 1)), bound) for key in wrong]
    return [sentence for sentence in found if sentence] or [f"{check}: {UNKNOWN}"]


def _relation(key, yours, theirs, sizes, bound):
    """Return the sentence for an array that is the expected one times a number, or cut off."""
    if yours.shape != theirs.shape or not np.isfinite(yours).all() or not theirs.any():
        return None
    if not yours.any():
        return f"{key} is zero everywhere"
    (N, T), ratio = sizes, np.vdot(theirs, yours) / np.vdot(theirs, theirs)
    numbers = {"N": N, "T": T, "N T": N * T, "N^2": N * N}
    numbers |= {
        f"1/({name})" if len(name) > 1 else f"1/{name}": 1 / n for name, n in numbers.items()
    }
    same = [name for name, n in numbers.items() if abs(n - ratio) < 1e-6 * n]
    plain = same or ratio in (2, 0.5, -1) or np.count_nonzero(theirs) > 2  # no coincidence
    if plain and difference(theirs * ratio, yours) <= bound:
        return f"{key} is exactly {' = '.join([*same, f'{ratio:.6g}'])} times the expected one"
    cut = np.abs(yours).max()
    whole = yours.size > 2 and cut == float(f"{cut:.2g}")  # a limit that somebody chose
    if whole and difference(yours, np.clip(theirs, -cut, cut)) <= bound:
        return (
            f"{key} is the expected one cut to -{cut:g} ... {cut:g}: clipping is left on in "
            "backward, and must be off in the checks"
        )
    return None
