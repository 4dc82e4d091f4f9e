"""A committed reference holds numbers, never pictures."""

import pytest

from methods.errors import UserError
from reports import reference
from tests.reports import result_tree


@pytest.fixture
def results(tmp_path):
    result_tree.write_results(tmp_path / "results/birds")
    (tmp_path / "results/birds/gallery").mkdir(exist_ok=True)
    (tmp_path / "results/birds/gallery/photograph.jpg").write_bytes(b"not to be copied")
    return tmp_path / "results"


def test_numbers_are_copied_and_pictures_are_not(results, tmp_path):
    reference.main("birds", results, tmp_path / "reference")
    copied = {p.relative_to(tmp_path / "reference/birds").as_posix() for p in (tmp_path / "reference").rglob("*.*")}
    assert {"scores/rise.parquet", "protocols/rise.json", "claims.json", "effects.parquet"} <= copied
    assert {"settings.json", "perturbation/rise.parquet"} <= copied
    assert {"plots/insertion-speed.svg", "plots/deletion-curves.svg", "plots/ranks.svg", "report/claims.csv"} <= copied
    page = (tmp_path / "reference/birds/report/index.html").read_text(encoding="utf-8")
    assert "Because of speed_ratio." in page
    assert "committed reference" in page
    assert not any(name.endswith((".jpg", ".png", ".pdf", ".safetensors")) or "gallery" in name for name in copied)


def test_an_older_reference_is_replaced_as_a_whole(results, tmp_path):
    stale = tmp_path / "reference/birds/scores/old.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    reference.main("birds", results, tmp_path / "reference")
    assert not stale.exists()


def test_incomplete_results_are_refused_and_the_old_reference_stays(results, tmp_path):
    reference.main("birds", results, tmp_path / "reference")
    (results / "birds/scores/rise.parquet").unlink()
    with pytest.raises(UserError, match="rise.parquet"):
        reference.main("birds", results, tmp_path / "reference")
    assert (tmp_path / "reference/birds/scores/rise.parquet").is_file()


def test_large_results_are_refused(results, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "LIMIT", 10)
    with pytest.raises(UserError, match="evaluate fewer images"):
        reference.main("birds", results, tmp_path / "reference")
