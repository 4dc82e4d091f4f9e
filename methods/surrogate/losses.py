"""What the surrogate is trained for: to stand for the teacher and to show what it looks at."""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import ConfigDict, Field, with_config
from torch import Tensor, nn

from methods.classifier import Classifier
from methods.resize import upsample
from methods.strided import quick_gradients
from methods.surrogate.attention_transfer import attention_transfer
from methods.surrogate.stages import stage_features, stage_indices
from methods.surrogate.student import Student

Weight = Annotated[float, Field(ge=0)]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class LossWeights:
    """How much each term counts.

    temperature: of the softened outputs.
    transfer: of attention transfer; none by default, since it did not help.
    cut: share of the maps that are cut at a random quantile; none by default, since it did not help.
    """

    temperature: Annotated[float, Field(gt=0)] = 4.0
    fidelity: Weight = 1.0
    transfer: Weight = 0.0
    keep: Weight = 1.0
    drop: Weight = 1.0
    smooth: Weight = 0.5
    cut: Annotated[float, Field(ge=0, le=1)] = 0.0


class SurrogateObjective(nn.Module):
    """The loss of the surrogate, computed through the frozen teacher.

    With c the teacher's class on image x, m the map as sigmoid and b a baseline image:

        fidelity = T^2 KL(teacher(x)/T || student(x)/T)
        keep     = -log p_c(b + m (x - b))           the class stays where the map says
        drop     = -log(1 - p_c(b + (1 - m)(x - b))) and leaves with it
        smooth   = total variation of m
        transfer = mean over stages of |Q_s / |Q_s| - Q_t / |Q_t||^2, Q = mean over channels of the squared features

    How much of an image a map shows is fixed by the head, see `ExplanationHead`. The baseline is drawn per
    image among the mean colour, black and a blurred copy, so that the map depends on none.

    For a share `cut` of the images m is first cut at a random quantile of its own values (softly), so that every
    part of the ranking counts, as in deletion and insertion curves.

    distil: False replaces `fidelity` by the cross-entropy of the true labels (an ablation).
    explains: False leaves `fidelity` alone (an ablation).
    student, teacher: changed in place, see `quick_gradients`.
    """

    def __init__(
        self,
        student: Student,
        teacher: Classifier,
        weights: LossWeights,
        image_size: int,
        distil: bool = True,
        explains: bool = True,
    ) -> None:
        super().__init__()
        self.distil = distil
        self.explains = explains
        self.trained = student
        self.weights = weights
        self._teacher = [teacher]  # in a list: not a sub-module, neither trained nor saved
        self._stages = stage_indices(teacher, image_size) if weights.transfer else ()
        for network in (student, teacher):
            quick_gradients(network)

    def forward(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """[B, 3, H, W] in [0, 1], [B] (unused when distilling) -> loss terms."""
        teacher, weights = self._teacher[0], self.weights
        with torch.no_grad():
            truth = teacher(images).float()
        target = truth.argmax(1)
        attended = self.trained.attended(images)
        logits, small = self.trained.read(attended, target)
        imitation = {"fidelity": weights.fidelity * self._fidelity(logits.float(), truth, labels)}
        if weights.transfer:
            with torch.no_grad():
                original = stage_features(teacher, self._stages, images)
            imitation["transfer"] = weights.transfer * attention_transfer(attended, original)
        if not self.explains:
            return imitation
        mask = upsample(small.float(), (images.shape[-2], images.shape[-1]))
        log_kept, log_lost = self._through_teacher(images, mask, target)
        return imitation | {
            "keep": -weights.keep * log_kept.mean(),
            "drop": -weights.drop * log_lost.mean(),
            "smooth": weights.smooth * total_variation(small.float().sigmoid()),
        }

    def _fidelity(self, logits: Tensor, truth: Tensor, labels: Tensor) -> Tensor:
        if not self.distil:
            return F.cross_entropy(logits, labels)
        return fidelity(logits, truth, self.weights.temperature)

    def _through_teacher(self, images: Tensor, mask: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """log p_c on what the map keeps and log(1 - p_c) on what it leaves, [B] each."""
        teacher, blurred = self._teacher[0], blur(images)
        shown = self._shown(mask).unsqueeze(1)
        below, beneath = (draw_baseline(images, blurred, teacher.mean) for _ in range(2))
        kept, dropped = below + shown * (images - below), beneath + (1 - shown) * (images - beneath)
        logits = teacher(torch.cat([kept, dropped])).float()
        on_kept, on_dropped = logits.chunk(2)
        log_kept = on_kept.log_softmax(1).gather(1, target[:, None]).squeeze(1)
        return log_kept, log_complement(on_dropped, target)

    def _shown(self, mask: Tensor) -> Tensor:
        """The map, [B, H, W]; of a share `cut` of the images its values above a threshold alone."""
        if not self.weights.cut:
            return mask.sigmoid()
        coin = torch.rand(len(mask), 1, 1, device=mask.device) < self.weights.cut
        return torch.where(coin, cut(mask), mask.sigmoid())


def fidelity(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL divergence of softened outputs, times temperature squared; [B, K], [B, K] -> scalar.

    Hinton, Vinyals, Dean 2015, https://arxiv.org/abs/1503.02531
    """
    log_student = F.log_softmax(student / temperature, 1)
    log_teacher = F.log_softmax(teacher / temperature, 1)
    return F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True) * temperature**2


def log_complement(logits: Tensor, targets: Tensor) -> Tensor:
    """log(1 - p_c), without cancellation; [B, K], [B] -> [B]."""
    others = logits.scatter(1, targets[:, None], float("-inf"))
    return others.logsumexp(1) - logits.logsumexp(1)


def total_variation(maps: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, 0 along a side of one; [B, h, w] -> scalar."""
    steps = [maps.diff(dim=axis).abs().mean() for axis in (1, 2) if maps.shape[axis] > 1]
    return sum(steps, maps.new_zeros(()))


def cut(logits: Tensor) -> Tensor:
    """Softly keep the values of each map above a quantile drawn uniformly; [B, H, W] -> same."""
    flat = logits.detach().flatten(1)
    ranks = torch.rand(len(flat), device=flat.device)
    position = (ranks * (flat.shape[1] - 1)).long()
    threshold = flat.sort(1).values.gather(1, position[:, None])[..., None]
    return ((logits - threshold) / (0.25 * flat.std(1)[:, None, None] + 1e-6)).sigmoid()


def blur(images: Tensor) -> Tensor:
    """Average over tiles of about 1/14 of the side and interpolate back; [B, 3, H, W] -> same."""
    size = (images.shape[-2], images.shape[-1])
    return upsample(F.adaptive_avg_pool2d(images, (14, 14)), size)


def draw_baseline(images: Tensor, blurred: Tensor, mean: Tensor) -> Tensor:
    """Draw for each image the mean colour, black or its blurred copy; [B, 3, H, W] -> same."""
    kind = torch.randint(3, (len(images), 1, 1, 1), device=images.device)
    return torch.where(kind == 0, mean.expand_as(images), torch.where(kind == 1, 0.0, blurred))
