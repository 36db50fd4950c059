"""The terms of the objective beside loops over samples, values and gradients, on a group that is not abelian."""

import math

import pytest
import torch
from torch import nn

import regrep
from dispatched import WAITS, Calls
from regrep import EquivariantObjective, equivariance_loss, output_consistency
from regrep.actions import Labels, RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import dihedral
from regrep.objectives import OUTPUT, RolloutObjective
from regrep.objectives.controls import draw
from tolerance import assert_near

D4 = dihedral(4)
ACT = RotateFlip2d(D4)
RHO = regrep.latent(D4, 18)
RHO_INNER = regrep.regular(D4) + regrep.regular(D4)
SCORES = regrep.regular(D4) + regrep.trivial(D4, 2)

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


class Net(nn.Module):
    """Takes an image, or a tree that holds one; gives scores, or a tree of scores and values."""

    def __init__(self, outputs, tree):
        super().__init__()
        self.inner = nn.Linear(36, 16)
        self.outer = nn.Linear(16, 18)
        self.head = nn.Linear(18, outputs)
        self.tree = tree

    def encode(self, x):
        x = x["image"] if self.tree else x
        return self.outer(self.inner(x.flatten(1)).tanh())

    def decode(self, z):
        found = self.head(z.tanh())
        return (found, found[:, :1].square()) if self.tree else found


class Encoder(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        x = x["image"] if self.net.tree else x
        return self.net.outer(self.net.inner(x.flatten(1)).tanh())


def image_of(element, image):
    """D4 by rot90 and flip, one sample."""
    return torch.rot90(image if element < 4 else image.flip(-1), element % 4, (-2, -1))


def divergence(a, b):
    """½ (KL(p‖q) + KL(q‖p)) of two rows, by its definition."""
    p, q = a.softmax(0), b.softmax(0)
    total = 0
    for one, two in ((p, q), (q, p)):
        total = total + sum(one[k] * (one[k].log() - two[k].log()) for k in range(len(one)))
    return total / 2


def divergence_from(a, b):
    """KL(p‖q) by its definition."""
    p, q = a.softmax(0), b.softmax(0)
    return sum(p[k] * (p[k].log() - q[k].log()) for k in range(len(p)))


def squared(a, b):
    return sum((a[k] - b[k]) ** 2 for k in range(len(a))) / len(a)


class Case:
    """A network, a batch, and both computations of the objective."""

    def __init__(self, regression=False, tree=False, layers=False, labelled=7, unlabelled=5, seed=0):
        torch.manual_seed(seed)
        self.regression, self.tree, self.layers = regression, tree, layers
        self.net = Net(10, tree).double()
        self.encoder, self.other = Encoder(self.net), Net(10, tree).double()
        generator = torch.Generator().manual_seed(seed + 1)
        self.x = torch.randn(labelled, 6, 6, generator=generator, dtype=torch.float64)
        self.u = torch.randn(unlabelled, 6, 6, generator=generator, dtype=torch.float64) if unlabelled else None
        self.g = torch.randint(8, (labelled + unlabelled,), generator=generator)
        if regression:
            self.y = torch.randn(labelled, 10, generator=generator, dtype=torch.float64)
        else:
            self.y = torch.randint(10, (labelled,), generator=generator)
        self.matrices = {
            name: [rho.matrix(k).double() for k in range(8)]
            for name, rho in (("outer", RHO), ("inner", RHO_INNER), ("scores", SCORES))
        }

    # what the library is given
    def packed(self, images):
        return {"image": images, "name": torch.arange(len(images))} if self.tree else images

    def loss(self, outputs, y):
        outputs, y = (outputs[0], y[0]) if self.tree else (outputs, y)
        return nn.functional.mse_loss(outputs, y) if self.regression else nn.functional.cross_entropy(outputs, y)

    def objective(self, **settings):
        latent = {"net.inner": RHO_INNER, OUTPUT: RHO} if self.layers else RHO
        scores = SCORES if self.regression else None
        if self.tree and self.regression:
            scores = (SCORES, None)
        return EquivariantObjective(
            self.encoder, self.net.decode, self.loss, {"image": ACT, "name": None} if self.tree else ACT, latent,
            output_action=scores, **settings,
        )  # fmt: skip

    def terms(self, **settings):
        y = (self.y, torch.zeros(len(self.y), 1)) if self.tree else self.y
        unlabelled = None if self.u is None else self.packed(self.u)
        if settings.get("teacher"):
            settings = {**settings, "teacher": self.teach}
        generator = torch.Generator().manual_seed(11)
        return self.objective(**settings)(self.packed(self.x), y, self.g, unlabelled=unlabelled, generator=generator)

    # loops over samples
    def both(self, image):
        inner = self.net.inner(image.flatten())
        return {"inner": inner, "outer": self.net.outer(inner.tanh())}

    def outputs(self, z):
        found = self.net.head(z.tanh())
        return [found, found[:1].square()] if self.tree else [found]

    def target(self, k):
        return self.matrices["scores"][int(self.g[k])] @ self.y[k] if self.regression else self.y[k]

    def task(self, outputs, y):
        if self.regression:
            return squared(outputs[0], y)
        return -outputs[0].log_softmax(0)[y]

    def moved_outputs(self, element, outputs):
        found = list(outputs)
        if self.regression:
            found[0] = self.matrices["scores"][int(element)] @ found[0]
        return found

    def pairs(self, fraction):
        """Indices of the samples whose transformed copy is computed."""
        samples = [*self.x, *([] if self.u is None else self.u)]
        labelled = list(range(math.ceil(round(fraction * len(self.x), 9))))
        rest = len(samples) - len(self.x)
        return samples, labelled, labelled + [len(self.x) + k for k in range(math.ceil(round(fraction * rest, 9)))]

    def by_loops(
        self, weight=1.0, penalty="mse", fraction=1.0, latent_augmentation=False, control=None, control_seed=0,
        shifted_weight=1.0, task_weight=1.0, consistency=0.0, consistency_loss=None, teacher=None, teacher_weight=1.0,
        teacher_view="other", one_sided=False,
    ):  # fmt: skip
        samples, labelled, chosen = self.pairs(fraction)
        z = [self.both(sample) for sample in samples]
        with torch.set_grad_enabled(not one_sided):  # E(gx) is then a constant of every term
            z_g = {k: self.both(image_of(int(self.g[k]), samples[k])) for k in chosen}
        mean = lambda values: torch.stack(list(values)).mean()  # noqa: E731
        found = {"task": mean(self.task(self.outputs(z[k]["outer"]), self.y[k]) for k in range(len(self.x)))}
        total = task_weight * found["task"]
        applied = {name: list(self.matrices[name]) for name in ("inner", "outer")}
        names = ("inner", "outer") if self.layers else ("outer",)
        if control == "permuted":
            for number, name in enumerate(names):
                width = len(applied[name][0])
                index = draw(8, control_seed + number, width)
                applied[name] = [torch.eye(width, dtype=torch.float64)[index[k]] for k in range(8)]
        if latent_augmentation:
            turned = [applied["outer"][int(self.g[k])] @ z[k]["outer"] for k in range(len(self.x))]
            found["latent_task"] = mean(self.task(self.outputs(turned[k]), self.target(k)) for k in range(len(self.x)))
            total = total + found["latent_task"]
        if chosen:
            shifted = mean(self.task(self.outputs(z_g[k]["outer"]), self.target(k)) for k in labelled)
            total = total + shifted_weight * shifted
            found["shifted_task"] = shifted
            elements = {k: int(self.g[k]) for k in chosen}
            if control == "shuffled":
                elements = {k: int(self.g[chosen[position - 1]]) for position, k in enumerate(chosen)}
            penalties = []
            for name in names:
                w = torch.stack([applied[name][elements[k]] @ z[k][name] for k in chosen])
                v = torch.stack([z_g[k][name] for k in chosen])
                if control == "shrunk":
                    plain = torch.stack([z[k][name] for k in chosen])
                    penalties.append((plain.square().mean() + v.square().mean()) / 2)
                elif penalty == "mse":
                    penalties.append(mean(squared(w[k], v[k]) for k in range(len(chosen))))
                else:
                    nothing = torch.zeros(len(chosen), dtype=torch.int64)
                    penalties.append(equivariance_loss(w, v, nothing, lambda z, g: z, penalty))
            found["equivariance"] = mean(penalties)
            total = total + weight * found["equivariance"]
        if consistency:
            loss = consistency_loss or ("squared" if self.regression else "kl")
            distance = squared if loss == "squared" else divergence
            each = []
            for k in chosen:
                ours = self.moved_outputs(self.g[k], self.outputs(z[k]["outer"]))
                theirs = self.outputs(z_g[k]["outer"])
                parts = zip(ours, theirs, strict=True)
                each.append(mean(distance(a, b) for a, b in parts))
            found["consistency"] = mean(each) if each else torch.zeros(())
            total = total + consistency * found["consistency"]
        if teacher:
            loss = consistency_loss or ("squared" if self.regression else "kl")
            others = self.others(len(chosen))
            each = []
            for k, other in zip(chosen, others, strict=True):
                element = {"other": other, "same": int(self.g[k]), "own": 0}[teacher_view]
                with torch.no_grad():
                    said = self.said(image_of(element, samples[k]))
                    if self.regression:  # back, and then to gx
                        said[0] = torch.linalg.solve(self.matrices["scores"][element], said[0])
                    target = self.moved_outputs(self.g[k], said)
                pairs = zip(target, self.outputs(z_g[k]["outer"]), strict=True)
                each.append(mean(squared(a, b) if loss == "squared" else divergence_from(a, b) for a, b in pairs))
            found["teacher"] = mean(each) if each else torch.zeros(())
            total = total + teacher_weight * found["teacher"]
        return {**found, "total": total}

    # a teacher, and the elements that it sees
    def said(self, image):
        found = self.other.head(self.other.inner(image.flatten())[:8].sin().repeat(3)[:18])
        return [found, found[:1].square()] if self.tree else [found]

    def teach(self, x):
        found = [self.said(image) for image in (x["image"] if self.tree else x)]
        found = [torch.stack(parts) for parts in zip(*found, strict=True)]
        return tuple(found) if self.tree else found[0]

    def others(self, count):
        return regrep.actions.sample(D4, count, torch.Generator().manual_seed(11)).tolist()

    def check(self, **settings):
        terms, expected = self.terms(**settings), self.by_loops(**settings)
        for name, value in expected.items():
            assert_near(getattr(terms, name), value)
        parameters = list(self.net.parameters())
        assert not any(p.grad is not None for p in self.other.parameters())
        ours = torch.autograd.grad(terms.total, parameters)
        theirs = torch.autograd.grad(expected["total"], parameters)
        for one, two in zip(ours, theirs, strict=True):
            assert_near(one, two)


KINDS = {
    "classes": {},
    "labelled alone": {"unlabelled": 0},
    "regression": {"regression": True},
    "layers": {"layers": True},
    "trees": {"tree": True, "regression": True},
    "layers of trees, one sample without label": {"tree": True, "regression": True, "layers": True, "unlabelled": 1},
}

SETTINGS = {
    "consistency": {"consistency": 0.3},
    "squared": {"consistency": 2.0, "consistency_loss": "squared", "weight": 0.0},
    "a part, latent augmentation": {"consistency": 0.3, "fraction": 0.3, "latent_augmentation": True},
    "permuted": {"consistency": 0.3, "control": "permuted", "control_seed": 3, "latent_augmentation": True},
    "shuffled": {"control": "shuffled", "latent_augmentation": True, "fraction": 0.6},
    "shrunk": {"consistency": 0.3, "control": "shrunk", "shifted_weight": 0.0},
    "whitened": {"penalty": "whitened", "weight": 0.3, "latent_augmentation": True, "consistency": 0.3},
    "nothing moved": {"fraction": 0.0, "consistency": 0.3, "latent_augmentation": True, "teacher": True},
    "teacher": {"teacher": True, "teacher_weight": 0.7},
    "teacher of a part": {"teacher": True, "fraction": 0.4, "consistency": 0.3, "latent_augmentation": True},
    "teacher at the same view": {"teacher": True, "teacher_view": "same", "consistency_loss": "squared"},
    "teacher at its own view": {"teacher": True, "teacher_view": "own", "penalty": "whitened", "fraction": 0.8},
    "one-sided": {"one_sided": True, "consistency": 0.3, "weight": 0.7},
    "one-sided teacher of a part": {"one_sided": True, "teacher": True, "fraction": 0.4, "latent_augmentation": True},
    "all one-sided": {"one_sided": True, "teacher": True, "consistency": 0.3, "penalty": "whitened", "fraction": 0.8},
}

# Every setting with two kinds of batch, and every kind with five settings; the other combinations take longer.
CASES = [
    pytest.param(kind, settings, id=f"{name}-{which}", marks=[] if (i - j) % 3 == 0 else pytest.mark.slow)
    for i, (name, kind) in enumerate(KINDS.items())
    for j, (which, settings) in enumerate(SETTINGS.items())
]


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_terms_and_gradients_are_those_of_loops(kind, settings):
    Case(**kind).check(**settings)


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain(**settings):
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.ReLU(), nn.Linear(16, 18)).double()
    head = nn.Linear(18, 3).double()
    settings = {"input_action": ACT, "latent": RHO, **settings}
    return EquivariantObjective(encoder, head, nn.functional.cross_entropy, **settings)


def test_consistency_is_zero_for_equivariant_outputs_and_two_sided():
    a, b, g = draws(6, 10), draws(6, 10, seed=1), torch.arange(6)
    assert output_consistency(a, SCORES(a, g), g, SCORES) == 0
    assert output_consistency(a, SCORES(a, g), g, SCORES, "kl") == 0
    assert output_consistency(a, SCORES(a, g), g.roll(1), SCORES) > 0.1
    assert_near(output_consistency(a, b, g), output_consistency(b, a, g))
    assert_near(output_consistency(a, b, g), torch.stack([divergence(*pair) for pair in zip(a, b, strict=True)]).mean())
    assert_near(output_consistency(a + 5, b - 3, g), output_consistency(a, b, g))  # of the softmax


def test_scores_move_as_labels_and_positions_are_samples():
    a, b, g = draws(6, 10, 4), draws(6, 10, 4, seed=1), torch.arange(6)
    by_hand = [
        divergence(SCORES.matrix(int(g[k])).double() @ a[k, :, i], b[k, :, i]) for k in range(6) for i in range(4)
    ]
    assert_near(output_consistency(a, b, g, Labels(SCORES), "kl"), torch.stack(by_hand).mean())
    trees = ({"class": a, "more": (b, torch.tensor(1.0))}, {"class": b, "more": (a, torch.tensor(1.0))})
    found = output_consistency(*trees, g, {"class": Labels(SCORES), "more": None}, "kl")
    assert_near(found, (torch.stack(by_hand).mean() + output_consistency(b, a, g)) / 2)


def test_a_function_gets_outputs_and_moved_outputs():
    seen = []
    loss = lambda outputs, target: (seen.append((outputs, target)), outputs.mean())[1]  # noqa: E731
    a, b, g = draws(6, 10), draws(6, 10, seed=1), torch.arange(6)
    assert output_consistency(a, b, g, SCORES, loss) == b.mean()
    assert seen[0][0] is b
    assert torch.equal(seen[0][1], SCORES(a, g))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_outputs_are_compared_in_single(dtype):
    a, b, g = draws(6, 10).to(dtype), draws(6, 10, seed=1).to(dtype), torch.arange(6)
    with torch.autocast("cpu", torch.bfloat16):
        found = output_consistency(a, b, g)
    assert found.dtype == torch.float32
    assert_near(found, output_consistency(a.float(), b.float(), g))


def test_terms_without_weight_are_not_there_and_cost_nothing(monkeypatch):
    x, y, g = draws(6, 6, 6), torch.arange(6) % 3, torch.arange(6)
    counts, without = [], plain()
    for term in ("_consistency", "_teaching"):
        monkeypatch.setattr(without, term, lambda *_: None)
    for loop in (without, plain(), plain(consistency=0.0, consistency_loss="squared")):
        loop(x, y, g)
        with Calls() as calls:
            terms = loop(x, y, g)
            terms.total.backward()
        counts.append(calls.names)
        assert terms.consistency is None
        assert set(terms.log(errors=False)) == {"total", "task", "shifted_task", "equivariance", "latent_task"}
    assert counts[0] == counts[1] == counts[2]
    assert "consistency" in plain(consistency=0.1)(x, y, g).log()


def test_unlabelled_inputs_take_the_rest_of_the_elements():
    x, u, y, g = draws(6, 6, 6), draws(4, 6, 6, seed=1), torch.arange(6) % 3, torch.arange(10) % 8
    loop = plain(consistency=0.3)
    whole = loop(x, y, g, unlabelled=u)
    drawn = regrep.actions.sample(D4, 4, torch.Generator().manual_seed(5))
    part = loop(x, y, g[:6], generator=torch.Generator().manual_seed(5), unlabelled=u)
    assert torch.equal(part.total, loop(x, y, torch.cat([g[:6], drawn]), unlabelled=u).total)
    given = loop(x, y, g, gx=ACT(x, g[:6]), unlabelled=u)
    assert torch.equal(given.total, whole.total)
    other = loop(x, y, g, gx=ACT(x, g[:6]) + 1, unlabelled=u)
    assert other.task == whole.task
    assert other.consistency != whole.consistency
    third = loop(x, y, g, unlabelled=u, samples=12).total
    assert_near(third, whole.total / 2)


def test_further_arguments_have_rows_for_unlabelled_inputs():
    x, u, y, g = draws(6, 6, 6), draws(4, 6, 6, seed=1), torch.arange(6) % 3, torch.arange(10) % 8
    net, head = nn.Linear(36, 18).double(), nn.Linear(18, 3).double()
    seen = []
    encode = lambda x, scale: (seen.append(scale), net(x.flatten(1)) * scale[:, None])[1]  # noqa: E731
    loop = EquivariantObjective(encode, head, nn.functional.cross_entropy, ACT, RHO, fraction=0.5)
    scale = torch.arange(10.0)
    loop(x, y, g, unlabelled=u, arguments={"scale": scale})
    assert seen[0].tolist() == [*range(10), 0, 1, 2, 6, 7]
    with pytest.raises(RegrepError, match=r"a row per sample of x and of these, 10, got \[6\]"):
        loop(x, y, g, unlabelled=u, arguments={"scale": scale[:6]})


def test_a_teacher_of_a_whole_model_has_nothing_to_move_from_one_side():
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 18), nn.Linear(18, 3)).double()
    settings = {"input_action": ACT, "latent": {"1": RHO}, "one_sided": True, "consistency": 0.3}
    with pytest.raises(RegrepError, match="which has no gradient with one_sided=True and head=None; pass encoder and"):
        EquivariantObjective(model, None, nn.functional.cross_entropy, teacher=model, **settings)
    x, y, g = draws(6, 6, 6), torch.arange(6) % 3, torch.arange(6)
    loop = EquivariantObjective(model, None, nn.functional.cross_entropy, weight=0.0, **settings)
    terms = loop(x, y, g)
    ours = torch.autograd.grad(terms.total, list(model.parameters()))
    distance = output_consistency(model(x), model(ACT(x, g)).detach(), g)
    expected = nn.functional.cross_entropy(model(x), y) + 0.3 * distance
    for one, two in zip(ours, torch.autograd.grad(expected, list(model.parameters())), strict=True):
        assert_near(one, two)


@pytest.mark.parametrize("view", ["other", "same", "own"])
def test_a_group_without_a_table_has_teachers_and_unlabelled_inputs_too(view):
    group = regrep.groups.symmetric(7)
    rho, seed = regrep.natural(group), lambda: torch.Generator().manual_seed(4)
    x, u, y = draws(4, 7), draws(3, 7, seed=1), draws(4, 7, seed=2)
    torch.manual_seed(0)
    encoder, head, other = (nn.Linear(7, 7).double() for _ in range(3))
    g = group.sample(4, torch.Generator().manual_seed(1))
    settings = {"weight": 0.0, "shifted_weight": 0.0, "output_action": rho, "teacher": other, "teacher_view": view}
    loop = EquivariantObjective(encoder, head, nn.functional.mse_loss, rho, rho, **settings)
    terms = loop(x, y, g, generator=seed(), unlabelled=u)

    generator = seed()
    elements = torch.cat([g, group.sample(3, generator)])
    seen = group.sample(7, generator)

    def moved(images, vector):
        found = torch.empty_like(vector)
        for point, image in enumerate(images.tolist()):
            found[image] = vector[point]
        return found

    distances = []
    for k, sample in enumerate([*x, *u]):
        given = {"other": seen[k], "same": elements[k], "own": torch.arange(7)}[view]
        said = other(moved(given, sample)).detach()
        target = moved(elements[k], said[given])  # back, and then to gx
        distances.append(squared(target, head(encoder(moved(elements[k], sample)))))
    assert_near(terms.teacher, torch.stack(distances).mean())


def test_what_an_objective_says_of_itself():
    text = repr(plain(consistency=0.3, teacher=nn.Linear(2, 2), teacher_view="own", target_error=0.2))
    assert "consistency=0.3, consistency_loss='kl', teacher_weight=1.0, teacher=Linear, teacher_view='own'" in text
    assert "(error_weight): DualWeight(target=0.2, start=1.0" in text
    assert "teacher" not in repr(plain())


def test_frames_without_later_ones_train_the_first():
    generator = torch.Generator().manual_seed(0)
    model = nn.Conv2d(3, 1, 3, padding=1)
    loop = RolloutObjective(
        model, nn.Identity(), nn.functional.mse_loss, ACT, ACT, output_action=ACT, consistency=1.0, weight=0.0
    )
    x, u = torch.randn(3, 3, 6, 6, generator=generator), torch.randn(2, 3, 6, 6, generator=generator)
    g = torch.tensor([1, 4, 6, 2, 7])
    terms, frames = loop.with_outputs(x, torch.randn(3, 4, 1, 6, 6), g, unlabelled=u)
    assert frames.shape == (3, 4, 1, 6, 6)
    both = torch.cat([x, u])
    assert_near(terms.consistency, (ACT(model(both), g) - model(ACT(both, g))).square().mean())


@pytest.mark.parametrize(
    ("settings", "call", "message"),
    [
        ({"consistency": -1}, {}, "consistency is a finite number of at least 0, got -1"),
        ({"consistency_loss": "l1"}, {}, 'consistency_loss is "kl" or "squared", got \'l1\''),
        ({"consistency_loss": 3}, {}, 'consistency_loss is "kl", "squared" or a function of .*, got 3'),
        ({"one_sided": "no"}, {}, "one_sided is True or False, got 'no'"),
        ({"latent_augmentation": torch.ones(2)}, {}, r"latent_augmentation is True or False, got a tensor of shape"),
        ({"consistency": 1, "consistency_loss": lambda a, b: a}, {}, r"returns a scalar tensor, got \[6, 3\]"),
        ({}, {"unlabelled": draws(2, 5, 6)}, r"shape of x apart from their number, \[6, 6\] each, got \[5, 6\]"),
        ({}, {"unlabelled": draws(0, 6, 6)}, "at least one input, got"),
        ({}, {"unlabelled": draws(2, 6, 6), "g": torch.arange(7)}, "one group element per sample is needed, got 7"),
    ],
)
def test_what_does_not_fit_is_told(settings, call, message):
    with pytest.raises(RegrepError, match=message):
        plain(**settings)(draws(6, 6, 6), torch.arange(6) % 3, **call)


def test_outputs_that_cannot_be_compared_say_so():
    a, g = draws(6, 1), torch.arange(6)
    with pytest.raises(RegrepError, match=r"of at least two classes, got \[6, 1\]; use"):
        output_consistency(a, a, g)
    with pytest.raises(RegrepError, match=r"others of their shape, got \[6, 1\] and \[6, 2\]"):
        output_consistency(draws(6, 2), a, g)
    with pytest.raises(RegrepError, match="by their floating-point tensors, got none"):
        output_consistency(g, g, g)
    with pytest.raises(RegrepError, match="D4|group element"):
        output_consistency(a, a, g + 8, regrep.trivial(D4))
    with pytest.raises(RegrepError, match='^loss is "kl" or "squared", got \'l1\'$'):
        output_consistency(draws(6, 2), draws(6, 2), g, loss="l1")
    with pytest.raises(RegrepError, match='^loss is "kl", "squared" or a function of .*, got 3$'):
        output_consistency(draws(6, 2), draws(6, 2), g, loss=3)
    for wrong, got in ((lambda b, a: 3.0, "3.0"), (lambda b, a: b - a, r"\[6, 2\]")):
        with pytest.raises(RegrepError, match=f"returns a scalar tensor, got {got}; take its mean over the samples"):
            output_consistency(draws(6, 2), draws(6, 2), g, loss=wrong)


@pytest.mark.parametrize(
    "settings", [{"consistency": 0.3}, {"consistency": 0.3, "fraction": 0.5, "penalty": "whitened"}]
)
def test_a_step_with_unlabelled_inputs_neither_copies_nor_waits(settings, meta):
    torch.manual_seed(0)
    encoder, head = nn.Sequential(nn.Flatten(), nn.Linear(36, 18)).to(meta), nn.Linear(18, 10).to(meta)
    loop = EquivariantObjective(
        encoder, head, nn.functional.mse_loss, ACT, RHO, output_action=SCORES, latent_augmentation=True, **settings
    )
    x, u, y = draws(6, 6, 6).float().to(meta), draws(4, 6, 6).float().to(meta), draws(6, 10).float().to(meta)
    g = (torch.arange(10) % 8).to(meta)
    loop(x, y, g, unlabelled=u)
    for elements in (g, None):
        with Calls() as calls:
            terms = loop(x, y, elements, unlabelled=u)
            terms.total.backward()
            terms.log(errors=False)
        assert "addmm" in calls.names
        assert not WAITS & set(calls.names)


@pytest.mark.parametrize(
    "settings", [{"consistency": 0.3}, {"consistency": 0.3, "fraction": 0.5, "penalty": "whitened"}]
)
@pytest.mark.slow
def test_a_step_with_unlabelled_inputs_is_one_graph(settings, compiler):
    loop, x, u, y = plain(**settings), draws(6, 6, 6), draws(4, 6, 6, seed=1), torch.arange(6) % 3
    g = torch.arange(10) % 8
    terms = loop(x, y, g, unlabelled=u)
    compiled = compiler(loop, fullgraph=True, backend="eager")(x, y, g, unlabelled=u)
    for name, value in terms.log().items():
        assert_near(compiled.log()[name], value)
