"""Miniature experiments for the tests of stages."""

import pytest

from tests.bench.running import Stages


@pytest.fixture
def stages(tmp_path):
    return Stages(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A miniature experiment after prepare, teacher and fit."""
    done = Stages(tmp_path_factory.mktemp("trained"))
    for stage in ("prepare", "teacher", "intervene", "fit"):
        done.run(stage)
    return done
