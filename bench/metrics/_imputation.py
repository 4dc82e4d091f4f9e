"""Linear imputation of missing pixels, as ROAD defines it."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from bench.metrics import _imputation_planes, _imputation_tensors
from bench.metrics._compiled import side_by_side

PINNING = 3  # of the powers 1 to 4, the one with the fewest iterations over smooth, noisy and mixed masks
STEP = 1.2  # length of the Jacobi step beside the correction from the coarser grids; 1.2 and 1.4 need least
ITERATIONS = 200  # at most; a change of 0.01 takes about 7, one of 1e-8 about 25


def impute(image: Tensor, missing: Tensor, tolerance: float = 1e-3) -> Tensor:
    """Replace missing pixels by the weighted mean of their 8 neighbours, all of them at once.

    With u the result, mean(u) = sum of w u and count = sum of w over a pixel's neighbours inside the image,
    w = 1/6 for the 4 direct and 1/12 for the 4 diagonal ones: `count u = mean(u)` where a pixel is missing and
    `u = image` elsewhere. The system is symmetric and positive definite. It is solved by conjugate gradients,
    preconditioned with a Jacobi step plus multigrid, from a guess that a pyramid makes: on the CPU channel by
    channel by compiled loops, elsewhere for all copies at once.

    Args:
        image: [C, H, W]; the computation has its type.
        missing: bool [n, H, W], what to impute in each of n copies.
        tolerance: in the units of `image`. It ends once the preconditioner, which undoes the larger part of the
            error, changes no pixel by more; that change is still made.

    Returns:
        [n, C, H, W], strided.

    Raises:
        ValueError: a copy without a known pixel.
        RuntimeError: not done within `ITERATIONS`; a `tolerance` below the rounding error can do that.
    """
    if missing.flatten(1).all(1).any():
        raise ValueError("an image without a known pixel cannot be imputed")
    compiled = image.device.type == "cpu" and image.dtype in (torch.float32, torch.float64)
    solve = _planes if compiled else _imputation_tensors.impute
    filled = solve(image, missing, (tolerance, STEP, PINNING, ITERATIONS))
    if filled is None:
        raise RuntimeError(f"linear imputation still changes by more than {tolerance:g} after {ITERATIONS} iterations")
    return filled


def _planes(image: Tensor, missing: Tensor, settings: tuple[float, float, int, int]) -> Tensor | None:
    pixels, masks = image.detach().permute(1, 2, 0).contiguous().numpy(), missing.contiguous().numpy()
    filled, converged = np.empty((len(masks), *pixels.shape), pixels.dtype), np.zeros(len(masks), bool)
    sizes, length = _imputation_planes.layout(*masks.shape[1:])

    def work(turns: Iterable[int]) -> None:
        room = np.zeros(length, pixels.dtype)
        for i in turns:
            converged[i] = _imputation_planes.fill(pixels, masks[i], filled[i], settings, room, sizes)

    side_by_side(work, len(masks))
    return torch.from_numpy(filled).permute(0, 3, 1, 2) if converged.all() else None
