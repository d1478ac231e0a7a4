#!/usr/bin/python3
"""Compares the engine (built in double) with PyTorch on the nets of FIXMATCH §2, MATH §7.2: names and
shapes of all tensors, loss, gradient, Hessian and Gauss–Newton product, the pull of each knowledge
and the running statistics after an update, with batch norm in both modes, with and without example
weights. Relative errors must be at most 1e-9.

Usage: net_oracle.py PATH/TO/engine_oracle [SEED]
"""
import math
import sys

sys.dont_write_bytecode = True
try:
    import torch
    from torch.nn.utils.stateless import functional_call
except ImportError:
    sys.exit("net_oracle: no PyTorch for this Python: apt-get install python3-torch")
import nets
import program
from engine_oracle import TOLERANCE, loss_of, relative_error

MODELS = [
    ({"kind": "cnn_small", "channels": 1, "height": 11, "width": 9, "depth": 0, "widening": 0}, 5),
    ({"kind": "wrn", "channels": 3, "height": 8, "width": 9, "depth": 10, "widening": 1}, 5),
    ({"kind": "resnet18", "channels": 3, "height": 9, "width": 8, "depth": 0, "widening": 3}, 5),
]
# one image more than a row tile, so that sums go over tiles
MODELS.append(({"kind": "wrn", "channels": 1, "height": 4, "width": 4, "depth": 16,
                "widening": 1}, 17))


def problem(generator, model, rows, batch_norm, has_weights):
    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    module = nets.make(model, 4)
    parts = [normal(*p.shape) / math.sqrt(max(1, p[0].numel())) for p in module.parameters()]
    parameters = sum(part.numel() for part in parts)
    layers = len({name.rpartition(".")[0] for name, _ in module.named_parameters()})
    statistics = []
    for name, value in module.named_buffers():
        if name.endswith("running_mean"):
            statistics += normal(*value.shape).tolist()
        elif name.endswith("running_var"):
            statistics += (normal(*value.shape).abs() + 0.5).tolist()
    return {
        "model": model, "rows": rows, "outputs": 4, "epsilon": 1e-3, "batch_norm": batch_norm,
        "loss": "cross_entropy", "divisor": rows + 2, "targets": None,
        "x": normal(rows * model["channels"] * model["height"] * model["width"]).tolist(),
        "labels": torch.randint(4, (rows,), generator=generator).tolist(),
        "weights": (torch.rand(rows, generator=generator) * 2).tolist() if has_weights else None,
        "statistics": statistics,
        "theta": torch.cat([part.flatten() for part in parts]).tolist(),
        "u": normal(parameters).tolist(), "q": normal(parameters).tolist(),
        "l2_per_parameter": (normal(parameters) * 2 - 3).tolist(),
        "l2_per_layer": (normal(layers) * 2 - 3).tolist(),
    }


def evaluate(p, theta):
    """z, and the running statistics after an update with momentum 0.1."""
    module = nets.make(p["model"], 4)
    module.train(p["batch_norm"] == "batch")
    state, at = {}, 0
    for name, value in module.named_parameters():
        state[name] = theta[at:at + value.numel()].view_as(value)
        at += value.numel()
    given, at, running = torch.tensor(p["statistics"]), 0, []
    for name, value in module.named_buffers():
        if not name.endswith("num_batches_tracked"):
            state[name] = given[at:at + value.numel()].clone()
            at += value.numel()
            running.append(name)
        else:
            state[name] = value.clone()
    m = p["model"]
    x = torch.tensor(p["x"]).view(p["rows"], m["channels"], m["height"], m["width"])
    z = functional_call(module, state, x)
    return z, torch.cat([state[name] for name in running])


def groups(p):
    """The number of each parameter's layer."""
    out, layers = [], []
    for name, value in nets.make(p["model"], 4).named_parameters():
        layer = name.rpartition(".")[0]
        if layer not in layers:
            layers.append(layer)
        out.append(torch.full((value.numel(),), layers.index(layer)))
    return torch.cat(out)


def expected(p):
    """What both knowledges share, and what is added by each."""
    theta = torch.tensor(p["theta"], requires_grad=True)
    u, q = torch.tensor(p["u"]), torch.tensor(p["q"])
    z, statistics = evaluate(p, theta)
    loss = loss_of(z, p)
    gradient, = torch.autograd.grad(loss, theta, create_graph=True)
    product, = torch.autograd.grad(gradient @ u, theta, retain_graph=True)
    vector = torch.zeros_like(z, requires_grad=True)
    pulled, = torch.autograd.grad(z, theta, vector, create_graph=True)
    above, = torch.autograd.grad(pulled, vector, u, retain_graph=True)
    leaf = z.detach().requires_grad_()
    slope, = torch.autograd.grad(loss_of(leaf, p), leaf, create_graph=True)
    bar, = torch.autograd.grad(slope, leaf, above)
    gauss_newton, = torch.autograd.grad(z, theta, bar)
    theta, gradient, out = theta.detach(), gradient.detach(), {}
    for knowledge in ("l2_per_parameter", "l2_per_layer"):
        lam, of = torch.tensor(p[knowledge]), groups(p)
        d = (lam if knowledge == "l2_per_parameter" else lam[of]).exp()
        pull = -q * d * theta
        if knowledge == "l2_per_layer":
            pull = torch.zeros_like(lam).index_add_(0, of, pull)
        out[knowledge] = {
            "loss": (loss.detach() + (d * theta.square()).sum() / 2).view(1),
            "gradient": gradient + d * theta, "hessian_product": product + d * u,
            "gauss_newton_product": gauss_newton + d * u, "pull": pull,
            "statistics": statistics.detach()}
    return out


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    generator = torch.Generator().manual_seed(int(sys.argv[2]) if len(sys.argv) == 3 else 1)
    given = [problem(generator, model, rows, batch_norm, has_weights)
             for model, rows in MODELS for batch_norm in ("batch", "running")
             for has_weights in (batch_norm == "batch",)]
    answers = program.answers(sys.argv[1], given)
    worst, compared, failures = {}, 0, 0
    for p, answer in zip(given, answers):
        blocks = [[name, list(value.shape)]
                  for name, value in nets.make(p["model"], 4).named_parameters()]
        if answer["blocks"] != blocks:
            failures += 1
            print(f"{p['model']}: other names or shapes than PyTorch's: {answer['blocks']}")
        for knowledge, values in expected(p).items():
            for name, right in values.items():
                got = torch.tensor(answer[knowledge][name]).view(-1)
                error = relative_error(got, right) if got.shape == right.shape else math.inf
                worst[name] = max(worst.get(name, 0), error)
                compared += 1
                if not error <= TOLERANCE:
                    failures += 1
                    print(f"{p['model']}, batch norm {p['batch_norm']}, {knowledge}, {name}: "
                          f"relative error {error:.3g}")
    print(f"{len(given)} problems, {compared} comparisons, {failures} above {TOLERANCE:g}; worst: "
          + ", ".join(f"{name} {error:.2g}" for name, error in worst.items()))
    sys.exit(1 if failures or not compared else 0)


if __name__ == "__main__":
    main()
