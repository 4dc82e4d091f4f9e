"""A committed reference holds numbers, never pictures."""

import numpy as np
import pandas as pd
import pytest

from bench import artifacts
from methods.errors import UserError
from reports import reference
from tests.conftest import ROOT
from tests.reports import result_tree


@pytest.fixture
def results(tmp_path):
    result_tree.write_results(tmp_path / "results/birds")
    (tmp_path / "results/birds/gallery").mkdir(exist_ok=True)
    (tmp_path / "results/birds/gallery/photograph.jpg").write_bytes(b"not to be copied")
    return tmp_path / "results"


def test_the_readme_repeats_the_verdicts_of_the_references():
    rows = [line.strip("| \n").split(" | ") for line in (ROOT / "README.md").open(encoding="utf-8") if line[0] == "|"]
    told = {cells[0]: cells[1:] for cells in rows}
    for column, name in enumerate(("parts", "birds")):
        for claim in artifacts.read_json(ROOT / f"reports/reference/{name}/claims.json").values():
            expected = f"**{claim['verdict']}**: {claim['reason'].rstrip('.')}"
            assert told[claim["title"]][column] == expected, (name, claim["title"])


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


def test_results_of_the_validation_split_are_refused(results, tmp_path):
    told = artifacts.read_json(results / "birds/settings.json")
    artifacts.write_json(results / "birds/settings.json", told | {"evaluation_split": "val"})
    with pytest.raises(UserError, match="validation split: a reference is of the test split"):
        reference.main("birds", results, tmp_path / "reference")
    assert not (tmp_path / "reference/birds").exists()


def test_tables_are_packed_and_keep_every_value(tmp_path):
    draws = np.random.default_rng(0).random(20_000, dtype=np.float32)
    rows = pd.DataFrame({"image_id": np.repeat(np.arange(200), 100).astype(str), "value": draws})
    rows.loc[::7, "value"] = np.nan
    artifacts.write_rows(tmp_path / "rows.parquet", rows)
    reference.keep(tmp_path / "rows.parquet", tmp_path / "kept.parquet")
    pd.testing.assert_frame_equal(artifacts.read_rows(tmp_path / "kept.parquet"), rows, check_exact=True)
    assert (tmp_path / "kept.parquet").stat().st_size < 0.7 * (tmp_path / "rows.parquet").stat().st_size


def test_large_results_are_refused_and_the_old_reference_stays(results, tmp_path, monkeypatch):
    reference.main("birds", results, tmp_path / "reference")
    before = sorted((tmp_path / "reference").rglob("*"))
    monkeypatch.setattr(reference, "LIMIT", 10)
    with pytest.raises(UserError, match="evaluate fewer images"):
        reference.main("birds", results, tmp_path / "reference")
    assert sorted((tmp_path / "reference").rglob("*")) == before
