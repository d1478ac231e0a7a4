"""PyTorch's side of `bench/run confidence`: the same update of a confidence network in its fast form: the
graph of the training loss's gradient is built once (create_graph), its weights a function of ω in it; each
Hessian product is one autograd.grad with retain_graph, and dL_V/dω one more. Views are given: what imld
spends on making them is its own.

confidence_peer.py FORM PROBLEM answers on stdin and stdout as bench/serve.h says; with --memory it prints
what an update makes this fresh process grow by."""
import json
import os
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "oracle"))
import images_peer
import nets
import peer
from images_peer import norm

CLASSES, RATIO, TERMS, POWER_PRODUCTS, FOLLOWED = 10, 7, 3, 2, 4
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-6, 0.9, 0.999, 1e-8
SHAPE = (1, 28, 28)


def network_of(form):
    """C; None: a weight an image."""
    if form == "separate":
        return nets.CnnSmall(1, 1)
    if form.startswith("shared"):
        return nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))
    return None


def read_blocks(path):
    """The numbers of bench_confidence's problem: lists, each after its length."""
    with open(path, "rb") as file:
        whole = numpy.fromfile(file, numpy.float32)
    blocks, at = [], 0
    while at < len(whole):
        count = int(whole[at])
        blocks.append(torch.tensor(whole[at + 1:at + 1 + count]))
        at += 1 + count
    return blocks


def load(module, parameters, statistics):
    """Parameters and running statistics, both in the module's order."""
    buffers = [b for name, b in module.named_buffers() if not name.endswith("num_batches_tracked")]
    with torch.no_grad():
        for targets, source in ((list(module.parameters()), parameters), (buffers, statistics)):
            for target, block in zip(targets, torch.split(source, [t.numel() for t in targets])):
                target.copy_(block.view_as(target))
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0  # nothing but training moves running statistics


class Problem(images_peer.Decayed):
    """Nets, batches and vectors; the quantities are its methods."""

    def __init__(self, form, path):
        theta, statistics, omega, omega_statistics, *batches, self.places, step_size = read_blocks(path)
        self.step_size = float(step_size)
        self.module, self.network = nets.CnnSmall(1, CLASSES), network_of(form)
        self.goes_through = form.endswith("through_features")
        self.reads_images = form == "separate"
        load(self.module, theta, statistics)
        self.theta = list(self.module.parameters())
        self.decay_kernels()
        if self.network:
            load(self.network, omega, omega_statistics)
            self.network.eval()
        self.omega = list(self.network.parameters()) if self.network else [omega.requires_grad_()]
        self.validation, self.batch = ((x.view(-1, *SHAPE), y.long()) for x, y in
                                       (batches[:2], batches[2:]))
        self.places = self.places.long()
        self.moments = [[torch.zeros_like(x) for x in self.omega] for _ in range(2)]
        self.direction = [torch.randn_like(t) for t in self.theta]
        self.module.fc.register_forward_pre_hook(lambda _, inputs: setattr(self, "features", inputs[0]))
        self.hypergradient = None

    def weights(self, weak):
        if not self.network:
            return self.omega[0][self.places]
        seen = self.batch[0][weak] if self.reads_images else self.features[weak]
        a = self.network(seen if self.goes_through else seen.detach())
        return 2 * a.squeeze(1).sigmoid()

    def training_loss(self):
        inputs, labels = self.batch
        z = self.module(inputs)
        labeled, unlabeled = len(labels) - 2 * len(self.places), len(self.places)
        each = functional.cross_entropy(z[labeled + unlabeled:], labels[labeled + unlabeled:],
                                        reduction="none")
        w = self.weights(slice(labeled, labeled + unlabeled))
        return functional.cross_entropy(z[:labeled], labels[:labeled]) + (w * each).mean()

    def find_v(self):
        self.module.eval()
        v = torch.autograd.grad(functional.cross_entropy(self.module(self.validation[0]),
                                                         self.validation[1]), self.theta)
        self.module.train()
        return v

    def estimate_largest(self):
        """A warm power iteration; its step size is the engine's, so that q is the same."""
        for _ in range(POWER_PRODUCTS):
            length = norm(self.direction)
            self.direction = self.hessian(torch._foreach_div(self.direction, length))

    def solve(self, v):
        p = torch._foreach_mul(v, self.step_size)
        self.q = [x.clone() for x in p]
        for _ in range(TERMS):
            torch._foreach_add_(p, self.hessian(p), alpha=-self.step_size)
            torch._foreach_add_(self.q, p)

    def move(self):
        """A step of Adam on ω; its bias corrections are no work."""
        with torch.no_grad():
            first, second = self.moments
            torch._foreach_mul_(first, BETA1)
            torch._foreach_add_(first, self.hypergradient, alpha=1 - BETA1)
            torch._foreach_mul_(second, BETA2)
            torch._foreach_addcmul_(second, self.hypergradient, self.hypergradient, 1 - BETA2)
            root = torch._foreach_sqrt(second)
            torch._foreach_add_(root, EPSILON)
            torch._foreach_addcdiv_(self.omega, first, root, -LEARNING_RATE)

    def follow(self):
        """Running statistics of a network that has some: forwards of weak views."""
        if not self.reads_images:
            return
        labeled = len(self.batch[1]) - 2 * len(self.places)
        self.network.train()
        with torch.no_grad():
            for _ in range(FOLLOWED):
                self.network(self.batch[0][labeled:labeled + len(self.places)])
        self.network.eval()

    def pull(self):
        """dL_V/dω of the q at hand; a product's tangent, and the way back through the weights."""
        found = torch.autograd.grad(self.g, self.omega, self.q)
        self.hypergradient = [-x for x in found]
        self.g = None

    def estimate(self):
        v = self.find_v()
        self.linearize()
        self.estimate_largest()
        self.solve(v)
        self.pull()
        return v

    def update(self):
        self.estimate()
        self.move()
        self.follow()

    def note(self):
        v = self.estimate()
        return {"v_norm": norm(v), "q_norm": norm(self.q), "hypergradient_norm": norm(self.hypergradient),
                "blas": peer.blas_kernel(), "version": torch.__version__}


def main():
    torch.set_num_threads(1)
    problem = Problem(sys.argv[1], sys.argv[2])
    if sys.argv[3:] == ["--memory"]:
        print(images_peer.growth(problem, "update"))
    else:
        images_peer.serve(problem, {"update": None})


if __name__ == "__main__":
    main()
