"""What `bench/run augmentation` compares: imld's views and Pillow's, one core each."""
import os

import contest
from contest import Side

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = (("3-32-32", (3, 32, 32)), ("1-28-28", (1, 28, 28)))  # name, channels, height, width
QUANTITIES = ("weak", "strong")
IMAGES = 500  # of one repetition, on both sides


def measure(build, shape, is_quick):
    """One result: images a second of each side, and imld's over Pillow's."""
    words = [str(number) for number in shape]
    sides = [Side("imld", [os.path.join(build, "bench_augment"), *words]),
             Side("Pillow", ["/usr/bin/python3", "-B", os.path.join(HERE, "pillow_peer.py"), *words])]
    try:
        contest.take_turns([(sides, QUANTITIES, 0.1 if is_quick else 0.4)], 2 if is_quick else 6, 60)
        medians = {side.name: {name: contest.median(side, name) for name in QUANTITIES}
                   for side in sides}
    finally:
        for side in sides:
            side.close()
    rates = {side: {name: IMAGES / medians[side][name].seconds for name in QUANTITIES}
             for side in medians}
    return {
        "channels": shape[0], "height": shape[1], "width": shape[2],
        "augmented_images_per_second": round(rates["imld"]["strong"]),
        "augmentation_vs_pillow": round(rates["imld"]["strong"] / rates["Pillow"]["strong"], 2),
        "weak_images_per_second": round(rates["imld"]["weak"]),
        "weak_vs_pillow": round(rates["imld"]["weak"] / rates["Pillow"]["weak"], 2),
        "imld": {name: medians["imld"][name].as_json() for name in QUANTITIES},
        "pillow": {name: medians["Pillow"][name].as_json() for name in QUANTITIES},
    }


def run(build, is_quick, only):
    """Yields one result a shape."""
    for _, shape in contest.chosen(SHAPES, only):
        yield measure(build, shape, is_quick)


def print_table(result):
    print(f"{result['channels']} × {result['height']} × {result['width']}, one core: "
          f"{result['augmented_images_per_second']} strong views a second, "
          f"{result['augmentation_vs_pillow']} × Pillow's; {result['weak_images_per_second']} weak "
          f"views, {result['weak_vs_pillow']} ×")
