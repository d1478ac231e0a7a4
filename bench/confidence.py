"""What `bench/run confidence` compares: training steps and updates of a confidence network beside plain
FixMatch, and an update beside PyTorch's, on cnn_small, interleaved. All have one thread, and are compared
by processor time."""
import os
import struct
import subprocess
import sys
import tempfile

import contest
import convolution
from contest import Failure, Side
from hypergradient import rounded

HERE = os.path.dirname(os.path.abspath(__file__))
FORMS = (("separate",), ("shared",), ("shared through_features",), ("weights_per_example",))
STEPS_PER_UPDATE = 100
IMAGES, TEST_IMAGES, SIDE, CLASSES = 4000, 100, 28, 10
NORMS = ("v_norm", "q_norm", "hypergradient_norm")


def write_set(root):
    """Random images: what a step costs does not depend on what they show."""
    folder = os.path.join(root, "noise")
    os.mkdir(folder)
    for part, count in (("train", IMAGES), ("t10k", TEST_IMAGES)):
        with open(os.path.join(folder, f"{part}-images-idx3-ubyte"), "wb") as file:
            file.write(struct.pack(">4I", 0x803, count, SIDE, SIDE) + os.urandom(count * SIDE * SIDE))
        with open(os.path.join(folder, f"{part}-labels-idx1-ubyte"), "wb") as file:
            file.write(struct.pack(">2I", 0x801, count) + bytes(i % CLASSES for i in range(count)))


def engine(build, form, root, batch, validation):
    return Side(f"imld, {form}", [os.path.join(build, "bench_confidence"), form, root, str(batch),
                                  str(validation), os.path.join(root, form.replace(" ", "_"))])


def peer_command(form, root, *words):
    return [sys.executable, "-B", os.path.join(HERE, "confidence_peer.py"), form,
            os.path.join(root, form.replace(" ", "_")), *words]


def check(own, note):
    """The same mathematics on both sides, and a BLAS that is worth comparing with. Rounding puts single
    pre-activations on the other side of a kink: 1e-2."""
    if not note["blas"]:
        raise Failure("PyTorch runs on a BLAS that is not OpenBLAS: no ratio would mean anything")
    for name in NORMS:
        if abs(note[name] - own[name]) > 1e-2 * abs(own[name]):
            raise Failure(f"{name}: imld {own[name]}, PyTorch {note[name]}")


def meet(plain, own, peer):
    """Turns of the three; one repetition before each turn does not count."""
    try:
        check(own.note(), peer.note())
        for side, quantity, repetitions in ((plain, "step", 8), (own, "step", 8), (own, "update", 2),
                                            (peer, "update", 2)):
            side.turn(quantity, repetitions)
        return contest.least_busy(peer, "update")
    finally:
        peer.close()


def measure_memory(form, root):
    """What an update makes a fresh PyTorch grow by."""
    answer = subprocess.run(peer_command(form, root, "--memory"), stdout=subprocess.PIPE, text=True, check=True,
                            env={**os.environ, **convolution.peer_environment((1, 1, None), False)})
    return int(answer.stdout)


def result(form, batch, plain, own, torch, torch_bytes):
    """torch: {setting: median} of its updates."""
    fixmatch, step, update = (contest.least_busy(side, quantity) for side, quantity in
                              ((plain, "step"), (own, "step"), (own, "update")))
    best = min(torch, key=lambda setting: torch[setting].seconds)
    added = own.note()["bytes"] - plain.note()["bytes"]
    return {
        "form": form, "net": "cnn_small", "batch": batch, "threads": 1,
        "steps_per_update": STEPS_PER_UPDATE,
        "update_share": rounded(update.seconds / (STEPS_PER_UPDATE * step.seconds)),
        "overhead": rounded((step.seconds + update.seconds / STEPS_PER_UPDATE) / fixmatch.seconds - 1),
        "step_overhead": rounded(step.seconds / fixmatch.seconds - 1),
        "update_in_steps": rounded(update.seconds / fixmatch.seconds),
        "bytes": added,
        "update_vs_torch": rounded(torch[best].seconds / update.seconds),
        "memory_vs_torch": rounded(added / torch_bytes), "torch_bytes": torch_bytes,
        "imld": {"fixmatch_step": fixmatch.as_json(), "step": step.as_json(), "update": update.as_json()},
        "torch": {"update": {**torch[best].as_json(), "setting": best}},
    }


def run(build, is_quick, only):
    """Yields one result a form."""
    forms = contest.chosen(FORMS, only)
    batch, validation = (8, 120) if is_quick else (32, 500)
    with tempfile.TemporaryDirectory() as root:
        write_set(root)
        plain = engine(build, "fixmatch", root, batch, validation)
        try:
            for form, in forms:
                own = engine(build, form, root, batch, validation)
                try:
                    own.note()  # its problem is written
                    torch = {}
                    for is_raised in (True,) if is_quick else (True, False):
                        peer = Side(f"PyTorch, {form}", peer_command(form, root),
                                    convolution.peer_environment((1, 1, None), is_raised))
                        torch["1/1 raised" if is_raised else "1/1"] = meet(plain, own, peer)
                    yield result(form, batch, plain, own, torch, measure_memory(form, root))
                finally:
                    own.close()
        finally:
            plain.close()


def print_table(found):
    own, torch = found["imld"], found["torch"]["update"]
    print(f"\n{found['form']}: {found['net']}, {found['batch']} labeled images, neumann(3), one update in "
          f"{found['steps_per_update']} steps, 1 thread")
    print(f"step {own['step']['milliseconds']:.1f} ms, of plain FixMatch "
          f"{own['fixmatch_step']['milliseconds']:.1f} ms; update {own['update']['milliseconds']:.0f} ms, PyTorch "
          f"{torch['milliseconds']:.0f} ms ({torch['setting']}): {found['update_vs_torch']:.2f} ×")
    print(f"update {100 * found['update_share']:.1f} % of the steps between two; overhead over FixMatch "
          f"{100 * found['overhead']:.1f} %, {100 * found['step_overhead']:.1f} % without updates; memory over "
          f"FixMatch {found['bytes'] / 1e6:.0f} MB, {found['memory_vs_torch']:.2f} of what PyTorch's update grows by")
