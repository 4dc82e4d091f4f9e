"""A miniature experiment: the whole pipeline in seconds."""

import copy
from pathlib import Path
from typing import Any

import yaml

SETTINGS: dict[str, Any] = {
    "run": ["mini"],
    "references": [],
    "explainers": {
        "surrogate": {"width": 8, "fit": {"epochs": 1, "batch_size": 8}},
        "grad_cam": {},
        "score_cam": {},
        "rise": {"masks": 20},
        "uniform": {},
        "centre": {},
        "sobel": {},
    },
    "metrics": {
        "insertion": {"steps": 4},
        "deletion": {"steps": 4},
        "confidence": {},
        "pointing": {},
        "part_pointing": {},
        "telling_energy": {},
        "road": {"percentages": [20, 60]},
        "adcc": {"images": 2},
        "part_effect": {"resolution": 1e-6},
        "zoom": {},
        "pooling": {},
        "model_randomisation": {"levels": 2, "images": 2},
        "stability": {"draws": 2, "images": 2},
        "sparseness": {},
    },
    "claims": {
        "speed": {"image_size": 32},
        "speed_ratio": {},
        "finer_than_last_layer": {},
        "as_accurate_as_iterative": {},
        "all_stages": {},
        "learned_attention": {},
        "fine_grained_use": {},
    },
    "experiments": {
        "mini": {
            "dataset": {"name": "parts", "classes": 4, "images_per_class": 12},
            "image_size": 32,
            "evaluation_images": 4,
            "evaluation_split": "test",
            "gallery_images": 2,
            "device": "cpu",
            "seed": 0,
            "draws": 2,
            "precision": "fp32",
            "timing_size": 32,
            "teacher": {
                "architecture": "test_resnet",
                "arguments": {"output_stride": 8},
                "fit": {"epochs": 1, "batch_size": 8},
            },
        }
    },
}


def settings(**changes: Any) -> dict[str, Any]:
    """Return the settings with changes to the experiment, `explainers` and `metrics` included."""
    result = copy.deepcopy(SETTINGS)
    mini = result["experiments"]["mini"]
    mini |= {"explainers": result["explainers"], "metrics": result["metrics"], "claims": result["claims"]}
    mini |= changes
    return result


def write(path: Path, content: dict[str, Any] | None = None) -> Path:
    path.write_text(yaml.safe_dump(content or settings(), sort_keys=False), encoding="utf-8")
    return path
