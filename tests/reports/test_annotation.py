"""Parts drawn on an image, pixel by pixel."""

import numpy as np
import torch

from reports import annotation


def parts(keypoints, segments=None):
    return annotation.Parts(torch.tensor(keypoints), segments, torch.tensor([False, True]), ("head", "wing"))


def test_telling_parts_have_another_colour():
    drawn = annotation.parts_picture(torch.zeros(3, 32, 32, dtype=torch.uint8), parts([[8.0, 8.0], [24.0, 16.0]]), 320)
    assert drawn.getpixel((80 + 6, 80)) == annotation.PART
    assert drawn.getpixel((240 + 6, 160)) == annotation.TELLING


def test_segments_are_outlined_and_not_filled():
    segments = torch.zeros(32, 32, dtype=torch.uint8)
    segments[4:28, 4:28] = 2
    drawn = annotation.parts_picture(
        torch.zeros(3, 32, 32, dtype=torch.uint8), parts([[np.nan] * 2] * 2, segments), 320
    )
    assert drawn.getpixel((40, 100)) == annotation.TELLING
    assert drawn.getpixel((38, 100)) == drawn.getpixel((60, 60)) == (63, 63, 63)
    assert drawn.getpixel((160 + 6, 160)) == annotation.TELLING, "no keypoint: the number stands in the middle"


def test_invisible_parts_are_not_drawn():
    assert parts([[np.nan, np.nan], [1.0, 1.0]]).visible() == [1]
