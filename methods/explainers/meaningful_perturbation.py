"""Meaningful perturbation, a learned mask."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from methods.classifier import Classifier
from methods.explainers.base import Explainer
from methods.resize import upsample
from methods.runtime import exactly, frozen


@dataclass(frozen=True)
class MeaningfulPerturbation(Explainer):
    """Learn, for each image, the smallest smooth mask that deletes the class by blurring.

    A mask m of (H / `factor`) x (W / `factor`) cells, upsampled, mixes the image with its blurred copy
    b: `p_c(b + m (x - b)) + sparsity * mean(1 - m) + smoothness * TV(m)` is minimised by Adam from m = 1,
    with `TV(m) = mean |neighbour differences| ^ power`, m kept in [0, 1]. The map is 1 - m. In every
    step the picture is shifted by up to `jitter` pixels, so that no artefact of single pixels is learned.

    iterations: steps of Adam, 300 in the paper; each is a forward and a backward pass.
    learning_rate: of Adam, 0.1 in the paper.
    factor: pixels per cell of the mask, 8 in the paper.
    sparsity, smoothness: weights of means, as in the usual ports; the paper weighs sums, by 1e-4 and 1e-2.
    power: 3 in the paper; below 1 the gradient of equal neighbours would be infinite.
    jitter: pixels, 4 in the paper.
    blur: standard deviation of the Gaussian in pixels of an image 224 wide, 10 in the paper.

    Fong & Vedaldi, ICCV 2017, https://arxiv.org/abs/1704.03296. Deviations: the norms are means over
    cells instead of sums, as in the known ports, so that the weights, which are theirs, do not depend on
    the size; differences along rows and columns are raised to `power` apart, not the length of both; the mask
    starts at 1 instead of as the smallest centred disc that deletes the class. It is upsampled bilinearly,
    where the paper does so by a Gaussian (the authors' code repeats cells, then blurs by 5 pixels). The masked
    picture is shifted around its border, where the paper shifts the image under the mask, which stays. Their
    code: https://github.com/ruthcfong/perturb_explanations
    """

    random: ClassVar[bool] = True
    iterations: Annotated[int, Field(gt=0)] = 300
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    factor: Annotated[int, Field(gt=0)] = 8
    sparsity: Annotated[float, Field(ge=0)] = 0.01
    smoothness: Annotated[float, Field(ge=0)] = 0.2
    power: Annotated[float, Field(ge=1)] = 3.0
    jitter: Annotated[int, Field(ge=0)] = 4
    blur: Annotated[float, Field(gt=0)] = 10.0

    def explain(self, model: nn.Module, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """See `Explainer.explain`; h x w is the mask's size."""
        assert isinstance(model, Classifier)
        with torch.inference_mode(False), torch.enable_grad(), frozen(model):
            pictures = images.clone()  # an inference tensor cannot be saved for a backward pass
            return 1 - self._masks(model, pictures, targets.clone(), seeds)

    def _masks(self, model: Classifier, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """Learn all masks side by side, [B, h, w]: no term and no step of Adam mixes two images."""
        size = (images.shape[-2], images.shape[-1])
        blurred = gaussian_blur(images, self.blur * size[1] / 224)
        shifts = torch.stack([self.shifts(int(seed)) for seed in seeds], 1).tolist()
        masks = torch.ones(len(images), *(max(1, side // self.factor) for side in size), device=images.device)
        optimizer = torch.optim.Adam([masks.requires_grad_()], lr=self.learning_rate)
        for shift in shifts:
            shown = blurred + upsample(masks, size).unsqueeze(1) * (images - blurred)
            moved = torch.stack([one.roll(step, (1, 2)) for one, step in zip(shown, shift, strict=True)])
            scores = model(moved.contiguous(memory_format=torch.channels_last)).float().softmax(1)
            loss = scores.gather(1, targets.unsqueeze(1)).sum() + self._price(masks).sum()
            (masks.grad,) = torch.autograd.grad(loss, masks)
            optimizer.step()
            with torch.no_grad():
                masks.clamp_(0, 1)
        return masks.detach().float()

    def shifts(self, seed: int) -> Tensor:
        """Rows and columns by which the picture is shifted in each step, [iterations, 2], from its seed."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(-self.jitter, self.jitter + 1, (self.iterations, 2), generator=generator)

    def _price(self, masks: Tensor) -> Tensor:
        """What each mask [B, h, w] costs: how much it deletes and how rough it is, [B]."""
        steps = [masks.diff(dim=axis).abs().pow(self.power).mean((1, 2)) for axis in (1, 2) if masks.shape[axis] > 1]
        return self.sparsity * (1 - masks).mean((1, 2)) + self.smoothness * sum(steps, masks.new_zeros(len(masks)))


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Blur [B, 3, H, W] with a Gaussian cut at three standard deviations; the border is repeated."""
    reach = max(1, min(round(3 * sigma), min(images.shape[-2:]) - 1))
    offsets = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = (-0.5 * (offsets / sigma) ** 2).exp()
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    columns = kernel.transpose(2, 3)
    with exactly(images):
        rows = F.conv2d(F.pad(images, (reach, reach, 0, 0), mode="replicate"), kernel, groups=images.shape[1])
        return F.conv2d(F.pad(rows, (0, 0, reach, reach), mode="replicate"), columns, groups=images.shape[1])
