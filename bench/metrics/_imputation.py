"""Linear imputation of missing pixels, as ROAD defines it, solved by multigrid and conjugate gradients."""

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 4  # pixels: no grid is coarser
SWEEPS = 4  # of the smoother, on the coarsest grid
PINNING = 3  # power; of 2, 3 and 4 the fewest iterations over smooth, noisy and mixed masks
ITERATIONS = 200  # at most; 1e-3 takes about 5, 1e-8 about 15
NEIGHBOURS = ((1.0, 2.0, 1.0), (2.0, 0.0, 2.0), (1.0, 2.0, 1.0))  # 12 times the weights 1/12 and 1/6
SPREAD = (0.25, 0.75, 0.75, 0.25)  # transpose of bilinear doubling, in one dimension


def impute(image: Tensor, missing: Tensor, tolerance: float = 1e-3) -> Tensor:
    """Replace missing pixels by the weighted mean of their 8 neighbours, all at once.

    With u the result, N(u) the sum of a pixel's neighbours in the image, the 4 direct ones twice the 4
    diagonal ones, and n the same sum of ones: `n u = N(u)` where a pixel is missing, `u = image` elsewhere.
    The system is symmetric and positive definite, and is solved by conjugate gradients, preconditioned
    with a V-cycle of `_Multigrid` and started from an average of averages (`_pyramid`). Iterations
    end once a V-cycle, which undoes the larger part of the error, changes no pixel by more than `tolerance`.

    Args:
        image: [C, H, W]; its type is that of the computation.
        missing: bool [n, H, W], the pixels to impute in each of n copies; at least one is known.
        tolerance: in the units of `image`.

    Returns:
        [n, C, H, W], channels last.

    Raises:
        ValueError: a copy without a known pixel.
        RuntimeError: no convergence within `ITERATIONS`; a `tolerance` below the rounding error does that.
    """
    if missing.flatten(1).all(1).any():
        raise ValueError("an image without a known pixel cannot be imputed")
    shape = (len(missing), *image.shape)

    def channels(copies: Tensor) -> Tensor:  # all in one image: depthwise operations are then fastest
        return copies.expand(shape).reshape(1, -1, *image.shape[1:]).contiguous(memory_format=torch.channels_last)

    with torch.autocast(image.device.type, enabled=False), torch.backends.cudnn.flags(enabled=False):  # both round
        filled = _solve(channels(image), channels(missing.to(image.dtype).unsqueeze(1)), tolerance)
    return filled.view(shape).contiguous(memory_format=torch.channels_last)


def _solve(image: Tensor, mask: Tensor, tolerance: float) -> Tensor:
    """Solve one system per channel; [1, n, H, W] twice, mask 1 where missing -> same."""
    grids = _Multigrid(mask)
    count = _neighbours(torch.ones_like(mask))
    known = image * (1 - mask)
    u = torch.addcmul(known, mask, _pyramid(known, 1 - mask))
    residual = (_neighbours(u) - count * u).mul_(mask)
    direction, before = torch.zeros_like(u), torch.ones_like(u[..., :1, :1])
    for _ in range(ITERATIONS):
        change = grids.cycle(residual)
        if _largest(change) <= tolerance:
            return u.add_(change)
        now = _dot(residual, change)
        direction = torch.addcmul(change, now / before, direction)
        applied = (count * direction).sub_(_neighbours(direction)).mul_(mask)
        step = now / _dot(direction, applied).clamp(min=torch.finfo(u.dtype).tiny)
        u.addcmul_(direction, step)
        residual.addcmul_(applied, -step)
        before = now.clamp(min=torch.finfo(u.dtype).tiny)
    raise RuntimeError(f"linear imputation is not within {tolerance:g} after {ITERATIONS} iterations")


class _Multigrid:
    """An approximate inverse of the system on ever coarser grids.

    On every grid a pixel has a share in [0, 1]: 1 missing, 0 known, between them where a coarse pixel
    covers both; it divides the diagonal, so that known pixels hold the coarse correction at zero. A coarse
    pixel's share is the `PINNING`-th power of its 4 pixels' mean: a single known pixel holds all around it,
    which the plain mean forgets. The smoother is undamped Jacobi, which leaves 1/3 of what a coarser
    grid cannot show, in each sweep: one before and one after the coarse correction.
    """

    def __init__(self, mask: Tensor) -> None:
        self.masks, self.gains = [], []
        share = mask
        while True:
            self.masks.append((share > 0).to(share))
            self.gains.append(share / _neighbours(torch.ones_like(share)))
            if max(share.shape[2:]) <= SMALLEST:
                break
            share = _halve(share).pow_(PINNING)

    def cycle(self, residual: Tensor, level: int = 0) -> Tensor:
        """Return an approximate solution, [1, n, h, w] -> same, zero at known pixels."""
        mask, gain = self.masks[level], self.gains[level]
        u = gain * residual
        if level + 1 == len(self.masks):
            for _ in range(SWEEPS):
                u = _neighbours(u).add_(residual).mul_(gain)
            return u
        left = _neighbours(u).mul_(mask)
        u.addcmul_(mask, _double(self.cycle(_gather(left), level + 1), u))
        return _neighbours(u).add_(residual).mul_(gain)


def _pyramid(known: Tensor, weight: Tensor) -> Tensor:
    """Guess every pixel: known ones averaged over ever larger squares, then interpolated where none is."""
    if max(known.shape[2:]) == 1:
        return known / weight
    some = _halve(weight)
    reach = some.clamp(min=0.25)  # the weight of one known pixel in a full square counts as 1
    coarse = _pyramid(_halve(known) / reach, some / reach)
    return torch.addcmul(known, 1 - weight, _double(coarse, known))


def _neighbours(u: Tensor) -> Tensor:
    kernel = u.new_tensor(NEIGHBOURS).expand(u.shape[1], 1, 3, 3)
    return F.conv2d(u, kernel, padding=1, groups=u.shape[1])


def _halve(u: Tensor) -> Tensor:
    return F.avg_pool2d(u, 2, ceil_mode=True)


def _double(u: Tensor, like: Tensor) -> Tensor:
    doubled = F.interpolate(u, scale_factor=2, mode="bilinear", align_corners=False)
    return doubled[..., : like.shape[2], : like.shape[3]]


def _gather(residual: Tensor) -> Tensor:
    """Sum what belongs to each pixel of the coarser grid."""
    height, width = residual.shape[2:]
    spread = residual.new_tensor(SPREAD)
    kernel = torch.outer(spread, spread).expand(residual.shape[1], 1, 4, 4)
    padded = F.pad(residual, (1, 1 + width % 2, 1, 1 + height % 2)) if height % 2 or width % 2 else residual
    return F.conv2d(padded, kernel, stride=2, padding=0 if padded is not residual else 1, groups=residual.shape[1])


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((2, 3), keepdim=True)


def _largest(u: Tensor) -> float:
    return max(abs(float(end)) for end in u.permute(0, 2, 3, 1).aminmax())
