"""Photographs of a user's own are read as the data set's are, whatever kind of file they are."""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from bench import explaining, settings
from bench.datasets.image_folder import ImageFolder
from bench.explaining_report import duration, percent
from methods.errors import UserError
from methods.replay import PATIENCE
from methods.runtime import Runtime
from tests import miniature

RED, BLUE = (200, 30, 40), (20, 40, 180)


def gradient(width, height):
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(pixels)


@pytest.mark.parametrize("fit", ["crop", "squash"])
def test_photographs_are_prepared_as_the_data_set_prepares_its_own(tmp_path, fit):
    (tmp_path / "auk").mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6
    gradient(50, 31).save(tmp_path / "auk/1.png", exif=turned)
    expected = ImageFolder(str(tmp_path), fit=fit).read(None, pd.Series({"path": "auk/1.png"}), 16).image
    found = explaining.read(tmp_path / "auk/1.png", fit, 16)
    np.testing.assert_array_equal(found.pixels.permute(1, 2, 0), expected)
    assert (found.width, found.height) == (31, 50)


@pytest.mark.parametrize(
    ("dataset", "fit"),
    [
        ({"name": "cub200", "fit": "squash"}, "squash"),
        ({"name": "cub200"}, "crop"),
        ({"name": "image_folder", "folder": "x", "fit": "squash"}, "squash"),
        ({"name": "parts"}, "crop"),
    ],
)
def test_fit_is_that_of_the_data_set(tmp_path, dataset, fit):
    params = miniature.write(tmp_path / "params.yaml", miniature.settings(dataset=dataset))
    assert explaining.fit_of(settings.experiment(params, "mini")) == fit


def colours(path):
    """The colour of the first and of the last corner as the classifier gets them."""
    pixels = explaining.read(path, "squash", 16).pixels
    assert pixels.shape == (3, 16, 16) and pixels.dtype == torch.uint8
    return tuple(pixels[:, 0, 0].tolist()), tuple(pixels[:, -1, -1].tolist())


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("RGBA", (*RED, 0), RED),
        ("L", 90, (90, 90, 90)),
        ("LA", (90, 10), (90, 90, 90)),
        ("1", 1, (255, 255, 255)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(tmp_path, mode, colour, seen):
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    Image.new(mode, (9, 7), colour).save(path)
    assert colours(path) == (seen, seen)


def test_single_pixel_and_thin_image(tmp_path):
    for size in [(1, 1), (1, 300)]:
        Image.new("RGB", size, RED).save(tmp_path / "image.png")
        assert colours(tmp_path / "image.png") == (RED, RED)


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    frames[0].save(tmp_path / "image.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert colours(tmp_path / "image.webp") == (RED, RED)


def test_large_image_is_read_without_a_warning_and_an_enormous_one_refused(tmp_path, monkeypatch):
    Image.new("RGB", (30, 30), RED).save(tmp_path / "image.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert colours(tmp_path / "image.png") == (RED, RED)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match=r"image\.png' cannot be read .*exceeds limit"):
        explaining.read(tmp_path / "image.png", "crop", 16)


def broken(folder, kind):
    path = folder / "image.png"
    if kind == "text":
        path.write_text("not an image")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        Image.effect_noise((60, 60), 50).save(path)
        path.write_bytes(path.read_bytes()[:-500])
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "16 bits":
        Image.new("I;16", (8, 8)).save(path)
    elif kind == "name":
        path = folder / ("x" * 300)
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("text", "cannot identify"),
        ("empty", "cannot identify"),
        ("truncated", "cannot be read"),
        ("folder", "is not a file"),
        ("pipe", "is not a file"),
        ("missing", "does not exist"),
        ("name", "does not exist"),
        ("16 bits", "convert it to 8 bits a channel"),
    ],
)
def test_what_is_no_image_is_refused_by_name(tmp_path, kind, reason):
    path = broken(tmp_path, kind)
    with pytest.raises(UserError, match=reason) as refused:
        explaining.read(path, "crop", 16)
    assert path.name in str(refused.value)


def test_message_about_a_name_with_a_line_break_is_one_line(tmp_path):
    path = tmp_path / os.fsdecode(b"two\nlines \x1b[31m \xff.png")
    path.write_text("not an image")
    with pytest.raises(UserError, match="two�lines �\\[31m �.png"):
        explaining.read(path, "crop", 16)


@pytest.mark.parametrize(("device", "warming"), [("cpu", 1), ("cuda", PATIENCE + 1)])
def test_a_method_is_warmed_up_until_a_gpu_replays_it(monkeypatch, tmp_path, device, warming):
    calls = []
    monkeypatch.setattr(
        explaining, "_Call", lambda chosen, name, *rest: lambda *image: calls.append(name) or len(calls)
    )
    found = explaining.explain(None, ["a", "b"], None, tmp_path, [None] * 3, [0] * 3, Runtime(torch.device(device)))
    assert calls == (warming + 3) * ["a"] + (warming + 3) * ["b"]
    assert found["a"] == [warming + 1, warming + 2, warming + 3]


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.21e-5, "0.032 ms"), (0.0021, "2.1 ms"), (0.25, "250.0 ms"), (12.34, "12.3 s")]
)
def test_times_in_words(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("probability", "text"), [(1.0, "100.0 %"), (0.2634, "26.3 %"), (4e-4, "< 0.1 %"), (0.0, "0.0 %")]
)
def test_probabilities_in_words(probability, text):
    assert percent(probability) == text
