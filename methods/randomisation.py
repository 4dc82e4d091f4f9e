"""Networks that forget what they learned."""

import torch
from torch import nn


@torch.no_grad()
def reinitialise(layer: nn.Module, generator: torch.Generator) -> None:
    """Redraw each of the layer's own tensors from a normal distribution with its mean and deviation."""
    for tensor in layer.parameters(recurse=False):
        drawn = torch.randn(tensor.shape, generator=generator).to(tensor)
        spread = tensor.std() if tensor.numel() > 1 else tensor.abs().mean()
        tensor.copy_(drawn * spread + tensor.mean())
