"""The page of a comparison in a real browser: quiet, offline, sortable, no wider than the screen."""

import pytest

from bench import artifacts
from reports import compare
from tests.reports.test_browser import CHROMIUM, browser, playwright
from tests.reports.test_compare import edit, raised, write

__all__ = ["browser", "playwright"]
pytestmark = pytest.mark.skipif(not CHROMIUM.is_file(), reason=f"{CHROMIUM} does not exist: install Chromium")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    root = tmp_path_factory.mktemp("compare")
    sides = [write(root / side / "parts") for side in ("a", "b")]
    edit(sides[1], "rise", raised)
    claims = artifacts.read_json(sides[1] / "claims.json")
    claims["finer"]["title"] = "The claim of a paper whose title takes many words, all of which are shown"
    artifacts.write_json(sides[1] / "claims.json", claims)
    edit(sides[1], "surrogate", lambda rows: raised(rows, "deletion", by=0.2))
    with pytest.raises(SystemExit):
        compare.main(*map(str, sides), verify=True, out=root / "out")
    return (root / "out/index.html").as_uri()


def test_page_is_quiet_sortable_and_fits_the_screen(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    badge = page.locator(".badge.no").first
    assert "NOT verified" in badge.inner_text() and 0 < badge.bounding_box()["y"] < 880
    table = page.get_by_role("region", name="Differences of parts")
    values = table.locator("tbody td:nth-child(5)")
    table.get_by_role("button", name="B − A").click()
    found = [float(cell.get_attribute("data-sort")) for cell in values.all()]
    assert found == sorted(found, reverse=True) == [pytest.approx(0.3), pytest.approx(0.2)]
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert requests == [address] and complaints == []
    page.close()


def test_first_column_leaves_room_on_a_phone(browser, address):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(address)
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    for name in page.locator("tbody th").all():
        assert name.bounding_box()["width"] < 390 / 2, name.inner_text()
    page.close()


def test_theme_changes_and_stays(browser, address):
    page = browser.new_page(color_scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    page.goto(address)
    light = page.evaluate(colour)
    page.get_by_role("group", name="Theme").get_by_label("Dark").check()
    assert page.evaluate(colour) == "rgb(19, 21, 25)" != light
    page.reload()
    assert page.evaluate(colour) == "rgb(19, 21, 25)"
    page.emulate_media(media="print")
    assert not page.get_by_role("group", name="Theme").is_visible()
    page.close()
