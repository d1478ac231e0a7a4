#!/usr/bin/python3
"""Takes steps and an update of the trainer confidence apart and compares each part with PyTorch (MATH §3.3,
§3.4; FIXMATCH §6): weights, loss and gradient of training steps; v, gradient, product with H, influences and
dL_V/dω (or dL_V/dw of free weights) of an update, for each form, input, output and normalization. In PyTorch
an update is two backward passes more over one loss, with w detached from θ unless through_features.

Relative errors must be at most 1e-9 (dL_V/dω: 1e-8) of an engine in double, and where its net has no kinks
1e-4 in float. Each part begins from the engine's own state and inputs, dL_V/dω from PyTorch's own v and q.

Usage: confidence_oracle.py PATH/TO/confidence_oracle double|float [SEED]
"""
import math
import random
import sys
import tempfile

sys.dont_write_bytecode = True
import fixmatch_oracle
import nets
from fixmatch_oracle import is_kernel, load, relative_error, torch
from torch import nn
from torch.nn.utils.stateless import functional_call

BASE = {"set": "grey", "model": "mlp", "hidden": 12, "slope": 1, "depth": 0, "widening": 0, "labels": 8,
        "validation": 40, "validation_batch": 40, "batch": 4, "ratio": 2, "rows": 25, "threshold": 0.5,
        "weight": 1.5, "weight_decay": 0.01, "terms": 3, "step_size": 0.1, "steps": 2, "seed": 1,
        "knowledge": "confidence", "input": "features", "output": "two_sigmoid", "normalize": "none",
        "weights": "learned", "through_features": False, "confidence_decay": 0, "confidence_hidden": 6}
JOBS = [
    BASE,
    {**BASE, "through_features": True},
    {**BASE, "through_features": True, "normalize": "batch_mean", "slope": 0.1, "confidence_decay": 0.02},
    {**BASE, "through_features": True, "output": "linear", "normalize": "batch_mean"},
    {**BASE, "through_features": True, "output": "sigmoid", "model": "cnn_small", "slope": 0.1, "rows": 13},
    {**BASE, "input": "probabilities", "output": "linear", "confidence_decay": 0.02},
    {**BASE, "input": "probabilities", "output": "sigmoid", "normalize": "batch_mean"},
    {**BASE, "input": "image", "slope": 0.1, "rows": 12, "steps": 1},
    {**BASE, "input": "image", "model": "cnn_small", "slope": 0.1, "normalize": "batch_mean", "steps": 1,
     "validation_from_labeled": True, "validation_batch": 8},
    {**BASE, "weights": "ones"},
    {**BASE, "knowledge": "weights_per_example"},
    {**BASE, "knowledge": "weights_per_example", "model": "cnn_small", "slope": 0.1, "steps": 1},
]


class Head(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.linear1 = nn.Linear(inputs, hidden)
        self.linear2 = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.linear2(torch.tanh(self.linear1(x)))


class Problem:
    """One job's functions of θ and ω, on the engine's numbers."""

    def __init__(self, job, shape, classes, engine, k):
        self.job, self.shape, self.engine, self.k = job, shape, engine, k
        self.base = fixmatch_oracle.module_of(job, shape, classes)
        last = [layer for layer in self.base.modules() if isinstance(layer, nn.Linear)][-1]
        last.register_forward_pre_hook(lambda _, inputs: setattr(self, "features", inputs[0]))
        self.network = None
        if job["knowledge"] == "confidence":
            widths = {"features": last.in_features, "probabilities": classes}
            self.network = nets.CnnSmall(shape[0], 1) if job["input"] == "image" else \
                Head(widths[job["input"]], job["confidence_hidden"])
            self.network.eval()

    def logits(self, theta, inputs):
        state = load(self.base, theta, self.engine["statistics", self.k])
        return functional_call(self.base, state, inputs.view(-1, *self.shape))

    def seen(self, batch, inputs, logits):
        """What the network reads of the weak rows."""
        unlabeled = (len(logits) - batch) // 2
        rows = slice(batch, batch + unlabeled)
        if self.job["input"] == "image":
            return inputs.view(-1, *self.shape)[rows]
        value = self.features[rows] if self.job["input"] == "features" else logits[rows].softmax(1)
        return value if self.job["through_features"] else value.detach()

    def weights(self, omega, seen, places):
        if self.network is None:
            return omega[places]
        state = load(self.network, omega, self.engine["omega_statistics", self.k])
        a = functional_call(self.network, state, seen).squeeze(1)
        c = {"two_sigmoid": 2 * a.sigmoid(), "linear": a, "sigmoid": a.sigmoid()}[self.job["output"]]
        return c / c.mean() if self.job["normalize"] == "batch_mean" else c

    def loss(self, what, batch, theta, omega):
        """L_T on the engine's batch; its weights, and ℓᵢ of the strong rows."""
        inputs, places = self.engine[f"{what}inputs", self.k], self.engine[f"{what}places", self.k].long()
        y, mask = self.engine[f"{what}labels", self.k].long(), self.engine[f"{what}masks", self.k]
        z = self.logits(theta, inputs)
        unlabeled = len(mask)
        each = nn.functional.cross_entropy(z[batch + unlabeled:], y[batch + unlabeled:], reduction="none")
        w = self.weights(omega, self.seen(batch, inputs, z), places)
        used = torch.ones_like(w) if self.job["weights"] == "ones" else w
        named = self.base.named_parameters()
        state = load(self.base, theta, self.engine["statistics", self.k])
        kernels = sum(state[name].square().sum() for name, value in named if is_kernel(value))
        total = (nn.functional.cross_entropy(z[:batch], y[:batch]) +
                 self.job["weight"] * (used * mask * each).sum() / unlabeled)
        return total, total + self.job["weight_decay"] / 2 * kernels, w, mask * each

    def validation_loss(self, theta, images, labels):
        chosen = [int(i) for i in self.engine["validation", 0]]
        x = torch.tensor([list(images[i]) for i in chosen]).double() * 2 / 255 - 1
        self.base.eval()
        loss = nn.functional.cross_entropy(self.logits(theta, x), torch.tensor([labels[i] for i in chosen]))
        self.base.train()
        return loss


def rest_point(job, size):
    rest = torch.zeros(size)
    if job["output"] == "linear":
        rest[-1] = 1
    return rest


def training_step(problem, job, k):
    engine = problem.engine
    theta, omega = engine["theta", k].clone().requires_grad_(), engine["omega", k]
    data, total, w, _ = problem.loss("", job["batch"], theta, omega)
    gradient, = torch.autograd.grad(total, theta)
    return {"loss": data.detach().view(1), "gradient": gradient, "weights": w.detach()}


def update(problem, job, images, labels):
    """FIXMATCH 6.1: {name: numbers}."""
    engine, k = problem.engine, problem.k
    theta, omega = engine["theta", k].clone().requires_grad_(), engine["omega", k].clone().requires_grad_()
    labeled = job["rows"] // (2 * job["ratio"] + 1)
    v, = torch.autograd.grad(problem.validation_loss(theta, images, labels), theta)
    _, total, w, each = problem.loss("curvature_", labeled, theta, omega)
    gradient, = torch.autograd.grad(total, theta, create_graph=True)

    def product(u):
        return torch.autograd.grad(gradient @ u, theta, retain_graph=True)[0]

    q, p = v.clone(), v.clone()
    for _ in range(job["terms"]):
        p = p - job["step_size"] * product(p)
        q = q + p
    q = job["step_size"] * q
    out = {"v": v, "curvature_gradient": gradient.detach(), "hu": product(engine["u", k]), "q": q,
           "curvature_weights": w.detach()}
    influences = []
    for i in range(len(each)):
        row, = torch.autograd.grad(each[i], theta, retain_graph=True)
        influences.append(-job["weight"] / len(each) * float(row @ engine["q", k]))
    out["influences"] = torch.tensor(influences)
    if job["weights"] == "ones":  # influence i teaches the network about image i
        pulled, = torch.autograd.grad(w @ torch.tensor(
            [-job["weight"] / len(each) * float(torch.autograd.grad(e, theta, retain_graph=True)[0] @ q)
             for e in each]), omega)
    else:
        pulled, = torch.autograd.grad(-(gradient @ q), omega)
    if job["knowledge"] == "confidence":
        pulled = pulled + job["confidence_decay"] * (omega.detach() - rest_point(job, len(omega)))
    out["hypergradient"] = pulled
    return out


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in ("double", "float"):
        sys.exit(__doc__)
    is_double = sys.argv[2] == "double"
    generator = random.Random(int(sys.argv[3]) if len(sys.argv) == 4 else 1)
    with tempfile.TemporaryDirectory() as root:
        sets = fixmatch_oracle.write_sets(root, generator)
        answers = fixmatch_oracle.run_engine(sys.argv[1], root, JOBS)
    worst, count, failures, masked, rows = {}, 0, [], 0, 0
    for number, (job, engine) in enumerate(zip(JOBS, answers)):
        (images, labels), shape, classes = sets[job["set"]]
        compared = []
        for k in range(job["steps"]):
            problem = Problem(job, shape, classes, engine, k)
            compared += [(k, name, value) for name, value in training_step(problem, job, k).items()]
        k = job["steps"]
        problem = Problem(job, shape, classes, engine, k)
        compared += [(k, name, value) for name, value in update(problem, job, images, labels).items()]
        masked += float(engine["curvature_masks", k].sum())
        rows += engine["curvature_masks", k].numel()
        for k, name, value in compared:
            error = relative_error(engine[name, k], value)
            bound = (1e-8 if name == "hypergradient" else 1e-9) if is_double else \
                (1e-4 if job["slope"] == 1 else math.inf)
            worst[name] = max(worst.get(name, 0), error)
            count += 1
            if not error <= bound:
                failures.append(f"job {number}, step {k}: {name}: {error:.3g}")
    for failure in failures:
        print(failure)
    print(f"{count} comparisons, {len(failures)} above their bound, {masked:.0f} of {rows} pseudo labels "
          "count; worst: " + ", ".join(f"{name} {error:.2g}" for name, error in worst.items()))
    sys.exit(1 if failures or not 0.1 * rows < masked < rows else 0)


if __name__ == "__main__":
    main()
