"""solvers.py: estimates of H⁻¹v: textbook, imld's rules (MATH §4), and the defects that public codes have or
had. Each is called with a Problem and K and returns q; `products` counts the calls of H.

The defects are written anew from what those codes compute; `public` names the codes."""
import math

import torch


class Problem:
    """H as u → Hu, v, and what some codes ask for besides.

    step: α of a series that is handed one (1/μ_max by default); rate: the inner learning rate; blocks: the slice
    of θ of each tensor; gradient: ∇θL_T; decay: a mean coefficient of L2; fresh: () → u → Hu on a new batch."""

    def __init__(self, apply, v, step=None, rate=1e-3, blocks=(), gradient=None, decay=0.0, fresh=None):
        self.apply, self.v, self.given_step, self.rate = apply, v, step, rate
        self.blocks, self.gradient, self.decay, self.fresh = blocks, gradient, decay, fresh
        self.products = 0

    @property
    def step(self):
        if self.given_step is None:
            mu = largest_curvature(self.apply, len(self.v), self.v.dtype)
            self.given_step = 1 / mu if mu > 0 else 1.0
        return self.given_step

    def product(self, u):
        self.products += 1
        return self.apply(u)

    def residual(self, q):
        """‖v − Hq‖/‖v‖ with the true H; not counted."""
        return float((self.v - self.apply(q)).norm() / self.v.norm())


def largest_curvature(product, size, dtype, rounds=20):
    """max |μ| by power iteration from a fixed start, as imld's first update has it (MATH §4)."""
    u = torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=dtype)
    norm = 0.0
    for _ in range(rounds):
        u = product(u / u.norm())
        norm = float(u.norm())
    return norm


# ---- Neumann series

def series(problem, start, summands, alpha, product=None):
    """Σ (I − αH)ᵏ start over k = 0 … summands − 1, not scaled; and the last term."""
    product = product or problem.product
    p, s = start.clone(), start.clone()
    for _ in range(summands - 1):
        p = p - alpha * product(p)
        s = s + p
    return s, p


def neumann(problem, terms, alpha=None):
    alpha = alpha or problem.step
    return alpha * series(problem, problem.v, terms + 1, alpha)[0]


def one_summand_less(problem, terms):
    return problem.step * series(problem, problem.v, terms, problem.step)[0]


def not_scaled(problem, terms):
    return series(problem, problem.v, terms + 1, problem.step)[0]


def first_term_dropped(problem, terms):
    """k = 1 … K, η × the last one again, the sum not scaled."""
    start = problem.v - problem.step * problem.product(problem.v)
    s, last = series(problem, start, terms, problem.step)
    return s + problem.step * last


def scale_inverted(problem, terms):
    return neumann(problem, terms, 1 / problem.step)


def inner_rate(problem, terms):
    return neumann(problem, terms, problem.rate)


def alpha_one(problem, terms):
    return neumann(problem, terms, 1.0)


def outer_product(problem, terms):
    """g gᵀ for H, result not scaled; ends when ‖term‖² shrinks by less than 0.01 %, also when it grows."""
    g, p, s = problem.gradient, problem.v.clone(), problem.v.clone()
    for _ in range(terms):
        before = float(p @ p)
        p = p - problem.step * g * (g @ p)
        if before - float(p @ p) < 1e-4 * before:
            break
        s = s + p
    return s


def one_power(problem, terms):
    """(K + 1)·α·(I − αH)ᵖv, p uniform in 0 … K: unbiased for K + 1 summands, of high variance."""
    p = int(torch.randint(terms + 1, (1,), generator=torch.Generator().manual_seed(terms)))
    return (terms + 1) * problem.step * series(problem, problem.v, p + 1, problem.step)[1]


def new_batch_per_product(problem, terms):
    def product(u):
        problem.products += 1
        return problem.fresh()(u)
    return problem.step * series(problem, problem.v, terms + 1, problem.step, product)[0]


def sign_of_the_indirect_term(problem, terms):
    """direct + indirect where the derivative is direct − indirect: as if q were −q."""
    return -neumann(problem, terms)


# ---- conjugate gradients

def cg(problem, terms, product=None, v=None, start=None, stop=True, direction="new", step=1.0, outside=1.0,
       least=None, absolute=None, relative=1e-14, late=False):
    """Textbook conjugate gradients, and knobs for what else was found:
    stop: end at pᵀHp ≤ 0 as MATH §4 does; direction: built from the "new" or the "old" residual; step: a factor
    of α; outside: a factor of the result; least: denominators below half of it become it; absolute, relative:
    tolerances of ‖r‖; late: the iterate before is returned at the tolerance."""
    product = product or problem.product
    v = problem.v if v is None else v
    q = torch.zeros_like(v) if start is None else start.clone()
    r = v.clone() if start is None else v - product(start)
    p = r.clone()
    target = absolute if absolute is not None else relative * float(v.norm())
    for k in range(terms):
        hp, rr = product(p), float(r @ r)
        php = float(p @ hp)
        if php <= 0 and stop:
            return q if k > 0 else p * (v.norm() / hp.norm() if float(hp.norm()) > 0 else 1)
        if least is not None and php < least / 2:
            php = least
        alpha = step * rr / php if php != 0 else math.nan
        before, q = q, q + alpha * p
        r_next = r - alpha * hp
        beta = float(r_next @ r_next) / rr if rr != 0 else math.nan
        p = (r_next if direction == "new" else r) + beta * p
        r = r_next
        if float(r.norm()) <= target:
            return outside * (before if late else q)
    return outside * q


def carried_on(problem, terms):
    return cg(problem, terms, stop=False)


def old_residual(problem, terms):
    return cg(problem, terms, stop=False, direction="old")


def old_residual_rate(problem, terms):
    return cg(problem, terms, stop=False, direction="old", step=10.0, outside=0.1)


def alpha_outside(problem, terms):
    """α ten times too long inside, the result a tenth: right for K = 1 only."""
    return cg(problem, terms, stop=False, step=10.0, outside=0.1)


def previous_iterate(problem, terms):
    return cg(problem, terms, stop=False, absolute=1e-10, late=True)


def absolute_tolerance(problem, terms):
    return cg(problem, terms, stop=False, absolute=1e-5)


def clamped_denominator(problem, terms):
    return cg(problem, terms, stop=False, start=problem.v, least=1e-2, relative=1e-4)


def slightly_clamped_denominator(problem, terms):
    return cg(problem, terms, stop=False, start=problem.v, least=1e-10, relative=1e-4)


def normal_equations(problem, terms):
    """H²q = Hv: two products a step, the condition number squared."""
    def twice(u):
        return problem.product(problem.product(u))
    return cg(problem, terms, product=twice, v=problem.product(problem.v))


def diagonal_blocks(problem, terms):
    """The blocks of H on its diagonal alone, one a tensor of θ."""
    def product(u):
        out = torch.zeros_like(u)
        for block in problem.blocks:
            part = torch.zeros_like(u)
            part[block] = u[block]
            out[block] = problem.product(part)[block]
        return out
    return cg(problem, terms, product=product)


def another_matrix(problem, terms):
    """(1 + c)·I + H/(λ + d), c = 1, d = 10, in place of I + H/λ, whose solve is λ times that of H + λI."""
    scale = problem.decay + 10.0
    return cg(problem, terms, product=lambda u: 2.0 * u + problem.product(u) / scale)


# ---- minres, for comparison and as the reference

def minres(problem, terms):
    """argmin ‖v − Hq‖ over the Krylov space, by Lanczos with full reorthogonalization."""
    norm = problem.v.norm()
    basis, alphas, betas = [problem.v / norm], [], []
    for _ in range(terms):
        w = problem.product(basis[-1])
        alphas.append(float(w @ basis[-1]))
        known = torch.stack(basis)
        for _ in range(2):
            w = w - known.T @ (known @ w)
        betas.append(float(w.norm()))
        if betas[-1] < 1e-12 * max(map(abs, alphas)):
            break
        basis.append(w / betas[-1])
    k = len(alphas)
    t = torch.zeros(k + 1, k, dtype=torch.float64)
    for i in range(k):
        t[i, i], t[i + 1, i] = alphas[i], betas[i]
        if i + 1 < k:
            t[i, i + 1] = betas[i]
    right = torch.zeros(k + 1, 1, dtype=torch.float64)
    right[0] = float(norm)
    y = torch.linalg.lstsq(t, right).solution[:, 0].to(problem.v.dtype)
    return torch.stack(basis[:k]).T @ y


class Estimate:
    def __init__(self, name, solve, public=""):
        self.name, self.solve, self.public = name, solve, public


TEXTBOOK = [
    Estimate("neumann", neumann),
    Estimate("cg", cg),
    Estimate("minres", minres),
]
DEFECTS = [
    Estimate("neumann: K summands for K + 1", one_summand_less, "torchopt ns_inv, hypertorch fixed_point"),
    Estimate("neumann: α missing on the result", not_scaled, "implicit-hyper-opt rnn, stocBiO"),
    Estimate("neumann: first term dropped", first_term_dropped, "stocBiO"),
    Estimate("neumann: scale read as 1/α", scale_inverted, "α handed to influence-release, whose scale is 1/α"),
    Estimate("neumann: α = inner learning rate", inner_rate, "implicit-hyper-opt"),
    Estimate("neumann: α = 1", alpha_one, "default of betty, torchopt, curvlinops"),
    Estimate("neumann: g gᵀ for H", outer_product, "implicit-hyper-opt rnn"),
    Estimate("neumann: one power only", one_power, "benchmark_bilevel hia"),
    Estimate("neumann: a new batch a product", new_batch_per_product, "benchmark_bilevel shia, hypertorch"),
    Estimate("neumann: sign of the indirect term", sign_of_the_indirect_term, "implicit-hyper-opt"),
    Estimate("cg: on through negative curvature", carried_on, "hypertorch, hypergrad, betty, torchopt"),
    Estimate("cg: direction from the old residual", old_residual, "hypergrad; betty before November 2023"),
    Estimate("cg: old residual, lr 0.1", old_residual_rate, "hypergrad"),
    Estimate("cg: factor 0.1 outside of α", alpha_outside, "betty cg_alpha"),
    Estimate("cg: previous iterate, absolute tolerance", previous_iterate, "hypertorch"),
    Estimate("cg: absolute tolerance 1e-5", absolute_tolerance, "RBP"),
    Estimate("cg: denominator at least 1e-2, from v", clamped_denominator, "implicit-hyper-opt"),
    Estimate("cg: denominator at least 1e-10, from v", slightly_clamped_denominator, "implicit-hyper-opt"),
    Estimate("cg: normal equations", normal_equations, "jaxopt"),
    Estimate("cg: diagonal blocks of H", diagonal_blocks, "torchopt inv"),
    Estimate("cg: another matrix", another_matrix, "imaml_dev"),
]
