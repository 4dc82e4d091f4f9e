"""Overlays, pixel by pixel."""

import numpy as np
import pytest
import torch
from matplotlib import colormaps

from bench import overlays


def test_map_is_upsampled_bilinearly_without_aligned_corners():
    found = overlays.unit_map(torch.tensor([[2.0, 4.0]]), 4)
    torch.testing.assert_close(found, torch.tensor([0, 0.25, 0.75, 1]).expand(4, 4))


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-9, float("nan"), float("inf")])
def test_flat_or_broken_map_is_zero_everywhere(value):
    saliency = torch.full((3, 3), value)
    assert overlays.is_flat(saliency)
    assert (overlays.unit_map(saliency, 8) == 0).all()


def test_small_maps_are_not_taken_for_flat():
    assert not overlays.is_flat(torch.tensor([[1e-12, 2e-12]]))


def test_overlay_blends_the_colour_of_the_map_with_the_grey_image():
    image = torch.full((3, 4, 4), 100, dtype=torch.uint8)
    drawn = np.asarray(overlays.overlay(image, torch.tensor([[0.0, 1.0]]), 4))
    for x, value in enumerate([0, 0.25, 0.75, 1]):
        colour = np.array(colormaps["inferno"](float(value))[:3]) * 255
        expected = overlays.OPACITY * colour + (1 - overlays.OPACITY) * 100
        np.testing.assert_allclose(drawn[1, x], expected, atol=0.51)
