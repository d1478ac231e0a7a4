"""point.py: an exported checkpoint and its job's spec become a point in PyTorch: net, images, batches, loss.

Reads what imld's API serves: the checkpoint's safetensors bytes and the job as JSON. The split and the
batches are drawn again from the job's seed (DESIGN §3, FIXMATCH 1.12 and 4.1); nothing else of imld is used."""
import gzip
import hashlib
import json
import os
import struct

import numpy
import torch

SPLIT, ORDER_LABELED, CURVATURE_ORDER, VALIDATION_ORDER = 0, 1, 8, 12  # purposes (include/imld/random.h)
NUMBERS = {"F32": numpy.float32, "F64": numpy.float64, "U64": numpy.uint64}


def read_tensors(data):
    """{name: array} of a safetensors file's bytes."""
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(body[slice(*entry["data_offsets"])], NUMBERS[entry["dtype"]])
            .reshape(entry["shape"]) for name, entry in header.items()}


def philox(seed, purpose, number, blocks):
    """Philox4x32-10 of Salmon et al. 2011: words of the blocks 0 … blocks − 1, index 0, pass = number."""
    low, k0, k1 = numpy.uint64(0xFFFFFFFF), seed, purpose
    c = [numpy.arange(blocks, dtype=numpy.uint64), 0, number, 0]
    c = [numpy.broadcast_to(numpy.asarray(x, numpy.uint64), blocks) for x in c]
    for _ in range(10):
        p0, p1 = c[0] * numpy.uint64(0xD2511F53), c[2] * numpy.uint64(0xCD9E8D57)
        c = [(p1 >> numpy.uint64(32)) ^ c[1] ^ numpy.uint64(k0), p1 & low,
             (p0 >> numpy.uint64(32)) ^ c[3] ^ numpy.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return numpy.stack(c, 1).reshape(-1)


def permutation(seed, purpose, number, n):
    """For i = n − 1 … 1 swap i and (uᵢ·(i+1)) >> 32 (FIXMATCH 1.12)."""
    words = philox(seed, purpose, number, (n + 3) // 4)[:n].tolist()
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = words[i] * (i + 1) >> 32
        order[i], order[j] = order[j], order[i]
    return order


def shares(total, classes):
    return [total // classes + (rank < total % classes) for rank in range(classes)]


def draw_split(seed, labels, train, validation):
    """(train, validation): lists of file indices in file order (FIXMATCH 4.1)."""
    classes = int(labels.max()) + 1
    chosen = ([], [])
    for c, (t, v) in enumerate(zip(shares(train, classes), shares(validation, classes))):
        members = numpy.flatnonzero(labels == c)
        members = members[permutation(seed, SPLIT, c, len(members))]
        chosen[1].extend(members[:v])
        chosen[0].extend(members[v:v + t])
    return tuple(sorted(int(i) for i in part) for part in chosen)


def split_hash(train, validation, test):
    """As the job's `split`: SHA-256 of the counts (8 bytes each) and the two lists (4 bytes an index)."""
    counts = struct.pack("<3Q", len(train), len(validation), test)
    lists = b"".join(numpy.asarray(part, "<u4").tobytes() for part in (train, validation))
    return hashlib.sha256(counts + lists).hexdigest()


def read_idx(path):
    opener = gzip.open if os.path.exists(path + ".gz") else open
    with opener(path + ".gz" if opener is gzip.open else path, "rb") as file:
        data = file.read()
    rank = data[3]
    shape = struct.unpack(f">{rank}I", data[4:4 + 4 * rank])
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * rank).reshape(shape)


class Set:
    """The images of a job, by the names of its spec."""

    def __init__(self, job, roots, dtype):
        spec = job["spec"]
        folder = next(path for path in (os.path.join(root, spec["data"]["set"]) for root in roots)
                      if os.path.isdir(path))
        if spec["data"]["pixels"] != "unit":
            raise ValueError('only "pixels": "unit" is read here')
        images = read_idx(os.path.join(folder, "train-images-idx3-ubyte"))
        labels = read_idx(os.path.join(folder, "train-labels-idx1-ubyte"))
        train, validation = draw_split(spec["seed"], labels, spec["data"]["train"], spec["data"]["validation"])
        self.hash = split_hash(train, validation, spec["data"]["test"])
        if job.get("split") not in (None, self.hash):
            raise ValueError(f"the split drawn here is not the job's: {self.hash}, {job['split']}")

        def take(part):
            return (torch.tensor(images[part].reshape(len(part), -1) / 255, dtype=dtype),
                    torch.tensor(labels[part].astype(numpy.int64)))

        self.train, self.validation = take(train), take(validation)


class Net:
    """An mlp over one flat θ in PyTorch's order of parameters."""

    def __init__(self, tensors, activation):
        names = sorted({name.split("/")[1].split(".")[0] for name in tensors if name.startswith("parameters/")})
        self.names = [f"{layer}.{part}" for layer in names for part in ("weight", "bias")]
        self.shapes = [tensors["parameters/" + name].shape for name in self.names]
        self.sizes = [int(numpy.prod(shape)) for shape in self.shapes]
        self.activation = {"relu": torch.relu, "tanh": torch.tanh}[activation]

    def flat(self, tensors, pattern, dtype):
        """One vector of all tensors whose names come of the pattern, such as parameters/{}."""
        return torch.cat([torch.tensor(numpy.array(tensors[pattern.format(name)]), dtype=dtype).flatten()
                          for name in self.names])

    def outputs(self, theta, x):
        parts = [p.view(shape) for p, shape in zip(theta.split(self.sizes), self.shapes)]
        for i in range(0, len(parts), 2):
            x = torch.nn.functional.linear(x if i == 0 else self.activation(x), parts[i], parts[i + 1])
        return x

    def loss(self, theta, batch, coefficient=None):
        """Mean cross-entropy, + ½ Σ e^λ θ² where coefficient = e^λ is given (MATH §3.1)."""
        loss = torch.nn.functional.cross_entropy(self.outputs(theta, batch[0]), batch[1])
        return loss if coefficient is None else loss + (coefficient * theta * theta).sum() / 2

    def accuracy(self, theta, batch):
        with torch.no_grad():
            return float((self.outputs(theta, batch[0]).argmax(1) == batch[1]).double().mean())

    def blocks(self):
        """The slice of θ of each tensor."""
        ends = numpy.cumsum([0, *self.sizes])
        return [slice(int(a), int(b)) for a, b in zip(ends, ends[1:])]


class Sampler:
    """Batches from joined passes, as imld draws them: step s takes places s·size … of all permutations."""

    def __init__(self, seed, purpose, images):
        self.seed, self.purpose, self.images = seed, purpose, images
        self.orders = {}

    def order(self, number):
        if number not in self.orders:
            self.orders = {number: permutation(self.seed, self.purpose, number, len(self.images[1]))}
        return self.orders[number]

    def batch(self, step, size):
        places, n = [], len(self.images[1])
        at = step * size
        while len(places) < size:
            places += self.order(at // n)[at % n:at % n + size - len(places)]
            at = step * size + len(places)
        return self.take(places)

    def head(self, number, size):
        return self.take(self.order(number)[:size])

    def take(self, places):
        return self.images[0][places], self.images[1][places]


class Point:
    """θ, λ, the optimizers' moments and the batches of one checkpoint."""

    def __init__(self, tensors, job, roots, dtype=torch.float64):
        self.spec, self.dtype = job["spec"], dtype
        self.set = Set(job, roots, dtype)
        self.net = Net(tensors, self.spec["model"]["activation"])
        self.tensors = tensors
        self.theta = self.net.flat(tensors, "parameters/{}", dtype)
        self.lambda_ = self.net.flat(tensors, "knowledge/lambda/{}", dtype)
        self.step, self.update = int(tensors["state/step"]), int(tensors["state/update"])
        seed = self.spec["seed"]
        self.order = Sampler(seed, ORDER_LABELED, self.set.train)
        self.curvature_order = Sampler(seed, CURVATURE_ORDER, self.set.train)
        self.validation_order = Sampler(seed, VALIDATION_ORDER, self.set.validation)

    def validation_gradient(self, theta, update):
        """v."""
        rows = self.spec["meta"]["validation_batch"]
        batch = self.set.validation
        if rows < len(batch[1]):
            batch = self.validation_order.head(update, rows)
        theta = theta.detach().requires_grad_()
        return torch.autograd.grad(self.net.loss(theta, batch), theta)[0]

    def linearize(self, theta, lambda_, update, batch=None):
        """(u → Hu, ∇θL_T): H of the regularized loss on the update's curvature batch, or on another."""
        if batch is None:
            batch = self.curvature_order.head(update, self.spec["meta"]["curvature"]["batch"])
        theta = theta.detach().requires_grad_()
        loss = self.net.loss(theta, batch, lambda_.exp())
        (gradient,) = torch.autograd.grad(loss, theta, create_graph=True)

        def product(u):
            return torch.autograd.grad(gradient, theta, u, retain_graph=True)[0].detach()

        return product, gradient.detach()
