"""Device, precision, memory format, allocator and determinism: the one place that touches them."""

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.errors import UserError

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # glibc, malloc.h
_KEEP = 1 << 30  # bytes that glibc may keep instead of returning them to the system


@dataclass(frozen=True)
class Runtime:
    """Where and how networks run.

    device: `cpu`, `cuda` or `mps`.
    precision: `fp32`, or `bf16` by autocast; they are different protocols.
    """

    device: torch.device
    precision: str = "fp32"

    @property
    def images_at_once(self) -> int:
        """How many images explainers and metrics are given at a time: of more a CPU makes nothing."""
        return 50 if self.device.type == "cuda" else 8

    def place(self, module: nn.Module) -> nn.Module:
        """Move a network to the device, channels last, in evaluation mode."""
        return module.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    def images(self, images: Tensor) -> Tensor:
        """Turn uint8 [B, 3, H, W] into float RGB in [0, 1] on the device, channels last."""
        return (send(images, self.device).float() / 255).contiguous(memory_format=torch.channels_last)

    def autocast(self) -> torch.autocast:
        """Return the context in which networks run at this precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def synchronise(self) -> None:
        """Wait until the device has done all that was asked of it."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()


def start(device: str = "auto", precision: str = "fp32") -> Runtime:
    """Set up the process once: allocator, determinism, device.

    Raises:
        UserError: `device` is unknown or not there.
    """
    keep_large_buffers()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # it costs 25 %
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # else convolutions round to 11 bits, which is not fp32
    return Runtime(_device(device), precision)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor to the device; to a GPU from pinned memory, so that only what reads it waits for the copy."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def exactly(like: Tensor) -> torch.autocast:
    """Return the context in which pixels and masks are worked on at full precision, whatever that of the network."""
    return torch.autocast(like.device.type, enabled=False)


def keep_large_buffers() -> None:
    """Stop glibc from returning every large buffer to the system after each operation.

    It doubles the CPU throughput of small networks; elsewhere than on glibc it does nothing.
    """
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL("libc.so.6")
        for option, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEEP), (_M_TOP_PAD, _KEEP >> 4)):
            libc.mallopt(option, value)


@contextmanager
def frozen(module: nn.Module) -> Iterator[nn.Module]:
    """Within the context no parameter asks for a gradient; afterwards all are as they were."""
    asked = [parameter.requires_grad for parameter in module.parameters()]
    module.requires_grad_(False)
    try:
        yield module
    finally:
        for parameter, flag in zip(module.parameters(), asked, strict=True):
            parameter.requires_grad_(flag)


def environment(runtime: Runtime) -> dict[str, str | int]:
    """Describe hardware and versions, for the report."""
    from importlib.metadata import version

    cuda = runtime.device.type == "cuda"
    packages = ("torch", "torchvision", "timm", "numpy", "pandas", "scipy")
    return {
        "device": torch.cuda.get_device_name(runtime.device) if cuda else runtime.device.type,
        "cpu": _cpu_name(),
        "threads": torch.get_num_threads(),
        "precision": runtime.precision,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device '{name}' cannot be used ({reason}): set device to auto or cpu") from None
    return device


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
