"""Weights that follow a target, and teachers: by hand, without waiting, resumed and copied bit for bit."""

import copy
import math
import pickle

import pytest
import torch
from torch import nn

import regrep
from dispatched import WAITS, Calls
from regrep import EquivariantObjective
from regrep.actions import RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import dihedral
from regrep.nn import GroupAveraged, MeanTeacher
from regrep.objectives import DualWeight, whitened_error
from tolerance import assert_near

D4 = dihedral(4)
ACT = RotateFlip2d(D4)
RHO = regrep.latent(D4, 10)

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 10)), nn.Sequential(nn.BatchNorm1d(10), nn.Linear(10, 3))


def objective(encoder, head, **settings):
    settings = {"penalty": "whitened", "latent": RHO, **settings}
    return EquivariantObjective(encoder, head, nn.functional.cross_entropy, ACT, **settings)


def batch(k=0, size=24):
    generator = torch.Generator().manual_seed(k)
    x, g = torch.randn(size, 6, 6, generator=generator), torch.randint(8, (size,), generator=generator)
    return x, torch.arange(size) % 3, g


def test_a_weight_follows_its_target_by_hand():
    errors, weight, steps = [0.9, 0.2, 3.0, 0.5, 0.1, 0.45], 0.3, 8
    dual = DualWeight(0.5, start=weight, step=0.1, steps=steps)
    for taken, error in enumerate(errors):
        found = dual(torch.tensor(error))
        assert math.isclose(float(found), weight, rel_tol=1e-6)
        target = 1 + (0.5 - 1) * min(1, taken / 4)
        weight *= math.exp(0.1 * min(1, max(-1, error / target - 1)))


def test_a_weight_stays_in_its_range_and_ignores_what_is_no_number():
    dual = DualWeight(0.5, start=0.2, step=1.0)
    for error, bound in ((float("inf"), 20.0), (0.0, 2e-4)):
        for _ in range(30):
            dual(torch.tensor(error))
        assert_near(dual.value, torch.tensor(bound))
    before = dual.value.clone()
    dual(torch.tensor(float("nan")))
    assert_near(dual.value, before)


def test_weights_move_in_training_alone():
    dual = DualWeight(0.5)
    with torch.no_grad():
        dual(torch.tensor(9.0))
    dual.eval()(torch.tensor(9.0))
    assert dual.value == dual.start
    assert dual.taken == 0
    dual.train()(torch.tensor(9.0))
    assert dual.value > dual.start


@pytest.mark.parametrize("penalty", ["mse", "whitened"])
@pytest.mark.parametrize("control", [None, "shuffled", "permuted"])
def test_the_error_is_that_of_what_the_penalty_compares(penalty, control):
    encoder, head = network()
    loop = objective(encoder, head, penalty=penalty, control=control, target_error=0.9, weight=0.7)
    x, y, g = batch()
    terms = loop(x, y, g)
    assert_near(terms.weight, torch.tensor(0.7))
    assert_near(terms.total, terms.task + terms.shifted_task + terms.weight * terms.equivariance)
    z, z_g = encoder(x), encoder(ACT(x, g))
    used, rho = g.roll(1) if control == "shuffled" else g, loop._penalise.applied["<output>"]
    error = whitened_error(z, z_g, used, rho)
    assert_near(loop.error_weight.value, 0.7 * (0.01 * (error / 0.9 - 1).clamp(-1, 1)).exp())
    assert_near(terms.whitened_error, whitened_error(z, z_g, g, RHO))
    assert terms.log()["weight"] == terms.weight


def test_the_consistency_has_a_target_of_its_own():
    encoder, head = network()
    loop = objective(encoder, head, target_consistency=0.05, weight=0.0)
    terms = loop(*batch())
    assert_near(terms.consistency_weight, torch.tensor(0.1))
    assert_near(terms.total, terms.task + terms.shifted_task + 0.1 * terms.consistency)
    expected = 0.1 * (0.01 * (terms.consistency / 0.05 - 1).clamp(-1, 1)).exp()
    assert_near(loop.output_weight.value, expected)
    assert set(loop.state_dict()) == {"output_weight.value", "output_weight.taken"}
    assert objective(encoder, head, consistency=0.4, target_consistency=1.0).output_weight.start == 0.4


@pytest.mark.parametrize("start", [0.01, 3.0])
def test_the_weight_settles_where_the_error_meets_its_target(start):
    """The minimum of (e - 1)² + w e² is at e = 1 / (1 + w)."""
    dual, e = DualWeight(0.6, start=start, step=0.05), nn.Parameter(torch.tensor(1.0))
    for _ in range(600):
        loss = (e - 1).square() + dual(e) * e.square()
        (gradient,) = torch.autograd.grad(loss, e)
        e.data -= 0.1 * gradient
    assert abs(float(e.detach()) - 0.6) < 0.01
    assert abs(float(dual.value) - 2 / 3) < 0.02


SETTINGS = {"target_error": 0.3, "target_consistency": 0.1, "steps": 12, "target_step": 0.2, "consistency": 0.3}


def trained(encoder, head, loop, teacher, steps):
    optimiser = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.05, momentum=0.9)
    return optimiser, lambda: [once(loop, optimiser, teacher, k) for k in steps]


def once(loop, optimiser, teacher, k):
    x, y, g = batch(k)
    u = batch(k + 100, 9)[0]
    terms = loop(x, y, g, generator=torch.Generator().manual_seed(k), unlabelled=u)
    optimiser.zero_grad()
    terms.total.backward()
    optimiser.step()
    teacher.update()
    return terms.total.detach()


def test_a_resumed_run_is_the_same_bit_for_bit():
    def start():
        encoder, head = network()
        teacher = MeanTeacher(nn.Sequential(encoder, head))
        object.__setattr__(teacher, "_network", (nn.ModuleList([encoder, head]),))
        return encoder, head, objective(encoder, head, teacher=teacher, **SETTINGS), teacher

    parts = start()
    optimiser, run = trained(*parts, range(5))
    run()
    saved = pickle.loads(pickle.dumps([part.state_dict() for part in (*parts, optimiser)]))
    assert set(saved[2]) == {
        f"{name}.{part}" for name in ("error_weight", "output_weight") for part in ("value", "taken")
    }
    whole = [once(parts[2], optimiser, parts[3], k) for k in range(5, 9)]
    again = start()
    other, _ = trained(*again, ())
    for part, state in zip((*again, other), saved, strict=True):
        part.load_state_dict(state)
    resumed = [once(again[2], other, again[3], k) for k in range(5, 9)]
    assert all(torch.equal(one, two) for one, two in zip(whole, resumed, strict=True))
    assert all(torch.equal(one, two) for one, two in zip(parts[2].buffers(), again[2].buffers(), strict=True))


def test_an_objective_is_pickled_with_its_weights_and_teacher():
    encoder, head = network()
    teacher = MeanTeacher(nn.Sequential(encoder, head))
    loop = objective(encoder, head, teacher=GroupAveraged(teacher, ACT), **SETTINGS)
    loop(*batch())
    with torch.no_grad():
        for p in teacher.average.parameters():  # an average that the network itself does not tell
            p.mul_(1.5)
    twins = pickle.loads(pickle.dumps(loop)), copy.deepcopy(loop)
    one = loop(*batch(2), generator=torch.Generator().manual_seed(3))
    for twin in twins:
        two = twin(*batch(2), generator=torch.Generator().manual_seed(3))
        assert torch.equal(one.total, two.total)
        assert torch.equal(one.weight, two.weight)


def test_a_mean_teacher_is_the_moving_average_by_hand():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.BatchNorm1d(4))
    teacher = MeanTeacher(net, decay=0.7)
    expected = {name: value.clone() for name, value in net.state_dict().items()}
    for k in range(4):
        net(batch(k)[0]).square().sum().backward()
        with torch.no_grad():
            for p in net.parameters():
                p.sub_(0.01 * p.grad)
        teacher.update()
        for name, value in net.state_dict().items():
            old = expected[name]
            expected[name] = 0.7 * old + 0.3 * value if value.is_floating_point() else value.clone()
    found = teacher.state_dict()
    assert set(found) == {f"average.{name}" for name in expected}
    for name, value in expected.items():
        torch.testing.assert_close(found[f"average.{name}"], value)
    teacher.train()
    assert not any(module.training for module in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())
    assert net.training
    assert not teacher(batch()[0]).requires_grad
    assert_near(teacher(batch()[0][:1]), teacher(batch()[0])[:1])  # statistics, not those of the batch


def test_a_teacher_without_weight_is_not_called():
    encoder, head = network()
    called = []
    teacher = lambda x: (called.append(len(x)), head.eval()(encoder(x)))[1]  # noqa: E731
    loop = objective(encoder, head, teacher=teacher, teacher_weight=0.0)
    x, y, g = batch()
    assert loop(x, y, g).teacher is None
    assert not called
    loop.teacher_weight = 1.0
    terms = loop(x, y, g, unlabelled=x[:3])
    assert called == [27]
    assert_near(terms.total, terms.task + terms.shifted_task + terms.equivariance + terms.teacher)


def test_teachers_get_the_arguments_of_the_network():
    x, y, g = batch(size=6)
    encoder, head = nn.Linear(36, 10), nn.Linear(10, 3)
    seen = []

    def encode(x, scale, mode):
        return encoder(x.flatten(1)) * scale[:, None]

    def teacher(x, scale, mode):
        seen.append((scale.tolist(), mode))
        return head(encode(x, scale, mode))

    loop = objective(encode, head, teacher=teacher, fraction=0.5)
    loop(x, y, g, arguments={"scale": torch.arange(6.0), "mode": "fast"})
    assert seen == [([0, 1, 2], "fast")]


@pytest.mark.parametrize(
    "settings", [{"latent_augmentation": True}, {"penalty": "mse"}, {"control": "permuted"}], ids=str
)
def test_a_step_with_targets_and_a_teacher_neither_copies_nor_waits(settings, meta):
    encoder, head = (part.to(meta) for part in network())
    rho = regrep.regular(D4)
    head[1] = nn.Linear(10, 8).to(meta)
    teacher = MeanTeacher(nn.Sequential(encoder, head))
    loop = objective(encoder, head, teacher=teacher, output_action=rho, **SETTINGS, **settings)
    loop.task_loss = nn.functional.mse_loss
    x, y, g = (part.to(meta) for part in (batch()[0], torch.randn(24, 8), batch()[2]))
    loop(x, y, g, unlabelled=x[:5]).log()
    for elements in (g, None):
        with Calls() as calls:
            terms = loop(x, y, elements, unlabelled=x[:5])
            terms.total.backward()
            teacher.update()
            terms.log()
        assert "addmm" in calls.names
        assert not WAITS & set(calls.names)


def test_a_step_with_targets_and_a_teacher_is_one_graph(compiler):
    encoder, head = network()
    teacher = MeanTeacher(nn.Sequential(encoder, head.eval()))
    x, y, g = *batch()[:2], torch.arange(29) % 8
    loops = [objective(encoder, head, teacher=teacher, teacher_view="same", **SETTINGS) for _ in range(2)]
    compiled = compiler(loops[1], fullgraph=True, backend="eager")
    for _ in range(3):
        one, two = loops[0](x, y, g, unlabelled=x[:5]), compiled(x, y, g, unlabelled=x[:5])
        for name, value in one.log().items():
            assert_near(two.log()[name], value)
        ours, theirs = (torch.autograd.grad(terms.total, list(encoder.parameters())) for terms in (one, two))
        for mine, other in zip(ours, theirs, strict=True):
            assert_near(mine, other)
    assert_near(loops[0].error_weight.value, loops[1].error_weight.value)
    assert loops[1].error_weight.taken == 3


@pytest.mark.slow
@pytest.mark.parametrize("view", ["other", "same", "own"])
def test_every_view_of_a_teacher_is_one_graph(view, compiler):
    encoder, head = network()
    teacher = GroupAveraged(MeanTeacher(nn.Sequential(encoder, head.eval())), ACT, elements=2)
    loop = objective(encoder, head, teacher=teacher, teacher_view=view)
    compiled = compiler(loop, fullgraph=True, backend="eager")
    assert compiled(*batch()).teacher > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target_error": 0.0}, "a target is a finite number above 0, got 0.0"),
        ({"target_error": 0.3, "weight": 0.0}, "the start of a weight is a finite number above 0, got 0.0"),
        ({"target_error": 0.3, "fraction": 0.0}, "target_error needs samples that are transformed, but fraction is 0"),
        ({"target_error": 0.3, "control": "shrunk"}, "compares no latents"),
        ({"target_error": 0.3, "steps": 0}, "steps, the length of the training, is an integer of at least 1, got 0"),
        ({"target_consistency": 0.3, "target_step": -1}, "target_step is a finite number above 0, got -1"),
        ({"teacher": 3}, "the teacher is a module or a function, got 3"),
        ({"teacher_view": "both"}, 'teacher_view is "other", "same" or "own", got \'both\''),
        ({"teacher_weight": -1}, "teacher_weight is a finite number of at least 0, got -1"),
    ],
)
def test_wrong_settings_say_so(settings, message):
    with pytest.raises(RegrepError, match=message):
        objective(*network(), **settings)


def test_wrong_teachers_say_so():
    with pytest.raises(RegrepError, match="averages the weights of a module, got"):
        MeanTeacher(torch.tanh)
    with pytest.raises(RegrepError, match="probabilities is True or False, got 'no'"):
        GroupAveraged(nn.Linear(2, 2), ACT, probabilities="no")
    with pytest.raises(RegrepError, match="loose is a finite number above 0, got 'no'"):
        DualWeight(0.3, loose="no")
    with pytest.raises(RegrepError, match="decay is a number from 0 to below 1, got 1"):
        MeanTeacher(nn.Linear(2, 2), decay=1)
    encoder, head = network()
    with pytest.raises(RegrepError, match=r"others of their shape, got \[24, 3\] and \[24, 10\]"):
        objective(encoder, head, teacher=encoder)(*batch())
