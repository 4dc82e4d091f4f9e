"""What the page says of accuracy: marks, tests, protocols, ranks, seeds."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench import artifacts
from bench.protocol import Protocol
from methods.errors import UserError
from reports import comparisons, glossary
from reports.results import read
from tests.reports import result_tree
from tests.reports.reading import Page, region, rendered, small


def test_every_difference_has_its_interval_and_the_corrected_test(whole):
    folder, _, html = whole
    table = Page(region(html, "Paired differences of")).text
    found = read(folder / "results/parts", committed=False)
    pairs = comparisons.surrogate_minus(found)
    assert list(pairs) == ["grad_cam", "score_cam", "rise", "uniform", "centre", "sobel"]
    for other in pairs:
        for metric in result_tree.METRICS:
            one, unit = pairs[other][metric], found.measures[metric].unit
            mean, low, high = (
                glossary.number(x, unit, True) for x in (one.difference.mean, one.difference.low, one.difference.high)
            )
            tested = f"p {glossary.p_value(one.p_holm)}, r {glossary.number(one.rank_biserial, 'share', True)}"
            assert f"{one.outcome} {mean} {low} … {high} {tested}" in table
    assert "which is not corrected" in table and "no proof of equality" in table
    assert "gini" not in table.lower()
    assert not re.search("confirm|prove[nsd]|significant", table)


def test_difference_on_which_the_seeds_disagree_has_its_word_and_is_neither_better_nor_worse(tmp_path, monkeypatch):
    _, params = small(tmp_path)
    found = comparisons.surrogate_minus

    def disagreeing(results):
        every = found(results)
        return {
            name: {metric: replace(one, outcome="seeds disagree") for metric, one in own.items()}
            for name, own in every.items()
        }

    monkeypatch.setattr(comparisons, "surrogate_minus", disagreeing)
    html = rendered(tmp_path, params)
    assert '<span class="outcome seeds-disagree"><span aria-hidden="true">≈</span> seeds disagree</span>' in html
    assert "not every training of the one is better than every training of the other" in Page(html).text


def test_descriptions_stand_apart_and_nothing_is_marked_in_them(whole):
    described, accuracy = (region(whole[2], name) for name in ("Descriptions of", "Accuracy of"))
    assert "Gini index" in described and "Points at wing" in described
    assert "Gini index" not in accuracy and "Points at wing" not in accuracy
    assert 'class="num best"' in accuracy
    assert 'class="num best"' not in described and 'class="num tied"' not in described


def test_protocols_are_named_and_explained(whole):
    ids = {metric: result_tree.protocol("parts", metric).id for metric in result_tree.METRICS}
    accuracy = region(whole[2], "Accuracy of")
    assert all(f'title="Protocol {one}">{one[:6]}</small>' in accuracy for one in ids.values())
    section = whole[2][whole[2].index('id="experiment-0-protocols"') :]
    text = Page("<details " + section[: section.index("</details>")] + "</details>").text
    shared, own = text[: text.index(ids["insertion"])], text[text.index(ids["insertion"]) :]
    assert "precision fp32" in shared and "dataset.name parts" in shared
    assert "precision" not in own and "metric.settings.steps 28" in own
    assert f"{ids['part_pointing']} Part pointing, Points at wing" in own


def test_mixed_protocols_are_refused(tmp_path):
    folder, params = small(tmp_path)
    rows = artifacts.read_rows(folder / "scores/grad_cam.parquet")
    other = Protocol(result_tree.protocol("parts", "insertion").fields | {"precision": "bf16"})
    rows.loc[rows["metric"] == "insertion", "protocol"] = other.id
    artifacts.write_rows(folder / "scores/grad_cam.parquet", rows)
    artifacts.write_json(folder / "protocols/grad_cam.json", {other.id: other.fields})
    with pytest.raises(UserError, match='precision: surrogate "fp32", grad_cam "bf16"'):
        rendered(tmp_path, params)


def test_run_and_reference_may_differ_in_protocol(tmp_path):
    _, params = small(tmp_path)
    result_tree.write_results(tmp_path / "reference/older")
    result_tree.write_params(tmp_path, ["parts"], ["older"], explainers={"surrogate": {}, "grad_cam": {}})
    text = Page(rendered(tmp_path, params)).text
    assert result_tree.protocol("parts", "insertion").id in text
    assert result_tree.protocol("older", "insertion").id in text
    assert "Every column belongs to one experiment and has its own protocol" in text


def test_average_ranks_are_drawn_and_described(whole):
    labels = [figure["aria-label"] for figure in Page(whole[2]).all("svg")]
    assert sum(label.startswith("Average ranks: ") for label in labels) == 2, "the run and its reference alone"
    assert "proves nothing about other metrics" in Page(whole[2]).text
    assert "Average ranks over 6 metrics" in whole[2]
    assert "Average ranks over 2 experiments" not in whole[2]


def test_different_experiments_are_ranked_together(tmp_path):
    explainers = {name: {} for name in ("surrogate", "grad_cam", "uniform")}
    for name in ("parts", "more"):
        result_tree.write_results(tmp_path / "results" / name, explainers=explainers)
    params = result_tree.write_params(tmp_path, ["parts", "more"], explainers=explainers)
    html = rendered(tmp_path, params)
    assert "Average ranks over 2 experiments, 12 metrics in all" in html
    assert "Average ranks: Attentive surrogate 1.00, Grad-CAM 2.00" in html


def test_spread_over_seeds_is_shown_where_there_are_several(tmp_path):
    _, params = small(tmp_path, seeds=2)
    text = Page(rendered(tmp_path, params)).text
    runs = [result_tree.scores("parts", "grad_cam", 12, ("insertion",), seed)["value"].mean() for seed in (0, 1)]
    assert "Spread over 2 seeds" in text
    assert "Means over several seeds, image by image: Attentive surrogate (2); Grad-CAM (2); how far" in text
    assert f"{np.mean(runs):.3f} ± {np.std(runs, ddof=1):.3f} {min(runs):.3f} … {max(runs):.3f}" in text
    assert "one training seed" not in text[text.index("Accuracy") :]


def test_only_what_has_several_seeds_is_said_to_have_them(tmp_path):
    folder, params = small(tmp_path, seeds=3)
    rows = artifacts.read_rows(folder / "scores/grad_cam.parquet").query("seed == 0")
    artifacts.write_rows(folder / "scores/grad_cam.parquet", rows)
    fit = artifacts.read_json(folder / "fits/surrogate.json")
    artifacts.write_json(folder / "fits/surrogate.json", fit | {"seeds": [fit] * 3})
    html = rendered(tmp_path, params)
    text = Page(html).text
    assert (
        "image by image: Attentive surrogate (3); how far these differ is shown below. All others come from one" in text
    )
    spread = Page(region(html, "Spread over seeds of")).text
    assert "Attentive surrogate" in spread and "Grad-CAM" not in spread
    assert "networks that were trained alike, Attentive surrogate (3), rows and curves are the first one’s" in text


def test_a_network_that_does_not_classify_has_neither_agreement_nor_fidelity(tmp_path):
    folder, params = small(tmp_path)
    artifacts.write_json(folder / "fits/grad_cam.json", {"parameters": 1234, "seconds": 5.0})
    rows = pd.DataFrame({"epoch": [1, 2], "area": [0.5, 0.4]})
    artifacts.write_rows(folder / "curves/grad_cam.csv", rows)
    html = rendered(tmp_path, params)
    assert f"Grad-CAM {'– ' * 10}1,234 5" in Page(region(html, "Fidelity of")).text
    assert "Grad-CAM: losses" in html and "Grad-CAM: accuracy" not in html


def test_who_was_scored_on_fewer_images_is_named(tmp_path):
    folder, params = small(tmp_path, ("surrogate", "grad_cam", "rise", "uniform"))
    for name in ("rise", "uniform"):
        rows = artifacts.read_rows(folder / f"scores/{name}.parquet")
        left_out = (rows["metric"] == "insertion") & (rows["image_id"] > "image-003")
        artifacts.write_rows(folder / f"scores/{name}.parquet", rows[~left_out])
    text = Page(rendered(tmp_path, params)).text
    assert "Insertion AUC of RISE and Uniform noise is of 4 of the 12 images. Ranks and marks" in text
    assert "Telling energy of" not in text


def test_metrics_that_nobody_has_on_all_images_are_not_named(whole):
    assert "of the 12 images" not in Page(whole[2]).text, "part pointing is not defined on one of them"


def test_one_method_alone_is_neither_marked_nor_ranked(tmp_path):
    _, params = small(tmp_path, ("surrogate", "uniform"))
    html = rendered(tmp_path, params)
    assert 'class="num best"' not in html
    assert "Average ranks" not in html and "minus Uniform noise" in html
    assert "Insertion AUC" in html


def test_ablations_follow_the_methods_and_are_not_ranked(tmp_path):
    names = ("surrogate", "grad_cam", "surrogate_no_attention", "uniform")
    _, params = small(tmp_path, names)
    html = rendered(tmp_path, params)
    accuracy = region(html, "Accuracy of")
    rows = re.findall(r'<tr( class="\w+")?><th scope="row">(.*?)</th>', accuracy)
    assert [title for _, title in rows][:3] == ["Attentive surrogate", "Grad-CAM", "Surrogate, no attention"]
    assert rows[2][0] == ' class="ablation"'
    assert "minus Surrogate, no attention" in html
    ranks = next(f["aria-label"] for f in Page(html).all("svg") if f["aria-label"].startswith("Average ranks"))
    assert "no attention" not in ranks
