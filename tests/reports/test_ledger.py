"""The claims of the paper as the page, the tables and `dvc metrics` tell them."""

import pandas as pd
import pytest

from bench import artifacts
from reports import ledger
from reports.results import Results, read
from tests.reports import result_tree
from tests.reports.reading import HOSTILE, Page, region, rendered, small


def with_claims(name, claims, committed=False):
    return Results(name, committed, folder=None, claims=claims)


def told(**changes):
    return {**result_tree.claims()["finer"], **changes}


def test_every_claim_is_quoted_and_judged_for_every_experiment(whole):
    folder, _, page = whole
    matrix = Page(region(page, "Claims and verdicts")).text
    text = Page(page).text
    for name, one in read(folder / "results/parts", committed=False).claims.items():
        assert matrix.count(f"{one['verdict']} Because of {name}.") == 2, "run and reference"
        assert text.count(f"“The abstract says {name}.”") == 1
        assert text.count(f"Hypothesis. It is {name}.") == text.count(f"Test. A test of {name}.") == 2
    for sign, _ in ledger.BADGES.values():
        assert f"{sign} " in matrix, "not by colour alone"
    assert page.index('aria-label="Claims and verdicts') < page.index('aria-label="Accuracy of')


def test_figures_have_interval_samples_seeds_p_and_effect(whole):
    text = Page(whole[2]).text
    assert "insertion: surrogate minus grad_cam +0.130 +0.080 … +0.180 better 12 1 < 0.001 +0.910" in text
    assert "average_drop: surrogate minus rise −4.0 −6.5 … +1.0 inconclusive 12 1 0.210 −0.300" in text
    assert "frames per second (cpu) 250 240 … 260 – 20 1 – –" in text
    assert "times as fast as rise 1,500 1,400 … 1,600 3.2 orders of magnitude 20 1 – –" in text
    assert "cells 64 no interval – 1 1 – –" in text


def test_the_figure_that_the_reason_quotes_is_told_first():
    first = {"label": "a", "value": 5, "low": 4, "high": 6}
    other = {"label": "b", "value": 10, "low": 9, "high": 11}
    own = told(figures=[first, other], reason="Its interval is 9 to 11, all of it below 100.")
    [entry] = ledger.entries([with_claims("parts", {"x": own})])
    assert entry.verdicts[0].telling["label"] == "b"
    [entry] = ledger.entries([with_claims("parts", {"x": told(figures=[first, other], reason="Why not.")})])
    assert entry.verdicts[0].telling["label"] == "a"
    [entry] = ledger.entries([with_claims("parts", {"x": told(figures=[])})])
    assert entry.verdicts[0].telling is None


@pytest.mark.parametrize(
    ("word", "label"), [("reproduced", "c"), ("not reproduced", "b"), ("inconclusive", "b"), ("something else", "a")]
)
def test_else_the_first_figure_that_speaks_for_the_verdict(word, label):
    outcomes = {"a": "not distinguishable", "b": "inferior (margin 0.05); worse", "c": "better", "d": "better"}
    figures = [{"label": name, "value": 5, "low": 4, "high": 6, "outcome": one} for name, one in outcomes.items()]
    own = told(figures=figures, reason="Why not.", verdict=word)
    [entry] = ledger.entries([with_claims("parts", {"x": own})])
    assert entry.verdicts[0].telling["label"] == label


def test_an_open_verdict_without_a_loss_tells_its_first_figure_and_one_without_a_test_none():
    figures = [{"label": name, "outcome": one} for name, one in (("a", "not distinguishable"), ("b", "better"))]
    found = {word: told(figures=figures, reason="Why not.", verdict=word) for word in ledger.BADGES}
    tellings = {
        entry.verdicts[0].word: entry.verdicts[0].telling for entry in ledger.entries([with_claims("a", found)])
    }
    assert tellings["inconclusive"]["label"] == "a" and tellings["not testable here"] is None


def test_missing_data_are_named(whole):
    assert "What is missing for a verdict: scores of surrogate_last_stage" in Page(whole[2]).text


def test_page_without_claims_says_so_and_shows_the_rest(tmp_path):
    folder, params = small(tmp_path)
    (folder / "claims.json").unlink()
    text = Page(rendered(tmp_path, params)).text
    assert "No claim has been judged yet" in text
    assert "claims.json (not found)" in text
    assert "Insertion AUC" in text


def test_claim_that_one_experiment_did_not_judge_is_left_open():
    entries = ledger.entries([with_claims("a", {"x": told()}), with_claims("b", {}, committed=True)])
    assert [[verdict and verdict.word for verdict in entry.verdicts] for entry in entries] == [["not reproduced", None]]


def test_claim_whose_words_have_changed_is_another_entry():
    entries = ledger.entries([with_claims("a", {"x": told()}), with_claims("b", {"x": told(quote="Older words.")})])
    assert [entry.quote for entry in entries] == ["The abstract says finer.", "Older words."]
    assert [verdict is None for verdict in entries[1].verdicts] == [True, False]


def test_claims_are_in_the_tables(whole):
    rows = pd.read_csv(whole[0] / "report/claims.csv")
    assert rows.columns.tolist() == ["experiment", "claim", "verdict", "reason"]
    assert rows.iloc[0].tolist() == ["parts", "speed", "reproduced", "Because of speed."]
    assert rows["experiment"].unique().tolist() == ["parts", "reference/parts"]


@pytest.mark.parametrize("values", [None, float("nan"), float("inf")])
def test_unknown_numbers_are_dashes(tmp_path, values):
    folder, params = small(tmp_path)
    empty = dict.fromkeys(("value", "low", "high", "p", "effect"), values)
    claims = {
        f"in {unit}": told(figures=[{"label": unit, "unit": unit, **empty}]) for unit in ("fps", "share", "cells")
    }
    claims |= {"bare": {}, "broken": None, "own": {"verdict": "something else", "figures": [{}]}}
    artifacts.write_json(folder / "claims.json", claims)
    text = Page(rendered(tmp_path, params)).text
    assert "? something else" in text and "? no verdict" in text
    assert "nan" not in text.lower().split() and "None" not in text


def test_hostile_claims_are_shown_as_text(tmp_path):
    folder, params = small(tmp_path)
    words = dict.fromkeys(("title", "quote", "hypothesis", "test", "verdict", "reason"), "")
    hostile = {
        name: dict.fromkeys(words, name)
        | {"missing": [name], "figures": [{"label": name, "unit": name, "outcome": name, "value": 1.0}]}
        for name in HOSTILE
    }
    artifacts.write_json(folder / "claims.json", hostile)
    html = rendered(tmp_path, params)
    assert len(Page(html).all("script")) == 1
    assert "<script>alert" not in html
    assert all(Page(html).text.count(name) >= 7 for name in HOSTILE)
