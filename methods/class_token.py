"""Vision transformers that classify by their class token: what its last attention reads of the image, and what follows.

The last features of the patches do not reach the class. What the last block's attention reads of them does.
"""

from typing import Any

import torch
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from methods.errors import UserError


def reads_class_token(backbone: nn.Module) -> bool:
    """Return whether the network classifies by its class token alone."""
    return getattr(backbone, "global_pool", "avg") == "token"


def last_read(backbone: nn.Module, normalised: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tokens that the last block's attention reads, and those that it adds to, [B, N, C] each.

    The former are the latter, normalised (`blocks[-1].norm1`).

    Args:
        backbone: a plain vision transformer of timm's, DeiT included.
        normalised: [B, 3, H, W].

    Raises:
        UserError: it is of another kind, or has one block only.
    """
    if not isinstance(backbone, VisionTransformer) or type(backbone.blocks[-1]) is not Block:
        raise UserError(
            f"'{type(backbone).__name__}' classifies by its class token, and not by the blocks of a plain vision "
            "transformer: set arguments: {global_pool: avg} if it takes that, or choose another architecture"
        )
    before = len(backbone.blocks) - 2
    if before < 0:
        raise UserError(
            f"'{type(backbone).__name__}' has one block only, so that its class token reads bare patches: "
            "set arguments: {global_pool: avg}"
        )
    found: Any = backbone.forward_intermediates(
        normalised, [before], return_prefix_tokens=True, stop_early=True, output_fmt="NLC", intermediates_only=True
    )
    ((patches, prefix),) = found
    tokens = torch.cat([prefix, patches], 1)
    last: Any = backbone.blocks[-1]
    return last.norm1(tokens), tokens


def logits_after(backbone: nn.Module, read: Tensor, tokens: Tensor) -> Tensor:
    """Return the logits [B, K] of what `last_read` returned, by the last block in evaluation mode and the head.

    Behind the last attention only the tokens before the patches are worked out. Attention is composed of plain
    operators: the gradient of the fused one need not repeat to the last bit on a GPU.
    """
    assert isinstance(backbone, VisionTransformer)
    block: Any = backbone.blocks[-1]
    kept = backbone.num_prefix_tokens
    with sdpa_kernel(SDPBackend.MATH):
        attended = block.attn(read)
    tokens = tokens[:, :kept] + block.ls1(attended[:, :kept])
    tokens = tokens + block.ls2(block.mlp(block.norm2(tokens)))
    return backbone.forward_head(backbone.norm(tokens))
