"""Which look each class has: species come in twins that differ in exactly one part."""

from functools import lru_cache
from typing import NamedTuple

from bench.datasets._bird_shapes import SHAPES

# Telling parts in turn: pair i of twins differs in TELLING[i % 7] alone.
TELLING = ("beak", "crown", "wing", "tail", "breast", "legs", "eye")
COLOURS = {
    "red": (214, 40, 40),
    "blue": (32, 84, 214),
    "white": (246, 244, 238),
    "black": (38, 34, 44),
    "yellow": (250, 200, 30),
    "green": (36, 168, 78),
    "magenta": (206, 54, 186),
}
# Parts of one group share a colour within a pair, so that a bird looks designed and not like confetti.
# The number is the group's place in COLOURS relative to the pair's: no two groups of a bird share a colour.
COLOUR_GROUPS = {"beak": 0, "legs": 0, "eye": 0, "crown": 6, "tail": 6, "wing": 2, "breast": 1}
MAX_CLASSES = 40


class Look(NamedTuple):
    """The shape (a key of `SHAPES[part]`) and the colour (a key of `COLOURS`) of one part."""

    shape: str
    colour: str


def telling_part(label: int) -> str:
    """Return the one part in which the class and its twin differ."""
    return TELLING[label // 2 % len(TELLING)]


def twin(label: int) -> int:
    """Return the class that differs from `label` in its telling part alone."""
    return label ^ 1


@lru_cache(maxsize=MAX_CLASSES)
def species(label: int) -> dict[str, Look]:
    """Return the look of every part but the body, which tells nothing; do not modify it.

    Shapes repeat every five pairs and colours every seven, so that any two of the first 20 pairs
    differ in the shapes or in the colours of all their parts. The second twin has the shape two
    further and the colour three further in the lists, which are ordered to make both contrast.
    """
    pair, second = divmod(label, 2)
    colours = list(COLOURS)
    looks = {}
    for number, (part, shapes) in enumerate(SHAPES.items()):
        shape = pair * (1 + number % 4) + number
        colour = pair * 3 + COLOUR_GROUPS[part]
        if second and part == telling_part(label):
            shape, colour = shape + 2, colour + 3
        looks[part] = Look(list(shapes)[shape % len(shapes)], colours[colour % len(colours)])
    return looks


def class_name(label: int) -> str:
    """Return for example `00a red cone beak`: the pair, the twin and the look that tells it."""
    part = telling_part(label)
    look = species(label)[part]
    return f"{label // 2:02d}{'ab'[label % 2]} {look.colour} {look.shape} {part}"
