"""The manual says what the code says."""

import pytest

from reports import manual
from tests.conftest import ROOT


@pytest.fixture
def made(tmp_path):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/gone.md").write_text("a metric that was removed")
    manual.main(tmp_path)
    return {str(path.relative_to(tmp_path)): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.md")}


def test_the_committed_manual_is_up_to_date(made):
    committed = ROOT / "docs/manual"
    kept = {str(path.relative_to(committed)): path.read_text(encoding="utf-8") for path in committed.rglob("*.md")}
    assert kept == made, "run: python -m reports.manual --out docs/manual"


def test_a_page_has_title_text_settings_and_columns(made):
    page = made["explainers/rise.md"]
    assert page.startswith("# RISE\n")
    assert "https://arxiv.org/abs/1806.07421" in page
    assert "| `masks` | `4000` |" in page
    assert "- **masks**: number of masks N" in page
    assert "| `insertion` | Insertion AUC | higher |" in made["metrics/insertion.md"]
    assert made["claims/speed.md"].startswith("# Runs at 24.3 frames per second")


def test_the_index_lists_every_page_and_old_pages_are_removed(made):
    pages = set(made) - {"README.md"}
    assert all(f"({name})" in made["README.md"] for name in pages)
    assert "metrics/gone.md" not in pages
    assert {name.split("/")[0] for name in pages} == set(manual.KINDS)
