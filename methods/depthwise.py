"""Depthwise convolution with the activations around it, as one kernel for NVIDIA GPUs."""

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS, COLUMNS, CHANNELS = 8, 8, 32  # of the output, that one program computes
WARPS = 4

Range = tuple[float, float]


def depthwise(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    repeated: bool,
    before: Range,
    after: Range,
) -> Tensor:
    """Return `clamp(convolution(pad(clamp(images, before))) + bias, after)`, each channel by itself.

    What is read and written is read and written once; sums are taken in float32 and in a fixed order.

    Args:
        images: [B, C, H, W] on a GPU, float32, bfloat16 or float16; copied if it is not channels last.
        weight: [C, 1, h, w].
        bias: [C] or None.
        stride: rows and columns.
        padding: columns to the left and right, rows above and below, as `torch.nn.functional.pad` takes them.
        repeated: pad by repeating the border instead of by zeros.
        before, after: least and largest value that passes, (-inf, inf) for all.

    Returns:
        [B, C, H', W'], channels last, of the type of `images`.
    """
    images = images.contiguous(memory_format=torch.channels_last)
    count, channels, height, width = images.shape
    left, right, top, bottom = padding
    high, wide = weight.shape[-2:]
    size = (height + top + bottom - high) // stride[0] + 1, (width + left + right - wide) // stride[1] + 1
    out = torch.empty(
        (count, channels, *size), dtype=images.dtype, device=images.device, memory_format=torch.channels_last
    )
    tiles = count * triton.cdiv(size[0], ROWS) * triton.cdiv(size[1], COLUMNS)
    with torch.cuda.device_of(images):  # which need not be the current one
        _kernel[(tiles, triton.cdiv(channels, CHANNELS))](
            images,
            weight.contiguous(),
            weight if bias is None else bias,
            out,
            channels,
            height,
            width,
            *size,
            top,
            left,
            *before,
            *after,
            *stride,
            high,
            wide,
            repeated,
            bias is not None,
            ROWS,
            COLUMNS,
            CHANNELS,
            num_warps=WARPS,
        )
    return out


_SIZES = ("height", "width", "out_height", "out_width", "top", "left")  # one compilation serves them all


@triton.jit(do_not_specialize=_SIZES)
def _kernel(  # type: ignore[no-untyped-def]
    images,
    weight,
    bias,
    out,
    channels,
    height,
    width,
    out_height,
    out_width,
    top,
    left,
    least_before,
    most_before,
    least_after,
    most_after,
    down: tl.constexpr,
    across: tl.constexpr,
    high: tl.constexpr,
    wide: tl.constexpr,
    repeated: tl.constexpr,
    biased: tl.constexpr,
    tile_rows: tl.constexpr,
    tile_columns: tl.constexpr,
    tile_channels: tl.constexpr,
):
    """One tile of the pixels and channels of one image."""
    tile = tl.program_id(0)
    tiles_across = tl.cdiv(out_width, tile_columns)
    tiles_down = tl.cdiv(out_height, tile_rows)
    image = (tile // (tiles_across * tiles_down)).to(tl.int64)
    pixel = tl.arange(0, tile_rows * tile_columns)
    row = tile // tiles_across % tiles_down * tile_rows + pixel // tile_columns
    column = tile % tiles_across * tile_columns + pixel % tile_columns
    channel = tl.program_id(1) * tile_channels + tl.arange(0, tile_channels)
    there = channel < channels
    images += image * height * width * channels
    total = tl.zeros((tile_rows * tile_columns, tile_channels), tl.float32)
    for i in tl.static_range(high):
        for j in tl.static_range(wide):
            y = row * down + i - top
            x = column * across + j - left
            if repeated:
                y = tl.minimum(tl.maximum(y, 0), height - 1)
                x = tl.minimum(tl.maximum(x, 0), width - 1)
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            where = (y * width + x)[:, None] * channels + channel[None, :]
            value = tl.load(images + where, inside[:, None] & there[None, :], other=0.0).to(tl.float32)
            value = tl.clamp(value, least_before, most_before, tl.PropagateNan.ALL)
            value = tl.where(inside[:, None], value, 0.0)  # padding is added behind the activation
            factor = tl.load(weight + channel * (high * wide) + (i * wide + j), there, other=0.0).to(tl.float32)
            total += value * factor[None, :]
    if biased:
        total += tl.load(bias + channel, there, other=0.0).to(tl.float32)[None, :]
    total = tl.clamp(total, least_after, most_after, tl.PropagateNan.ALL)
    out += image * out_height * out_width * channels
    where = (row * out_width + column)[:, None] * channels + channel[None, :]
    inside = (row < out_height) & (column < out_width)
    tl.store(out + where, total.to(out.dtype.element_ty), inside[:, None] & there[None, :])
