"""Tensors on their way to a device."""

import pytest
import torch

from methods.runtime import send

CPU = torch.device("cpu")


def test_what_is_there_already_is_not_copied():
    tensor = torch.arange(6.0)
    assert send(tensor, CPU) is tensor


@pytest.mark.gpu
def test_a_gpu_gets_the_same_values():
    tensor = torch.arange(6).view(2, 3)
    sent = send(tensor, torch.device("cuda"))
    assert sent.device.type == "cuda" and torch.equal(sent.cpu(), tensor)


def test_a_gpu_is_sent_pinned_memory_without_waiting(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: asked.append("pin") or tensor)
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, device, **how: asked.append((device.type, how)) or tensor)
    send(torch.zeros(2), torch.device("cuda"))
    assert asked == ["pin", ("cuda", {"non_blocking": True})]
