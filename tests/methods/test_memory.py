"""RISE with 8000 masks at 224 px within 600 MB above the model on the CPU, and 2 GB on a GPU."""

import pytest
import torch

from bench.loading import serve
from bench.throughput.measuring import peak_memory
from methods.batch_size import chunk
from methods.classifier import create
from methods.explainers.rise import Rise
from methods.runtime import start

MASKS, SIZE, BOUND = 8000, 224, 600e6
BOUND_ON_A_GPU = 2e9
WARM = 4  # chunks that pass through the network; the others are answered at once, and need no more memory


def test_rise_of_a_large_network_in_bounded_memory(machine, monkeypatch):
    model = serve(create("mobilenetv2_100", 100, arguments={"pad_type": "same"}), SIZE, machine)
    images = machine.images(torch.randint(256, (1, 3, SIZE, SIZE), dtype=torch.uint8))
    logits, seen = model.logits_of_normalised, []

    def some(copies):
        seen.append(len(copies))
        return logits(copies) if len(seen) <= WARM else copies.new_zeros(len(copies), 100)

    monkeypatch.setattr(model, "logits_of_normalised", some)
    needed = peak_memory(
        lambda: Rise(masks=MASKS).explain(model, images, torch.tensor([3]), torch.tensor([0])), machine
    )
    if needed is None:
        pytest.skip("the resident memory cannot be read here")
    print(f"RISE, {MASKS} masks of {SIZE} px: {needed / 1e6:.0f} MB")
    assert sum(seen) == MASKS and max(seen) == chunk(machine.device)
    assert needed < BOUND


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_rise_of_a_large_network_in_bounded_memory_of_a_gpu(precision):
    gpu = start("cuda", precision)
    model = serve(create("mobilenetv2_100", 100, arguments={"pad_type": "same"}), SIZE, gpu)
    images = gpu.images(torch.randint(256, (1, 3, SIZE, SIZE), dtype=torch.uint8))
    targets, seeds = torch.tensor([3], device=gpu.device), torch.tensor([0])

    def explain():
        with gpu.autocast():
            Rise(masks=MASKS).explain(model, images, targets, seeds)

    explain()  # the search for the copies per forward pass is not its memory
    needed = peak_memory(explain, gpu)
    print(f"RISE, {MASKS} masks of {SIZE} px on a GPU in {precision}: {needed / 1e6:.0f} MB")
    assert needed < BOUND_ON_A_GPU
