"""The page of explained photographs in a real browser, opened as a file."""

import pytest
import torch
from PIL import Image

from bench import explaining, explaining_files, settings
from bench.explaining_report import Report
from tests import miniature
from tests.reports.test_browser import CHROMIUM, CONTRAST

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(
    not CHROMIUM.is_file(), reason=f"{CHROMIUM} does not exist: install Chromium or set CHROMIUM to its path"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page of two photographs, one with a long name, and of every miniature explainer."""
    root = tmp_path_factory.mktemp("page")
    chosen = settings.experiment(miniature.write(root / "params.yaml"), "mini")
    photographs = []
    for name in ("bird.png", "ä" * 120 + ".png"):
        Image.effect_noise((48, 40), 60).save(root / name)
        photographs.append(explaining.read(root / name, "squash", 32))
    maps = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
    found = {name: [explaining.Explanation(one.clone(), 0.01) for one in maps] for name in chosen.explainers}
    classes, environment = [f"class {i}" for i in range(9)], {"cpu": "A CPU", "threads": 2, "device": "cpu"}
    environment |= {"precision": "fp32", "torch": "2.8.0"}
    probabilities, targets = torch.linspace(0, 1, 9).expand(2, 9) / 4.5, torch.tensor([8, 2])
    report = Report(chosen, "squash", classes, photographs, probabilities, targets, found, environment)
    return explaining_files.write(root / "out", report).as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as tools:
        started = tools.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_page_is_quiet_legible_and_no_wider_than_the_screen(browser, address, scheme, width):
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth)")
    assert [url for url in requests if not url.startswith("data:")] == [address]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("h1", ".soft", "a", "figcaption", ".tag", ".explained th", "caption"):
        assert page.locator(selector).first.evaluate(CONTRAST) >= 4.5, selector
    page.close()


def test_only_the_explained_class_stands_out(browser, address):
    page = browser.new_page()
    page.goto(address)
    first, second = page.get_by_role("article").all()
    assert first.locator(".classes th").all_inner_texts() == ["class 8", "class 7", "class 6", "class 5", "class 4"]
    assert first.locator(".explained").inner_text().split("\t") == ["class 8", "22.2 %"]
    assert second.locator(".explained").count() == 0
    assert "explained: class 2, 5.6 %" in second.inner_text()
    page.close()
