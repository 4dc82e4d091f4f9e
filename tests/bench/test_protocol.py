"""A protocol names everything that can change a number, and protocols are never mixed."""

import pytest

from bench import artifacts, evidence, protocol, settings
from bench.scoring import build_metrics
from methods.errors import UserError
from tests import miniature
from tests.bench.running import Stages


def protocols(tmp_path, **changes):
    chosen = settings.experiment(miniature.write(tmp_path / "params.yaml", miniature.settings(**changes)), "mini")
    return protocol.of_columns(chosen, build_metrics(chosen), ("beak",), chosen.images_on("cpu"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"precision": "bf16"}, "precision"),
        ({"image_size": 48}, "image_size"),
        ({"evaluation_images": 3}, "evaluation_images"),
        ({"evaluation_split": "val"}, "split"),
        ({"dataset": {"name": "parts", "classes": 6, "images_per_class": 12}}, "dataset.classes"),
        ({"teacher": {"architecture": "test_vit"}}, "teacher.architecture"),
        ({"metrics": {"insertion": {"steps": 4, "sigma": 3.0}}}, "metric.settings.sigma"),
        ({"metrics": {"insertion": {"steps": 5}}}, "metric.settings.steps"),
    ],
)
def test_every_setting_that_changes_a_number_changes_the_id(tmp_path, changes, field):
    before, after = protocols(tmp_path)["insertion"], protocols(tmp_path, **changes)["insertion"]
    assert before.id != after.id
    with pytest.raises(UserError, match=field.replace(".", r"\.")) as refused:
        protocol.require_same({"here": before, "there": after}, "this table")
    assert "this table would mix protocols" in str(refused.value)
    assert "; precision:" not in str(refused.value) or field == "precision"


def test_what_changes_no_number_changes_no_id(tmp_path):
    before = protocols(tmp_path)
    for changes in ({"seed": 5}, {"gallery_images": 1}, {"explainers": {"grad_cam": {}}}, {"device": "auto"}):
        after = protocols(tmp_path, **changes)
        assert {name: one.id for name, one in before.items()} == {name: one.id for name, one in after.items()}


def test_where_files_lie_changes_no_id(tmp_path):
    def of(folder, **more):
        birds = {"name": "cub200", "folder": folder, **more}
        found = protocols(
            tmp_path, dataset=birds, teacher={"architecture": "resnet18", "weights": f"{folder}.safetensors"}
        )
        return found["insertion"]

    assert of("CUB") == of("/mnt/data/CUB") == of("/home/CUB", download=True)
    assert of("CUB") != of("other") and of("CUB") != of("CUB", fit="squash")
    assert "mnt" not in str(of("/mnt/data/CUB").fields)


def test_metrics_differ_and_columns_of_one_metric_do_not(tmp_path):
    found = protocols(tmp_path)
    assert found["average_drop"] == found["increase_in_confidence"]
    assert found["insertion"] != found["deletion"]
    assert found["part_pointing:beak"] == found["part_pointing"]
    for fixed in ("explained_class", "score", "upsampling", "split"):
        assert found["insertion"].fields[fixed]


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """The results folder of a miniature experiment with two explainers."""
    done = Stages(tmp_path_factory.mktemp("scored"))
    only = {"uniform": {}, "centre": {}}
    miniature.write(done.params, miniature.settings(explainers=only))
    for stage in ("prepare", "teacher", "intervene", "describe"):
        done.run(stage)
    for name in only:
        for stage in ("fit", "explain", "score"):
            paths = {"scores": done.results / f"scores/{name}.parquet"} if stage == "score" else {}
            paths |= {"protocols": done.results / f"protocols/{name}.json"} if stage == "score" else {}
            done.run(stage, explainer=name, **paths)
    return done


def test_rows_carry_the_protocol_and_its_fields_lie_beside_them(scored):
    found = evidence.read(scored.results)
    assert set(found.protocols) == {metric for _, metric in found.samples}
    assert found.protocols["insertion"].fields["metric.settings.steps"] == 4
    assert found.protocols["insertion"].fields["metric.choices.baseline"]
    assert found.seeds == 2


def test_draws_are_samples_of_the_methods_that_draw(scored):
    found = evidence.read(scored.results)
    drawn = found.rows["uniform"].query("metric == 'insertion'").groupby("seed")["value"].apply(list)
    assert drawn.index.tolist() == [0, 1] and drawn[0] != drawn[1]
    assert found.rows["centre"]["seed"].unique().tolist() == [0]
    means = [(first + second) / 2 for first, second in zip(*drawn, strict=True)]
    assert found.samples["uniform", "insertion"].tolist() == pytest.approx(means)


def test_a_limit_leaves_the_other_images_without_a_value(scored):
    found = evidence.read(scored.results)
    assert found.samples["centre", "insertion"].notna().sum() == 4
    assert found.samples["centre", "adcc"].notna().sum() == 2


def test_causal_effects_reach_the_metric(scored):
    effects = artifacts.read_rows(scored.results / "effects.parquet")
    assert set(effects["action"]) == {"remove", "swap"}
    assert effects.groupby(["image_id", "action"]).size().nunique() == 1
    assert effects["probability"].between(0, 1).all()
    assert evidence.read(scored.results).samples["centre", "effect_mass"].notna().any()


def test_a_table_of_two_protocols_is_refused(scored):
    name, path = "uniform", scored.results / "protocols/uniform.json"
    rows = artifacts.read_rows(scored.results / f"scores/{name}.parquet")
    fields = artifacts.read_json(path)
    insertion = rows.loc[rows["metric"] == "insertion", "protocol"].iloc[0]
    changed = protocol.Protocol({**fields[insertion], "precision": "bf16"})
    artifacts.write_json(path, {**fields, changed.id: changed.fields})
    artifacts.write_rows(scored.results / f"scores/{name}.parquet", rows.replace({"protocol": {insertion: changed.id}}))
    try:
        with pytest.raises(UserError, match='precision: uniform "bf16", centre "fp32"'):
            evidence.read(scored.results)
    finally:
        artifacts.write_json(path, fields)
        artifacts.write_rows(scored.results / f"scores/{name}.parquet", rows)
