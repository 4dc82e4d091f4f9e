"""pytorch-grad-cam, and what it and Quantus say of ROAD."""

import numpy as np
import pytest
import torch

from bench.metrics._imputation import impute
from bench.metrics.confidence import Confidence
from bench.metrics.road import Road
from methods.resize import min_max
from tests import planted
from tests.bench.peers.worlds import SIZE, difference, network_world, without_ties

pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # numpy, in pytorch-grad-cam


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
