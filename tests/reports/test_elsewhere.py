"""Timings of other machines are shown beside the experiment's own, and never instead of them."""

import pandas as pd
import pytest

from bench import artifacts
from reports import page, reference, render, results
from reports.elsewhere import elsewhere
from tests.reports import result_tree
from tests.reports.reading import Page

DEVICE = "An Example GPU"


def suite_run(*explainers, device=DEVICE, **told):
    benchmarks = []
    for explainer in explainers:
        for benchmark in result_tree.throughput("parts", explainer)["benchmarks"]:
            seconds = benchmark["stats"]["median"] / 10
            stats = benchmark["stats"] | {"median": seconds, "data": [seconds] * 5}
            benchmarks.append({"stats": stats, "extra_info": benchmark["extra_info"] | {"device": device}})
    machine = {"cpu": {"brand_raw": "A Host"}, "threads": 16, "torch": "2.11.0", "python_version": "3.12.3"}
    return {"machine_info": machine, "benchmarks": benchmarks, **told}


@pytest.fixture
def folder(tmp_path):
    result_tree.write_results(tmp_path / "results/parts")
    return tmp_path / "results/parts"


def read(folder):
    return results.read(folder, committed=False)


def test_explainers_that_were_timed_elsewhere_are_listed_with_the_hardware(folder):
    artifacts.write_json(folder / "elsewhere/gpu.json", suite_run("rise", "surrogate", note="Clocks were low."))
    (run,) = elsewhere(read(folder))
    assert [speed.explainer for speed in run.speeds] == ["surrogate", "rise"], "in the order of display"
    assert run.speeds[0].fps == pytest.approx(2500) and run.speeds[0].break_even is None
    assert (run.title, run.note) == (f"{DEVICE}, fp32", "Clocks were low.")
    assert run.hardware == "A Host, 16 threads, torch 2.11.0, Python 3.12.3"


def test_peers_of_another_machine_are_told_apart_from_the_growth(folder):
    artifacts.write_json(folder / "elsewhere/gpu.json", {"benchmarks": result_tree.benchmarks()["benchmarks"]})
    (run,) = elsewhere(read(folder))
    assert (run.speeds, run.title, run.hardware) == ([], "another machine", "")
    assert [one.package for one in run.peers] == ["transcription"]


def test_a_run_without_timings_is_left_out_and_an_unreadable_one_is_missing(folder):
    artifacts.write_json(folder / "elsewhere/a.json", {"benchmarks": []})
    (folder / "elsewhere/b.json").write_text("{", encoding="utf-8")
    found = read(folder)
    assert elsewhere(found) == []
    assert any(name.startswith("elsewhere/b.json") for name in found.missing)


def test_the_page_shows_both_and_the_tables_hold_them_apart(folder, tmp_path):
    artifacts.write_json(folder / "elsewhere/gpu.json", suite_run("surrogate"))
    render.render([read(folder)], tmp_path / "report")
    text = Page((tmp_path / "report/index.html").read_text(encoding="utf-8")).text
    assert f"Throughput on {DEVICE}, fp32" in text and "run by hand on A Host, 16 threads" in text
    assert text.count("Surrogate, as published") == 1
    assert "No GPU was at hand" not in text
    own, other = (pd.read_csv(tmp_path / f"report/{name}.csv") for name in ("throughput", "throughput_elsewhere"))
    assert set(own["device"].dropna()) == {"cpu"} and set(other["device"]) == {DEVICE}
    assert other["fps"].tolist() == pytest.approx([2500])


def test_another_cpu_is_no_gpu(folder, tmp_path):
    artifacts.write_json(folder / "elsewhere/desktop.json", suite_run("surrogate", device="cpu"))
    render.render([read(folder)], tmp_path / "report")
    text = Page((tmp_path / "report/index.html").read_text(encoding="utf-8")).text
    assert "Throughput on a CPU, A Host, fp32" in text and "No GPU was at hand" in text


def test_claims_and_first_screen_stay_with_the_experiments_own_timings(folder):
    before = page.section(0, read(folder), 0).speeds
    artifacts.write_json(folder / "elsewhere/gpu.json", suite_run("surrogate", "rise"))
    assert page.section(0, read(folder), 0).speeds == before


def test_a_reference_keeps_them(folder, tmp_path):
    artifacts.write_json(folder / "elsewhere/gpu.json", suite_run("surrogate"))
    reference.main("parts", folder.parent, tmp_path / "reference")
    assert (tmp_path / "reference/parts/elsewhere/gpu.json").is_file()
    assert DEVICE in (tmp_path / "reference/parts/report/index.html").read_text(encoding="utf-8")
