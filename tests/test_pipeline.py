"""The real pipeline, in miniature: dvc repro in a temporary clone, and reruns after an edit."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from bench import settings
from methods.classifier import create
from tests import imports, miniature
from tests.bench.running import Stages
from tests.conftest import ROOT

EXPLAINERS = ["surrogate", "grad_cam", "rise", "uniform"]

# Modules that no number comes from, so that editing one does not repeat hours of work.
INFRASTRUCTURE = [
    "bench/artifacts.py",  # carries values between files and stages, and makes none
    "bench/checking.py",  # refuses settings, and changes none
    "bench/stages/command.py",  # options, the exit status and the line that is printed
    "methods/errors.py",  # messages
    "methods/registry.py",  # finds a class by its name and refuses bad settings
]
PLUGINS = ("bench/claims", "bench/datasets", "bench/metrics", "methods/explainers")  # the registry imports them by name

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def small_params():
    content = miniature.settings(evaluation_images=3)
    kept = {name: content["explainers"][name] for name in EXPLAINERS}
    content["explainers"] = content["experiments"]["mini"]["explainers"] = kept
    content["compare"] = EXPLAINERS
    return content


def run(clone: Path, *command: str) -> str:
    """Run a command in the clone with this environment's programs first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "DVC_NO_ANALYTICS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled files must not count as changes
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with the working tree's tracked files, miniature settings and one finished run."""
    pytest.importorskip("dvc", reason="dvc is not installed")
    folder = tmp_path_factory.mktemp("clone")
    tracked = run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / "dvc.lock").unlink(missing_ok=True)
    miniature.write(folder / "params.yaml", small_params())
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "repro")
    return folder


def ran(output: str) -> set[str]:
    return set(re.findall(r"Running stage '(.+)'", output))


def test_report_and_tables_are_there(clone):
    page = (clone / "artifacts/report/index.html").read_text(encoding="utf-8")
    assert page.count("data:image") >= len(EXPLAINERS)
    accuracy = pd.read_csv(clone / "artifacts/report/accuracy.csv")
    assert set(accuracy["explainer"]) == set(EXPLAINERS)
    assert {"insertion", "deletion", "average_drop", "telling_energy"} <= set(accuracy["metric"])
    throughput = pd.read_csv(clone / "artifacts/report/throughput.csv")
    assert set(throughput["explainer"]) == set(EXPLAINERS)
    timed = json.loads((clone / "artifacts/results/mini/throughput/rise.json").read_text(encoding="utf-8"))
    masks = small_params()["explainers"]["rise"]["masks"]
    for one in timed["benchmarks"]:
        assert (one["extra_info"]["images"], one["extra_info"]["forward_passes"]) == ("evaluation", masks)
    scores = pd.read_parquet(clone / "artifacts/results/mini/scores/rise.parquet")
    assert len(scores) == 2 * 3 * scores["metric"].nunique()  # two draws, three images


def test_dvc_plots_every_method(clone):
    plots = json.loads(run(clone, "dvc", "plots", "show", "--json"))["data"]
    declared = {next(iter(one)) for one in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]}
    shown = {name for name in declared if plots.get(name)}
    assert declared - shown == {"Surrogate losses"}, "of `parts`, which did not run here"
    for name in shown:
        values = plots[name][0]["content"]["data"]["values"]
        assert {row["explainer"] for row in values} == set(EXPLAINERS)
        assert not re.search("<DVC_METRIC", json.dumps(plots[name])), "every anchor of the template is filled"


def test_a_second_run_has_nothing_to_do(clone):
    assert ran(run(clone, "dvc", "repro")) == set()


def test_editing_an_explainer_reruns_it_and_the_report_alone(clone):
    source = clone / "methods/explainers/grad_cam.py"
    source.write_text(source.read_text().replace(".sum(1).relu()", ".sum(1).relu().sqrt()"), encoding="utf-8")
    again = ran(run(clone, "dvc", "repro"))
    own = {f"{stage}@mini-grad_cam" for stage in ("fit", "explain", "score", "throughput")}
    assert again == own | {"gallery@mini", "claims@mini", "report"}


def test_editing_settings_reruns_that_explainer_and_the_report_alone(clone):
    content = small_params()
    content["experiments"]["mini"]["explainers"]["rise"]["masks"] = 24
    miniature.write(clone / "params.yaml", content)
    again = ran(run(clone, "dvc", "repro"))
    own = {f"{stage}@mini-rise" for stage in ("fit", "explain", "score", "throughput")}
    assert again == own | {"describe@mini", "gallery@mini", "claims@mini", "report"}


def test_two_runs_give_byte_identical_scores(tmp_path):
    scores = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        stages = Stages(tmp_path / name)
        for stage in ("prepare", "teacher", "intervene"):
            stages.run(stage)
        for explainer in ("surrogate", "rise"):
            for stage in ("fit", "explain", "score"):
                stages.run(stage, explainer=explainer)
        scores.append([(stages.results / f"{e}.parquet").read_bytes() for e in ("surrogate", "rise")])
    assert scores[0] == scores[1]


def test_committed_settings_are_valid(tmp_path, monkeypatch):
    from bench.checking import check

    content = settings.read(ROOT / "params.yaml")
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    for one in content["experiments"].values():
        (tmp_path / one["teacher"].get("weights", "none")).touch()
    everything = tmp_path / "params.yaml"
    everything.write_text(yaml.safe_dump({**content, "compare": list(content["explainers"])}))
    for name in content["experiments"]:
        check(settings.experiment(everything, name))
        experiment = settings.experiment(ROOT / "params.yaml", name)
        assert list(experiment.explainers) == content["compare"]
    assert set(content["run"]) <= set(content["experiments"])


def test_every_tracked_parameter_is_there_for_every_experiment():
    content = settings.read(ROOT / "params.yaml")
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    tracked = {key for stage in stages.values() for key in stage.get("params", [])}
    for name in content["experiments"]:
        for explainer in content["explainers"]:
            for key in tracked:
                value = content
                for part in key.replace("${item.experiment}", name).replace("${item.explainer}", explainer).split("."):
                    assert part in value, f"{key}: {name} has no '{part}'"
                    value = value[part]


def test_every_path_a_stage_touches_is_declared():
    """What a command reads or writes under artifacts/ is a dependency or an output of its stage."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        lists = [stage.get(key, []) for key in ("deps", "outs", "plots", "metrics")]
        declared = {next(iter(entry)) if isinstance(entry, dict) else entry for entries in lists for entry in entries}
        for path in re.findall(r"artifacts/(?:work|results)\S+", stage["cmd"]):
            inside = [one for one in declared if one.startswith(f"{path}/")]  # a folder of which it reads some files
            assert path in declared or inside, f"stage {name} does not declare {path}"


def test_every_module_a_stage_runs_is_declared():
    """What a stage imports, or builds by name, is a dependency: editing it runs the stage again."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        [module] = re.findall(r"python -m (\S+)", stage["cmd"])
        for explainer in settings.read(ROOT / "params.yaml")["explainers"]:
            declared = code(stage["deps"], explainer)
            starts = {f"{module.replace('.', '/')}.py", *(path for path in declared if path.startswith(PLUGINS))}
            if "explainer" in stage.get("matrix", {}):
                starts.add(f"methods/explainers/{explainer}.py")
            missing = imports.closure(ROOT, starts, INFRASTRUCTURE) - declared
            assert not missing, f"stage {name} does not declare {sorted(missing)}"


def code(deps: list[str], explainer: str) -> set[str]:
    """Return the sources that dependencies name, those below folders included."""
    paths = [ROOT / dep.replace("${item.explainer}", explainer) for dep in deps if not dep.startswith("artifacts/")]
    files = [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]
    return {file.relative_to(ROOT).as_posix() for file in files}


def test_imports_are_found_wherever_they_stand(tmp_path):
    for name, text in {
        "bench/__init__.py": '"""Only a docstring."""',
        "bench/start.py": "from bench import direct\ndef late():\n    from bench.inner import part, NAME\n",
        "bench/direct.py": 'import methods.plain\nrun("bench/started.py")\n',
        "bench/inner/__init__.py": "NAME = 1\n",
        "bench/inner/part.py": "if TYPE_CHECKING:\n    import methods.typed\n",
        "bench/started.py": "import torch, bench.start, bench.silent\n",
        "bench/silent.py": "import methods.unseen\n",
        "methods/plain.py": "from os import path\n",
        "methods/typed.py": "x = 1\n",
        "methods/unseen.py": "x = 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    inside = {"bench/start.py", "bench/direct.py", "bench/started.py", "bench/inner/__init__.py", "bench/inner/part.py"}
    assert imports.closure(tmp_path, ["bench/start.py"], ["bench/silent.py"]) == inside | {"methods/plain.py"}


def test_real_photographs_and_real_weights():
    """Features of the ImageNet weights tell species apart on real photographs."""
    if not (os.environ.get("BENCH_DATA") and os.environ.get("BENCH_WEIGHTS")):
        pytest.skip("BENCH_DATA and BENCH_WEIGHTS are not set: no photographs and weights on this machine")
    from bench.datasets.cub200 import Cub200

    root = Path(os.environ["BENCH_DATA"])
    birds = settings.experiment(ROOT / "params.yaml", "birds")
    dataset = Cub200(folder="CUB_100", fit="squash")
    index = dataset.index(root)
    chosen = index[index["label"].isin([0, 20, 40, 60, 80])].groupby("label").head(16)
    pixels = [torch.from_numpy(dataset.read(root, row, 224).image).permute(2, 0, 1) for _, row in chosen.iterrows()]
    teacher = birds.teacher
    model = create(teacher.architecture, 1000, teacher.weights, teacher.arguments, teacher.mean, teacher.std).eval()
    with torch.inference_mode():
        features = model.features(torch.stack(pixels).float() / 255).mean((2, 3)).view(5, 16, -1)
    centres = features[:, :8].mean(1)
    nearest = torch.cdist(features[:, 8:].flatten(0, 1), centres).argmin(1).view(5, 8)
    assert (nearest == torch.arange(5)[:, None]).float().mean() > 0.7


@pytest.mark.parametrize("document", ["Makefile", "README.md"])
def test_documented_options_of_the_throughput_suite_are_understood(document):
    text = (ROOT / document).read_text(encoding="utf-8").replace("$(EXPERIMENT)", "parts")
    [command] = re.findall(r"python (-m pytest .*--experiment [^\\#\n]*)", text)
    assert "test_throughput[" in run(ROOT, sys.executable, *command.split(), "--collect-only", "-q")
