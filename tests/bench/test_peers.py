"""Our metrics against published libraries, where the definitions can be made to agree.

`pytest tests/bench/test_peers.py -rP` prints the differences that docs/agreement.md reports.
"""

import sys
import warnings
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation
from torch import Tensor

from bench.metrics._imputation import impute
from bench.metrics.base import Batch, Method
from bench.metrics.confidence import Confidence
from bench.metrics.deletion import Deletion
from bench.metrics.insertion import Insertion
from bench.metrics.model_randomisation import ModelRandomisation
from bench.metrics.pointing import Pointing
from bench.metrics.road import Road
from bench.metrics.sparseness import Sparseness
from bench.metrics.stability import Stability
from bench.metrics.telling_energy import TellingEnergy
from methods.classifier import Classifier
from methods.explainers.grad_cam import GradCam
from methods.explainers.sobel import Sobel
from methods.masking import class_probabilities
from methods.resize import min_max, upsample
from tests import planted
from tests.conftest import small_classifier

pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # numpy, in pytorch-grad-cam

SIZE = planted.SIZE
softmax = partial(torch.softmax, dim=1)


def peer(package, root, *modules):
    """Return a fixture that imports a library, or skips where it cannot be imported."""

    def load():
        reason = f"{package} is not installed: pip install -e '.[peers]'"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for module in (root, *modules):
                pytest.importorskip(f"{root}.{module}" if module != root else root, reason=reason, exc_type=ImportError)
        return sys.modules[root]

    return pytest.fixture(scope="module")(load)


quantus = peer("quantus", "quantus")
torchcam = peer("torchcam", "torchcam", "metrics", "methods")
captum = peer("captum", "captum", "metrics")
grad_cam = peer("grad-cam", "pytorch_grad_cam", "metrics.road", "metrics.cam_mult_image", "utils.model_targets")


@dataclass(frozen=True)
class World:
    """A classifier, three images of it, and four maps of each image."""

    name: str
    model: Classifier
    batch: Batch

    def maps(self) -> list[Tensor]:
        return list(planted.maps().values())

    def ours(self, metric, column) -> Tensor:
        """Return the metric's values, four maps after another, [4 * 3]."""
        return torch.cat([metric(self.model, self.batch, saliency)[column] for saliency in self.maps()])

    def theirs(self, score) -> Tensor:
        """Return `score(saliency [3, H, W]) -> [3]` in the same order."""
        return torch.cat([torch.as_tensor(score(saliency)).double() for saliency in self.maps()])


def planted_world():
    return World("planted", planted.model().eval(), planted.batch())


def network_world(size=SIZE, dtype=torch.float32):
    """Return a random network with its preprocessing, and its first, third and last class."""
    model, batch = small_classifier().to(dtype), planted.batch()
    images = batch.images[..., :size, :size].to(dtype).contiguous()
    targets = model(images).argsort(1, descending=True)[range(planted.COUNT), [0, 2, 4]]
    batch = replace(batch, images=images, targets=targets, probabilities=class_probabilities(model, images, targets))
    return World("network" if dtype is torch.float32 else "network, float64", model, batch)


WORLDS = {
    "planted": planted_world,
    "network": network_world,
    "network_float64": partial(network_world, dtype=torch.float64),
}


@pytest.fixture(params=WORLDS.values(), ids=WORLDS.keys())
def world(request):
    return request.param()


def difference(what, package, ours, theirs):
    """Return the largest difference and print it for docs/agreement.md."""
    ours, theirs = (torch.as_tensor(values).double().flatten() for values in (ours, theirs))
    assert ours.shape == theirs.shape and ours.isfinite().all() and theirs.isfinite().all()
    largest = float((ours - theirs).abs().max())
    sample = f"{len(ours)} values in {ours.min():.4g}..{ours.max():.4g}"
    print(f"{what} | {package} {version(package)} | {largest:.1e} | {sample}")
    return largest


# ---- torch-cam ----


class Given:
    """Given maps in place of a torch-cam extractor."""

    def __init__(self, model, saliency):
        self.model, self.saliency = model, saliency

    def __call__(self, class_idx=None, scores=None, normalized=True, *, targets=None):
        return [self.saliency]

    def fuse_cams(self, cams):
        return cams[0]

    def _hooks_off(self):
        return nullcontext()


def per_image(metric_class, world, key, outside=True, **settings):
    """Return a score that runs a torch-cam metric on each image alone, for its mean is over images.

    outside: preprocessing happens outside the network, as is usual; else images are in RGB.
    """
    network = world.model.backbone if outside else world.model

    def score(saliency):
        values = []
        for i in range(len(saliency)):
            image = world.batch.images[i : i + 1]
            metric = metric_class(Given(network, saliency[i : i + 1]), softmax, **settings)
            metric.update(world.model.normalise(image) if outside else image, int(world.batch.targets[i]))
            values.append(metric.summary()[key])
        return values

    return score


def test_deletion_is_torch_cams(torchcam, world):
    score = per_image(torchcam.metrics.DeletionInsertionMetric, world, "deletion_auc", steps=28)
    ours = world.ours(Deletion(steps=28), "deletion")
    assert difference(f"deletion, {world.name}", "torchcam", ours, world.theirs(score)) <= 1e-6


def test_insertion_is_torch_cams_on_our_blur(torchcam, world):
    metric = Insertion(steps=28)
    settings = {"steps": 28, "baseline": metric.blur}
    score = per_image(torchcam.metrics.DeletionInsertionMetric, world, "insertion_auc", **settings)
    ours = world.ours(metric, "insertion")
    assert difference(f"insertion, {world.name}", "torchcam", ours, world.theirs(score)) <= 1e-6


def test_average_drop_is_torch_cams_with_preprocessing_inside(torchcam, world):
    def given(key):
        score = per_image(torchcam.metrics.ClassificationMetric, world, key, outside=False)
        return world.theirs(lambda saliency: score(min_max(saliency)))

    drop, increase = (world.ours(Confidence(), key) / 100 for key in ("average_drop", "increase_in_confidence"))
    assert difference(f"average drop / 100, {world.name}", "torchcam", drop, given("avg_drop")) <= 1e-5
    assert difference(f"increase in confidence / 100, {world.name}", "torchcam", increase, given("conf_increase")) == 0


def test_torch_cam_masks_the_normalised_image(torchcam):
    world = network_world()
    score = per_image(torchcam.metrics.ClassificationMetric, world, "avg_drop")
    theirs = world.theirs(lambda saliency: score(min_max(saliency)))
    ours = world.ours(Confidence(), "average_drop") / 100
    assert difference("DIFFERS average drop / 100, preprocessing outside", "torchcam", ours, theirs) > 0.01


def test_grad_cam_is_torch_cams_of_the_logit(torchcam):
    """Its metric differentiates the probability instead, and it scales before upsampling."""
    world = network_world()
    batch, small = world.batch, GradCam().explain(world.model, world.batch.images, world.batch.targets, None)
    saliency = upsample(small, (SIZE, SIZE))
    with torchcam.methods.GradCAM(world.model.backbone, "layer4") as extractor:
        normalised = world.model.normalise(batch.images).requires_grad_()
        (theirs,) = extractor(batch.targets.tolist(), world.model.backbone(normalised))
        asked = torchcam.metrics.DeletionInsertionMetric(extractor, softmax, steps=28)
        asked.update(normalised, batch.targets.tolist())
    assert difference("Grad-CAM, scaled, 4 x 4", "torchcam", min_max(small), theirs) <= 1e-5

    ours = Deletion(steps=28)(world.model, batch, saliency)["deletion"]
    given = per_image(torchcam.metrics.DeletionInsertionMetric, world, "deletion_auc", steps=28)(theirs)
    assert difference("DIFFERS deletion, ties of the upsampled map", "torchcam", ours, given) < 1e-3
    probability = asked.summary()["deletion_auc"]
    assert difference("DIFFERS deletion, mean, map of the probability", "torchcam", ours.mean(), probability) > 1e-3

    ours = Confidence()(world.model, batch, saliency)["average_drop"] / 100
    given = per_image(torchcam.metrics.ClassificationMetric, world, "avg_drop", outside=False)(theirs)
    assert difference("DIFFERS average drop / 100, scaled before upsampling", "torchcam", ours, given) > 1e-4


# ---- pytorch-grad-cam ----


def test_drop_in_confidence_is_pytorch_grad_cams_divided_by_the_confidence(grad_cam, world):
    batch = world.batch
    targets = [grad_cam.utils.model_targets.ClassifierOutputSoftmaxTarget(int(target)) for target in batch.targets]

    def score(metric):
        return world.theirs(lambda saliency: metric(batch.images, min_max(saliency).numpy(), targets, world.model))

    drop, increase = (world.ours(Confidence(), key) / 100 for key in ("average_drop", "increase_in_confidence"))
    theirs = score(grad_cam.metrics.cam_mult_image.DropInConfidence())
    before = batch.probabilities.repeat(len(world.maps()))
    assert difference(f"average drop / 100, {world.name}", "grad-cam", drop, theirs / before) <= 1e-5
    assert difference(f"DIFFERS average drop / 100, not divided, {world.name}", "grad-cam", drop, theirs) > 1e-3
    theirs = score(grad_cam.metrics.cam_mult_image.IncreaseInConfidence())
    assert difference(f"increase in confidence / 100, {world.name}", "grad-cam", increase, theirs) == 0


# ---- ROAD: pytorch-grad-cam and Quantus ----


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_imputation_is_that_of_both_without_noise(grad_cam, quantus, share):
    image = planted.batch().images[0].double()
    maps = torch.stack([saliency[0] for saliency in planted.maps().values()])
    missing = without_ties(maps) >= (1 - share) * SIZE**2
    what = f"imputation, {share:.0%} missing"
    ours = impute(image, missing, tolerance=1e-9)
    imputer = grad_cam.metrics.road.NoisyLinearImputer(noise=0)
    theirs = torch.stack([imputer(image.float(), 1 - mask.float()) for mask in missing])
    assert difference(what, "grad-cam", ours, theirs) <= 1e-6
    places = [mask.flatten().nonzero().squeeze(1).numpy() for mask in missing]
    imputer = quantus.functions.perturb_func.noisy_linear_imputation
    theirs = np.stack([imputer(image.numpy(), where, noise=0) for where in places])
    assert difference(what, "quantus", ours, theirs) <= 1e-6
    tolerance = Road().tolerance  # of the last correction, which is near the error but no bound of it
    ours = impute(image.float(), missing, tolerance)
    assert difference(f"{what}, float32, tolerance of ROAD", "quantus", ours, theirs) <= tolerance


@pytest.mark.parametrize("column", ["road_morf", "road_lerf"])
def test_road_is_pytorch_grad_cams_without_noise(grad_cam, column):
    """At 30 px every percentage is a whole number of pixels; at 32 px the number is rounded another way."""
    road, confidence = grad_cam.metrics.road, grad_cam.metrics.perturbation_confidence
    remove = {"road_morf": confidence.RemoveMostRelevantFirst, "road_lerf": confidence.RemoveLeastRelevantFirst}[column]

    def both(size, **settings):
        world, metric = network_world(size=size), Road(**settings)
        maps = [without_ties(saliency[:, :size, :size]) for saliency in world.maps()]
        normalised, network = world.model.normalise(world.batch.images), world.model.backbone
        chosen = [grad_cam.utils.model_targets.ClassifierOutputSoftmaxTarget(int(t)) for t in world.batch.targets]

        def theirs(saliency):
            removals = [remove(100 - share, road.NoisyLinearImputer(noise=0)) for share in metric.percentages]
            peers = [confidence.PerturbationConfidenceMetric(removal) for removal in removals]
            cams = min_max(saliency).numpy()
            return np.mean([peer(normalised, cams, chosen, network, return_diff=False) for peer in peers], 0)

        ours = torch.cat([metric(world.model, world.batch, saliency)[column] for saliency in maps])
        return ours, np.concatenate([theirs(saliency) for saliency in maps])

    assert difference(f"{column}, network, 30 px", "grad-cam", *both(30, noise=0, tolerance=1e-5)) <= 1e-5
    assert difference(f"DIFFERS {column}, count rounded, 32 px", "grad-cam", *both(32, noise=0, tolerance=1e-5)) < 1e-2
    assert difference(f"DIFFERS {column}, our noise and tolerance", "grad-cam", *both(30)) < 1e-2


# ---- Quantus ----


def evaluate(metric_class, world, regions=None, model=None, **settings):
    """Return a score that runs a Quantus metric on scaled maps, which have no negative value."""

    def score(saliency):
        metric = metric_class(abs=True, normalise=False, disable_warnings=True, **settings)
        values = metric(
            model=model,
            x_batch=world.model.normalise(world.batch.images).numpy(),
            y_batch=world.batch.targets.numpy(),
            a_batch=min_max(saliency)[:, None].numpy(),
            s_batch=None if regions is None else regions[:, None].numpy(),
            softmax=model is not None,
        )
        return np.array(values, dtype=float)

    return score


def test_gini_and_entropy_are_quantus(quantus):
    world = planted_world()
    gini, entropy = (world.ours(Sparseness(), column) for column in ("gini", "entropy"))
    assert difference("gini", "quantus", gini, world.theirs(evaluate(quantus.Sparseness, world))) <= 1e-5
    theirs = world.theirs(evaluate(quantus.Complexity, world)) / np.log(SIZE**2)
    assert difference("entropy", "quantus", entropy, theirs) <= 1e-5


def test_quantus_adds_a_little_to_every_pixel(quantus):
    """One pixel of 1024 is as sparse as can be."""
    world, saliency = planted_world(), torch.zeros(planted.COUNT, SIZE, SIZE)
    saliency[:, 5, 7] = 1
    ours = Sparseness()(world.model, world.batch, saliency)["gini"]
    assert ours.tolist() == pytest.approx([1 - 1 / SIZE**2] * planted.COUNT, abs=1e-6)
    theirs = evaluate(quantus.Sparseness, world)(saliency)
    assert 1e-5 < difference("DIFFERS gini of a single pixel", "quantus", ours, theirs) < 2e-4


def disc(radius):
    reach = torch.arange(-int(radius), int(radius) + 1)
    return (reach**2 + reach[:, None] ** 2 <= radius**2).numpy()


def test_pointing_is_quantus_on_the_object_grown_by_the_tolerance(quantus):
    world = planted_world()
    regions = world.batch.segments == 1
    batch = replace(world.batch, segments=regions.to(torch.uint8))
    grown = torch.from_numpy(np.stack([binary_dilation(region, disc(15 * SIZE / 224)) for region in regions.numpy()]))
    near = torch.zeros(planted.COUNT, SIZE, SIZE)  # three, two and one pixels from the object
    for i in range(planted.COUNT):
        near[i, 16, 3 + i] = 1
    maps = [*world.maps(), near]
    ours = torch.cat([Pointing()(world.model, batch, saliency)["pointing"] for saliency in maps])
    theirs = np.concatenate([evaluate(quantus.PointingGame, world, grown)(saliency) for saliency in maps])
    assert set(ours.tolist()) == {0, 1}
    assert difference("pointing", "quantus", ours, theirs) == 0


def test_quantus_points_with_any_maximum_and_at_nothing(quantus):
    world = planted_world()
    regions = world.batch.segments > 0
    saliency = world.maps()[3].clone()
    saliency[0] = 0.5
    saliency[1, 16, 10] = saliency[1].max()  # a tie: once on the object, else elsewhere
    ours = Pointing()(world.model, world.batch, saliency)["pointing"]
    theirs = evaluate(quantus.PointingGame, world, regions)(saliency)
    assert ours.tolist() == [0, 0, 0] and theirs.tolist() == [1, 1, 0]
    difference("DIFFERS pointing with ties", "quantus", ours, theirs)
    nothing = torch.zeros_like(world.batch.segments)
    ours = Pointing()(world.model, replace(world.batch, segments=nothing), saliency)["pointing"]
    assert ours.isnan().all()
    assert evaluate(quantus.PointingGame, world, nothing > 0)(saliency).tolist() == [1.0] * 3


def test_energy_is_quantus_relevance_mass_accuracy(quantus):
    world = planted_world()
    for metric, column, regions in (
        (Pointing(), "energy_pointing", world.batch.segments > 0),
        (TellingEnergy(), "telling_energy", world.batch.segments == 1),
    ):
        theirs = world.theirs(evaluate(quantus.RelevanceMassAccuracy, world, regions))
        assert difference(column, "quantus", world.ours(metric, column), theirs) <= 1e-6


def without_ties(saliency):
    """Replace each pixel by its rank, for Quantus sorts ties in no order; [B, H, W] -> same."""
    return saliency.flatten(1).argsort(dim=1, stable=True).argsort(1).view_as(saliency).float()


def area(curves, start):
    """Trapezoid of curves [B, n] that lack their start [B]."""
    return np.trapezoid(np.concatenate([np.asarray(start)[:, None], curves], 1), dx=1 / curves.shape[1], axis=1)


def test_deletion_is_the_area_under_quantus_pixel_flipping_from_the_whole_image(quantus):
    """A pixel has three values; Quantus wants steps that divide the number of pixels, so images are 24 wide."""
    world, side, step = network_world(size=24), 24, 48
    maps = [without_ties(saliency[:, :side, :side]) for saliency in world.maps()]
    settings = {"features_in_step": 3 * step, "perturb_baseline": 0.0}
    flipping = evaluate(quantus.PixelFlipping, world, model=world.model.backbone, **settings)
    metric = Deletion(steps=side**2 // step)
    ours = torch.cat([metric(world.model, world.batch, saliency)["deletion"] for saliency in maps])
    curves = [flipping(saliency) for saliency in maps]
    theirs = np.concatenate([area(curve, world.batch.probabilities) for curve in curves])
    assert difference("deletion, network", "quantus", ours, theirs) <= 1e-6
    later = np.concatenate([np.trapezoid(curve, axis=1) / curve.shape[1] for curve in curves])
    assert difference("DIFFERS deletion, curve without its start", "quantus", ours, later) > 0.01


def test_deletion_pixel_by_pixel_is_quantus_region_perturbation(quantus):
    world = planted_world()
    start = world.batch.probabilities.numpy()
    settings = {"patch_size": 1, "regions_evaluation": SIZE**2, "perturb_baseline": 0.0}
    drops = evaluate(quantus.RegionPerturbation, world, model=world.model.backbone, **settings)
    theirs = world.theirs(lambda saliency: area(start[:, None] - drops(without_ties(saliency)), start))
    ours = world.ours(Deletion(steps=SIZE**2), "deletion")
    assert difference("deletion, planted, step 1", "quantus", ours, theirs) <= 1e-6


def test_quantus_fails_on_areas_under_numpy_and_on_road_of_colour_images(quantus):
    world, saliency = network_world(size=24), planted.maps()["truth"][:, :24, :24]
    settings = {"features_in_step": 144, "perturb_baseline": 0.0, "return_auc_per_sample": True}
    if not hasattr(np, "trapz"):
        with pytest.raises(AttributeError, match="trapz"):
            evaluate(quantus.PixelFlipping, world, model=world.model.backbone, **settings)(saliency)
    with pytest.raises(IndexError):
        evaluate(quantus.ROAD, world, model=world.model.backbone, percentages=[20])(saliency)


def test_randomisation_is_the_mean_of_quantus_rank_correlation(quantus):
    """The similarity alone: which parameters are redrawn, and how, differs."""
    world, metric = network_world(), ModelRandomisation(levels=3)
    batch = replace(world.batch, method=Method(GradCam(), world.model))
    before = batch.method.explain(batch.images, batch.targets, batch.seeds)
    steps = []
    for network in metric.cascade(world.model):
        after = batch.method.explain(batch.images, batch.targets, batch.seeds, network)
        pairs = zip(before.flatten(1).numpy(), after.flatten(1).numpy(), strict=True)
        steps.append([quantus.functions.similarity_func.correlation_spearman(*pair) for pair in pairs])
    ours = metric(world.model, batch, before)["randomisation"]
    assert difference("randomisation, Spearman", "quantus", ours, np.mean(steps, 0)) <= 1e-6


# ---- stability: captum and Quantus ----

RADIUS, DRAWS = 0.1, 4


def stable_world(explainer):
    world = network_world(dtype=torch.float64)
    batch = replace(world.batch, method=Method(explainer, world.model))
    noise = [Stability(radius=RADIUS, draws=DRAWS).noise(int(seed), batch.images.shape[1:]) for seed in batch.seeds]
    return replace(world, batch=batch), torch.stack(noise).double()


def sensitivity(world):
    saliency = world.batch.method.explain(world.batch.images, world.batch.targets, world.batch.seeds)
    return saliency, Stability(radius=RADIUS, draws=DRAWS)(world.model, world.batch, saliency)


@pytest.mark.parametrize("explainer", [GradCam(), Sobel()], ids=["grad_cam", "sobel"])
def test_sensitivity_is_captums_on_our_noise_and_scaled_maps(captum, explainer):
    world, noise = stable_world(explainer)
    ours, name = sensitivity(world)[1]["sensitivity_max"], f"sensitivity_max, {type(explainer).__name__}"

    def explain(images, target):
        if isinstance(images, tuple):
            return (explain(*images, target),)
        return min_max(world.batch.method.explain(images, target, torch.zeros(len(images), dtype=torch.int64)))

    def theirs(clip):
        def perturb(images):
            noisy = images + noise.flatten(0, 1)
            return noisy.clamp(0, 1) if clip else noisy

        return captum.metrics.sensitivity_max(
            explain, world.batch.images, perturb, n_perturb_samples=DRAWS, target=world.batch.targets
        )

    assert difference(name, "captum", ours, theirs(clip=True)) <= 1e-5
    assert difference(f"DIFFERS {name}, noise not clipped", "captum", ours, theirs(clip=False)) > 1e-4


@pytest.mark.parametrize("explainer", [GradCam(), Sobel()], ids=["grad_cam", "sobel"])
def test_sensitivity_is_quantus_on_our_noise_and_scaled_maps(quantus, explainer):
    world, noise = stable_world(explainer)
    saliency, ours = sensitivity(world)

    def explain(model, inputs, targets):
        again = world.batch.method.explain(torch.as_tensor(inputs), torch.as_tensor(targets), world.batch.seeds)
        return min_max(again).numpy()

    peers = {"sensitivity_max": quantus.MaxSensitivity, "sensitivity_mean": quantus.AvgSensitivity}
    for column, metric_class in peers.items():
        draws = iter(noise.unbind(1))

        def perturb(arr, indices, draws=draws, **settings):
            return (arr + next(draws).flatten(1).numpy()).clip(0, 1)

        metric = metric_class(nr_samples=DRAWS, perturb_func=perturb, disable_warnings=True)
        theirs = metric(
            model=world.model,
            x_batch=world.batch.images.numpy(),
            y_batch=world.batch.targets.numpy(),
            a_batch=min_max(saliency).numpy(),
            explain_func=explain,
        )
        assert difference(f"{column}, {type(explainer).__name__}", "quantus", ours[column], theirs) <= 1e-5
