"""params.yaml, read once, into frozen dataclasses."""

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, with_config

from methods.errors import UserError, one_of
from methods.network_settings import NetworkSettings
from methods.registry import validated

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=-(2**62), lt=2**62)]  # torch and tables take 64 bits, and draws count on from it


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the same for teachers and for explainers that learn.

    epochs: passes over the training split.
    batch_size: images per step.
    optimizer: `adamw`, or `sgd` with Nesterov momentum 0.9.
    learning_rate: peak, reached after `warmup` and followed by a cosine to zero.
    warmup: share of all steps that rise linearly from zero.
    weight_decay: decoupled for AdamW; not applied to biases and norms.
    label_smoothing: for the teacher's cross-entropy.
    crop: smallest share of the image's area that a random resized crop keeps.
    image_size: side to which crops are resized; none takes the experiment's. Training on smaller images is
        cheaper, and with smaller crops objects keep the size they have when the network is used
        (Touvron et al. 2019, https://arxiv.org/abs/1906.06423).
    flip: mirror half of the images.
    precision: of forward and backward passes while training, by autocast.
    jitter: strength of random brightness, contrast and saturation; 0 is none.
    clip: largest gradient norm.
    rates: share of the learning rate by part of the network, as its parameters are named, {classifier: 0.05} for the
        network inside a surrogate, {backbone.classifier: 0.05} for the head of a teacher that names it so; of several
        that match the longest counts, what matches none takes all of it. For parts that start trained.
    """

    epochs: Positive
    batch_size: Positive = 32
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    warmup: Share = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    label_smoothing: Share = 0.1
    crop: Annotated[float, Field(gt=0, le=1)] = 0.5
    image_size: Positive | None = None
    flip: bool = True
    precision: Literal["fp32", "bf16"] = "fp32"
    jitter: Share = 0.2
    clip: Annotated[float, Field(gt=0)] = 5.0
    rates: dict[str, Annotated[float, Field(ge=0, le=1)]] = field(default_factory=dict)


@dataclass(frozen=True)
class LearnerRecipe(Recipe):
    """How an explainer that learns is trained.

    seeds: how many networks are trained, each from its own seed; each gives a map of every image, as draws do.
    """

    seeds: Positive = 1


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class TeacherSettings(NetworkSettings):
    """The classifier to be explained: see `NetworkSettings`.

    fit: how it is fine-tuned; none uses the weights as they are.
    """

    fit: Recipe | None = None


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class PerDevice:
    """A number that depends on where networks run.

    cpu: on a CPU, and on every device that is not named.
    cuda: on an NVIDIA GPU.
    """

    cpu: Positive
    cuda: Positive


@dataclass(frozen=True)
class Experiment:
    """One row of experiments: data, teacher, methods and measures.

    dataset: `name` of a file in bench/datasets and its settings.
    image_size: side of the square images in pixels.
    timing_size: side of the images with which methods are timed; `image_size` if None.
    evaluation_images: how many images are explained and scored (fewer if there are fewer); the same ones
        first for any number, which may depend on the device, {cpu: 300, cuda: 1000}.
    evaluation_split: the split they are taken from: `test`, or `val` to choose settings by, and then nothing of the
        test split is looked at.
    gallery_images: how many of them are pictured in the report.
    seed: of everything random in the run, in 63 bits.
    draws: how often an explainer that draws masks or noise explains each image, each time from other seeds.
    device: `auto` takes a GPU if there is one.
    precision: of explaining and scoring; training has its own in the recipe.
    explainers: name -> settings, for those under `compare`; `fit` is how one is trained.
    metrics, claims: name -> settings.
    """

    name: str
    dataset: dict[str, Any]
    image_size: Annotated[int, Field(ge=16)]
    teacher: TeacherSettings
    explainers: dict[str, dict[str, Any]]
    metrics: dict[str, dict[str, Any]]
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    timing_size: Positive | None = None
    evaluation_images: Positive | PerDevice = 100
    evaluation_split: Literal["test", "val"] = "test"
    gallery_images: Positive = 8
    seed: Seed = 0
    draws: Positive = 1
    device: str = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"
    title: str = ""

    def images_on(self, device: str) -> int:
        """Return how many images are explained where networks run on `device`, `cpu` or `cuda` say."""
        if isinstance(self.evaluation_images, PerDevice):
            return self.evaluation_images.cuda if device == "cuda" else self.evaluation_images.cpu
        return self.evaluation_images

    def recipe(self, explainer: str) -> LearnerRecipe | None:
        """Return how `explainer` is trained, or None if it has nothing to learn."""
        recipe = self.explainer(explainer).get("fit")
        return None if recipe is None else validated(LearnerRecipe, recipe, f"fit of explainer '{explainer}'")

    def repeats(self, explainer: str, random: bool) -> int:
        """Return how many maps of each image are made: one per trained network, or per draw of one that draws."""
        recipe = self.recipe(explainer)
        return max(recipe.seeds if recipe else 1, self.draws if random else 1)

    def explainer(self, name: str) -> dict[str, Any]:
        """Return all settings of one explainer, its `fit` included."""
        if name not in self.explainers:
            raise one_of("explainer", name, list(self.explainers))
        return self.explainers[name] or {}

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as they go into settings.json and the report."""
        return asdict(self)


@dataclass(frozen=True)
class TopLevel:
    """What the top level of params.yaml says to Python; whatever else stands there is for YAML's anchors.

    experiments: name -> settings, see `Experiment`.
    run, references: names of experiments that are run, and of those whose committed results are shown.
    compare: names of explainers.
    """

    experiments: dict[str, dict[str, Any]]
    run: list[str] | None = None
    references: list[str] | None = None
    compare: list[str] | None = None


def read(path: Path) -> dict[str, Any]:
    """Return the whole of params.yaml as plain values."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"settings file '{path}' not found: name it with --params") from None
    except OSError as error:
        raise UserError(f"settings file '{path}' cannot be read ({error.strerror}): name it with --params") from None
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"settings file '{path}' is not YAML in UTF-8: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or "experiments" not in content:
        raise UserError(f"settings file '{path}' has no 'experiments': see the one in the repository")
    known = [one.name for one in fields(TopLevel)]
    validated(TopLevel, {key: value for key, value in content.items() if key in known}, f"settings file '{path}'")
    return content


def experiment(path: Path, name: str, whole: bool = False) -> Experiment:
    """Return the checked settings of one experiment; its explainers are those under `compare`, or all if `whole`.

    Raises:
        UserError: no such file or experiment, an unknown setting or one of the wrong type.
    """
    content = read(path)
    experiments = content["experiments"]
    if name not in experiments:
        raise one_of("experiment", name, list(experiments))
    found = validated(Experiment, {**experiments[name], "name": name}, f"experiment '{name}'")
    compared = content.get("compare") or list(found.explainers)
    for explainer in compared:
        if explainer not in found.explainers:
            raise one_of("explainer under 'compare'", explainer, list(found.explainers))
    own = found.dataset.get("name")
    if not isinstance(own, str):
        raise UserError(f"experiment '{name}': dataset needs a 'name', that of a file in bench/datasets (got {own!r})")
    if whole:
        return found
    return replace(found, explainers={explainer: found.explainers[explainer] for explainer in compared})
