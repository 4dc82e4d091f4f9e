"""The page in a real browser: quiet, offline, sortable, and no wider than the screen."""

import os
from pathlib import Path

import pytest

from reports import gallery, render
from tests.reports import result_tree

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
pytestmark = pytest.mark.skipif(
    not CHROMIUM.is_file(), reason=f"{CHROMIUM} does not exist: install Chromium or set CHROMIUM to its path"
)


# WCAG's ratio of an element's colour to the first background behind it that is not transparent.
CONTRAST = """(element) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  let behind = element;
  while (parts(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const light = (colour) => parts(colour).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const both = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    root = tmp_path_factory.mktemp("browser")
    params = result_tree.write_params(root, ["parts"], ["parts"])
    result_tree.write_results(root / "results/parts")
    result_tree.write_work(root / "work/parts")
    result_tree.write_results(root / "reference/parts")
    gallery.main(params, "parts", root)
    render.main(params, root, root / "reference", root / "report")
    return (root / "report/index.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as tools:
        started = tools.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, address):
    """Return the page, what it requested and what it complained about."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    yield page, requests, complaints
    page.close()


def test_page_is_quiet_and_offline(opened, address):
    page, requests, complaints = opened
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    page.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth)")
    assert [url for url in requests if not url.startswith("data:")] == [address]
    assert complaints == []


def test_click_on_a_heading_sorts_the_rows(opened):
    page, _, complaints = opened
    table = page.get_by_role("region", name="Accuracy of").first
    names, heading = table.locator("tbody th"), table.get_by_role("button", name="Deletion AUC")
    values = table.locator("tbody td:nth-child(3)")
    before = names.all_inner_texts()
    found = {}
    for _ in range(2):
        heading.click()
        direction = table.locator("th[aria-sort]").get_attribute("aria-sort")
        found[direction] = [float(cell.get_attribute("data-sort")) for cell in values.all()]
    assert found["descending"] == sorted(found["descending"], reverse=True)
    assert found["ascending"] == sorted(found["descending"])
    assert names.all_inner_texts() != before
    assert sorted(names.all_inner_texts()) == sorted(before)
    assert complaints == []


def test_first_screen_tells_which_claims_reproduce(opened):
    page = opened[0]
    badges = page.get_by_role("region", name="Claims and verdicts").locator(".badge")
    assert badges.count() == 2 * len(result_tree.claims())
    assert all(0 < badge.bounding_box()["y"] < 900 - 20 for badge in badges.all())


def test_figures_of_a_claim_open_and_fit(opened):
    page, _, complaints = opened
    claim = page.locator("#claim-3")
    table = claim.locator("table").first
    assert not table.is_visible()
    claim.locator("summary").first.click()
    assert table.is_visible()
    assert table.evaluate("(table) => table.scrollWidth <= table.parentElement.clientWidth")
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_can_be_read_in_light_and_dark(browser, address, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.goto(address)
    for kind in ("yes", "no", "open", "untested"):
        assert page.locator(f".matrix .badge.{kind}").first.evaluate(CONTRAST) >= 4.5, kind
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_no_wider_than_the_screen(opened, width):
    page = opened[0]
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.getBoundingClientRect().right") <= width
