"""The command: folders, revisions, pages, tables and exit statuses."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import artifacts
from bench.stages.command import run
from methods.errors import UserError
from reports import compare, compare_sources, compare_table
from tests.reports import result_tree
from tests.reports.reading import HOSTILE, Page, region

METRICS = ("insertion", "deletion", "gini")
NAMES = ("surrogate", "rise")


def write(folder: Path, names=NAMES, **options) -> Path:
    options = {"metrics": METRICS, "images": 20} | options
    result_tree.write_results(folder, explainers={name: {} for name in names}, **options)
    return folder


def edit(folder: Path, explainer: str, change) -> None:
    path = folder / f"scores/{explainer}.parquet"
    artifacts.write_rows(path, change(artifacts.read_rows(path)))


def raised(rows: pd.DataFrame, metric: str = "insertion", by: float = 0.3) -> pd.DataFrame:
    return rows.assign(value=rows["value"] + by * (rows["metric"] == metric))


@pytest.fixture
def folders(tmp_path):
    """Return a reference and a copy in which RISE has a better insertion score."""
    a = write(tmp_path / "reference/parts", names=(*NAMES, "surrogate_no_attention"))
    b = write(tmp_path / "results/parts")
    edit(b, "rise", raised)
    return a, b


def test_results_are_the_same_as_themselves(folders, capsys, tmp_path):
    compare.main(str(folders[0]), str(folders[0]), out=tmp_path / "out")
    told = capsys.readouterr().out
    assert "11 same, identical" in told, "three methods, three metrics, the teacher and a student"
    assert "wrote" in told and "NOT" not in told
    rows = pd.read_csv(tmp_path / "out/comparison.csv")
    assert rows["identical"].all() and (rows["verdict"] == "same").all()
    assert "Every row that both sides have is identical" in Page((tmp_path / "out/index.html").read_text()).text


def test_difference_is_shown_on_the_terminal_in_the_table_and_on_the_page(folders, capsys, tmp_path):
    compare.main(*map(str, folders), out=tmp_path / "out")
    told = capsys.readouterr().out
    means = [artifacts.read_rows(f / "scores/rise.parquet").query("metric == 'insertion'")["value"] for f in folders]
    a, b = (f"{values.mean():.3f}" for values in means)
    (line,) = (" ".join(one.split()) for one in told.splitlines() if one.startswith("RISE  ") and "Insertion" in one)
    assert line.startswith(f"RISE Insertion AUC {a} {b} +0.300 ")
    assert line.endswith(" 20 < 0.001 better")
    assert "3 only in A" in told
    assert "cpu (An Example CPU, 2 threads)" in told
    rows = pd.read_csv(tmp_path / "out/comparison.csv")
    row = rows[(rows["explainer"] == "rise") & (rows["metric"] == "insertion")].iloc[0]
    assert (row["verdict"], row["pairing"], row["n"], row["better"]) == ("better", "paired", 20, "higher")
    assert (row["difference"], row["margin"]) == (pytest.approx(0.3), pytest.approx(means[0].std() / 2))
    assert rows.columns.tolist() == compare_table.COLUMNS
    html = (tmp_path / "out/index.html").read_text()
    assert f"RISE Insertion AUC ↑ {a} {b} +0.300" in Page(region(html, "Differences of parts")).text
    speeds = pd.read_csv(tmp_path / "out/throughput.csv").set_index("explainer")
    assert speeds.loc["rise", "ratio"] == 1
    assert speeds.loc["rise", "hardware_b"] == "cpu (An Example CPU, 2 threads)"


def test_claims_of_both_sides_are_told_the_changed_ones_first_and_never_judged(folders, tmp_path):
    a, b = folders
    edit(b, "rise", lambda rows: raised(rows, by=-0.3))
    own, other = result_tree.claims(), result_tree.claims()
    del own["ablations"], other["speed"]
    other["finer"] |= {"verdict": "inconclusive", "reason": "Not sure.", "title": "Newer words"}
    for folder, told in ((a, own), (b, other)):
        artifacts.write_json(folder / "claims.json", told)
    compare.main(str(a), str(b), verify=True, out=tmp_path / "out")
    table = region((tmp_path / "out/index.html").read_text(), "Claims of parts")
    text = Page(table).text
    assert "Newer words ✗ not reproduced Because of finer. ≈ inconclusive Not sure. ◆ changed" in text
    assert "Title of speed ✓ reproduced Because of speed. not among its claims A only in A" in text
    assert "Title of ablations not among its claims ? not testable here Because of ablations. B only in B" in text
    assert text.index("Newer words") < text.index("Title of speed") < text.index("= same")
    (b / "claims.json").unlink()
    compare.main(str(a), str(b), out=tmp_path / "out")
    assert "no claims judged A only in A" in Page((tmp_path / "out/index.html").read_text()).text
    (a / "claims.json").unlink()
    compare.main(str(a), str(b), out=tmp_path / "out")
    assert "Neither side has judged the paper’s claims." in Page((tmp_path / "out/index.html").read_text()).text


def test_verification_fails_and_names_the_row_with_both_means_and_the_interval(folders, capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        compare.main(*map(str, folders), verify=True, out=tmp_path / "out")
    assert stopped.value.code == 1
    told = capsys.readouterr().out
    assert "RISE    Insertion AUC" in told and "+0.300" in told and "differs by more than the margin" in told
    assert "NOT verified: 1 row failed; 8 rows checked, 7 identical; not run: Surrogate, no attention" in told
    assert "A row fails if" in told
    html = (tmp_path / "out/index.html").read_text()
    assert "NOT verified" in Page(html).text
    assert "Insertion AUC" in region(html, "Failures of parts")


def test_verification_passes_without_what_only_the_reference_has(folders, capsys):
    edit(folders[1], "rise", lambda rows: raised(rows, by=-0.3))
    compare.main(*map(str, folders), verify=True)
    assert "\nverified: 8 rows checked, 8 identical; not run: Surrogate, no attention" in capsys.readouterr().out


def test_run_whose_scores_are_lost_fails(folders, capsys):
    (folders[1] / "scores/rise.parquet").unlink()
    with pytest.raises(SystemExit):
        compare.main(*map(str, folders), verify=True)
    told = capsys.readouterr().out
    assert "could not be read: scores/rise.parquet (not found)" in told
    assert told.count("the run has no finite value") == len(METRICS)


@pytest.mark.parametrize("made", ["nothing", "an empty folder"])
def test_missing_run_says_what_makes_one(folders, tmp_path, made, monkeypatch, capsys):
    if made == "an empty folder":
        (tmp_path / "absent/parts").mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", ["compare", str(folders[0]), str(tmp_path / "absent/parts"), "--verify"])
    with pytest.raises(SystemExit) as stopped:
        run(compare.main)
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and "run `make repro` first" in told and len(told.splitlines()) == 1


def test_folders_of_several_are_compared_by_name(folders, tmp_path, capsys):
    write(tmp_path / "reference/birds")
    write(tmp_path / "results/birds")
    write(tmp_path / "results/mine")
    compare.main(str(tmp_path / "reference"), str(tmp_path / "results"))
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if line.startswith("experiment")] == [
        "experiment birds",
        "experiment parts",
    ]
    compare.main(str(tmp_path / "reference"), str(tmp_path / "results"), experiment="birds")
    assert "experiment parts" not in capsys.readouterr().out
    compare.main(str(folders[0]), str(tmp_path / "results"))
    assert "experiment parts" in capsys.readouterr().out
    with pytest.raises(UserError, match="did you mean 'birds'"):
        compare.main(str(tmp_path / "reference"), str(tmp_path / "results"), experiment="bird")
    with pytest.raises(UserError, match=r"no experiment is on both sides: .*reference.* has birds, parts; .* has mine"):
        compare.main(str(tmp_path / "reference"), str(tmp_path / "results/mine"))


def test_one_folder_against_another_of_another_name(folders, tmp_path, capsys):
    compare.main(str(folders[0]), str(write(tmp_path / "copy", images=5)))
    told = capsys.readouterr().out
    assert "experiment parts and copy" in told
    assert 'protocols differ in dataset.name: A "parts", B "copy" (5 metrics)' in told


def test_broken_and_older_results_are_compared_as_far_as_they_go(folders, capsys, tmp_path):
    a, b = folders
    shutil.rmtree(a / "protocols")
    edit(a, "rise", lambda rows: rows.drop(columns="protocol"))
    (b / "environment.json").write_text("{")
    compare.main(str(a), str(b), out=tmp_path / "out")
    rows = pd.read_csv(tmp_path / "out/comparison.csv").set_index(["explainer", "metric"])
    assert rows.loc[("rise", "insertion"), "verdict"] == "better", "the surrogate's rows tell the id"
    assert "environment.json (unreadable" in capsys.readouterr().out
    for name in (*NAMES, "surrogate_no_attention"):
        edit(a, name, lambda rows: rows.drop(columns="protocol", errors="ignore"))
    compare.main(str(a), str(b), out=tmp_path / "out")
    rows = pd.read_csv(tmp_path / "out/comparison.csv").set_index(["explainer", "metric"])
    assert rows.loc[("rise", "insertion"), "note"] == "protocol: A not recorded, B recorded"
    assert rows.loc[("rise", "insertion"), "mean_a"] > 0
    (a / "settings.json").write_text('{"explainers": ["rise"]}')
    with pytest.raises(UserError, match="does not hold results"):
        compare.main(str(a), str(b))


def test_values_that_are_not_numbers_leave_dashes(folders, capsys, tmp_path):
    edit(folders[1], "rise", lambda rows: rows.assign(value=np.nan))
    edit(folders[1], "surrogate", lambda rows: rows.assign(value=np.inf))
    compare.main(*map(str, folders), out=tmp_path / "out")
    text = Page((tmp_path / "out/index.html").read_text()).text
    assert "nan" not in text.lower() and "undecided" in text
    assert "nan" not in capsys.readouterr().out.lower()


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a repository: a commit without references, one with, one in which RISE scores better."""
    top = tmp_path / "repository"
    (top / "reports").mkdir(parents=True)
    monkeypatch.setattr(compare_sources, "REFERENCE", top / "reports/reference")
    git(top, "init", "-q")
    git(top, "commit", "-q", "--allow-empty", "-m", "nothing")
    folder = write(top / "reports/reference/parts")
    for message in ("first", "second"):
        git(top, "add", ".")
        git(top, "commit", "-q", "-m", message)
        edit(folder, "rise", raised)
    return top


def test_two_revisions_are_compared_without_touching_the_working_tree(repository, capsys):
    git(repository, "commit", "-q", "--allow-empty", "-m", "edited")
    before = subprocess.run(["git", "-C", str(repository), "status", "--short"], capture_output=True, text=True).stdout
    git(repository, "commit", "-q", "-a", "-m", "better RISE")
    compare.main("HEAD~1", "HEAD")
    told = capsys.readouterr().out
    assert "9 same, identical" not in told
    assert "1 better" in told and "A: HEAD~1 (" in told
    assert before == " M reports/reference/parts/scores/rise.parquet\n"
    compare.main("HEAD", str(repository / "reports/reference/parts"))
    assert "same, identical" in capsys.readouterr().out


def test_revision_without_references_and_no_revision_at_all_say_so(repository):
    first = subprocess.run(
        ["git", "-C", str(repository), "rev-list", "--max-parents=0", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    with pytest.raises(UserError, match=f"revision {first} has no reports/reference: choose one of `git log"):
        compare_sources.resolve(first)
    for wrong in ("nowhere", "--output=x", "HEAD:reports"):
        with pytest.raises(UserError, match="neither a folder nor a revision"):
            compare_sources.resolve(wrong)
    with pytest.raises(UserError, match="holds no results"):
        compare_sources.resolve(str(repository))


def test_hostile_names_are_shown_as_text(tmp_path, capsys):
    names, sides = ("surrogate", "<b onclick='x'>&\"\x1b[31m"), []
    for side in ("a", "b"):
        folder = write(tmp_path / side / "parts", names=names, title=HOSTILE[0])
        told = artifacts.read_json(folder / "metrics.json")
        told["insertion"]["title"], told["deletion"]["title"] = HOSTILE[0], HOSTILE[2]
        artifacts.write_json(folder / "metrics.json", told)
        settings = artifacts.read_json(folder / "settings.json") | {"name": HOSTILE[1], "seed": HOSTILE[0] + side}
        artifacts.write_json(folder / "settings.json", settings)
        sides.append(folder)
    edit(sides[1], names[1], raised)
    edit(sides[1], names[1], lambda rows: raised(rows, "deletion"))
    with pytest.raises(SystemExit):
        compare.main(*map(str, sides), verify=True, out=tmp_path / "out")
    assert "\x1b" not in capsys.readouterr().out
    html = (tmp_path / "out/index.html").read_text()
    page = Page(html)
    assert len(page.all("script")) == 1 and not page.all("b")[2:], "A and B of the heading are the only bold words"
    assert all(name in page.text for name in HOSTILE)
    assert "<script>alert" not in html
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(link["href"][1:] in ids for link in page.all("a"))
    assert len(pd.read_csv(tmp_path / "out/comparison.csv")) == 8


def test_cells_are_printable_and_short():
    assert compare_table.shown("a\x1b[2Jb\nc") == "a?[2Jb?c"
    assert compare_table.shown("x" * 300) == "x" * 43 + "…"
