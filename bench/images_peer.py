"""PyTorch's side of `bench/run convolution`, in its fast form: the graph of the gradient is built once
(create_graph), then each Hessian product is one autograd.grad with retain_graph; the decay and all
vector work are added by hand with in-place operations on lists. The nets are those that imld's
checkpoints load into (tests/oracle/nets.py).

images_peer.py NET ROWS TORCH_THREADS PROBLEM answers on stdin and stdout as bench/serve.h says;
with --memory QUANTITY it prints what that makes this fresh process grow by, with --errors how far
the gradients in PROBLEM.auto and PROBLEM.direct are from PyTorch's in double, without kinks."""
import json
import os
import sys

import numpy
import torch
from torch.nn import functional

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "oracle"))
import nets
import peer

DECAY, CLASSES = 5e-4, 10
RATIO, THRESHOLD, AVERAGE, MOMENTUM, LEARNING_RATE = 7, 0.3, 0.999, 0.9, 1e-6
QUANTITIES = {"gradient": None, "product": "linearize", "neumann3": None, "fixmatch_step": None}


def module_of(name):
    """The module and the shape of its images."""
    if name == "cnn_small":
        return nets.CnnSmall(1, CLASSES), (1, 28, 28)
    if name == "resnet18":
        return nets.Resnet18(3, CLASSES), (3, 32, 32)
    _, depth, widening = name.split("-")
    return nets.Wrn(3, CLASSES, int(depth), int(widening)), (3, 32, 32)


class Decayed(peer.Linearized):
    """A loss of `module`'s parameters, `theta`, whose kernels decay."""

    def decay_kernels(self):
        self.is_decayed = [t.dim() > 1 for t in self.theta]

    def add_regularizer(self, result, of):
        kernels = [(r, x) for r, x, is_decayed in zip(result, of, self.is_decayed) if is_decayed]
        with torch.no_grad():
            torch._foreach_add_([r for r, _ in kernels], [x for _, x in kernels], alpha=DECAY)
        return result


class Problem(Decayed):
    """Net, batch and vectors; the quantities are its methods."""

    def __init__(self, name, rows, path):
        self.module, shape = module_of(name)
        self.theta = list(self.module.parameters())
        counts = [t.numel() for t in self.theta]
        pixels = rows * int(numpy.prod(shape))
        with open(path, "rb") as file:
            theta = numpy.fromfile(file, numpy.float32, sum(counts))
            v = numpy.fromfile(file, numpy.float32, sum(counts))
            inputs = numpy.fromfile(file, numpy.float32, pixels)
            labels = numpy.fromfile(file, numpy.uint32, rows).astype(numpy.int64)
        ends = numpy.cumsum(counts)[:-1]
        with torch.no_grad():
            for t, block in zip(self.theta, numpy.split(theta, ends)):
                t.copy_(torch.from_numpy(block).view_as(t))
        self.v = [torch.tensor(block).view_as(t)
                  for t, block in zip(self.theta, numpy.split(v, ends))]
        self.inputs = torch.tensor(inputs.reshape((rows,) + shape))
        self.labels = torch.tensor(labels)
        self.decay_kernels()
        self.mean_theta = [t.detach().clone() for t in self.theta]
        self.momentum = [torch.zeros_like(t) for t in self.theta]

    def training_loss(self):
        return functional.cross_entropy(self.module(self.inputs), self.labels)

    def gradient(self):
        self.result = self.add_regularizer(list(torch.autograd.grad(self.training_loss(), self.theta)),
                                           self.theta)

    def fixmatch_step(self):
        """FIXMATCH 1.2 to 1.8, views given."""
        labeled = len(self.labels) // (1 + 2 * RATIO)
        z = self.module(self.inputs)
        weak, strong = z[labeled:labeled * (1 + RATIO)].detach(), z[labeled * (1 + RATIO):]
        confidence, chosen = weak.softmax(1).max(1)
        loss = functional.cross_entropy(z[:labeled], self.labels[:labeled])
        loss = loss + (functional.cross_entropy(strong, chosen, reduction="none") *
                       (confidence >= THRESHOLD)).mean()
        g = self.add_regularizer(list(torch.autograd.grad(loss, self.theta)), self.theta)
        with torch.no_grad():
            torch._foreach_mul_(self.momentum, MOMENTUM)
            torch._foreach_add_(self.momentum, g)
            torch._foreach_add_(g, self.momentum, alpha=MOMENTUM)
            torch._foreach_add_(self.theta, g, alpha=-LEARNING_RATE)
            torch._foreach_mul_(self.mean_theta, AVERAGE)
            torch._foreach_add_(self.mean_theta, self.theta, alpha=1 - AVERAGE)

    def note(self):
        self.neumann3()
        q_norm = norm(self.q)
        self.g = None
        self.gradient()
        return {"gradient_norm": norm(self.result), "q_norm": q_norm, "blas": peer.blas_kernel(),
                "version": torch.__version__}


def norm(vectors):
    return sum(float((x.double() ** 2).sum()) for x in vectors) ** 0.5


def prepare(problem, name, before):
    """What does not count, and one repetition that does not count either."""
    if before:
        getattr(problem, before)()
    getattr(problem, name)()


def serve(problem, quantities):
    """quantities: what to do once before each of them, or None."""
    for line in sys.stdin:
        words = line.split()
        if words == ["note"]:
            answer = json.dumps(problem.note())
        else:
            prepare(problem, words[0], quantities[words[0]])
            answer = " ".join(peer.timed(getattr(problem, words[0])) for _ in range(int(words[1])))
            problem.g = None
        print(answer, flush=True)


def growth(problem, name):
    """VmHWM after the quantity less VmRSS before it; a convolution first, so that the libraries' code
    is in memory and does not count: a rule that favours PyTorch."""
    x = torch.ones(1, 8, 8, 8, requires_grad=True)
    functional.conv2d(x, torch.ones(8, 8, 3, 3)).sum().backward()
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")
    before = peer.status_bytes("VmRSS")
    getattr(problem, name)()
    return peer.status_bytes("VmHWM") - before


def errors(problem, path):
    """Relative L2 errors of float gradients, of a net whose leaky ReLU is the identity."""
    def identity(x, *_, **__):
        return x
    functional.leaky_relu = torch.relu = identity
    float_gradient = torch.cat([g.flatten() for g in torch.autograd.grad(
        problem.training_loss(), problem.theta)])
    problem.module.double()
    problem.inputs = problem.inputs.double()
    exact = torch.cat([g.flatten() for g in torch.autograd.grad(
        problem.training_loss(), list(problem.module.parameters()))])
    kernels = torch.cat([torch.full((t.numel(),), float(t.dim() > 1), dtype=torch.float64)
                         for t in problem.theta])
    theta = torch.cat([t.detach().double().flatten() for t in problem.theta])
    found = {"torch": float((float_gradient.double() - exact).norm() / exact.norm())}
    exact = exact + DECAY * kernels * theta
    for name in ("auto", "direct"):
        own = torch.from_numpy(numpy.fromfile(f"{path}.{name}", numpy.float32)).double()
        found[name] = float((own - exact).norm() / exact.norm())
    return found


def main():
    name, rows, path = sys.argv[1], int(sys.argv[2]), sys.argv[4]
    torch.set_num_threads(int(sys.argv[3]))
    problem = Problem(name, rows, path)
    if sys.argv[5:6] == ["--memory"]:
        print(growth(problem, sys.argv[6]))
    elif sys.argv[5:] == ["--errors"]:
        print(json.dumps(errors(problem, path)))
    else:
        serve(problem, QUANTITIES)


if __name__ == "__main__":
    main()
