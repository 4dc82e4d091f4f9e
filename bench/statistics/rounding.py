"""When values are equal: scores are measured in fp32, and means of them differ by rounding where they are the same."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

PRECISION = 1e-6  # of the largest value; fp32 rounds by 1e-7


def in_steps(values: ArrayLike, largest: float | None = None) -> NDArray[np.float64]:
    """Count values in whole steps of `PRECISION` times the largest magnitude: equal ones have equal counts.

    Args:
        values: of any shape; NaN and infinite ones stay.
        largest: what the step is a share of; None takes the values' own largest finite magnitude.
    """
    given = np.asarray(values, dtype=np.float64)
    if largest is None:
        largest = float(np.max(np.abs(given), where=np.isfinite(given), initial=0.0))
    return np.rint(given / (PRECISION * largest)) if largest > 0 else given
