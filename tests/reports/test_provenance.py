"""Where numbers come from, and what each method is."""

import subprocess

import pytest

from bench import artifacts
from reports import cards, provenance
from reports.render import render
from reports.results import read
from tests.reports.reading import Page, rendered, small


def test_data_code_training_and_versions_are_told(tmp_path):
    folder, params = small(tmp_path)
    found = provenance.provenance(read(folder, committed=False))
    assert found["checksum of all pixels (SHA-256)"] == "ab12"
    assert found["timed at revision"] == "0123456789 with changes on 2026-01-02"
    assert found["clock"] == "clock_gettime(CLOCK_MONOTONIC), of 1 ns"
    assert found["training took"] == "teacher 61.2 s, Attentive surrogate 80.5 s"
    assert (found["torch"], found["threads"]) == ("2.8.0", "2")
    assert "results committed in" not in found
    text = Page(rendered(tmp_path, params)).text
    assert "checksum of all pixels (SHA-256) ab12" in text and "Page made by revision" in text


def test_hardware_that_computed_a_part_is_named_wherever_the_own_is(tmp_path):
    folder, params = small(tmp_path)
    own = artifacts.read_json(folder / "environment.json")
    artifacts.write_json(folder / "environment.json", own | {"also": {"Big GPU": "images 300 to 999 of RISE"}})
    results = read(folder, committed=True)
    assert provenance.hardware(results) == "cpu (An Example CPU, 2 threads), in part Big GPU"
    found = provenance.provenance(results)
    assert found["in part on Big GPU"] == "images 300 to 999 of RISE" and "also" not in found
    render([results], tmp_path / "page")
    text = Page((tmp_path / "page/index.html").read_text(encoding="utf-8")).text
    assert text.count("cpu, in part Big GPU") == 2  # on the first screen and over the tables
    assert "computed on cpu (An Example CPU, 2 threads), in part Big GPU and were" in text
    assert "On Big GPU: images 300 to 999 of RISE." in text
    artifacts.write_json(folder / "environment.json", own)
    assert provenance.hardware(read(folder, committed=True)) == "cpu (An Example CPU, 2 threads)"
    assert "in part" not in Page(rendered(tmp_path, params)).text


def test_a_reference_names_the_revision_that_committed_it(tmp_path):
    folder, _ = small(tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    told = provenance.provenance(read(folder, committed=True))["results committed in"]
    assert told.startswith(f"{head.strip()} of ")


def test_nothing_known_and_no_git_are_left_out(tmp_path, monkeypatch):
    folder, _ = small(tmp_path)
    for name in ("data.json", "environment.json", "teacher.json"):
        (folder / name).unlink()
    assert "checksum of all pixels (SHA-256)" not in provenance.provenance(read(folder, committed=True))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.page_revision() == ""


@pytest.fixture
def results(tmp_path):
    return read(small(tmp_path, ("surrogate", "grad_cam"))[0], committed=False)


def test_cards_tell_docstring_settings_and_training(results):
    surrogate, grad_cam = cards.cards([results])
    assert surrogate.text.startswith("A student distilled from the classifier")
    assert "https://doi.org/10.3390/s21041280" in surrogate.text
    facts = surrogate.uses[0].facts
    assert (facts["native map"], facts["parameters"], facts["training"]) == ("8 × 8", "2,300,000", "80.5 s")
    assert grad_cam.uses[0].facts == {"native map": "4 × 4"}


def test_card_of_a_method_whose_code_is_gone_says_so(tmp_path):
    folder, params = small(tmp_path, ("surrogate", "gone_elsewhere"))
    artifacts.write_json(folder / "fits/gone_elsewhere.json", {})
    assert cards.cards([read(folder, committed=False)])[1].text == ""
    assert "Its code is not at hand" in Page(rendered(tmp_path, params)).text
