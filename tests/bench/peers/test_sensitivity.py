"""Sensitivity of captum and Quantus."""

from dataclasses import replace

import pytest
import torch

from bench.metrics.base import Method
from bench.metrics.stability import Stability
from methods.explainers.grad_cam import GradCam
from methods.explainers.sobel import Sobel
from methods.resize import min_max
from tests.bench.peers.worlds import difference, network_world

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
