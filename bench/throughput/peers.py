"""Published implementations of the same methods, called as their documentation says.

Each takes (teacher, size, H and W of its images), does what is done once for a data set, and returns what is timed: a
function of (images [B, 3, H, W] in [0, 1], targets [B]) that returns maps [B, h, w]. Libraries are imported when one is
prepared, from the optional extra `peers`. They are given the whole classifier, preprocessing included.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.classifier import Classifier
from methods.errors import UserError
from methods.token_maps import to_map

Size = tuple[int, int]
Explain = Callable[[Tensor, Tensor], Tensor]
Peer = Callable[[Classifier, Size], Explain]


class NoLayerError(Exception):
    """A network has no layer that a library could be told to read."""


def pytorch_grad_cam(teacher: Classifier, size: Size, name: str) -> Explain:
    """`GradCAM` or `ScoreCAM` of the package grad-cam, https://github.com/jacobgil/pytorch-grad-cam."""
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    method, reshape = getattr(pytorch_grad_cam, name), None
    try:
        layer = last_stage(teacher, size)
    except NoLayerError:
        reshape = partial(to_map, backbone=teacher.backbone)
        layer = last_stage(teacher, size, reshape)

    def explain(images: Tensor, targets: Tensor) -> Tensor:
        with method(model=teacher, target_layers=[layer], reshape_transform=reshape) as cam:
            found = cam(input_tensor=images, targets=[ClassifierOutputTarget(int(target)) for target in targets])
        return torch.from_numpy(found)

    return explain


def torchcam(teacher: Classifier, size: Size, name: str) -> Explain:
    """`GradCAM` or `ScoreCAM` of torch-cam, https://github.com/frgfm/torch-cam."""
    import torchcam.methods

    method, layer = getattr(torchcam.methods, name), last_stage(teacher, size)

    def explain(images: Tensor, targets: Tensor) -> Tensor:
        with method(teacher, target_layer=layer) as extractor:
            if name == "ScoreCAM":
                with torch.inference_mode():
                    scores = teacher(images)
            else:
                scores = teacher(images)
            (found,) = extractor(targets.tolist(), scores)
        return found.detach()

    return explain


def captum_grad_cam(teacher: Classifier, size: Size) -> Explain:
    """`LayerGradCam` of captum, https://captum.ai."""
    from captum.attr import LayerGradCam

    layer = last_stage(teacher, size)

    def explain(images: Tensor, targets: Tensor) -> Tensor:
        found = LayerGradCam(teacher, layer).attribute(images, target=targets, relu_attributions=True)
        return found.detach()[:, 0]

    return explain


def rise_transcription(
    teacher: Classifier, size: Size, count: int, cells: int = 7, probability: float = 0.5
) -> Explain:
    """RISE step by step, as the procedure of Petsiuk et al. reads: all masks first, then batches of 100.

    The authors draw their masks once for a data set; here too they are drawn before anything is timed. What is timed
    multiplies, classifies and sums. Ours draws masks for each image, from its own seed, and that is in its time.
    """
    masks = transcribed_masks(count, cells, probability, size).to(teacher.mean.device)

    def explain(images: Tensor, targets: Tensor) -> Tensor:
        maps = []
        with torch.no_grad():
            for image, target in zip(teacher.normalise(images), targets, strict=True):
                stack = masks * image
                scores = torch.cat(
                    [teacher.logits_of_normalised(stack[i : i + 100]).softmax(1) for i in range(0, count, 100)]
                )
                saliency = scores.T @ masks.view(count, -1)  # of every class, as the authors do
                maps.append(saliency[target].view(size) / count / probability)
        return torch.stack(maps)

    return explain


def transcribed_masks(count: int, cells: int, probability: float, size: Size) -> Tensor:
    """Return [count, 1, H, W], one mask resized and cropped after the other."""
    height, width = size
    cell = -(-height // cells), -(-width // cells)
    grids = (torch.rand(count, 1, cells, cells) < probability).float()
    masks = torch.empty(count, 1, height, width)
    for i in range(count):
        top, left = int(torch.randint(cell[0], ())), int(torch.randint(cell[1], ()))
        large = F.interpolate(
            grids[i : i + 1], size=((cells + 1) * cell[0], (cells + 1) * cell[1]), mode="bilinear", align_corners=False
        )
        masks[i] = large[0, :, top : top + height, left : left + width]
    return masks


def last_stage(
    teacher: Classifier, size: Size, reshape: Callable[[Tensor], Tensor] = lambda output: output
) -> nn.Module:
    """Return the module whose output is `Classifier.features`: what a user would name as the target layer.

    It is looked for by two passes of one image, with a hook on every module; `reshape` makes a map of its output.

    Raises:
        NoLayerError: no module returns just that.
    """
    parameter = next(teacher.parameters())
    example = torch.zeros(1, 3, *size, dtype=parameter.dtype, device=parameter.device)
    with torch.no_grad():
        wanted, found = teacher.features(example), []

        def keep(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and output.numel() >= wanted.numel():
                with suppress(UserError):  # tokens of no grid
                    if torch.equal(reshape(output), wanted):
                        found.append(module)

        handles = [module.register_forward_hook(keep) for module in teacher.backbone.modules()]
        try:
            teacher(example)
        finally:
            for handle in handles:
                handle.remove()
    if not found:
        raise NoLayerError(f"no module of '{type(teacher.backbone).__name__}' returns its last features as a map")
    return found[0]
