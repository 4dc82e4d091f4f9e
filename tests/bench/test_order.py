"""Ranks and places of pixels against SciPy and torch."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from bench.metrics._order import centred_ranks, falling_places


def maps():
    noise = torch.randn(4, 500, generator=torch.Generator().manual_seed(2))
    zeros = torch.tensor([0.0, -0.0, 1.0, -1.0]).repeat(125).expand(4, -1)
    extreme = torch.tensor([1e-45, -1e-45, 3e38, -3e38, 0.0]).repeat(100).expand(4, -1)
    return {"noise": noise, "ties": noise.round(), "flat": noise * 0, "both zeros": zeros, "extreme": extreme}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", maps())
def test_order_equals_scipy_and_torch(kind, dtype):
    rows = maps()[kind].to(dtype)
    expected = np.stack([rankdata(row) for row in rows.double().numpy()])
    assert np.array_equal(centred_ranks(rows), expected - (rows.shape[1] + 1) / 2)
    order = rows.argsort(dim=1, descending=True, stable=True)
    assert torch.equal(falling_places(rows).gather(1, order), torch.arange(500).expand(4, -1))


def test_order_does_not_depend_on_the_layout_or_the_threads():
    rows, threads = maps()["ties"], torch.get_num_threads()
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            assert torch.equal(falling_places(rows.T.contiguous().T), falling_places(rows))
            assert torch.equal(centred_ranks(rows)[2:], centred_ranks(rows[2:]))
    finally:
        torch.set_num_threads(threads)


def test_a_map_with_nan_has_no_ranks():
    rows = maps()["noise"]
    rows[1, 7] = float("nan")
    assert centred_ranks(rows).isnan().all(1).tolist() == [False, True, False, False]
