"""Linear imputation on any device: conjugate gradients and multigrid, all copies at once."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.resize import upsample

Rows = tuple[tuple[float, ...], ...]
WEIGHTS: Rows = ((1 / 12, 1 / 6, 1 / 12), (1 / 6, 0.0, 1 / 6), (1 / 12, 1 / 6, 1 / 12))
DIFFERENCES: Rows = (WEIGHTS[0], (1 / 6, -1.0, 1 / 6), WEIGHTS[2])
SPREAD: Rows = tuple(tuple(a * b / 16 for a in (1, 3, 3, 1)) for b in (1, 3, 3, 1))  # bilinear, of a pixel on 4 x 4
COARSEST = 8  # pixels; a grid of this size is solved directly


def impute(image: Tensor, missing: Tensor, settings: tuple[float, float, int, int]) -> Tensor | None:
    """See `_imputation.impute`; settings are its tolerance, `STEP`, `PINNING` and `ITERATIONS`; None if not done."""
    # All copies as channels of one image, which is fastest.
    hidden = missing.permute(1, 2, 0).unsqueeze(3).to(image.dtype).contiguous()
    known = _side_by_side(image.permute(1, 2, 0).contiguous().unsqueeze(2) * (1 - hidden))
    mask = _side_by_side(hidden.expand(*hidden.shape[:3], len(image)))
    if image.is_cuda:  # its convolutions channel by channel want each channel in one piece
        known, mask = known.contiguous(), mask.contiguous()
    with torch.autocast(image.device.type, enabled=False), torch.backends.cudnn.flags(enabled=False):  # they round
        filled = _solve(known, mask, len(image), settings)
    return None if filled is None else filled.view(len(missing), *image.shape)


def _solve(known: Tensor, mask: Tensor, depth: int, settings: tuple[float, float, int, int]) -> Tensor | None:
    """Solve for [1, n C, H, W], zero where missing; mask 1 where missing, the same in `depth` successive channels."""
    tolerance, step, pinning, iterations = settings
    u = _pyramid(known, mask)
    residual = _differences(u).mul_(mask)
    if _largest(residual) <= 8 * torch.finfo(u.dtype).eps * _largest(u):
        return u  # solved to rounding, which a correction would only amplify
    grids = _Multigrid(_coarser(mask, pinning), depth, pinning)
    direction, before = torch.zeros_like(u), 1.0
    for _ in range(iterations):
        change = _double(grids.correction(_gather(residual)), mask).mul_(mask).add_(residual, alpha=step)
        if _largest(change) <= tolerance:
            return u.add_(change)
        now = _dot(residual, change)
        direction = torch.add(change, direction, alpha=now / before, out=direction)
        fall = _differences(direction)
        length = -now / _dot(direction, fall)
        u.add_(direction, alpha=length)
        residual.addcmul_(fall, mask, value=length)
        before = now
    return None


class _Multigrid:
    """An approximate inverse of the system on a grid of pixels some of which are known.

    Each pixel has a share in [0, 1], 1 missing and 0 known; between them it covers both. The share divides the
    system's diagonal: known pixels hold the solution at zero. That of a coarser pixel is the `pinning`-th
    power of its 4 pixels' mean, since a single known pixel holds all around it. One sweep of undamped
    Jacobi, before and after the correction from the coarser grid, leaves 1/3 of what that grid cannot show.
    """

    def __init__(self, share: Tensor, depth: int, pinning: int) -> None:
        self.masks: list[Tensor] = []
        self.gains: list[Tensor] = []
        while max(share.shape[2:]) > COARSEST:
            self.masks.append((share > 0).to(share))
            self.gains.append(share / _count(share))
            share = _coarser(share, pinning)
        pixels = share[0, 0].numel()
        gain = (share / _count(share))[0, ::depth].reshape(-1, pixels, 1)
        unit = torch.eye(pixels, dtype=share.dtype, device=share.device)
        mean = _mean(unit.view(1, pixels, *share.shape[2:])).reshape(pixels, pixels)
        self.inverse = torch.linalg.solve(unit - gain * mean, gain * unit)

    def correction(self, residual: Tensor, level: int = 0) -> Tensor:
        """Return the solution for a residual, [1, n, h, w] -> same, zero at known pixels."""
        if level == len(self.masks):
            rows = residual.reshape(len(self.inverse), -1, self.inverse.shape[1])
            return _like((rows @ self.inverse).view(residual.shape), residual)
        mask, gain = self.masks[level], self.gains[level]
        start = gain * residual
        left = _gather(_mean(start).mul_(mask))
        u = torch.addcmul(start, mask, _double(self.correction(left, level + 1), start))
        return start.addcmul_(gain, _mean(u))


def _pyramid(known: Tensor, missing: Tensor) -> Tensor:
    """Guess each pixel from its square's known ones, in ever larger squares.

    missing is the share of a pixel, in [0, 1], that is to be guessed; `known` holds the rest times its value.
    """
    if max(known.shape[2:]) == 1:
        return known / (1 - missing)
    some = 1 - _halve(missing)
    reach = some.clamp(min=0.25)  # one known pixel of 4 is enough
    return torch.addcmul(known, missing, _double(_pyramid(_halve(known) / reach, 1 - some / reach), known))


def _mean(u: Tensor) -> Tensor:
    return F.conv2d(u, _kernel(WEIGHTS, u.shape[1], u.dtype, u.device), padding=1, groups=u.shape[1])


def _differences(u: Tensor) -> Tensor:
    """Return `mean(u) - count u`: the weighted sum of a pixel's differences from its neighbours inside the image."""
    differences = F.conv2d(u, _kernel(DIFFERENCES, u.shape[1], u.dtype, u.device), padding=1, groups=u.shape[1])
    for edge in (0, -1):  # what lies beyond counted as zero; corners lack 3 neighbours twice but for the one both share
        differences[:, :, edge].add_(u[:, :, edge], alpha=1 / 3)
        differences[..., edge].add_(u[..., edge], alpha=1 / 3)
        for end in (0, -1):
            differences[:, :, edge, end].sub_(u[:, :, edge, end], alpha=1 / 12)
    return differences


def _count(like: Tensor) -> Tensor:
    """Sum of the neighbours' weights; a pixel without any, the only one of its grid, gets the smallest weight."""
    return _mean(torch.ones_like(like)).clamp_(min=1 / 12)


def _side_by_side(pixels: Tensor) -> Tensor:
    """[H, W, n, C] -> [1, n C, H, W], channels last."""
    return pixels.contiguous().flatten(2).unsqueeze(0).permute(0, 3, 1, 2)


def _halve(u: Tensor) -> Tensor:
    return F.avg_pool2d(u, 2, ceil_mode=True)


def _coarser(share: Tensor, pinning: int) -> Tensor:
    return _halve(share).pow_(pinning)


def _double(u: Tensor, like: Tensor) -> Tensor:
    """Enlarge bilinearly, twice; on a CPU in a third of the time that `interpolate` takes, on a GPU as everywhere."""
    if u.is_cuda:
        doubled = upsample(u, (2 * u.shape[2], 2 * u.shape[3]))
        return doubled[..., : like.shape[2], : like.shape[3]]
    wide, kernel = F.pad(u, (1, 1, 1, 1), mode="replicate"), _kernel(SPREAD, u.shape[1], u.dtype, u.device)
    doubled = F.conv_transpose2d(wide, kernel, stride=2, padding=3, groups=u.shape[1])
    return doubled[..., : like.shape[2], : like.shape[3]]


def _gather(residual: Tensor) -> Tensor:
    height, width = residual.shape[2:]
    even = F.pad(residual, (0, width % 2, 0, height % 2)) if height % 2 or width % 2 else residual
    kernel = _kernel(SPREAD, even.shape[1], even.dtype, even.device)
    return F.conv2d(even, kernel, stride=2, padding=1, groups=even.shape[1])


@cache
def _kernel(rows: Rows, channels: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(rows, dtype=dtype, device=device).repeat(channels, 1, 1, 1)


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(_flat(a), _flat(b)))


def _largest(u: Tensor) -> float:
    return max(abs(float(end)) for end in _flat(u).aminmax())


def _like(u: Tensor, other: Tensor) -> Tensor:
    return u.contiguous() if other.is_cuda else u.contiguous(memory_format=torch.channels_last)


def _flat(u: Tensor) -> Tensor:
    return u.flatten() if u.is_cuda else u.permute(0, 2, 3, 1).reshape(-1)
