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


@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_no_wider_than_the_screen(opened, width):
    page = opened[0]
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.getBoundingClientRect().right") <= width
