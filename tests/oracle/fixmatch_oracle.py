#!/usr/bin/python3
"""Runs the trainers fixmatch and supervised (with few labels) for some steps and compares each step with
PyTorch, by FIXMATCH 1.2 to 1.11: pseudo labels, mask, loss, gradient (backward through the weak rows
included), and the state that the step leaves: θ, momentum, θ̄, running statistics; then the loss and both
accuracies on the validation images. Each step begins from the engine's own state and reads the engine's own
inputs (views are compared by augment_oracle.py).

Relative errors must be at most 1e-9 of an engine in double; in float 1e-5, of gradients where the net has
no kinks. A mask is compared where the confidence is 1e-4 away from τ or more (in double: 1e-12).

Usage: fixmatch_oracle.py PATH/TO/fixmatch_oracle double|float [SEED [few]]
few: for sanitizers, whose convolutions are plain loops fifty times as slow: one step of one net of images.
"""
import math
import os
import random
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
try:
    import torch
    from torch import nn
    from torch.nn.utils.stateless import functional_call
except ImportError:
    sys.exit("fixmatch_oracle: no PyTorch for this Python: apt-get install python3-torch")
import nets
import program

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
CLASSES, SIDE = 4, 11
BASE = {"algorithm": "fixmatch", "set": "grey", "model": "mlp", "hidden": 16, "slope": 1, "depth": 0,
        "widening": 0, "labels": 8, "validation": 40, "batch": 4, "ratio": 2, "threshold": 0.5, "weight": 1,
        "learning_rate": 0.03, "weight_decay": 5e-4, "decay": 0.999, "warmup": True, "steps": 4, "seed": 1}
JOBS = [
    BASE,
    {**BASE, "weight": 2.5, "warmup": False, "decay": 0.9, "weight_decay": 0.1, "batch": 24, "steps": 6},
    {**BASE, "slope": 0.1, "threshold": 0.3},
    {**BASE, "model": "cnn_small", "slope": 0.1, "ratio": 3, "threshold": 0.35, "steps": 3},
    # FIXMATCH 1.5: WRN-10-1, 4 + 8 + 8 rows
    {**BASE, "set": "colour", "model": "wrn", "slope": 0.1, "depth": 10, "widening": 1, "threshold": 0.3,
     "steps": 2, "labels": 10},
    {**BASE, "algorithm": "supervised", "steps": 5},
    {**BASE, "algorithm": "supervised", "model": "cnn_small", "slope": 0.1, "steps": 2},
]
FEW = [job for job in JOBS if job["model"] == "mlp"] + [
    {**BASE, "model": "cnn_small", "slope": 0.1, "threshold": 0.35, "steps": 1, "labels": 4, "validation": 4}]


class Mlp(nn.Module):
    """784-16-4 and the like: linear, batch norm, leaky ReLU, linear."""

    def __init__(self, inputs, hidden, classes, slope):
        super().__init__()
        self.linear1 = nn.Linear(inputs, hidden)
        self.batch_norm1 = nn.BatchNorm1d(hidden, eps=1e-3)
        self.linear2 = nn.Linear(hidden, classes)
        self.slope = slope

    def forward(self, x):
        x = self.batch_norm1(self.linear1(x.flatten(1)))
        return self.linear2(nn.functional.leaky_relu(x, self.slope))


def write_sets(root, generator):
    """Images that have something to do with their labels: the grey ones are returned."""
    os.mkdir(os.path.join(root, "grey"))
    for part, count in (("train", 240), ("t10k", 20)):
        labels = [generator.randrange(CLASSES) if i >= CLASSES else i for i in range(count)]
        images = [bytes(min(255, generator.randrange(120) + 120 * (i * CLASSES // SIDE ** 2 == label))
                        for i in range(SIDE ** 2)) for label in labels]
        with open(os.path.join(root, "grey", f"{part}-images-idx3-ubyte"), "wb") as file:
            file.write(struct.pack(">IIII", 0x803, count, SIDE, SIDE) + b"".join(images))
        with open(os.path.join(root, "grey", f"{part}-labels-idx1-ubyte"), "wb") as file:
            file.write(struct.pack(">II", 0x801, count) + bytes(labels))
        if part == "train":
            grey = images, labels
    os.mkdir(os.path.join(root, "colour"))
    for name, count in (("data_batch_1.bin", 120), ("test_batch.bin", 10)):
        records = [bytes([i % 10]) + bytes(generator.randrange(25 * (i % 10) + 30) for _ in range(3072))
                   for i in range(count)]
        with open(os.path.join(root, "colour", name), "wb") as file:
            file.write(b"".join(records))
        if name.startswith("data"):
            colour = [record[1:] for record in records], [record[0] for record in records]
    return {"grey": (grey, (1, SIDE, SIDE), CLASSES), "colour": (colour, (3, 32, 32), 10)}


def run_engine(path, root, jobs):
    """Records of each job: {(name, step): numbers}."""
    out, found = [], {}
    for head, numbers in program.records(program.output_on(path, jobs, root)):
        if head["name"] == "end":
            out.append(found)
            found = {}
            continue
        found[head["name"], head["step"]] = torch.tensor(numbers, dtype=torch.float64)
    assert len(out) == len(jobs)
    return out


def module_of(job, shape, classes):
    if job["model"] == "mlp":
        return Mlp(math.prod(shape), job["hidden"], classes, job["slope"])
    return nets.make({"kind": job["model"], "channels": shape[0], "depth": job["depth"],
                      "widening": job["widening"]}, classes)


def load(module, theta, statistics):
    """The module's tensors by name, views of θ and copies of the statistics."""
    state, at = {}, 0
    for name, value in module.named_parameters():
        state[name] = theta[at:at + value.numel()].view_as(value)
        at += value.numel()
    assert at == theta.numel()
    at = 0
    for name, value in module.named_buffers():
        if name.endswith("num_batches_tracked"):
            state[name] = value.clone()
            continue
        state[name] = statistics[at:at + value.numel()].clone()
        at += value.numel()
    assert at == statistics.numel()
    return state


def statistics_of(module, state):
    return torch.cat([state[name] for name, _ in module.named_buffers()
                      if not name.endswith("num_batches_tracked")])


def is_kernel(value):
    return value.dim() > 1


def step(job, k, shape, classes, engine):
    """FIXMATCH 1.2 to 1.9 for step k: {name: numbers}."""
    batch, unlabeled = job["batch"], 0
    if job["algorithm"] == "fixmatch":
        unlabeled = job["ratio"] * batch
    d = min(job["decay"], (1 + k) / (10 + k)) if job["warmup"] else job["decay"]
    rate = job["learning_rate"] * math.cos(7 * math.pi * k / (16 * job["steps"]))
    module = module_of(job, shape, classes)
    for layer in module.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.momentum = 1 - d
    theta = engine["theta", k].clone().requires_grad_()
    state = load(module, theta, engine["statistics", k])
    y = engine["labels", k].long()
    z = functional_call(module, state, engine["inputs", k].view(-1, *shape))
    out = {"labels": y[:batch], "masks": torch.zeros(0), "confidences": torch.zeros(0)}
    loss = nn.functional.cross_entropy(z[:batch], y[:batch])
    if unlabeled:
        q = z[batch:batch + unlabeled].detach().softmax(1)
        confidence = q.max(1).values
        pseudo = (q == confidence[:, None]).int().argmax(1)
        mask = (confidence >= job["threshold"]).double()
        each = nn.functional.cross_entropy(z[batch + unlabeled:], pseudo, reduction="none")
        loss = loss + job["weight"] * (mask * each).sum() / unlabeled
        out["labels"] = torch.cat([y[:batch], pseudo, pseudo])
        out["masks"], out["confidences"] = mask, confidence
    kernels = sum(state[name].square().sum() for name, value in module.named_parameters()
                  if is_kernel(value))
    gradient, = torch.autograd.grad(loss + job["weight_decay"] / 2 * kernels, theta)
    momentum = 0.9 * engine["momentum", k] + gradient
    moved = theta.detach() - rate * (gradient + 0.9 * momentum)
    out.update({"loss": loss.detach().view(1), "gradient": gradient, "momentum": momentum,
                "theta": moved, "average": d * engine["average", k] + (1 - d) * moved,
                "statistics": statistics_of(module, state)})
    return out


def evaluate(job, shape, classes, engine, images, labels):
    """FIXMATCH 1.10, 1.11."""
    last = job["steps"]
    chosen = [int(i) for i in engine["validation", 0]]
    x = torch.tensor([list(images[i]) for i in chosen]).double() * 2 / 255 - 1
    y = torch.tensor([labels[i] for i in chosen])
    module = module_of(job, shape, classes).eval()
    out = {}
    for name, vector in (("accuracy", "average"), ("accuracy_raw", "theta")):
        state = load(module, engine[vector, last], engine["statistics", last])
        z = functional_call(module, state, x.view(-1, *shape))
        out[f"validation/{name}"] = (z.argmax(1) == y).double().mean().view(1)
        if vector == "average":
            out["validation/loss"] = nn.functional.cross_entropy(z, y).view(1)
    theta, average = engine["theta", last], engine["average", last]
    out["ema/distance"] = ((theta - average).norm() / theta.norm()).view(1)
    out["inner/gradient_norm"] = engine["gradient", last - 1].norm().view(1)
    return out


def relative_error(got, right):
    if got.shape != right.shape:
        return math.inf
    return float((got - right).norm() / max(float(right.norm()), 1e-300))


class Comparison:
    def __init__(self, precision):
        self.is_double, self.worst, self.count, self.failures = precision == "double", {}, 0, []

    def add(self, job, k, name, error, bound):
        self.count += 1
        self.worst[name] = max(self.worst.get(name, 0), error)
        if not error <= bound:
            self.failures.append(f"{job['algorithm']} on {job['model']}, slope {job['slope']}, step {k}: "
                                 f"{name}: {error:.3g}")

    def bound(self, job, name):
        """In float, a kink that is crossed by rounding changes a gradient by more than rounding."""
        if self.is_double:
            return 1e-9
        return 1e-5 if job["slope"] == 1 or name in ("loss", "statistics", "confidences") else 2e-3

    def step(self, job, k, engine, right):
        border = 1e-12 if self.is_double else 1e-4
        far = (right["confidences"] - job["threshold"]).abs() > border
        if not bool(far.all()):
            return  # the step hangs on a mask that rounding may turn
        for name in ("labels", "masks"):
            self.add(job, k, name, float((engine[name, k] - right[name]).abs().sum()), 0)
        for name in ("loss", "gradient", "confidences"):
            if right[name].numel():
                self.add(job, k, name, relative_error(engine[name, k], right[name]),
                         self.bound(job, name))
        for name in ("theta", "momentum", "average", "statistics"):
            self.add(job, k, name, relative_error(engine[name, k + 1], right[name]),
                     self.bound(job, name))


def main():
    if not 3 <= len(sys.argv) <= 5 or sys.argv[2] not in ("double", "float"):
        sys.exit(__doc__)
    generator = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    jobs = FEW if sys.argv[4:] == ["few"] else JOBS
    comparison, masked, rows = Comparison(sys.argv[2]), 0, 0
    with tempfile.TemporaryDirectory() as root:
        sets = write_sets(root, generator)
        answers = run_engine(sys.argv[1], root, jobs)
    for job, engine in zip(jobs, answers):
        (images, labels), shape, classes = sets[job["set"]]
        for k in range(job["steps"]):
            right = step(job, k, shape, classes, engine)
            comparison.step(job, k, engine, right)
            masked += float(right["masks"].sum())
            rows += right["masks"].numel()
        for name, value in evaluate(job, shape, classes, engine, images, labels).items():
            comparison.add(job, job["steps"], name, relative_error(engine[name, job["steps"]], value),
                           0 if "accuracy" in name else comparison.bound(job, "loss"))
    for failure in comparison.failures:
        print(failure)
    print(f"{comparison.count} comparisons, {len(comparison.failures)} above their bound, {masked:.0f} of "
          f"{rows} pseudo labels count; worst: "
          + ", ".join(f"{name} {error:.2g}" for name, error in comparison.worst.items()))
    sys.exit(1 if comparison.failures or not 0.1 * rows < masked < 0.9 * rows else 0)


if __name__ == "__main__":
    main()
