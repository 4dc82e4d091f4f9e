"""Does a map weigh the parts as the classifier does?"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bench.metrics.base import Batch, Column, Metric
from methods.classifier import Classifier
from methods.resize import min_max


@dataclass(frozen=True)
class PartEffect(Metric):
    """A map's mass per part against what changing that part alone does to the class.

    With m_p the sum of the min-max scaled map on the segment of part p, y the probability on the image
    and o_p the one without part p: `effect_p = y - o_p`. Over the visible parts,
    `removal_correlation = Spearman(m, effect)`; `swap_correlation` is the same with o_p the
    probability when the part has the look of the nearest class. Ties share their mean rank. They
    are NaN with fewer than two visible parts or effects all equal, and 0 if all masses are equal.
    `effect_mass = sum_p m_p / sum m * max(0, effect_p) / max_q max(0, effect_q)`, sum m over the whole
    image: 1 if all mass is on the strongest part, NaN if no part has a positive effect. A flat map scores 0.

    resolution: changes of the probability below it count as 0; finite precision ranks nothing.

    Compare single deletion of FunnyBirds, Hesse et al., ICCV 2023, https://arxiv.org/abs/2308.06248.
    Deviations: probabilities instead of logits, hidden parts left out, -1 to 1 instead of 0 to 1, and
    equal masses score 0 instead of being left out.
    """

    columns: ClassVar[dict[str, Column]] = {
        "removal_correlation": Column("Mass and effect of removal, rank correlation", "higher"),
        "swap_correlation": Column("Mass and effect of swap, rank correlation", "higher"),
        "effect_mass": Column("Mass on effective parts", "higher"),
    }
    choices: ClassVar[dict[str, str]] = {
        "mass": "sum of the min-max scaled map on the segment",
        "effect": "drop of the softmax probability",
        "parts": "visible, at least 2",
    }
    resolution: Annotated[float, Field(ge=0)] = 0.01

    def score(self, model: Classifier, batch: Batch, saliency: Tensor) -> dict[str, Tensor]:
        """See `Metric.score`."""
        if batch.segments is None or not batch.part_names:
            return dict.fromkeys(self.columns, saliency.new_full((len(saliency),), float("nan")))
        scaled = min_max(saliency).double()
        segments = [batch.segments == number for number in range(1, len(batch.part_names) + 1)]
        visible = torch.stack([part.flatten(1).any(1) for part in segments], 1)
        mass = torch.stack([(scaled * part).sum((1, 2)) for part in segments], 1)
        removal, swap = (self.effects(batch, changed, visible) for changed in (batch.removed, batch.swapped))
        values = {
            "removal_correlation": rank_correlation(mass, removal),
            "swap_correlation": rank_correlation(mass, swap),
            "effect_mass": effect_mass(mass, removal, scaled.sum((1, 2))),
        }
        return {name: value.to(saliency.dtype) for name, value in values.items()}

    def effects(self, batch: Batch, changed: Tensor, visible: Tensor) -> Tensor:
        """Return what each part does to the class, [B, P] in float64; NaN where hidden or unknown."""
        effect = batch.probabilities.double().unsqueeze(1) - changed.double()
        return effect.where(effect.isnan() | (effect.abs() >= self.resolution), 0.0).where(visible, float("nan"))


def effect_mass(mass: Tensor, effect: Tensor, total: Tensor) -> Tensor:
    """Share of the map's sum on each part, weighed by its positive effect; [B, P] twice, [B] -> [B]."""
    helps = effect.nan_to_num(0.0).clamp(min=0)
    strongest = helps.amax(1)
    weighed = (mass * helps).sum(1) / (total.where(total > 0, 1.0) * strongest)
    return weighed.where(strongest > 0, float("nan"))


def rank_correlation(mass: Tensor, effect: Tensor) -> Tensor:
    """Spearman's rank correlation of each row over the parts with an effect, [B, P] twice -> [B]."""
    known = ~effect.isnan()
    count = known.sum(1, keepdim=True)
    a, b = (
        (ranks - ranks.sum(1, keepdim=True) / count) * known for ranks in (_ranks(mass, known), _ranks(effect, known))
    )
    constant_mass, constant_effect = (~(centred != 0).any(1) for centred in (a, b))
    product = (a.square().sum(1) * b.square().sum(1)).sqrt()
    found = ((a * b).sum(1) / product).where(~constant_mass, 0.0)
    return found.where(~constant_effect & (count.squeeze(1) > 1), float("nan"))


def _ranks(values: Tensor, known: Tensor) -> Tensor:
    """Rank of each known value in its row, from 0.5 up, ties sharing their mean; 0 elsewhere; [B, P] -> same."""
    below = (values.unsqueeze(1) < values.unsqueeze(2)).double() + 0.5 * (values.unsqueeze(1) == values.unsqueeze(2))
    return (below * known.unsqueeze(1)).sum(2) * known
