"""Ready tasks: data that have the symmetry, splits that share no sample, and every arm possible."""

import pytest
import torch

from regrep.comparison import ARMS, plan
from regrep_paper.experiments.task_file import read_task
from regrep_paper.tasks import TASKS, task_file

EMBEDDED = ("digits", "polycubes", "vectors")


@pytest.mark.parametrize("name", TASKS)
def test_a_ready_task_has_a_file_of_its_own(name):
    assert task_file(name).is_file()
    assert len({task_file(other) for other in TASKS}) == len(TASKS)


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_arm_is_possible(name):
    assert {arm.name for arm in plan(read_task(name).task, None, 1).arms} == set(ARMS)


@pytest.mark.parametrize("name", EMBEDDED)
def test_splits_share_no_sample_and_the_test_is_the_same_for_every_seed(name):
    task = read_task(name).task
    one, other = task.splits(0), task.splits(1)
    assert torch.equal(one.test[0], other.test[0])
    assert torch.equal(one.validation[0], other.validation[0])
    assert not torch.equal(one.train[0], other.train[0])
    groups = [{row.numpy().tobytes() for row in x} for x in (one.test[0], one.validation[0], one.train[0])]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    unlabelled = {row.numpy().tobytes() for row in one.unlabelled}
    assert not unlabelled & (groups[0] | groups[1])


def test_digits_have_ten_labels_for_each_class():
    assert read_task("digits").task.splits(3).train[1].bincount().tolist() == [10] * 10


def test_the_force_of_moved_charges_is_the_moved_force():
    file = read_task("vectors")
    task, (x, y) = file.task, file.task.splits(0).test
    force = vars(__import__("regrep_task"))["force"]
    assert torch.equal(force(x), y)
    for k in range(task.group.order):
        g = torch.full((len(x),), k)
        torch.testing.assert_close(force(task.input_action(x, g)), task.output_action(y, g))
