"""training.py: implicit meta-learning (MATH §1) from an exported checkpoint on, with any estimate of H⁻¹v: does
a defect of the estimate show in what is learned? λ is L2 per parameter; batches are those imld would draw."""
import math

import torch

from . import solvers


class Optimizer:
    """Adam or RMSprop by PyTorch's published rules, from the checkpoint's moments."""

    def __init__(self, point, spec, prefix):
        self.spec = spec
        self.steps = int(point.tensors[f"{prefix}steps"])

        def moment(name):
            return point.net.flat(point.tensors, prefix + "{}." + name, point.dtype)

        self.square = moment("square_average")
        self.average = moment("average") if spec["kind"] == "adam" else None

    def step(self, x, gradient):
        s, self.steps = self.spec, self.steps + 1
        if s["kind"] == "rmsprop":
            self.square.mul_(s["rho"]).addcmul_(gradient, gradient, value=1 - s["rho"])
            return x - s["learning_rate"] * gradient / (self.square.sqrt() + s["epsilon"])
        self.average.lerp_(gradient, 1 - s["beta1"])
        self.square.mul_(s["beta2"]).addcmul_(gradient, gradient, value=1 - s["beta2"])
        rate = s["learning_rate"] / (1 - s["beta1"] ** self.steps)
        root = (self.square / (1 - s["beta2"] ** self.steps)).sqrt()
        return x - rate * self.average / (root + s["epsilon"])


class Run:
    """One run from a Point: update() and inner_step() move λ and θ."""

    def __init__(self, point):
        self.point, self.spec = point, point.spec
        self.theta, self.lambda_ = point.theta.clone(), point.lambda_.clone()
        self.step_number, self.update_number = point.step, point.update
        self.inner = Optimizer(point, self.spec["inner"]["optimizer"], "optimizer/")
        self.meta = Optimizer(point, self.spec["meta"]["optimizer"], "optimizer/knowledge/")

    def inner_step(self):
        point, theta = self.point, self.theta.detach().requires_grad_()
        batch = point.order.batch(self.step_number, self.spec["inner"]["batch"])
        (gradient,) = torch.autograd.grad(point.net.loss(theta, batch, self.lambda_.exp()), theta)
        with torch.no_grad():
            self.theta = self.inner.step(self.theta, gradient)
        self.step_number += 1

    def problem(self, batch=128):
        """The linear system of the update at hand."""
        point, at = self.point, (self.theta, self.lambda_, self.update_number)
        v = point.validation_gradient(self.theta, self.update_number)
        product, gradient = point.linearize(*at)
        draws = torch.Generator().manual_seed(self.update_number)

        def fresh():
            images = point.set.train
            places = torch.randint(len(images[1]), (batch,), generator=draws)
            return point.linearize(*at, batch=(images[0][places], images[1][places]))[0]

        return solvers.Problem(product, v, rate=self.spec["inner"]["optimizer"]["learning_rate"],
                               blocks=point.net.blocks(), gradient=gradient,
                               decay=float(self.lambda_.exp().mean()), fresh=fresh)

    def hypergradient(self, q):
        """−q∘e^λ∘θ (MATH §3.1)."""
        return -q * self.lambda_.exp() * self.theta

    def update(self, estimate, terms):
        """λ moves once. An estimate that is not finite moves nothing, as imld's policy has it (MATH §5.6).
        Returns (residual, ‖q‖)."""
        problem = self.problem()
        q = estimate.solve(problem, terms)
        told = problem.residual(q), float(q.norm())
        gradient = self.hypergradient(q)
        if bool(torch.isfinite(gradient).all()):
            with torch.no_grad():
                self.lambda_ = self.meta.step(self.lambda_, gradient)
        self.update_number += 1
        return told

    def accuracy(self, part):
        return self.point.net.accuracy(self.theta, part)


def train(point, estimate, terms, updates):
    """What a training of so many updates ends with."""
    run = Run(point)
    residuals, norms, best = [], [], 0.0
    for update in range(updates):
        residual, norm = run.update(estimate, terms)
        residuals.append(residual)
        norms.append(norm)
        for _ in range(run.spec["inner"]["steps_per_update"]):
            run.inner_step()
        if (update + 1) % 20 == 0 or update + 1 == updates:
            best = max(best, run.accuracy(point.set.validation))
    finite = sorted(r for r in residuals if math.isfinite(r))
    return {"estimate": estimate.name, "terms": terms, "updates": updates,
            "validation_accuracy": run.accuracy(point.set.validation), "best_validation_accuracy": best,
            "train_accuracy": run.accuracy(point.set.train),
            "residual_median": finite[len(finite) // 2] if finite else math.nan,
            "q_norm_max": max((n for n in norms if math.isfinite(n)), default=math.nan)}
