"""Pillow's side of `bench/run augmentation`: the same strong views, the plain way of a Python program.

pillow_peer.py CHANNELS HEIGHT WIDTH answers "NAME REPETITIONS" on stdin as bench/serve.h says, for
weak and strong; a repetition is 500 images from bytes to bytes. Draws come from numpy in one go:
what is timed is Pillow's work and the conversion in and out."""
import resource
import sys
import time

import numpy
from PIL import Image, ImageEnhance, ImageOps

IMAGES = 500
FACTORS = (0.14, 0.23, 0.32, 0.41, 0.5, 0.59, 0.68, 0.77, 0.86)


def affine(image, *matrix):
    return image.transform(image.size, Image.AFFINE, matrix)


OPERATIONS = (  # image, level, sign
    lambda i, l, s: ImageOps.autocontrast(i),
    lambda i, l, s: ImageEnhance.Brightness(i).enhance(FACTORS[l - 1]),
    lambda i, l, s: ImageEnhance.Color(i).enhance(FACTORS[l - 1]),
    lambda i, l, s: ImageEnhance.Contrast(i).enhance(FACTORS[l - 1]),
    lambda i, l, s: ImageOps.equalize(i),
    lambda i, l, s: i,
    lambda i, l, s: ImageOps.posterize(i, 4 + 4 * l // 10),
    lambda i, l, s: i.rotate(s * 3 * l),
    lambda i, l, s: ImageEnhance.Sharpness(i).enhance(FACTORS[l - 1]),
    lambda i, l, s: affine(i, 1, s * 0.03 * l, 0, 0, 1, 0),
    lambda i, l, s: affine(i, 1, 0, 0, s * 0.03 * l, 1, 0),
    lambda i, l, s: ImageOps.solarize(i, 256 - 256 * l // 10),
    lambda i, l, s: affine(i, 1, 0, s * (3 * l * i.size[0] // 100), 0, 1, 0),
    lambda i, l, s: affine(i, 1, 0, 0, 0, 1, s * (3 * l * i.size[1] // 100)),
)


class Views:
    """Images in memory and the views made of them."""

    def __init__(self, channels, height, width):
        self.random = numpy.random.default_rng(1)
        self.size, self.mode = (width, height), "L" if channels == 1 else "RGB"
        shape = (IMAGES, height, width) + ((3,) if channels == 3 else ())
        self.images = self.random.integers(0, 256, shape, dtype=numpy.uint8)
        # where padded rows and columns come from: numpy.pad an image makes weak views 2.5 × as dear
        self.rows = numpy.pad(numpy.arange(height), 4, mode="reflect")
        self.columns = numpy.pad(numpy.arange(width), 4, mode="reflect")

    def weak_image(self, pixels, flip, dy, dx):
        width, height = self.size
        columns = self.columns[dx:dx + width]
        if flip:
            columns = width - 1 - columns
        return Image.fromarray(pixels[self.rows[dy:dy + height, None], columns], self.mode)

    def strong_image(self, image, drawn):
        width, height = self.size
        for operation, apply, level, sign in (drawn[3:7], drawn[7:11]):
            if apply % 2:
                image = OPERATIONS[operation % 14](image, 1 + level % 9, 1 if sign % 2 else -1)
        half, cy, cx = min(height, width) // 4, drawn[11] % height, drawn[12] % width
        box = (max(cx - half, 0), max(cy - half, 0), min(cx + half, width), min(cy + half, height))
        image.paste(127 if self.mode == "L" else (127, 127, 127), box)
        return image

    def run(self, is_strong):
        drawn = self.random.integers(0, 2**31, (IMAGES, 13)).tolist()
        for pixels, words in zip(self.images, drawn):
            image = self.weak_image(pixels, words[0] % 2, words[1] % 9, words[2] % 9)
            if is_strong:
                image = self.strong_image(image, words)
            numpy.asarray(image)


def switches():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def repeat(run, repetitions):
    answer = []
    run()
    for _ in range(repetitions):
        before, start, busy = switches(), time.perf_counter(), time.process_time()
        run()
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        answer.append(f"{seconds:.9f} {busy:.9f} {switches() - before}")
    return " ".join(answer)


def main():
    views = Views(*(int(word) for word in sys.argv[1:4]))
    for line in sys.stdin:
        name, repetitions = line.split()
        print(repeat(lambda: views.run(name == "strong"), int(repetitions)), flush=True)


if __name__ == "__main__":
    main()
