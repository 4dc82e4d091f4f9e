"""The page in a real browser: quiet, offline, no wider than the screen, and its controls do what they say."""

import os
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from reports import gallery, render
from tests.reports import result_tree
from tests.reports.browsing import CONTRAST, EXPAND, shown_experiments
from tests.reports.reading import HOSTILE

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
pytestmark = pytest.mark.skipif(
    not CHROMIUM.is_file(), reason=f"{CHROMIUM} does not exist: install Chromium or set CHROMIUM to its path"
)


@pytest.fixture(scope="module")
def address(whole):
    return (whole[0] / "report/index.html").as_uri()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    explainers = {name: {} for name in ("surrogate", "grad_cam")}
    options = {"explainers": explainers, "title": HOSTILE[2], "gallery_images": 3}
    params = result_tree.write_params(root, ["parts"], **options)
    result_tree.write_results(root / "results/parts", classes=HOSTILE, metrics=("insertion", "deletion"), **options)
    result_tree.write_work(root / "work/parts", classes=HOSTILE)
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
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    yield page, requests, complaints
    page.close()


def test_page_is_quiet_and_offline(opened, address):
    page, requests, complaints = opened
    page.evaluate(EXPAND)
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


def test_lines_between_rows_run_through_the_column_that_stays(opened):
    page = opened[0]
    page.set_viewport_size({"width": 900, "height": 800})
    wide = "(table) => table.scrollWidth > table.clientWidth"
    tables = [table for table in page.locator(".scroll:visible").all() if table.evaluate(wide)]
    assert len(tables) > 2
    for table in tables:
        seen, corner = Image.open(BytesIO(table.screenshot())).convert("RGB"), table.bounding_box()
        for name in table.locator("tbody tr + tr > th").all():
            box = name.bounding_box()
            x, y = int(box["x"] - corner["x"]) + 4, round(box["y"] - corner["y"])
            colours = {seen.getpixel((x, y + step)) for step in range(-2, 5)}
            assert len(colours) > 1, f"no line above {name.inner_text()}"


def test_first_screen_tells_which_claims_reproduce(opened):
    page = opened[0]
    badges = page.get_by_role("region", name="Claims and verdicts").locator(".badge")
    assert badges.count() == 2 * len(result_tree.claims())
    assert all(0 < badge.bounding_box()["y"] < 800 - 20 for badge in badges.all())
    figure = page.locator(".experiments .chosen svg")
    assert figure.count() == 1 and figure.bounding_box()["y"] + figure.bounding_box()["height"] < 800
    assert page.get_by_text("of 5 claims, 2 reproduced").first.bounding_box()["y"] < 800


@pytest.mark.parametrize("width", [1440, 390])
def test_labels_of_the_figures_behind_verdicts_are_not_cut(opened, width):
    page = opened[0]
    page.set_viewport_size({"width": width, "height": 800})
    cut = "(parts) => parts.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"
    assert page.locator(".matrix .chosen :is(.figure, .figure span)").evaluate_all(cut) == []


def test_choosing_an_experiment_shows_it_alone_and_keeps_the_choice(opened, address):
    page, _, complaints = opened
    assert shown_experiments(page) == ["parts"]
    ledger = page.get_by_role("region", name="Claims and verdicts")
    assert ledger.locator('td[data-experiment="parts"] .reason').first.is_visible()
    page.locator('input[value="parts"]').focus()
    page.keyboard.press("ArrowRight")
    assert shown_experiments(page) == ["reference/parts"]
    assert not ledger.locator('td[data-experiment="parts"] .reason').first.is_visible()
    assert ledger.locator('td[data-experiment="reference/parts"] .reason').first.is_visible()
    assert [one.is_visible() for one in page.locator(".experiments svg").all()] == [False, True]
    assert page.url == f"{address}#experiment=reference%2Fparts"
    page.reload()
    assert shown_experiments(page) == ["reference/parts"]
    page.locator('input[value="*"]').check()
    assert shown_experiments(page) == ["parts", "reference/parts"]
    assert complaints == []


def test_link_into_another_experiment_chooses_it(opened, address):
    page = opened[0]
    page.get_by_role("navigation").get_by_role("link", name="Drawn birds (parts) reference").click()
    page.wait_for_url("**at=experiment-1")
    assert shown_experiments(page) == ["reference/parts"]
    assert page.locator("#experiment-1").bounding_box()["y"] < 200
    page.get_by_role("navigation").get_by_role("link", name="Glossary").click()
    page.wait_for_url(f"{address}#experiment=reference%2Fparts&at=glossary")


def test_theme_changes_and_stays(opened):
    page, _, complaints = opened
    colour = "getComputedStyle(document.body).backgroundColor"
    found = {}
    for name in ("Dark", "Light"):
        page.get_by_role("group", name="Theme").get_by_label(name).check()
        found[name] = page.evaluate(colour)
        page.reload()
        assert page.evaluate(colour) == found[name]
        assert page.locator(".experiments .chosen svg text").first.evaluate(
            "(text) => getComputedStyle(text).fill"
        ) == page.evaluate("getComputedStyle(document.body).color")
    assert found["Dark"] == "rgb(19, 21, 25)" and found["Light"] == "rgb(251, 250, 248)"
    assert complaints == []


def test_slider_changes_the_opacity_of_maps_and_nothing_else(opened):
    page, _, complaints = opened
    opacity = "(layer) => getComputedStyle(layer).opacity"
    layer, under = page.locator(".tile .map").first, page.locator(".tile .under").first
    assert layer.evaluate(opacity) == "0.65"
    slider = page.get_by_label("Map opacity")
    slider.fill("20")
    assert (layer.evaluate(opacity), under.evaluate(opacity)) == ("0.2", "1")
    slider.press("ArrowRight")
    assert page.locator(".tile .map").last.evaluate(opacity) == "0.25"
    assert page.locator(".controls output").inner_text() == "25 %"
    assert complaints == []


def test_a_method_is_hidden_from_all_images_at_once(opened):
    page, _, complaints = opened
    page.evaluate(EXPAND)
    maps = page.locator('.gallery [data-method="rise"]')
    assert maps.count() == 2 + 1 and all(one.is_visible() for one in maps.all())
    page.get_by_role("checkbox", name="RISE").press("Space")
    assert not any(one.is_visible() for one in maps.all())
    assert all(one.is_visible() for one in page.locator('.gallery [data-method="surrogate"]').all())
    page.get_by_role("button", name="Reset").click()
    maps.first.wait_for(state="visible")
    assert complaints == []


def test_parts_can_be_taken_off_images_and_laid_over_maps(opened):
    page = opened[0]
    on_image, on_map = page.locator(".large .parts").first, page.locator(".map ~ .parts").first
    displayed = "(layer) => getComputedStyle(layer).display !== 'none'"
    assert (on_image.evaluate(displayed), on_map.evaluate(displayed)) == (True, False)
    page.get_by_label("Parts on images").uncheck()
    page.get_by_label("Parts on maps").check()
    assert (on_image.evaluate(displayed), on_map.evaluate(displayed)) == (False, True)


def test_print_shows_everything(opened):
    page = opened[0]
    page.get_by_role("checkbox", name="RISE").uncheck()
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1040, "height": 720})  # A4 across, within its margins
    assert page.evaluate("document.documentElement.scrollWidth") <= 1040
    assert shown_experiments(page) == ["parts", "reference/parts"]
    assert page.locator('.gallery [data-method="rise"]').first.is_visible()
    assert all(one.is_visible() for one in page.locator(".matrix .reason").all())
    assert not page.locator(".controls").first.is_visible()


def test_without_scripts_everything_is_shown(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert shown_experiments(page) == ["parts", "reference/parts"]
    assert not page.locator(".choice").is_visible() and not page.locator(".controls").first.is_visible()
    context.close()


def test_figures_of_a_claim_open_and_fit(opened):
    page, _, complaints = opened
    claim = page.locator("#claim-3")
    table = claim.locator("table").first
    assert not table.is_visible()
    claim.locator("summary").first.click()
    assert table.is_visible()
    assert table.evaluate("(table) => table.scrollWidth <= table.parentElement.clientWidth")
    assert complaints == []


def test_link_of_a_figure_opens_those_of_the_chosen_experiment(opened):
    page, _, complaints = opened
    page.locator('input[value="reference/parts"]').check()
    page.evaluate("location.hash = 'claim-3'")
    page.wait_for_url("**at=claim-3")
    tables = page.locator("#claim-3 table")
    assert [one.is_visible() for one in tables.all()] == [False, True]
    page.locator('input[value="*"]').check()
    page.evaluate("location.hash = 'claim-4'")
    page.wait_for_url("**at=claim-4")
    assert all(one.is_visible() for one in page.locator("#claim-4 table").all())
    assert complaints == []


def test_address_that_cannot_be_decoded_shows_the_first_experiment(opened, address):
    page, _, complaints = opened
    page.goto(f"{address}#%")
    page.reload()
    assert shown_experiments(page) == ["parts"] and complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_can_be_read_in_light_and_dark(browser, address, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.goto(address)
    for kind in ("yes", "no", "open", "untested"):
        assert page.locator(f".matrix .badge.{kind}").first.evaluate(CONTRAST) >= 4.5, kind
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("choice", ["parts", "*"])
def test_page_is_no_wider_than_the_screen(opened, width, choice):
    page = opened[0]
    page.set_viewport_size({"width": width, "height": 800})
    page.locator(f'input[value="{choice}"]').check()
    page.evaluate(EXPAND)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.getBoundingClientRect().right") <= width


def test_words_of_wide_figures_can_be_read_on_a_phone(opened):
    page = opened[0]
    page.set_viewport_size({"width": 390, "height": 800})
    page.evaluate(EXPAND)
    figures = page.locator(".chosen .figures.wide svg").all()
    assert figures and all(one.bounding_box()["width"] > 500 for one in figures)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_are_text_and_fit(browser, hostile, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(hostile)
    page.evaluate(EXPAND)
    assert dialogs == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for tile in page.locator(".gallery figcaption").all():
        assert tile.evaluate("(one) => one.scrollWidth <= one.clientWidth + 1")
    heads = page.locator(".exhibit > p > b").all_inner_texts()
    assert heads == [HOSTILE[0], HOSTILE[1], HOSTILE[2]]
    page.close()
