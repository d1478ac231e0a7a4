"""PyTorch's side of `bench/run hypergradient`, in its fast form: the graph of the gradient is built
once (create_graph), then each Hessian product is one autograd.grad with retain_graph; the L2 term
and all vector work are added by hand with in-place operations on lists.

peer.py NET BATCH TORCH_THREADS PROBLEM answers on stdin and stdout as bench/serve.h says;
peer.py NET BATCH TORCH_THREADS PROBLEM --memory prints what neumann(3) makes this fresh process
grow by, and ends."""
import ctypes
import json
import re
import resource
import sys
import time

import numpy
import torch
from torch.nn import functional

TERMS, STEP_SIZE, COEFFICIENT = 3, 0.01, 1.0
LEARNING_RATE, RHO, EPSILON = 1e-6, 0.99, 1e-8


def blas_kernel():
    """OpenBLAS's kernel in this process; None where PyTorch runs on another BLAS."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = sorted(set(re.findall(r"(/\S*blas\S*\.so\S*)", maps.read())))
    for path in paths:
        library = ctypes.CDLL(path)
        if hasattr(library, "openblas_get_corename"):
            library.openblas_get_corename.restype = ctypes.c_char_p
            return library.openblas_get_corename().decode()
    return None


class Linearized:
    """A loss of `theta`, linearized once, applied many times. The net's training_loss() and what the
    regularizer adds, add_regularizer(result, of), which returns the result, are the subclass's own, and v."""
    g = q = result = None

    def linearize(self):
        self.g = None  # the old graph goes before the new one comes
        self.g = torch.autograd.grad(self.training_loss(), self.theta, create_graph=True)

    def hessian(self, u):
        return self.add_regularizer(list(torch.autograd.grad(self.g, self.theta, u, retain_graph=True)), u)

    def product(self):
        self.result = self.hessian(self.v)

    def neumann3(self):
        self.linearize()
        p = torch._foreach_mul(self.v, STEP_SIZE)
        self.q = [x.clone() for x in p]
        for _ in range(TERMS):
            torch._foreach_add_(p, self.hessian(p), alpha=-STEP_SIZE)
            torch._foreach_add_(self.q, p)


class Problem(Linearized):
    """Net, batch and vectors; the quantities are its methods."""

    def __init__(self, sizes, rows, path=None, finds_v=True):
        shapes = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            shapes += [(outputs, inputs), (outputs,)]
        counts = [int(numpy.prod(shape)) for shape in shapes]
        images = rows * sizes[0]
        total = sum(counts) + 2 * images
        if path:
            with open(path, "rb") as file:
                real = numpy.fromfile(file, numpy.float32, total)
                labels = numpy.fromfile(file, numpy.uint32, 2 * rows).astype(numpy.int64)
        else:
            real, labels = numpy.full(total, 0.01, numpy.float32), numpy.zeros(2 * rows, numpy.int64)
        blocks = numpy.split(real, numpy.cumsum(counts + [images]))
        self.theta = [torch.tensor(block.reshape(shape)).requires_grad_()
                      for block, shape in zip(blocks, shapes)]
        self.inputs = [torch.tensor(block.reshape(rows, -1)) for block in blocks[len(shapes):]]
        self.labels = [torch.tensor(part) for part in numpy.split(labels, 2)]
        self.lam = [torch.full(t.shape, float(numpy.log(COEFFICIENT))) for t in self.theta]
        self.d = [x.exp() for x in self.lam]
        self.square = [torch.zeros(t.shape) for t in self.theta]
        self.v = self.find_v() if finds_v else [torch.full(t.shape, 0.01) for t in self.theta]

    def loss(self, sample):
        y = self.inputs[sample]
        for i in range(0, len(self.theta), 2):
            y = functional.linear(functional.relu(y) if i else y, *self.theta[i:i + 2])
        return functional.cross_entropy(y, self.labels[sample])

    def find_v(self):
        return list(torch.autograd.grad(self.loss(1), self.theta))

    def gradient(self):
        with torch.enable_grad():
            result = list(torch.autograd.grad(self.loss(0), self.theta))
        self.result = self.add_regularizer(result, self.theta)

    def training_loss(self):
        return self.loss(0)

    def add_regularizer(self, result, of):
        with torch.no_grad():
            torch._foreach_addcmul_(result, self.d, of)
        return result

    @staticmethod
    def dot(a, b):
        return sum(torch.dot(x.flatten(), y.flatten()) for x, y in zip(a, b)).item()

    def cg3(self):
        self.linearize()
        r = [x.clone() for x in self.v]
        p = [x.clone() for x in self.v]
        self.q = [torch.zeros_like(x) for x in self.v]
        r_squared = self.dot(r, r)
        for _ in range(TERMS):
            hp = self.hessian(p)
            alpha = r_squared / self.dot(p, hp)
            torch._foreach_add_(self.q, p, alpha=alpha)
            torch._foreach_add_(r, hp, alpha=-alpha)
            before, r_squared = r_squared, self.dot(r, r)
            torch._foreach_mul_(p, r_squared / before)
            torch._foreach_add_(p, r)

    def meta_update(self):
        self.v = self.find_v()
        self.neumann3()
        with torch.no_grad():
            # inner/remaining: q·∇L_T, which the linearization has
            remaining = self.dot(self.q, [g + d * t for g, d, t in
                                          zip(self.g, self.d, self.theta)])
            gradient = torch._foreach_mul(self.q, self.d)
            torch._foreach_mul_(gradient, self.theta)
            torch._foreach_neg_(gradient)
            torch._foreach_mul_(self.square, RHO)
            torch._foreach_addcmul_(self.square, gradient, gradient, 1 - RHO)
            root = torch._foreach_sqrt(self.square)
            torch._foreach_add_(root, EPSILON)
            torch._foreach_addcdiv_(self.lam, gradient, root, -LEARNING_RATE)
            self.d = torch._foreach_exp(self.lam)
        return remaining

    def note(self):
        self.neumann3()
        q_norm = self.dot(self.q, self.q) ** 0.5
        self.gradient()
        return {"gradient_norm": self.dot(self.result, self.result) ** 0.5, "q_norm": q_norm,
                "blas": blas_kernel(), "version": torch.__version__}


QUANTITIES = ("gradient", "linearize", "product", "neumann3", "cg3", "meta_update")


def switches():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def prepare(problem, name):
    """What does not count, and one repetition that does not count either."""
    if name == "product":
        problem.linearize()
    getattr(problem, name)()


def timed(run):
    """One repetition, as bench/serve.h has it."""
    before, busy, start = switches(), time.process_time(), time.perf_counter()
    run()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return f"{seconds:.9f} {busy:.9f} {switches() - before}"


def repeat(problem, name, repetitions):
    prepare(problem, name)
    return " ".join(timed(getattr(problem, name)) for _ in range(repetitions))


def fill_window(problem, name, milliseconds):
    prepare(problem, name)
    run, repetitions, start = getattr(problem, name), 0, time.perf_counter()
    while time.perf_counter() - start < 1e-3 * milliseconds:
        run()
        repetitions += 1
    return f"{repetitions} {time.perf_counter() - start:.9f}"


def serve(problem):
    for line in sys.stdin:
        words = line.split()
        if words == ["names"]:
            answer = " ".join(QUANTITIES)
        elif words == ["note"]:
            answer = json.dumps(problem.note())
        elif words[0] == "window":
            answer = fill_window(problem, words[1], int(words[2]))
        else:
            answer = repeat(problem, words[0], int(words[1]))
        print(answer, flush=True)


def status_bytes(name):
    with open("/proc/self/status", encoding="utf-8") as status:
        return int(re.search(rf"^{name}:\s+(\d+) kB", status.read(), re.M).group(1)) * 1024


def growth(sizes, rows, path):
    """VmHWM after neumann(3) less VmRSS before it. A tiny problem first, so that code and tables of
    the libraries are in memory and don't count: a rule that favours PyTorch. v is given: a gradient
    taken before would leave freed memory in the process, and what neumann(3) reuses of it would not
    count."""
    Problem([8, 4, 4, 2], 4).note()
    problem = Problem(sizes, rows, path, finds_v=False)
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")
    before = status_bytes("VmRSS")
    problem.neumann3()
    first = status_bytes("VmHWM") - before
    problem.neumann3()
    return {"first_bytes": first, "second_bytes": status_bytes("VmHWM") - before}


def main():
    sizes = [int(size) for size in sys.argv[1].split("-")]
    rows, path = int(sys.argv[2]), sys.argv[4]
    torch.set_num_threads(int(sys.argv[3]))
    if sys.argv[5:] == ["--memory"]:
        print(json.dumps(growth(sizes, rows, path)))
    else:
        serve(Problem(sizes, rows, path))


if __name__ == "__main__":
    main()
