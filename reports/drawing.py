"""How every figure looks, and what is made of it: SVG inside the page, and files for papers and slides."""

import hashlib
import io
import pickle
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.artifacts import write_atomically
from bench.method_names import TITLES
from reports import glossary
from reports.results import Results

# Told apart on white and on near-black: the first six, the known methods', by the colour-blind too (least CIELAB
# distance 25 as those see them without long, middle or short cones; Machado 2009).
PALETTE = ["#B44713", "#5254F0", "#128564", "#A4409B", "#E99A00", "#57AFFF", "#864BC3", "#8BAACB"]
MARKERS = ["o", "s", "^", "D", "v", "P", "p", "*", "H"]
ABLATION_COLOUR = "#C08A64"
ABLATION_MARKERS = ["<", ">", "d", "*", "h", "8", "p", "P", "v", "^", "D", "s"]
CONTROL_COLOUR = "#8a8a8a"
CONTROL_MARKER = "X"
CONTROL_DASHES = [(5, 2), (1, 1.2), (6, 1.5, 1, 1.5)]
INK = "#010203"  # becomes the colour of the text around the figure; black in files
# One font wherever the page is made, and no white edges; the rest of the look is seaborn's for papers.
_STYLE: dict[Any, Any] = {
    **sns.axes_style("whitegrid"),
    **sns.plotting_context("paper"),
    "svg.hashsalt": "report",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#8888887f",
    "axes.spines.top": False,
    "axes.titley": 1.0,  # else it is sought anew in every drawing
    "axes.spines.right": False,
    "xtick.bottom": True,
    "xtick.color": INK,
    "ytick.left": True,
    "ytick.color": INK,
    "grid.color": "#88888833",
    "lines.linewidth": 1.8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Drawing:
    """A finished figure; a template shows it as {{ drawing }}.

    name: of its files, without suffix: lower case letters, digits, `-` and `_`.
    svg: an <svg> element in `INK` whose ids are unique on a page; no metadata.
    packed: the figure it was made of, pickled, so that it travels between processes and is unpacked where it is saved.
    """

    name: str
    svg: str
    packed: bytes

    @property
    def figure(self) -> Figure:
        """A copy of what it was made of."""
        return pickle.loads(self.packed)

    def __html__(self) -> Markup:
        """Return the element, its ink the colour of the text around it."""
        return Markup(self.svg.replace(INK, "currentColor"))

    def save(self, folder: Path, pdf: bool = True) -> None:
        """Write <name>.svg, and <name>.pdf if asked for, in black ink without a background; same figure, same bytes."""
        whole = f'<?xml version="1.0" encoding="utf-8"?>\n{self.svg.replace(INK, "#000")}'
        write_atomically(folder / f"{self.name}.svg", partial(Path.write_text, data=whole, encoding="utf-8"))
        if pdf:
            with mpl.rc_context(_STYLE):
                write = partial(self.figure.savefig, format="pdf", metadata={"CreationDate": None})
                write_atomically(folder / f"{self.name}.pdf", write)


@dataclass(frozen=True)
class Look:
    """How each explainer is drawn in every figure of a page.

    colours, markers: by explainer, one each per known method; ablations share a colour, controls both.
    dashes: by explainer, on and off in line widths; only controls are dashed.
    """

    colours: dict[str, str]
    markers: dict[str, str]
    dashes: dict[str, tuple[float, ...]]


def look(results: Results) -> Look:
    """Return how the experiment's explainers are drawn."""
    methods, ablations, controls = (results.of_kind(kind) for kind in ("method", "ablation", "control"))
    colours = dict.fromkeys(controls, CONTROL_COLOUR) | dict.fromkeys(ablations, ABLATION_COLOUR)
    markers = dict.fromkeys(controls, CONTROL_MARKER) | named("ablation", ablations, ABLATION_MARKERS)
    dashes = dict.fromkeys(methods + ablations, ()) | named("control", controls, CONTROL_DASHES)
    return Look(colours | named("method", methods, PALETTE), markers | named("method", methods, MARKERS), dashes)


def named(kind: str, names: Iterable[str], styles: list[Any]) -> dict[str, Any]:
    """Give every explainer of a kind that has a title the style at its place among these, and others what is left."""
    known = [name for name in TITLES if glossary.kind(name) == kind]
    return paired(known, styles) | paired(sorted(set(names) - set(known)), styles[len(known) :] or styles)


def paired(names: list[str], styles: list[Any]) -> dict[str, Any]:
    """Give each name the style at its place, from the start again when there are more names."""
    return dict(zip(names, cycle(styles), strict=False))


@contextmanager
def canvas(width: float, height: float, panels: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give an empty figure of so many inches in the report's style, and its panels from left to right."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, list(figure.subplots(1, panels, squeeze=False)[0])


def means(axes: Axes, results: Results, rows: pd.DataFrame, x: str, y: str) -> None:
    """Draw the mean of each row with its interval, one colour and marker per method; controls share theirs."""
    style, known = look(results), rows.dropna(subset=["low", "high"])
    bars, at = (axes.hlines, y) if x == "mean" else (axes.vlines, x)
    bars(known[at], known["low"], known["high"], colors=known["explainer"].map(style.colours), lw=1.8, zorder=2)
    for row in rows.to_dict("records"):
        name = row["explainer"]
        axes.plot(
            row[x], row[y], marker=style.markers[name], color=style.colours[name], ls="", markersize=6,
            markeredgewidth=0, zorder=3,
        )  # fmt: skip


def drawn(figure: Figure, key: str, name: str, description: str) -> Drawing:
    """Finish a figure inside its `canvas`.

    Args:
        figure: the figure.
        key: of the experiment; with `name` it is unique on a page.
        name: of the figure's files, see `Drawing`.
        description: what a reader who cannot see it is told.
    """
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)  # once: as long as there is an engine, saving does so twice, and draws twice
        figure.set_layout_engine(None)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    prefix = "f" + hashlib.sha256(f"{key}-{name}".encode()).hexdigest()[:8]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    text = text.replace("'DejaVu Sans'", "'DejaVu Sans', sans-serif")
    label = Markup.escape(description)
    text = text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return Drawing(re.sub(r"[^a-z0-9_]+", "-", name.lower()), text, pickle.dumps(figure))
