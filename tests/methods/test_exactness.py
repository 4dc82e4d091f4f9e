"""Explainers against float64 definitions and published implementations, over families of networks.

`pytest tests/methods/test_exactness.py -rP` prints the differences that docs/agreement.md reports.
"""

import warnings
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr

from bench.throughput import peers
from methods.classifier import Classifier, create
from methods.explainers.grad_cam import GradCam
from methods.explainers.grad_cam_plus_plus import GradCamPlusPlus
from methods.explainers.rise import Rise
from methods.explainers.score_cam import ScoreCam
from methods.folding import folded
from methods.random_masks import random_masks
from methods.resize import min_max, upsample
from methods.runtime import Runtime

SIZE, CLASSES = 64, 5
MASKS = 50  # of RISE
DISTINCT = 16  # values that a map has at least: fewer would agree too easily
FAMILIES = {  # all with 8 x 8 last features
    "ResNet": ("resnet18", {"channels": (8, 16, 24, 32), "output_stride": 8}),
    "VGG": ("vgg11", {"mlp_ratio": 1 / 64}),  # else 100 million weights in its head
    "MobileNet": ("mobilenetv2_035", {"output_stride": 8}),
    "EfficientNet": ("test_efficientnet", {"output_stride": 8}),
    "ConvNeXt": ("test_convnext", {"output_stride": 8}),
    "Swin": (
        "swin_tiny_patch4_window7_224",
        {"img_size": SIZE, "embed_dim": 24, "depths": (1, 1), "num_heads": (2, 2)},
    ),
    "ViT": (
        "vit_tiny_patch16_224",
        {"img_size": SIZE, "patch_size": 8, "depth": 2, "embed_dim": 32, "num_heads": 2, "global_pool": "avg"},
    ),
    "ViT, class token": (
        "vit_tiny_patch16_224",
        {"img_size": SIZE, "patch_size": 8, "depth": 2, "embed_dim": 32, "num_heads": 2},
    ),
}
TRANSFORMERS = ("Swin", "ViT", "ViT, class token")
CONVOLUTIONAL = [name for name in FAMILIES if name not in TRANSFORMERS]
SMALL_CONVOLUTIONAL = ("ResNet", "EfficientNet", "ConvNeXt")  # few channels


def network(family, coarse=False) -> Classifier:
    """Return a random network whose features and scores differ between places, channels and classes.

    A `coarse` one has the 2 x 2 last features that its architecture gives by itself.
    """
    architecture, arguments = FAMILIES[family]
    arguments = {name: value for name, value in arguments.items() if not (coarse and name == "output_stride")}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = create(architecture, CLASSES, arguments=arguments).eval()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.weight, 0.8, 1.6)
                torch.nn.init.uniform_(module.bias, -0.3, 0.5)
        torch.nn.init.normal_(model.backbone.get_classifier().weight, std=0.5)
    if family == "VGG":  # which knows no output_stride
        for name, layer in list(model.backbone.features.named_children())[-10:]:
            if isinstance(layer, torch.nn.MaxPool2d):
                setattr(model.backbone.features, name, torch.nn.MaxPool2d(3, stride=1, padding=1))
    return model.requires_grad_(False)


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return upsample(torch.rand(2, 3, 8, 8, generator=generator), (SIZE, SIZE))


SEEDS = torch.tensor([7, 8])


def report(what, family, ours, theirs, distinct=DISTINCT):
    """Print and return the largest difference after min-max, and the smallest rank correlation, of maps [B, h, w]."""
    ours, theirs = (min_max(maps.double()) for maps in (ours, theirs))
    assert float(ours.flatten(1).std(1).min()) > 0.01, "a flat map agrees with anything"
    assert min(len(one.unique()) for one in ours) >= distinct
    difference = float((ours - theirs).abs().max())
    correlation = min(spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(ours, theirs, strict=True))
    print(f"{what} | {family} | {difference:.1e} | {correlation:.6f}")
    return difference, correlation


@pytest.mark.parametrize("family", FAMILIES)
def test_grad_cam_equals_its_definition_in_float64(family, images):
    features, gradient = features_and_gradient(network(family).double(), images.double())
    expected = torch.einsum("bk,bkhw->bhw", gradient.mean((2, 3)), features).relu()
    difference, _ = report("Grad-CAM, float64 | definition", family, run(GradCam(), network(family), images), expected)
    assert difference <= 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_grad_cam_plus_plus_equals_its_definition_in_float64(family, images):
    expected = grad_cam_plus_plus_by_channel(network(family).double(), images.double())
    ours = run(GradCamPlusPlus(), network(family), images)
    difference, _ = report("Grad-CAM++, float64 | definition", family, ours, expected)
    assert difference <= 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_score_cam_equals_its_definition_in_float64(family, images):
    """Of VGG's 512 and MobileNet's 1280 channels all but 24 are made constant, which both must skip."""
    single, double = network(family), network(family).double()
    if family in ("VGG", "MobileNet"):
        for model in (single, double):
            silence(model, keep=24)
    expected = score_cam_by_channel(double, images.double())
    ours = run(ScoreCam(), single, images)
    difference, _ = report("Score-CAM, float64 | definition", family, ours, expected)
    assert difference <= 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_rise_equals_its_definition_in_float64(family, images):
    rise, model = Rise(masks=MASKS), network(family).double()
    expected = torch.zeros(2, SIZE, SIZE, dtype=torch.float64)
    for i, target in enumerate(predicted(model, images)):
        drawn = random_masks(MASKS, 7, 0.5, (SIZE, SIZE), int(SEEDS[i]), images.device)
        masks = torch.cat([some.dense() for some in drawn]).double().unsqueeze(1)
        copies = model.normalise(images[i : i + 1].double()) * masks
        scores = model.logits_of_normalised(copies).softmax(1)[:, target]
        expected[i] = torch.einsum("n,nhw->hw", scores, masks[:, 0]) / (MASKS * 0.5)
    difference, _ = report("RISE, float64 | definition", family, run(rise, network(family), images), expected)
    assert difference <= 1e-4


BY_NAME = {"grad_cam": GradCam(), "score_cam": ScoreCam(), "rise": Rise(masks=200)}


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("coarse", [False, True], ids=["8 x 8", "2 x 2"])
def test_folding_batch_norms_and_bf16_keep_the_map(name, coarse, images):
    """On EfficientNet; bf16 by autocast, as `precision: bf16` runs it.

    Half of Grad-CAM's values lie near zero where it has 64: there the values are held, and the order less.
    """
    explainer, model = BY_NAME[name], network("EfficientNet", coarse)
    told, distinct = "EfficientNet, 2 x 2" if coarse else "EfficientNet", 2 if coarse else DISTINCT
    whole, folded = run(explainer, model, images), run_folded(explainer, model, images)
    difference, _ = report(f"{name}, folded | fp32", told, folded, whole, distinct)
    assert difference <= 1e-4
    with Runtime(images.device, "bf16").autocast():
        half = run_folded(explainer, model, images)
    difference, correlation = report(f"{name}, bf16 | fp32", told, half, whole, distinct)
    fine_grad_cam = name == "grad_cam" and not coarse
    assert correlation >= (0.99 if fine_grad_cam else 0.999)
    assert coarse or difference <= 5e-2


@pytest.mark.parametrize("family", FAMILIES)
def test_grad_cam_plus_plus_of_pytorch_grad_cam_differs_by_its_denominator_alone(family, images):
    """They add 1e-6 to it; the difference from ours is reported."""
    theirs = published("pytorch_grad_cam", partial(peers.pytorch_grad_cam, name="GradCAMPlusPlus"), family, images)
    by_hand = grad_cam_plus_plus_by_channel(network(family).double(), images.double(), added=1e-6)
    by_hand = resized_by_opencv(min_max(by_hand))
    difference, _ = report("Grad-CAM++, their definition | pytorch_grad_cam", family, by_hand, theirs)
    assert difference <= 1e-4
    ours = resized_by_opencv(min_max(run(GradCamPlusPlus(), network(family), images)))
    report("Grad-CAM++ | pytorch_grad_cam", family, ours, theirs)


@pytest.mark.parametrize(
    ("package", "family"),
    [("pytorch_grad_cam", family) for family in FAMILIES]  # the one that takes tokens, by a reshape_transform
    + [(package, family) for package in ("torchcam", "captum") for family in CONVOLUTIONAL],
)
def test_grad_cam_of_published_implementations(package, family, images):
    peer = {
        "pytorch_grad_cam": partial(peers.pytorch_grad_cam, name="GradCAM"),
        "torchcam": partial(peers.torchcam, name="GradCAM"),
        "captum": peers.captum_grad_cam,
    }[package]
    theirs = published(package, peer, family, images)
    ours = run(GradCam(), network(family), images)
    if theirs.shape != ours.shape:  # pytorch-grad-cam scales the map to [0, 1], then resizes it
        ours = resized_by_opencv(min_max(ours))
    difference, _ = report(f"Grad-CAM | {package}", family, ours, theirs)
    assert difference <= 1e-4


@pytest.mark.parametrize(
    ("package", "family"),
    [(package, family) for package in ("pytorch_grad_cam", "torchcam") for family in SMALL_CONVOLUTIONAL]
    + [("pytorch_grad_cam", family) for family in TRANSFORMERS],
)
def test_score_cam_of_published_implementations_differs_by_its_definition_alone(package, family, images):
    """Theirs equals their definition, written out; the difference from ours is reported."""
    peer = partial(getattr(peers, package), name="ScoreCAM")
    theirs = published(package, peer, family, images)
    theirs_by_hand = softmax_score_cam(network(family).double(), images.double(), package)
    ours = run(ScoreCam(), network(family), images)
    if package == "pytorch_grad_cam":
        theirs_by_hand = resized_by_opencv(min_max(theirs_by_hand))
    else:
        ours = min_max(F.adaptive_avg_pool2d(ours, theirs.shape[-2:]))
    difference, _ = report(f"Score-CAM, their definition | {package}", family, theirs_by_hand, theirs)
    assert difference <= 1e-4
    report(f"Score-CAM | {package}", family, ours, theirs)


@pytest.mark.parametrize("family", FAMILIES)
def test_rise_equals_the_transcription_that_is_timed(family, images, monkeypatch):
    """Given our masks, of one image."""
    rise, model = Rise(masks=MASKS), network(family)
    drawn = random_masks(MASKS, 7, 0.5, (SIZE, SIZE), int(SEEDS[0]), images.device)
    masks = torch.cat([some.dense() for some in drawn]).unsqueeze(1)
    monkeypatch.setattr(peers, "transcribed_masks", lambda *settings: masks)
    theirs = peers.rise_transcription(model, (SIZE, SIZE), count=MASKS)(images[:1], predicted(model, images[:1]))
    ours = rise.explain(model, images[:1], predicted(model, images[:1]), SEEDS[:1])
    difference, correlation = report("RISE | transcription", family, ours, theirs)
    assert difference <= 1e-4 and correlation >= 0.999


def features_and_gradient(model, images):
    """Return the last features and the gradient of the predicted class's logit at them, one image at a time.

    Those of a class token are what `blocks[-1].norm1` gives, as pytorch-grad-cam's documentation names the layer.
    """
    found = []
    for image, target in zip(images.split(1), predicted(model, images), strict=True):
        if model.pools_features:
            features = model.features(image).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(model.head(features)[0, target], features)
            found.append((features.detach(), gradient))
            continue
        held = []
        handle = model.backbone.blocks[-1].norm1.register_forward_hook(
            lambda module, inputs, output, held=held: held.append(output.requires_grad_())
        )
        (gradient,) = torch.autograd.grad(model(image)[0, target], held[0])
        handle.remove()
        found.append(tuple(t[:, 1:].transpose(1, 2).unflatten(2, (8, 8)) for t in (held[0].detach(), gradient)))
    return (torch.cat(some) for some in zip(*found, strict=True))


def grad_cam_plus_plus_by_channel(model, images, added=0.0):
    """Equation 19 and the map, one channel at a time; `added` to the denominator."""
    features, gradient = features_and_gradient(model, images)
    maps = torch.zeros_like(features[:, 0])
    for i in range(len(images)):
        for k in range(features.shape[1]):
            g, total = gradient[i, k], features[i, k].sum()
            denominator = 2 * g**2 + total * g**3 + added
            share = torch.where((g != 0) & (denominator != 0), g**2 / denominator, torch.zeros_like(g))
            maps[i] += (share * g.clamp(min=0)).sum() * features[i, k]
    return maps.relu()


def softmax_score_cam(model, images, package):
    """Channels weighed by a softmax over the logits of the masked images, which are masked before preprocessing.

    grad-cam resizes channels with corners aligned and then scales them to [0, 1]; torch-cam scales, then resizes.
    """
    maps = []
    for image, features, target in zip(images, model.features(images), predicted(model, images), strict=True):
        channels = features.unsqueeze(0)
        if package == "torchcam":
            masks = F.interpolate(min_max(channels), size=(SIZE, SIZE), mode="bilinear", align_corners=False)
        else:
            masks = min_max(F.interpolate(channels, size=(SIZE, SIZE), mode="bilinear", align_corners=True))
        copies = image * masks[0].unsqueeze(1)
        logits = torch.cat([model(some)[:, target] for some in copies.split(128)])
        maps.append(torch.einsum("n,nhw->hw", logits.softmax(0), features).relu())
    return torch.stack(maps)


def silence(model, keep):
    """Make the network's last features constant but for the first `keep` channels."""
    wide = [
        module
        for module in model.backbone.modules()
        if isinstance(module, torch.nn.Conv2d) and module.out_channels == model.backbone.num_features
    ]
    wide[-1].weight[keep:] = 0


def run(explainer, model, images):
    return explainer.explain(model, images, predicted(model, images), SEEDS)


def run_folded(explainer, model, images):
    return run(explainer, folded(model, SIZE), images)


def published(package, peer, family, images):
    pytest.importorskip(package, reason=f"{package} is not installed: make peers", exc_type=ImportError)
    model = network(family).requires_grad_(True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peer(model, (SIZE, SIZE))(images.clone(), predicted(model, images)).double()


def resized_by_opencv(maps):
    """Resize as pytorch-grad-cam does, `cv2.resize`, bilinear with half-pixel centres; [B, h, w]."""
    return upsample(maps, (SIZE, SIZE))


def score_cam_by_channel(model, images):
    """Every channel's mask at the size of the image, as the paper's algorithm reads."""
    maps = torch.zeros(len(images), SIZE, SIZE, dtype=images.dtype)
    features, normalised = model.features(images), model.normalise(images)
    for i, target in enumerate(predicted(model, images)):
        large = F.interpolate(features[i][:, None], size=(SIZE, SIZE), mode="bilinear", align_corners=False)
        low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
        live = (high > low).flatten()
        masks = ((large - low) / (high - low))[live]
        scores = [
            model.logits_of_normalised(normalised[i : i + 1] * some).softmax(1)[:, target] for some in masks.split(128)
        ]
        maps[i] = torch.einsum("n,nhw->hw", torch.cat(scores), large[live, 0])
    return maps.relu()


def predicted(model, images):
    """Return the most likely class of each image, [B]."""
    parameter = next(model.parameters())
    with torch.no_grad():
        return model(images.to(parameter.dtype)).argmax(1)
