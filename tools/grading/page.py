"""The class on one page: marks.html, which needs nothing else and can be printed."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
from jinja2 import Environment

from tools.files import write_text
from tools.grading.rules import RULES, VERDICTS

NAMED = re.compile(r"known mistake: ([^;]+)")
STEP = 10  # points of one bar


def write(path, cards, pairs=()):
    """Write the page.

    Args:
        path: pathlib.Path of the page.
        cards: list of score cards with "name" and "student"; what could not be graded has "error".
        pairs: list of similar.Pair.
    """
    graded = [card for card in cards if "error" not in card]
    points = [card["proposed"] for card in graded]
    said = ("; ".join(line["missing"] for line in card["lines"]) for card in graded)
    named = (set(NAMED.findall(text)) for text in said)
    mistakes = Counter(name for names in named for name in sorted(names))
    template = Path(__file__).with_name("marks.html.jinja").read_text("utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    text = page.render(
        cards=sorted(cards, key=_gravity),
        graded=graded,
        pairs=pairs,
        rules=list(RULES),
        bars=np.histogram(points, np.arange(0, 101, STEP))[0].tolist(),
        step=STEP,
        middle=np.median(points) if points else None,
        mistakes=mistakes.most_common(12),
        waiting=Counter(x["part"] for c in graded for x in c["lines"] if x["status"] == "open"),
        verdicts=Counter((r["rule"], r["verdict"]) for c in graded for r in c["rules"]),
        having=Counter(v for c in graded for v in {r["verdict"] for r in c["rules"]}),
    )
    write_text(path, text)


def _gravity(card):
    """Sort what could not be graded first, then what is broken, then what is suspect, by name."""
    found = [VERDICTS.index(rule["verdict"]) for rule in card.get("rules", ())]
    return -max(found, default=len(VERDICTS)), card["name"]
