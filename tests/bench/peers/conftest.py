"""The libraries, each a fixture that skips where it is not installed, and the worlds."""

import sys
import warnings

import pytest

from tests.bench.peers.worlds import WORLDS


def peer(package, root, *modules):
    """Return a fixture that imports a library, or skips where it cannot be imported."""

    def load():
        reason = f"{package} is not installed: pip install -e '.[peers]'"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for module in (root, *modules):
                pytest.importorskip(f"{root}.{module}" if module != root else root, reason=reason, exc_type=ImportError)
        return sys.modules[root]

    return pytest.fixture(scope="module")(load)


quantus = peer("quantus", "quantus")
torchcam = peer("torchcam", "torchcam", "metrics", "methods")
captum = peer("captum", "captum", "metrics")
grad_cam = peer("grad-cam", "pytorch_grad_cam", "metrics.road", "metrics.cam_mult_image", "utils.model_targets")


@pytest.fixture(params=WORLDS.values(), ids=WORLDS.keys())
def world(request):
    return request.param()
