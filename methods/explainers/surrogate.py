"""The attentive surrogate."""

from dataclasses import dataclass

from methods.surrogate.attentive_surrogate import AttentiveSurrogate


@dataclass(frozen=True)
class Surrogate(AttentiveSurrogate):
    """A student distilled from the classifier, with spatial attention at every stage.

    One forward pass of the student gives the map of the class that the classifier predicted.

    student: the network of the student, any timm model; none takes the teacher, with its weights.
    width: channels in which the stages are fused.
    losses: weights of the terms in `SurrogateObjective`.

    Lee & Kim, Sensors 21(4):1280, 2021, https://doi.org/10.3390/s21041280. The abstract fixes a
    surrogate network developed by knowledge distillation, attention, regional information from
    all layers, a fine-grained map of the predicted class, and speed. Assumed here, because only the
    abstract was at hand: the student has the teacher's architecture and starts from its weights;
    one attention channel per stage; stages fused by summed 1x1 laterals at stride 4, as a
    correction of the class activation map; and the explanation losses through the frozen teacher.
    """
