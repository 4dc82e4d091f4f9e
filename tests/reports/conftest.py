"""A whole report, made once."""

import pytest

from reports import gallery
from tests.reports import result_tree
from tests.reports.reading import rendered


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    params = result_tree.write_params(root, ["parts"], ["parts"])
    result_tree.write_results(root / "results/parts")
    result_tree.write_work(root / "work/parts")
    result_tree.write_results(root / "reference/parts")
    gallery.main(params, "parts", root)
    return root, params, rendered(root, params)
