"""One row of pictures for the README: an image, its parts and every method's map.

`python -m reports.picture --params params.yaml --experiment parts --artifacts artifacts --image-number 0 --out row.png`
"""

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from bench import settings
from bench.artifacts import write_atomically
from bench.stages.command import run, say
from methods.errors import UserError
from reports import glossary
from reports.gallery import Exhibits, read
from reports.overlays import overlay, parts_picture, picture

SIDE = 256
DOTS_PER_INCH = 160


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


def figure(titled: list[tuple[str, Image.Image]]) -> Figure:
    """Set titled pictures side by side on white."""
    with mpl.rc_context({"text.parse_math": False, "font.size": 7.5}):
        drawn = Figure(figsize=(1.5 * len(titled), 1.75), layout="constrained", facecolor="white")
        for axes, (title, shown) in zip(drawn.subplots(1, len(titled), squeeze=False)[0], titled, strict=True):
            axes.imshow(shown, interpolation="antialiased")
            axes.set_title(title if len(title) <= 24 else f"{title[:23]}…", pad=3, fontsize=7.5)
            axes.set_axis_off()
        return drawn


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
    drawn = figure(row(exhibits, image_number, names))
    write_atomically(
        out, lambda path: drawn.savefig(path, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    )
    say("picture", f"image {image_number} of '{experiment}'", out)


if __name__ == "__main__":
    run(main)
