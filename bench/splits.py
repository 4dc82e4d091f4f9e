"""Splits and evaluation order that depend on nothing but an image's id."""

import hashlib
from collections.abc import Iterable

NAMES = {"train": "training", "val": "validation", "test": "test"}  # as they are written for readers


def unit_hash(image_id: str, salt: str = "") -> float:
    """Map an id to [0, 1), uniformly and for ever the same on every machine."""
    digest = hashlib.sha256(f"{salt}/{image_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def seed_for(image_id: str, seed: int) -> int:
    """Return the seed of one image in one run: every random draw about the image comes from it."""
    digest = hashlib.sha256(f"seed/{seed}/{image_id}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


def assign_split(image_id: str, validation: float, test: float) -> str:
    """Return `train`, `val` or `test` with the given shares, by the hash of the id."""
    position = unit_hash(image_id, "split")
    if position < test:
        return "test"
    return "val" if position < test + validation else "train"


def evaluation_order(image_ids: Iterable[str]) -> list[str]:
    """Return the ids in an order that looks random and never changes; the first n are evaluated."""
    return sorted(image_ids, key=lambda image_id: unit_hash(image_id, "evaluation"))
