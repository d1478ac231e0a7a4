#!/usr/bin/python3
"""Compares the engine's operations and views, byte for byte, with Pillow 9.4 (FIXMATCH §3).

Operations: random images of several kinds and sizes in modes L and RGB, arguments of all levels and
arbitrary ones. Views: written here from FIXMATCH 3.1 to 3.4, with a Philox of its own and Pillow's
calls.

Usage: augment_oracle.py PATH/TO/augment_oracle [IMAGES AN OPERATION AND MODE [SEED]]
"""
import os
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
import philox
import program

try:
    import numpy
    import PIL
    from PIL import Image, ImageEnhance, ImageOps
except ImportError as missing:
    sys.exit(f"augment_oracle: {missing}: apt-get install python3-pil python3-numpy")
if PIL.__version__ != "9.4.0":
    print(f"augment_oracle: Pillow {PIL.__version__}; the bytes are those of 9.4.0", file=sys.stderr)

FACTORS = (0.14, 0.23, 0.32, 0.41, 0.5, 0.59, 0.68, 0.77, 0.86)


def affine(image, *matrix):
    return image.transform(image.size, Image.AFFINE, matrix)


# name: (Pillow's call, argument at level l of an image w wide and h high, has a sign,
#        an arbitrary argument)
def any_factor(r, w, h):
    return r.choice([0.0, 1.0, r.random()])


OPERATIONS = {
    "AutoContrast": (lambda i, v: ImageOps.autocontrast(i), None, False, None),
    "Brightness": (lambda i, v: ImageEnhance.Brightness(i).enhance(v),
                   lambda l, w, h: FACTORS[l - 1], False, any_factor),
    "Color": (lambda i, v: ImageEnhance.Color(i).enhance(v),
              lambda l, w, h: FACTORS[l - 1], False, any_factor),
    "Contrast": (lambda i, v: ImageEnhance.Contrast(i).enhance(v),
                 lambda l, w, h: FACTORS[l - 1], False, any_factor),
    "Equalize": (lambda i, v: ImageOps.equalize(i), None, False, None),
    "Identity": (lambda i, v: i, None, False, None),
    "Posterize": (lambda i, v: ImageOps.posterize(i, int(v)),
                  lambda l, w, h: (4, 4, 5, 5, 6, 6, 6, 7, 7)[l - 1], False,
                  lambda r, w, h: int(r.integers(1, 9))),
    "Rotate": (lambda i, v: i.rotate(v), lambda l, w, h: 3 * l, True,
               lambda r, w, h: r.choice([r.uniform(-200, 200), 90.0 * r.integers(-4, 5)])),
    "Sharpness": (lambda i, v: ImageEnhance.Sharpness(i).enhance(v),
                  lambda l, w, h: FACTORS[l - 1], False, any_factor),
    "ShearX": (lambda i, v: affine(i, 1, v, 0, 0, 1, 0), lambda l, w, h: 0.03 * l, True,
               lambda r, w, h: r.uniform(-1, 1)),
    "ShearY": (lambda i, v: affine(i, 1, 0, 0, v, 1, 0), lambda l, w, h: 0.03 * l, True,
               lambda r, w, h: r.uniform(-1, 1)),
    "Solarize": (lambda i, v: ImageOps.solarize(i, int(v)),
                 lambda l, w, h: (231, 205, 180, 154, 128, 103, 77, 52, 26)[l - 1], False,
                 lambda r, w, h: int(r.integers(0, 257))),
    "TranslateX": (lambda i, v: affine(i, 1, 0, v, 0, 1, 0), lambda l, w, h: 3 * l * w // 100, True,
                   lambda r, w, h: int(r.integers(-w - 1, w + 2))),
    "TranslateY": (lambda i, v: affine(i, 1, 0, 0, 0, 1, v), lambda l, w, h: 3 * l * h // 100, True,
                   lambda r, w, h: int(r.integers(-h - 1, h + 2))),
}
NAMES = list(OPERATIONS)  # in the order of FIXMATCH 3.2's table


# --- images ---

def smooth(r, shape):
    y, x = numpy.mgrid[0:shape[0], 0:shape[1]]
    planes = [128 + 100 * numpy.sin(x * r.random() + y * r.random() + r.random() * 6)
              for _ in range(shape[2])]
    return numpy.stack(planes, 2)


KINDS = (
    lambda r, s: r.integers(0, 256, s),
    lambda r, s: (lambda low: r.integers(low, low + r.integers(1, 40), s))(r.integers(0, 216)),
    lambda r, s: numpy.broadcast_to(r.integers(0, 256, s[2]), s),
    smooth,
    lambda r, s: r.integers(0, 256, s) * (r.random(s) < 0.1),
    lambda r, s: numpy.clip(r.normal(r.integers(0, 256), 50, s), 0, 255),
)
SIZES = ((32, 32), (28, 28), (1, 1), (2, 2), (1, 9), (9, 1))


def make_image(r, number, mode):
    height, width = SIZES[number % 13] if number % 13 < len(SIZES) else r.integers(1, 41, 2)
    shape = (int(height), int(width), len(mode))
    pixels = KINDS[r.integers(len(KINDS))](r, shape).astype(numpy.uint8)
    return Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels, mode)


# --- views (FIXMATCH 3.1 to 3.4) ---

def weak(image, drawn, flip):
    width, height = image.size
    if flip and drawn[0] >> 31:
        image = ImageOps.mirror(image)
    pixels = numpy.asarray(image)
    padding = ((4, 4), (4, 4)) + ((0, 0),) * (pixels.ndim - 2)
    padded = Image.fromarray(numpy.pad(pixels, padding, mode="reflect"), image.mode)
    dy, dx = philox.below(drawn[1], 9), philox.below(drawn[2], 9)
    return padded.crop((dx, dy, dx + width, dy + height))


def operate(image, drawn):
    call, at_level, has_sign, _ = OPERATIONS[NAMES[philox.below(drawn[0], 14)]]
    if not drawn[1] >> 31:
        return image
    value = at_level(1 + philox.below(drawn[2], 9), *image.size) if at_level else 0
    return call(image, -value if has_sign and drawn[3] >> 31 else value)


def cutout(image, drawn):
    width, height = image.size
    half = min(height, width) // 4
    cy, cx = philox.below(drawn[0], height), philox.below(drawn[1], width)
    pixels = numpy.array(image)
    pixels[max(cy - half, 0):cy + half, max(cx - half, 0):cx + half] = 127
    return Image.fromarray(pixels, image.mode)


def view(image, task, key, flip):
    drawn = philox.words(13, *key)
    out = weak(image, drawn, flip)
    if task == STRONG:
        out = cutout(operate(operate(out, drawn[3:7]), drawn[7:11]), drawn[11:13])
    return out


# --- requests ---

OPERATION, WEAK, STRONG = range(3)


class Requests:
    """What the engine is asked, and Pillow's answers."""

    def __init__(self, path):
        self.file, self.expected = open(path, "wb"), []

    def add(self, what, image, right, task, operation=0, key=(0, "split", 0, 0), flip=0, value=0.0):
        seed, purpose, index, number = key
        width, height = image.size
        self.file.write(struct.pack("=10Id", task, operation, len(image.mode), height, width, seed,
                                    philox.PURPOSES.index(purpose), index, number, flip, value))
        self.file.write(image.tobytes())
        assert right.size == image.size and right.mode == image.mode
        self.expected.append((what, right.tobytes()))


def add_operations(requests, r, images):
    for operation, name in enumerate(NAMES):
        call, at_level, has_sign, anything = OPERATIONS[name]
        for mode in ("L", "RGB"):
            for number in range(images):
                image = make_image(r, number, mode)
                value = 0
                if at_level and number % 2:
                    value = at_level(int(r.integers(1, 10)), *image.size)
                    value = -value if has_sign and r.integers(2) else value
                elif at_level:
                    value = anything(r, *image.size)
                requests.add(f"{name} {value} {mode} {image.size}", image, call(image, value),
                             OPERATION, operation, value=float(value))


def add_views(requests, r, images):
    for task, purposes in ((WEAK, ("weak_labeled", "weak_pool", "curvature_weak_labeled")),
                           (STRONG, ("strong_pool", "curvature_strong_pool"))):
        for mode in ("L", "RGB"):
            for number in range(images):
                image = make_image(r, number, mode)
                key = (int(r.integers(2**32)), purposes[number % len(purposes)],
                       int(r.integers(60000)), int(r.integers(2**32)))
                flip = int(r.integers(2))
                requests.add(f"view {task} {mode} {image.size} {key} flip {flip}", image,
                             view(image, task, key, flip), task, key=key, flip=flip)


def compare(answers, expected):
    at, wrong = 0, 0
    for what, right in expected:
        got = answers[at:at + len(right)]
        at += len(right)
        if got != right:
            wrong += 1
            if wrong <= 20:
                print(f"{what}: {sum(a != b for a, b in zip(got, right))} of {len(right)} bytes differ")
    if at != len(answers):
        sys.exit(f"augment_oracle: {len(answers)} bytes of answers, {at} were expected")
    return wrong


def main():
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    images = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    r = numpy.random.default_rng(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "requests")
        requests = Requests(path)
        add_operations(requests, r, images)
        add_views(requests, r, images)
        requests.file.close()
        answers = program.output(sys.argv[1], path)
    wrong = compare(answers, requests.expected)
    print(f"{len(NAMES)} operations and 2 views, {images} images each in L and in RGB, Pillow "
          f"{PIL.__version__}: {wrong} of {len(requests.expected)} differ")
    sys.exit(1 if wrong or not requests.expected else 0)


if __name__ == "__main__":
    main()
