"""How the time of an explanation grows with image size, batch, masks, channels and classes."""

from matplotlib.ticker import NullFormatter, NullLocator

from reports import glossary
from reports.drawing import Drawing, canvas, drawn, look
from reports.results import Results
from reports.suite import axes_of, grown

WORDS = {
    "image_size": "side of the image, px",
    "batch": "images at a time",
    "masks": "masks",
    "channels": "channels of the last stage",
    "classes": "classes",
}


def axes(results: Results) -> list[str]:
    """Return every axis along which times were kept, in the order found."""
    return axes_of({name: own for name, own in grown(results).items() if any(one.sizes for one in own.values())})


def growth(results: Results, axis: str) -> Drawing | None:
    """Plot milliseconds against size, both on a log axis, a line per explainer; None without data."""
    found = {name: own[axis] for name, own in grown(results).items() if axis in own and own[axis].sizes}
    if not found:
        return None
    style, words = look(results), WORDS.get(axis, axis.replace("_", " "))
    with canvas(4.3, 2.6 + 0.17 * ((len(found) + 1) // 2)) as (figure, [plot]):
        for name, one in found.items():
            method = glossary.kind(name) == "method"
            plot.plot(
                one.sizes, [1000 * seconds for seconds in one.seconds], color=style.colours[name],
                marker=style.markers[name], dashes=style.dashes[name], lw=1.5 if method else 1, markersize=4.5,
                markeredgewidth=0, label=glossary.title(name), zorder=3 if method else 2,
            )  # fmt: skip
        plot.set(xscale="log", yscale="log", xlabel=f"{words} (log)", ylabel="ms (log)")
        sizes = sorted({size for one in found.values() for size in one.sizes})
        plot.xaxis.set_minor_locator(NullLocator())
        plot.set_xticks(sizes, [f"{size:,g}" for size in sizes])
        plot.yaxis.set_major_formatter("{x:,g}")
        plot.yaxis.set_minor_formatter(NullFormatter())
        figure.legend(loc="outside lower center", ncols=2, fontsize=7.5, handlelength=3, labelspacing=0.3)
        return drawn(figure, results.key, f"growth-{axis}", f"Time of an explanation against {words}, of every method")
