"""The page of the committed references, drawn birds and photographs, in a real browser."""

from unittest import mock

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from reports import render
from reports.compare_sources import REFERENCE
from reports.results import read
from tests.reports.browsing import COLLISIONS, EXPAND
from tests.reports.test_browser import CHROMIUM, browser, playwright

__all__ = ["browser", "playwright"]
NAMES = ("parts", "birds")
LIMIT = 10_000_000  # bytes
pytestmark = pytest.mark.skipif(not CHROMIUM.is_file(), reason=f"{CHROMIUM} does not exist: install Chromium")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("references")
    return folder, render.render([read(REFERENCE / name, committed=True) for name in NAMES], folder)


@pytest.fixture(scope="module")
def path(rendered):
    return rendered[0] / "index.html"


def test_no_word_leaves_its_figure(rendered):
    drawings = [drawing for section in rendered[1] for drawing in section.drawings.files]
    assert len(drawings) > 40
    assert {drawing.name: cut for drawing in drawings if (cut := beyond(drawing.figure))} == {}


def test_a_word_that_leaves_its_figure_is_found():
    figure = Figure(figsize=(2, 2), layout="constrained")
    figure.subplots().set_title("a title that is longer than the figure is wide")
    assert beyond(figure) == ["a title that is longer than the figure is wide"]


def beyond(figure):
    """Return the texts that are cut off at the figure's edge, of those that are drawn."""
    seen, draw = [], Text.draw

    def noting(text, renderer):
        seen.append((text.get_text(), text.get_window_extent(renderer)))
        draw(text, renderer)

    with mock.patch.object(Text, "draw", noting):
        FigureCanvasAgg(figure).draw()
    edge = figure.bbox.padded(1)
    cut = [words for words, box in seen if words and not all(edge.contains(*end) for end in (box.min, box.max))]
    return list(dict.fromkeys(cut))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_page_is_quiet_and_nothing_overflows_or_overlaps(browser, path, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    page.locator('input[value="*"]').check()
    page.evaluate(EXPAND)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(COLLISIONS) == []
    assert complaints == [] and path.stat().st_size < LIMIT
    page.close()


def test_first_screen_says_which_claims_reproduce(browser, path):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(path.as_uri())
    for name in NAMES:
        page.locator(f'input[value="reference/{name}"]').check()
        badges = page.locator(".matrix td.chosen .badge")
        assert badges.all_inner_texts() and all(one.bounding_box()["y"] < 780 for one in badges.all())
        figure = page.locator(".experiments .chosen svg").bounding_box()
        assert figure["y"] + figure["height"] < 800
    page.close()
