"""Tasks on every core: the same answers, in order."""

import os
from functools import partial

import pytest

from reports.side_by_side import side_by_side


def fail():
    raise ValueError("no")


def test_answers_are_in_the_order_of_the_tasks():
    assert side_by_side([partial(pow, 2, i) for i in range(20)]) == [2**i for i in range(20)]
    assert side_by_side([]) == [] and side_by_side([lambda: 1]) == [1]


def test_tasks_need_not_be_copied():
    value = (i for i in range(3))  # cannot be
    assert side_by_side([lambda: sum(value), lambda: 7])[1] == 7


def test_one_core_works_in_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert side_by_side([os.getpid, os.getpid]) == [os.getpid()] * 2


def test_a_mistake_is_raised_here_and_the_next_tasks_run():
    with pytest.raises(ValueError, match="no"):
        side_by_side([fail, lambda: 1])
    assert side_by_side([lambda: 1, lambda: 2]) == [1, 2]
