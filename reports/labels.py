"""Names beside the points of a figure, each where it covers nothing and is not taken for another point's."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from reports import glossary
from reports.drawing import INK

NEAR = 8  # points sideways, or beyond its bar; a name further off is joined to its point by a line
APART = 10  # pixels between a name and the points of others, where there is room
CLEAR = 3  # pixels, where there is not
DOUBT = 1.5  # times as far as its own point: another one that is nearer could be taken for it
LINE = {"arrowstyle": "-", "color": INK, "alpha": 0.35, "lw": 0.6, "shrinkB": 3}
END = {"left": 0.0, "center": 0.5, "right": 1.0}  # of a line, in widths of the name
Place = tuple[float, float, str]  # points to the right of the point and above it, alignment
LAST_PLACE: Place = (0.0, -40.0, "center")  # of a name that fits nowhere


@dataclass(frozen=True)
class Point:
    """One point of a figure and the size of its name, in pixels.

    at: where it is, in the units of the axes; mark, bar: where it and its interval stand.
    words: where its name stands from `mark` if it begins there.
    scale: pixels in a point.
    """

    title: str
    at: tuple[float, float]
    mark: tuple[float, float]
    bar: Bbox
    words: Bbox
    scale: float

    def places(self) -> list[Place]:
        """Return where its name may stand, the best first: beside it, above or below its bar, further off."""
        sides, up, down = {"left": 1, "right": -1}, *self._reach()
        near: list[Place] = [(8 * sign, y, side) for y in (-3, 8, -14) for side, sign in sides.items()]
        over: list[Place] = [(0, -down - 10, "center"), (0, up + 3, "center")]
        heights = [-3, *(sign * 11 * step - 3 for step in range(1, 10) for sign in (1, -1))]
        far: list[Place] = [(x * sign, y, side) for x in (20, 50) for y in heights for side, sign in sides.items()]
        ends = ((-1, down), (1, up))
        beyond: list[Place] = [(0, sign * (end + 11 * step), "center") for step in range(2, 8) for sign, end in ends]
        return [*near, *over, *far, *beyond]

    def name(self, place: Place) -> Bbox:
        """Return where its name stands at a place."""
        x, y, align = place
        shift = self.scale * x - END[align] * self.words.width, self.scale * y
        return self.words.translated(self.mark[0] + shift[0], self.mark[1] + shift[1])

    def line(self, place: Place) -> Path:
        """Return the line that joins it to its name."""
        name = self.name(place)
        return Path([self.mark, (name.x0 + END[place[2]] * name.width, name.y0 + name.height / 2)])

    def joined(self, place: Place, others: Sequence["Point"]) -> bool:
        """Tell whether a line must join it to its name: the name is far off, or about as near to another point."""
        (x, y, align), (up, down) = place, self._reach()
        far = abs(x) > NEAR or (align == "center" and not -down - NEAR <= y + 3 <= up + NEAR)
        name = self.name(place)
        return far or any(_gap(name, other.mark) <= DOUBT * _gap(name, self.mark) for other in others)

    def _reach(self) -> tuple[float, float]:
        """Return how far its interval reaches above it and below it, in points."""
        return (self.bar.y1 - self.mark[1]) / self.scale, (self.mark[1] - self.bar.y0) / self.scale


def label_points(figure: Figure, axes: Axes, rows: pd.DataFrame, front: Line2D) -> None:
    """Write each name beside its point, above its bar or below it, where it covers no name, point, bar or line.

    Names choose one after the other, in several orders; the one that leaves them the best places is taken.
    """
    figure.draw_without_rendering()
    points = [_point(axes, row) for row in rows.to_dict("records")]
    steps = axes.transData.transform_path(front.get_path())
    orders = [[one, *_others(one, way)] for way in (points, points[::-1]) for one in points]
    found = [_arranged(axes, order, steps) for order in orders]
    for point, place in min(found, key=lambda one: one[0], default=(0, []))[1]:
        _written(axes, point.title, point.at, place, point.joined(place, _others(point, points)))


def _arranged(axes: Axes, points: Sequence[Point], steps: Path) -> tuple[int, list[tuple[Point, Place]]]:
    """Let the points choose in turn; return how far down their lists they had to go, in all, and what they chose."""
    names: list[Bbox] = []
    lines = [steps]
    cost, chosen = 0, []
    for point in points:
        others = _others(point, points)
        rank, place = _choice(axes, point, others, names, lines)
        lines += [point.line(place)] if point.joined(place, others) else []
        names.append(point.name(place))
        cost += rank
        chosen.append((point, place))
    return cost, chosen


def _choice(axes: Axes, point: Point, others: list[Point], names: list[Bbox], lines: list[Path]) -> tuple[int, Place]:
    """Return the best free place of a name and its rank: apart from other points, else clear of them, else on lines."""
    paper = axes.transData.transform((glossary.PAPER_FPS, 0))[0]
    fixed = [*names, point.bar.padded(CLEAR, 0), Bbox.from_extents(paper - 2, axes.bbox.y0, paper + 2, axes.bbox.y1)]
    foreign = [other.bar for other in others if not other.bar.contains(*point.mark)]
    rank = 0
    for apart, uncrossed in ((APART, True), (CLEAR, True), (CLEAR, False)):
        blocked = [*fixed, *(other.bar.padded(apart, apart - CLEAR) for other in others)]
        for place in (_fitted(axes, point, one) for one in point.places()):
            name, joined, own = point.name(place), point.joined(place, others), point.line(place)
            crossed = any(line.intersects_bbox(name) for line in lines)
            crossed |= joined and any(own.intersects_bbox(one) for one in (*names, *foreign))
            covers = any(name.overlaps(one) for one in blocked)
            if not covers and not (uncrossed and crossed) and _inside(axes, name, joined):
                return rank, place
            rank += 1
    return rank, _fitted(axes, point, LAST_PLACE)


def _fitted(axes: Axes, point: Point, place: Place) -> Place:
    """Return a place above or below a point, moved to the right if the name would begin left of the axes."""
    x, y, align = place
    beyond = max(0.0, axes.bbox.x0 - point.name(place).x0) if align == "center" else 0.0
    return x + beyond / point.scale, y, align


def _inside(axes: Axes, name: Bbox, joined: bool) -> bool:
    across = axes.bbox.x0 - 2 <= name.x0 and name.x1 <= axes.bbox.x1 + 6
    return across and axes.bbox.y0 <= name.y0 and (not joined or name.y1 <= axes.bbox.y1)


def _others(point: Point, points: Sequence[Point]) -> list[Point]:
    return [other for other in points if other is not point]


def _gap(box: Bbox, mark: tuple[float, float]) -> float:
    x, y = mark
    return hypot(max(0.0, box.x0 - x, x - box.x1), max(0.0, box.y0 - y, y - box.y1))


def _point(axes: Axes, row: dict[str, Any]) -> Point:
    title, at = glossary.title(row["explainer"]), (row["fps"], row["mean"])
    low, high = (row["mean"] if pd.isna(row[end]) else row[end] for end in ("low", "high"))
    (x, a), (_, b), (_, y) = axes.transData.transform([(row["fps"], low), (row["fps"], high), at])
    bar = Bbox.from_extents(x - 2, min(a, b, y - 4), x + 2, max(a, b, y + 4))
    label = _written(axes, title, at, (0.0, 0.0, "left"))
    label.get_window_extent()  # places it
    words = Text.get_window_extent(label).translated(-x, -y).padded(1)
    label.remove()
    return Point(title, at, (x, y), bar, words, axes.figure.dpi / 72)


def _written(axes: Axes, title: str, at: tuple[float, float], place: Place, line: bool = False) -> Annotation:
    x, y, align = place
    return axes.annotate(
        title, at, (x, y), textcoords="offset points", ha=align, fontsize=8.5,
        arrowprops=LINE | {"relpos": (END[align], 0.5)} if line else None,
    )  # fmt: skip
