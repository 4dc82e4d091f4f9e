"""Quantus."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from bench.metrics.base import Method
from bench.metrics.deletion import Deletion
from bench.metrics.model_randomisation import ModelRandomisation
from bench.metrics.pointing import Pointing
from bench.metrics.sparseness import Sparseness
from bench.metrics.telling_energy import TellingEnergy
from methods.explainers.grad_cam import GradCam
from methods.resize import min_max
from tests import planted
from tests.bench.peers.worlds import SIZE, difference, network_world, planted_world, without_ties


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
    assert difference("randomisation, Spearman", "quantus", ours, np.abs(steps).mean(0)) <= 1e-6
