"""One row of pictures for the README: an image, its parts and every method's map.

`python -m reports.picture --params params.yaml --experiment parts --artifacts artifacts --image-number 0 --out row.png`
"""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from bench import settings
from bench.overlays import overlay, picture, write_side_by_side
from bench.stages.command import run, say
from methods.errors import UserError
from reports import glossary
from reports.annotation import parts_picture
from reports.gallery import Exhibits, read

SIDE = 256


def row(exhibits: Exhibits, number: int, explainers: list[str]) -> list[tuple[str, Image.Image]]:
    """Return the titled pictures of one image."""
    image, parts = exhibits.images[number], exhibits.parts[number]
    titled = [(str(exhibits.told.iloc[number]["target_name"]), picture(image, SIDE))]
    if parts.visible():
        telling = [name for name, tells in zip(parts.names, parts.telling.tolist(), strict=True) if tells]
        shown = f"telling: {', '.join(telling)}" if telling else "annotated parts"
        titled.append((shown, parts_picture(image, parts, SIDE)))
    for name in explainers:
        titled.append((glossary.title(name), overlay(image, exhibits.maps[name][number], SIDE)))
    return titled


def main(
    params: Path, experiment: str, artifacts: Path, out: Path, image_number: int = 0, controls: bool = False
) -> None:
    """Draw evaluation image --image-number (from 0) of --experiment with its parts and maps; write PNG --out.

    The surrogate's ablations are left out, and the controls unless --controls asks for them.
    """
    if image_number < 0:
        raise UserError(f"--image-number {image_number}: images are counted from 0")
    chosen = replace(settings.experiment(params, experiment), gallery_images=image_number + 1)
    exhibits = read(artifacts, chosen)
    if image_number >= len(exhibits.told):
        raise UserError(f"--image-number {image_number}: there are {len(exhibits.told)} evaluation images, from 0")
    shown = {"method", "control"} if controls else {"method"}
    names = [name for name in exhibits.maps if glossary.kind(name) in shown]
    write_side_by_side(out, row(exhibits, image_number, names))
    say("picture", f"image {image_number} of '{experiment}'", out)


if __name__ == "__main__":
    run(main)
