"""What explainers are called, and which of them are methods, ablations or controls."""

SURROGATE = "surrogate"
CONTROLS = ("surrogate_random_teacher", "uniform", "centre", "sobel")  # know nothing of the classifier

TITLES = {
    "surrogate": "Attentive surrogate",
    "surrogate_last_stage": "Surrogate, last stage only",
    "surrogate_no_attention": "Surrogate, no attention",
    "surrogate_no_distillation": "Surrogate, no distillation",
    "surrogate_attention_only": "Surrogate, attention alone",
    "surrogate_channel_attention": "Surrogate, channel attention too",
    "surrogate_attention_transfer": "Surrogate, attention transfer too",
    "surrogate_no_keep": "Surrogate, no keep loss",
    "surrogate_no_drop": "Surrogate, no drop loss",
    "surrogate_random_threshold": "Surrogate, random thresholds too",
    "surrogate_small_student": "Surrogate, small student",
    "surrogate_random_teacher": "Surrogate of a random teacher",
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "score_cam": "Score-CAM",
    "rise": "RISE",
    "meaningful_perturbation": "Meaningful perturbation",
    "uniform": "Uniform noise",
    "centre": "Centred Gaussian",
    "sobel": "Image gradient (Sobel)",
}


def title(explainer: str) -> str:
    """Return the name a reader knows an explainer by."""
    return TITLES.get(explainer, explainer.replace("_", " "))


def kind(explainer: str) -> str:
    """Return `method`, `ablation` (the surrogate with something changed) or `control`.

    Only methods are ranked: an ablation is a variant of one of them and would count it twice.
    """
    if explainer in CONTROLS:
        return "control"
    return "ablation" if explainer.startswith(f"{SURROGATE}_") else "method"
