#!/usr/bin/python3
"""Compares the engine (built in double) with PyTorch on random nets and batches, MATH §7.2: loss,
gradient, Hessian product and the pull of each knowledge, with and without example weights. Relative
errors must be at most 1e-9.

Usage: engine_oracle.py PATH/TO/engine_oracle [SEED]
"""
import json
import math
import os
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    sys.exit("engine_oracle: no PyTorch for this Python: apt-get install python3-torch")

TOLERANCE = 1e-9
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def problem(generator, inputs, hidden, outputs, rows, activation, loss, targets, has_weights,
            has_bias=True, divisor=None):
    """A random problem, as the engine's side reads it. targets: labels, distributions, values."""
    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    widths = [inputs, *hidden, outputs]
    shapes = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        shapes.append((fan_out, fan_in))
        if has_bias:
            shapes.append((fan_out,))
    parameters = sum(math.prod(shape) for shape in shapes)
    scales = torch.cat([torch.full((math.prod(s),), 1 / math.sqrt(s[-1])) for s in shapes])
    out = {
        "inputs": inputs, "hidden": hidden, "outputs": outputs, "rows": rows,
        "activation": activation, "loss": loss, "has_bias": has_bias,
        "divisor": divisor or rows,
        "x": normal(rows * inputs).tolist(),
        "theta": (normal(parameters) * scales).tolist(),
        "u": normal(parameters).tolist(), "q": normal(parameters).tolist(),
        "l2_per_parameter": (normal(parameters) * 2 - 3).tolist(),
        "l2_per_layer": (normal(len(widths) - 1) * 2 - 3).tolist(),
        "labels": None, "targets": None, "weights": None,
    }
    if targets == "labels":
        out["labels"] = torch.randint(outputs, (rows,), generator=generator).tolist()
    elif targets == "distributions":
        out["targets"] = torch.softmax(normal(rows, outputs) * 2, 1).flatten().tolist()
    else:
        out["targets"] = normal(rows * outputs).tolist()
    if has_weights:
        weights = torch.rand(rows, generator=generator) * 2
        weights[0] = 0
        out["weights"] = weights.tolist()
    return out


def problems(seed):
    generator = torch.Generator().manual_seed(seed)
    out = []
    for activation in ("relu", "tanh"):
        for hidden in ([], [4], [9, 5], [3, 8, 6]):
            for loss, targets in (("cross_entropy", "labels"), ("cross_entropy", "distributions"),
                                  ("squared_error", "values")):
                for has_weights in (False, True):
                    out.append(problem(generator, 7, hidden, 5, 11, activation, loss, targets,
                                       has_weights, divisor=13 if has_weights else None))
    out.append(problem(generator, 1, [1], 2, 1, "tanh", "cross_entropy", "labels", False))
    out.append(problem(generator, 3, [], 1, 2, "relu", "squared_error", "values", True,
                       has_bias=False))
    out.append(problem(generator, 6, [5, 5], 3, 4, "tanh", "cross_entropy", "labels", True,
                       has_bias=False))
    # wide enough for several tiles and blocked sums
    out.append(problem(generator, 150, [130, 70], 10, 190, "tanh", "cross_entropy", "labels", True))
    out.append(problem(generator, 150, [130, 70], 10, 190, "relu", "cross_entropy", "labels", False))
    return out


def forward(theta, p):
    """z, with theta taken layer by layer, weights (out × in) before bias."""
    x = torch.tensor(p["x"]).view(p["rows"], p["inputs"])
    widths = [p["inputs"], *p["hidden"], p["outputs"]]
    at = 0
    for layer, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        if layer:
            x = torch.tanh(x) if p["activation"] == "tanh" else torch.relu(x)
        weight = theta[at:at + fan_in * fan_out].view(fan_out, fan_in)
        at += fan_in * fan_out
        bias = None
        if p["has_bias"]:
            bias = theta[at:at + fan_out]
            at += fan_out
        x = torch.nn.functional.linear(x, weight, bias)
    assert at == theta.numel()
    return x


def data_loss(theta, p):
    z = forward(theta, p)
    if p["loss"] == "squared_error":
        losses = (z - torch.tensor(p["targets"]).view_as(z)).square().sum(1) / 2
    elif p["labels"] is not None:
        losses = torch.nn.functional.cross_entropy(z, torch.tensor(p["labels"]), reduction="none")
    else:
        targets = torch.tensor(p["targets"]).view_as(z)
        losses = -(targets * torch.log_softmax(z, 1)).sum(1)
    weights = torch.ones(p["rows"]) if p["weights"] is None else torch.tensor(p["weights"])
    return (weights * losses).sum() / p["divisor"]


def layer_of_parameter(p):
    widths = [p["inputs"], *p["hidden"], p["outputs"]]
    counts = [o * (i + p["has_bias"]) for i, o in zip(widths, widths[1:])]
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


def expected(p, knowledge):
    theta = torch.tensor(p["theta"], requires_grad=True)
    lam = torch.tensor(p[knowledge], requires_grad=True)
    spread = lam if knowledge == "l2_per_parameter" else lam[layer_of_parameter(p)]
    loss = data_loss(theta, p) + (spread.exp() * theta.square()).sum() / 2
    gradient, = torch.autograd.grad(loss, theta, create_graph=True)
    product, = torch.autograd.grad(gradient @ torch.tensor(p["u"]), theta, retain_graph=True)
    mixed, = torch.autograd.grad(gradient @ torch.tensor(p["q"]), lam)
    return {"loss": loss.detach().view(1), "gradient": gradient.detach(),
            "hessian_product": product, "pull": -mixed}


def relative_error(a, b):
    scale = max(a.norm().item(), b.norm().item(), sys.float_info.min)
    return (a - b).norm().item() / scale


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    given = problems(int(sys.argv[2]) if len(sys.argv) == 3 else 1)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "problems.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(given, file)
        run = subprocess.run([sys.argv[1], path], stdout=subprocess.PIPE, check=False)
    if run.returncode:
        sys.exit(f"engine_oracle: {sys.argv[1]} ended with {run.returncode}")
    answers = json.loads(run.stdout)
    if len(answers) != len(given):
        sys.exit(f"engine_oracle: {len(answers)} answers to {len(given)} problems")
    worst, compared, failures = {}, 0, 0
    for number, (p, answer) in enumerate(zip(given, answers)):
        for knowledge in ("l2_per_parameter", "l2_per_layer"):
            for name, right in expected(p, knowledge).items():
                got = torch.tensor(answer[knowledge][name]).view(-1)
                error = relative_error(got, right) if got.shape == right.shape else math.inf
                worst[name] = max(worst.get(name, 0), error)
                compared += 1
                if not error <= TOLERANCE:
                    failures += 1
                    print(f"problem {number} ({p['activation']} {p['hidden']} {p['loss']}), "
                          f"{knowledge}, {name}: relative error {error:.3g}")
    print(f"{len(given)} problems, {compared} comparisons, {failures} above {TOLERANCE:g}; worst: "
          + ", ".join(f"{name} {error:.2g}" for name, error in worst.items()))
    sys.exit(1 if failures or not compared else 0)


if __name__ == "__main__":
    main()
