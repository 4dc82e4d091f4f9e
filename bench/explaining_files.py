"""What is written about explained photographs: a page, and per image a picture and the maps as numbers."""

import base64
import os
import unicodedata
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image
from safetensors import SafetensorError

from bench.artifacts import write_atomically, write_tensors
from bench.explaining import Explanation, printable
from bench.explaining_report import Report, duration, percent
from bench.method_names import kind, title
from bench.overlays import is_flat, overlay, picture, write_side_by_side
from methods.errors import UserError

PAGE = "explained.html"
PICTURE, MAPS = ".explained.png", ".explained.safetensors"  # what replaces an image's suffix
SIDE = 256  # pixels of each picture
STEM_BYTES = 100  # of a file's name, of the 255 that file systems take


def stems(paths: list[Path]) -> list[str]:
    """Return for each image a name without suffix for its files, all different, even where case is ignored."""
    chosen: list[str] = []
    for path in paths:
        stem = name = _stem(path)
        number = 1
        while name.casefold() in {other.casefold() for other in chosen}:
            number += 1
            name = f"{stem}-{number}"
        chosen.append(name)
    return chosen


def files(out: Path, images: list[Path]) -> list[Path]:
    """Return the paths of all that is written about the images."""
    return [out / PAGE, *(out / f"{stem}{suffix}" for stem in stems(images) for suffix in (PICTURE, MAPS))]


def check_out(out: Path, images: list[Path]) -> None:
    """Refuse what would fail, or do harm, once all methods have run.

    Raises:
        UserError: `out` cannot be a folder to write to, a file's name in it is taken by a folder, or one of the images
            would be overwritten.
    """
    nearest = next(path for path in (out, *out.parents) if os.path.lexists(path))
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise UserError(f"'{printable(nearest)}' is not a folder that can be written to: name another one with --out")
    for path in files(out, images):
        if path.is_dir():
            raise UserError(f"'{printable(path)}' is a folder, where a file would be written: name another --out")
        if any(path.exists() and os.path.exists(image) and path.samefile(image) for image in images):
            raise UserError(f"image '{printable(path)}' would be overwritten: name another folder with --out")


def write(out: Path, report: Report) -> Path:
    """Write everything into the folder `out`, each file as a whole, the page last; return the page's path."""
    images = []
    try:
        for i, stem in enumerate(stems([photograph.path for photograph in report.photographs])):
            images.append(_write_image(out, stem, report, i))
        text = html(report, images)
        write_atomically(out / PAGE, lambda path: path.write_text(text, encoding="utf-8"))
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot write to '{printable(out)}' ({reason}): name another --out") from None
    return out / PAGE


def html(report: Report, images: list[dict[str, Any]]) -> str:
    """Return the page; it needs no other file."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals |= {"percent": percent, "duration": duration}
    return environment.get_template("explain.html").render(report=report, images=images)


def _write_image(out: Path, stem: str, report: Report, i: int) -> dict[str, Any]:
    """Write picture and maps of photograph i and return what the page says of it."""
    pixels = report.photographs[i].pixels
    maps = {name: explanations[i].saliency for name, explanations in report.found.items()}
    overlays = {name: overlay(pixels, saliency, SIDE) for name, saliency in maps.items()}
    shown = picture(pixels, SIDE)
    explained, probability = report.explained(i)
    about = {"image": printable(report.photographs[i].path), "explained": explained, "probability": probability}
    titled = [(explained, shown), *((title(name), drawn) for name, drawn in overlays.items())]
    write_side_by_side(out / f"{stem}{PICTURE}", titled)
    own = {"experiment": report.chosen.name, "image_size": report.chosen.image_size}
    write_tensors(out / f"{stem}{MAPS}", maps, **about, **own)
    return about | {
        "width": report.photographs[i].width,
        "height": report.photographs[i].height,
        "best": report.best(i),
        "src": _data_uri(shown),
        "picture": f"{stem}{PICTURE}",
        "tensors": f"{stem}{MAPS}",
        "maps": [_described(name, report.found[name][i], overlays[name]) for name in maps],
    }


def _described(name: str, explanation: Explanation, drawn: Image.Image) -> dict[str, Any]:
    return {
        "title": title(name),
        "kind": kind(name),
        "src": _data_uri(drawn),
        "flat": is_flat(explanation.saliency),
        "seconds": explanation.seconds,
    }


def _stem(path: Path) -> str:
    """Return a file's name without suffix, every character but letters, marks, digits, - and _ made a _."""
    name = unicodedata.normalize("NFC", printable(path.stem))
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" or c in "-_" else "_" for c in name)
    return kept.encode()[:STEM_BYTES].decode(errors="ignore")


def _data_uri(drawn: Image.Image) -> str:
    file = BytesIO()
    drawn.save(file, "JPEG", quality=85, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
