#!/usr/bin/python3
"""Compares the engine (built in double) with PyTorch on random nets and batches, MATH §7.2: loss,
gradient, Hessian and Gauss–Newton product and the pull of each knowledge, with and without example
weights, batch norm in both modes, and dropout, whose masks the engine hands over. Relative errors
must be at most 1e-9.

Usage: engine_oracle.py PATH/TO/engine_oracle [SEED]
"""
import math
import sys

sys.dont_write_bytecode = True
try:
    import torch
except ImportError:
    sys.exit("engine_oracle: no PyTorch for this Python: apt-get install python3-torch")
import program

TOLERANCE = 1e-9
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def tensors(p):
    """(shape, number of the layer) of each tensor of theta, in order."""
    widths = [p["inputs"], *p["hidden"], p["outputs"]]
    out, layer = [], 0
    for number, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        out.append(((fan_out, fan_in), layer))
        if p["has_bias"]:
            out.append(((fan_out,), layer))
        layer += 1
        if p["batch_norm"] and number < len(p["hidden"]):
            out += [((fan_out,), layer)] * 2
            layer += 1
    return out


def problem(generator, inputs, hidden, outputs, rows, activation, loss, targets, has_weights,
            has_bias=True, divisor=None, batch_norm=None, dropout=0):
    """A random problem, as the engine's side reads it. targets: labels, distributions, values;
    batch_norm: None, "batch", "running"."""
    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    out = {
        "inputs": inputs, "hidden": hidden, "outputs": outputs, "rows": rows,
        "activation": activation, "loss": loss, "has_bias": has_bias, "slope": 0.1,
        "batch_norm": batch_norm, "epsilon": 1e-3, "dropout": dropout,
        "divisor": divisor or rows, "x": normal(rows * inputs).tolist(),
        "labels": None, "targets": None, "weights": None,
    }
    shapes = [shape for shape, _ in tensors(out)]
    parameters = sum(math.prod(shape) for shape in shapes)
    scales = torch.cat([torch.full((math.prod(s),), 1 / math.sqrt(s[-1])) for s in shapes])
    layers = tensors(out)[-1][1] + 1
    out.update({
        "theta": (normal(parameters) * scales).tolist(),
        "u": normal(parameters).tolist(), "q": normal(parameters).tolist(),
        "l2_per_parameter": (normal(parameters) * 2 - 3).tolist(),
        "l2_per_layer": (normal(layers) * 2 - 3).tolist(),
        # means, then variances, of each hidden layer
        "statistics": [x for width in hidden if batch_norm
                       for x in (*normal(width).tolist(), *(normal(width).abs() + 0.1).tolist())],
    })
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
    for activation in ("relu", "tanh", "leaky_relu"):
        for hidden in ([4], [9, 5], [3, 8, 6]):
            for batch_norm in (None, "batch", "running"):
                for dropout in (0, 0.4):
                    for has_weights in (False, True):
                        out.append(problem(generator, 7, hidden, 5, 23, activation,
                                           "cross_entropy", "labels", has_weights,
                                           divisor=29 if has_weights else None,
                                           batch_norm=batch_norm, dropout=dropout))
    # wide enough for several tiles and blocked sums
    out.append(problem(generator, 150, [130, 70], 10, 190, "tanh", "cross_entropy", "labels", True))
    out.append(problem(generator, 150, [130, 70], 10, 190, "relu", "cross_entropy", "labels", False))
    for batch_norm in ("batch", "running"):
        out.append(problem(generator, 150, [130, 70], 10, 190, "tanh", "squared_error", "values",
                           True, batch_norm=batch_norm, dropout=0.2))
    return out


ACTIVATIONS = {
    "tanh": lambda x, p: torch.tanh(x),
    "relu": lambda x, p: torch.relu(x),
    "leaky_relu": lambda x, p: torch.nn.functional.leaky_relu(x, p["slope"]),
}


def take_tensors(theta, p):
    """theta's tensors one after the other, layer by layer, weights (out × in) before bias."""
    at = 0
    for shape, _ in tensors(p):
        yield theta[at:at + math.prod(shape)].view(shape)
        at += math.prod(shape)
    assert at == theta.numel()


def forward(theta, p, masks):
    """z, and the running statistics after an update with momentum 0.1."""
    x = torch.tensor(p["x"]).view(p["rows"], p["inputs"])
    parts = take_tensors(theta, p)
    statistics = torch.tensor(p["statistics"])
    at = 0
    for layer, width in enumerate([*p["hidden"], p["outputs"]]):
        x = torch.nn.functional.linear(x, next(parts), next(parts) if p["has_bias"] else None)
        if layer == len(p["hidden"]):
            break
        if p["batch_norm"]:
            x = torch.nn.functional.batch_norm(
                x, statistics[at:at + width], statistics[at + width:at + 2 * width],
                next(parts), next(parts), training=p["batch_norm"] == "batch", momentum=0.1,
                eps=p["epsilon"])
            at += 2 * width
        x = ACTIVATIONS[p["activation"]](x, p)
        if p["dropout"]:
            x = x * torch.tensor(masks[layer]).view_as(x)
    assert next(parts, None) is None
    return x, statistics


def loss_of(z, p):
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
    return torch.cat([torch.full((math.prod(shape),), layer) for shape, layer in tensors(p)])


def gauss_newton_product(theta, p, masks, u):
    """JᵀH_ℓJu: Ju as the derivative of the vector-Jacobian product in its vector."""
    z, _ = forward(theta, p, masks)
    vector = torch.zeros_like(z, requires_grad=True)
    pulled, = torch.autograd.grad(z, theta, vector, create_graph=True)
    above, = torch.autograd.grad(pulled, vector, u, retain_graph=True)
    leaf = z.detach().requires_grad_()
    slope, = torch.autograd.grad(loss_of(leaf, p), leaf, create_graph=True)
    bar, = torch.autograd.grad(slope, leaf, above)
    out, = torch.autograd.grad(z, theta, bar)
    return out


def expected(p, knowledge, masks):
    theta = torch.tensor(p["theta"], requires_grad=True)
    lam = torch.tensor(p[knowledge], requires_grad=True)
    u = torch.tensor(p["u"])
    spread = lam if knowledge == "l2_per_parameter" else lam[layer_of_parameter(p)]
    z, statistics = forward(theta, p, masks)
    loss = loss_of(z, p) + (spread.exp() * theta.square()).sum() / 2
    gradient, = torch.autograd.grad(loss, theta, create_graph=True)
    product, = torch.autograd.grad(gradient @ u, theta, retain_graph=True)
    mixed, = torch.autograd.grad(gradient @ torch.tensor(p["q"]), lam)
    return {"loss": loss.detach().view(1), "gradient": gradient.detach(),
            "hessian_product": product, "pull": -mixed,
            "gauss_newton_product":
                gauss_newton_product(theta, p, masks, u) + (spread.exp() * u).detach(),
            "statistics": statistics}


def relative_error(a, b):
    scale = max(a.norm().item(), b.norm().item(), sys.float_info.min)
    return (a - b).norm().item() / scale


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    given = problems(int(sys.argv[2]) if len(sys.argv) == 3 else 1)
    answers = program.answers(sys.argv[1], given)
    worst, compared, failures = {}, 0, 0
    for number, (p, answer) in enumerate(zip(given, answers)):
        for knowledge in ("l2_per_parameter", "l2_per_layer"):
            for name, right in expected(p, knowledge, answer["masks"]).items():
                got = torch.tensor(answer[knowledge][name]).view(-1)
                error = relative_error(got, right) if got.shape == right.shape else math.inf
                worst[name] = max(worst.get(name, 0), error)
                compared += 1
                if not error <= TOLERANCE:
                    failures += 1
                    print(f"problem {number} ({p['activation']} {p['hidden']} {p['loss']}, "
                          f"batch norm {p['batch_norm']}, dropout {p['dropout']}), "
                          f"{knowledge}, {name}: relative error {error:.3g}")
    print(f"{len(given)} problems, {compared} comparisons, {failures} above {TOLERANCE:g}; worst: "
          + ", ".join(f"{name} {error:.2g}" for name, error in worst.items()))
    sys.exit(1 if failures or not compared else 0)


if __name__ == "__main__":
    main()
