"""sets.py: tiny image sets in idx form that a small net can learn, the same bytes every time."""
import gzip
import os
import random
import struct

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def images_bytes(pixels, count, side):
    return struct.pack(">IIII", 0x803, count, side, side) + pixels


def labels_bytes(labels):
    return struct.pack(">II", 0x801, len(labels)) + bytes(labels)


def draw(rng, templates, count, noise):
    """Balanced images: the template of a class, each pixel moved by noise."""
    labels, pixels = [], bytearray()
    for i in range(count):
        label = i % len(templates)
        labels.append(label)
        moves = rng.choices(range(-noise, noise + 1), k=len(templates[label]))
        pixels += bytes(
            min(255, max(0, base + move)) for base, move in zip(templates[label], moves)
        )
    return labels, bytes(pixels)


def write(path, data, zipped):
    if zipped:
        path += ".gz"
        data = gzip.compress(data, 6, mtime=0)
    with open(path, "wb") as file:
        file.write(data)
    return path


def make_set(root, name="shapes", train=1200, test=300, classes=10, side=12, noise=160, seed=7,
             zipped=True, few=None):
    """Writes root/name and returns the folder. few: of class 0 so many of the training images, all others are of the
    rest."""
    folder = os.path.join(root, name)
    os.makedirs(folder)
    rng = random.Random(seed)
    templates = [rng.choices(range(256), k=side * side) for _ in range(classes)]
    for count, image_file, label_file in (
        (train, TRAIN_IMAGES, TRAIN_LABELS),
        (test, TEST_IMAGES, TEST_LABELS),
    ):
        labels, pixels = draw(rng, templates, count, noise)
        if few is not None and label_file == TRAIN_LABELS:
            labels = [0 if i < few else max(label, 1) for i, label in enumerate(labels)]
        write(os.path.join(folder, image_file), images_bytes(pixels, count, side), zipped)
        write(os.path.join(folder, label_file), labels_bytes(labels), zipped)
    return folder
