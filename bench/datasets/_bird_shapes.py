"""The catalogue of part shapes: five for every part that tells species apart, one for the body.

A bird faces right and is about one unit long. A shape is a tuple of pieces from back to front, in
the frame of the part's joint.
"""

from bench.datasets import _bird_head_shapes as head
from bench.datasets import _bird_trunk_shapes as trunk

# Part names in the order of the segmentation index, and the joint each one hangs on.
FRAMES = {
    "body": "torso",
    "beak": "head",
    "crown": "head",
    "eye": "head",
    "wing": "wing",
    "breast": "torso",
    "tail": "tail",
    "legs": "legs",
}
PAINT_ORDER = ("legs", "tail", "body", "breast", "wing", "crown", "beak", "eye")
BODY = trunk.body()
SHAPES = {
    "beak": head.beaks(),
    "crown": head.crowns(),
    "eye": head.eyes(),
    "wing": trunk.wings(),
    "breast": trunk.breasts(),
    "tail": trunk.tails(),
    "legs": trunk.legs(),
}
