"""The class on one page: marks.html, which needs nothing else and can be printed."""

import re
from collections import Counter
from pathlib import Path
from statistics import median

from jinja2 import Environment

from lab.files import write_text
from tools.grading.rules import RULES, VERDICTS

NAMED = re.compile(  # what lab.mistakes.explain says
    r"(?:comes out with|; together with|; or with) (.+?): |(?: is|and \w+ are) (exactly \S+ times "
    r"the expected one|zero everywhere|the expected one cut)"
)
STEP = 10  # points of one bar
TEMPLATE = Path(__file__).with_name("marks.html.jinja")


def write(path, cards, pairs=()):
    """Write the page.

    Args:
        path: pathlib.Path of the page.
        cards: list of score cards with "name" and "student"; what could not be graded has "error".
        pairs: list of similar.Pair.
    """
    graded = [card for card in cards if "error" not in card]
    points = [card["proposed"] for card in graded]
    out_of = max((card["out_of"] for card in graded), default=100)
    bins = Counter(min(int(p // STEP), (out_of - 1) // STEP) for p in points)
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text("utf-8")
    )
    text = page.render(
        cards=sorted(cards, key=_gravity),
        graded=graded,
        pairs=pairs,
        rules=list(RULES),
        bars=[bins[i] for i in range(-(-out_of // STEP))],
        step=STEP,
        middle=median(points) if points else None,
        mistakes=sorted(_mistakes(graded).items(), key=lambda found: (-found[1], found[0]))[:12],
        waiting=Counter(x["part"] for c in graded for x in c["lines"] if x["status"] == "open"),
        verdicts=Counter((r["rule"], r["verdict"]) for c in graded for r in c["rules"]),
        having=Counter(v for c in graded for v in {r["verdict"] for r in c["rules"]}),
    )
    write_text(path, text)


def _gravity(card):
    """Sort what could not be graded first, then what is broken, then what is suspect, by name."""
    found = [VERDICTS.index(rule["verdict"]) for rule in card.get("rules", ())]
    return -max(found, default=len(VERDICTS)), card["name"]


def _mistakes(cards):
    """Return how many hand-ins have each mistake, by its name."""
    said = ("; ".join(line["missing"] for line in card["lines"]) for card in cards)
    return Counter(name for text in said for name in {a or b for a, b in NAMED.findall(text)})
