"""What `bench/run convolution` compares: imld's engine on nets of images, the same convolutions alone,
and PyTorch. A peer takes much memory and its idle threads spin, so one of them lives at a time and
takes turns with imld's processes."""
import json
import os
import subprocess
import sys
import tempfile

import augmentation
import contest
from contest import Failure, Side
from hypergradient import rounded

HERE = os.path.dirname(os.path.abspath(__file__))
NETS = (("cnn_small", 64, 32), ("wrn-28-2", 64, 64))  # name, batch, labeled images of a FixMatch step
ROWS_A_LABEL = 15  # μ = 7
QUANTITIES = ("gradient", "product", "neumann3")
OWN = {"gradient": QUANTITIES + ("convolutions",), "fixmatch": ("fixmatch_step",)}
PEERS = {"gradient": QUANTITIES, "fixmatch": ("fixmatch_step",)}
ROUNDS = 4  # of those peers that were the fastest at something in a first meeting of one round
VIEWS = {"cnn_small": (1, 28, 28), "wrn-28-2": (3, 32, 32)}

# Threads of PyTorch's own pool and of its BLAS, wait policy; each as it comes and with malloc's
# thresholds raised, so that freed tensors are used again and not given back and faulted in anew.
SETTINGS = {"1/1": (1, 1, None), "2/2": (2, 2, None), "2/1": (2, 1, None),
            "2/2 passive": (2, 2, "passive")}
RAISED = {"MALLOC_MMAP_THRESHOLD_": str(4 << 30), "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
          "MALLOC_TOP_PAD_": str(64 << 20)}


def peers_of(is_quick):
    """(name, threads, setting, is raised) of each peer."""
    names = ("1/1", "2/1") if is_quick else tuple(SETTINGS)
    return [(f"{name}{' raised' if is_raised else ''}", max(SETTINGS[name][:2]), SETTINGS[name],
             is_raised) for name in names for is_raised in ((True,) if is_quick else (False, True))]


def peer_environment(setting, is_raised):
    environment = {"OPENBLAS_NUM_THREADS": str(setting[1]), "OMP_NUM_THREADS": "1"}
    if setting[2]:
        environment["OMP_WAIT_POLICY"] = setting[2]
    return {**environment, **(RAISED if is_raised else {})}


def peer_command(net, rows, threads, problem, *words):
    return [sys.executable, "-B", os.path.join(HERE, "images_peer.py"), net, str(rows), str(threads),
            problem, *words]


def ask_peer(net, rows, problem, *words):
    """The answer of a fresh PyTorch with one thread, as it comes."""
    answer = subprocess.run(peer_command(net, rows, 1, problem, *words), stdout=subprocess.PIPE,
                            text=True, check=True,
                            env={**os.environ, **peer_environment((1, 1, None), False)})
    return json.loads(answer.stdout)


class Stage:
    """One kind of quantities of one net: imld with 1 and 2 threads beside each peer. A first meeting with
    each finds the fastest; those meet again, and only these turns count: the best of many noisy ratios
    would be a chance find."""

    def __init__(self, build, net, rows, batch, mode, folder, is_quick):
        self.mode, self.meetings = mode, {}
        problem = os.path.join(folder, mode)
        self.engines = {threads: Side(f"imld, {threads} threads",
                                      [os.path.join(build, "bench_images"), net, str(batch),
                                       str(threads), f"{problem}.{threads}", mode], threads=threads)
                        for threads in (1, 2)}
        try:
            self.notes = {threads: side.note() for threads, side in self.engines.items()}
            peers = {name: (f"PyTorch {name}", peer_command(net, rows, setting[0], f"{problem}.1"),
                            peer_environment(setting, is_raised), threads)
                     for name, threads, setting, is_raised in peers_of(is_quick)}
            for name, words in peers.items():
                self.meet(name, Side(*words), 1)
            if not is_quick:
                finalists = self.fastest()
                self.meetings = {}
                for name in finalists:
                    self.meet(name, Side(*peers[name]), ROUNDS)
        finally:
            for side in self.engines.values():
                side.close()

    def meet(self, name, peer, rounds):
        """Turns of imld's processes and one peer."""
        try:
            if self.mode == "gradient":
                self.check(peer.note(), peer.name)
            for _ in range(rounds):
                for quantity in OWN[self.mode]:
                    repetitions = 1 if quantity in ("neumann3", "fixmatch_step") else 2
                    for side in (*self.engines.values(), peer):
                        if side is not peer or quantity in PEERS[self.mode]:
                            side.turn(quantity, repetitions)
            own = {threads: {quantity: side.turns.pop(quantity) for quantity in OWN[self.mode]}
                   for threads, side in self.engines.items()}
            self.meetings[name] = (peer, own)
        finally:
            peer.close()

    def check(self, note, name):
        """The same mathematics on both sides, and a BLAS that is worth comparing with. Rounding puts
        single pre-activations on the other side of a kink: 1e-2."""
        if not note["blas"]:
            raise Failure("PyTorch runs on a BLAS that is not OpenBLAS: no ratio would mean anything")
        for key in ("gradient_norm", "q_norm"):
            own = self.notes[1][key]
            if abs(note[key] - own) > 1e-2 * abs(own):
                raise Failure(f"{key}: imld {own}, {name} {note[key]}")

    def own(self, threads, quantity, rule=None):
        """Of all meetings, by the rule for that many threads; None: for its own."""
        return contest.Median([sample for _, own in self.meetings.values()
                               for turn in own[threads][quantity] for sample in turn], rule or threads)

    def best_peer(self, threads, quantity):
        """(ratio, setting, median) of the peer of up to that many threads that is fastest beside imld's
        turns of its own meeting: the machine's speed drifts from one meeting to the next. By the rule for
        that many threads, since processor time on one side and waiting on the other would be no ratio."""
        found = []
        for name, (peer, own) in self.meetings.items():
            if peer.threads <= threads:
                theirs = contest.Median(peer.samples(quantity), threads)
                ours = contest.Median([sample for turn in own[threads][quantity] for sample in turn],
                                      threads)
                ratio = contest.ratio(contest.by_round(peer, quantity),
                                      contest.seconds_of(own[threads][quantity]),
                                      theirs.seconds / ours.seconds)
                found.append((ratio, name, theirs))
        return min(found, key=lambda row: row[0])

    def fastest(self):
        """The names of the peers that are the best at something."""
        return sorted({self.best_peer(threads, quantity)[1]
                       for threads in (1, 2) for quantity in PEERS[self.mode]})

    def versus(self, threads, quantity):
        return self.best_peer(threads, quantity)[0]

    def paired(self, above, below):
        """Of imld's own turns, each (threads, quantity): the median over rounds of above over below."""
        def by_round(threads, quantity):
            return [seconds for _, own in self.meetings.values()
                    for seconds in contest.seconds_of(own[threads][quantity])]
        rule = max(above[0], below[0])
        return contest.ratio(by_round(*above), by_round(*below),
                             self.own(*above, rule).seconds / self.own(*below, rule).seconds)

    def speedup(self, quantity):
        return self.paired((1, quantity), (2, quantity))


def measure_errors(build, net, batch, folder):
    problem = os.path.join(folder, "errors")
    subprocess.run([os.path.join(build, "bench_images"), net, str(batch), "1", problem, "errors"],
                   check=True)
    return ask_peer(net, batch, problem, "--errors")


def result(net, batch, threads, stages, found):
    gradient, fixmatch = stages["gradient"], stages["fixmatch"]
    note, memory = gradient.notes[threads], found["memory"]
    ratios = {
        "gradient_vs_torch": gradient.versus(threads, "gradient"),
        "product_vs_torch": gradient.versus(threads, "product"),
        "neumann3_vs_torch": gradient.versus(threads, "neumann3"),
        "fixmatch_step_vs_torch": fixmatch.versus(threads, "fixmatch_step"),
        "product_in_gradients": gradient.paired((threads, "product"), (threads, "gradient")),
        "neumann3_in_gradients": gradient.paired((threads, "neumann3"), (threads, "gradient")),
        "gradient_vs_convolutions": gradient.paired((threads, "gradient"), (threads, "convolutions")),
        "speedup_over_one_thread": gradient.speedup("gradient") if threads > 1 else 1.0,
        "neumann3_speedup": gradient.speedup("neumann3") if threads > 1 else 1.0,
        "memory_vs_torch": note["working_bytes"] / memory["neumann3"],
        "gradient_memory_vs_torch": note["gradient_bytes"] / memory["gradient"],
        "winograd_error": found["errors"]["auto"], "direct_error": found["errors"]["direct"],
        "torch_error": found["errors"]["torch"],
    }
    every = [(stage, quantity) for stage in (gradient, fixmatch) for quantity in OWN[stage.mode]]
    return {
        "net": net, "batch": batch, "threads": threads,
        **{name: rounded(value) for name, value in ratios.items()},
        "planned_bytes": note["working_bytes"],
        **{name: found["views"][name]
           for name in ("augmented_images_per_second", "augmentation_vs_pillow")},
        "imld": {quantity: stage.own(threads, quantity).as_json() for stage, quantity in every},
        "torch": {quantity: {**best[2].as_json(), "setting": best[1]}
                  for stage, quantity in every if quantity in PEERS[stage.mode]
                  for best in (stage.best_peer(threads, quantity),)},
        "memory_bytes": {"planned": note["working_bytes"],
                         "planned_gradient": note["gradient_bytes"],
                         "fixmatch_planned": fixmatch.notes[threads]["working_bytes"],
                         "torch_grown": memory["neumann3"],
                         "torch_grown_gradient": memory["gradient"]},
    }


def run(build, is_quick, only):
    """Yields one result a (net, threads)."""
    for net, batch, labeled in contest.chosen(NETS, only):
        with tempfile.TemporaryDirectory() as folder:
            stages = {"gradient": Stage(build, net, batch, batch, "gradient", folder, is_quick)}
            stages["fixmatch"] = Stage(build, net, labeled * ROWS_A_LABEL, labeled, "fixmatch",
                                       folder, is_quick)
            problem = os.path.join(folder, "gradient.1")
            found = {"errors": measure_errors(build, net, batch, folder),
                     "memory": {quantity: ask_peer(net, batch, problem, "--memory", quantity)
                                for quantity in ("gradient", "neumann3")},
                     "views": augmentation.measure(build, VIEWS[net], is_quick)}
            for threads in (1, 2):
                yield result(net, batch, threads, stages, found)


def print_table(found):
    print(f"\n{found['net']}, batch {found['batch']}, {found['threads']} thread(s)")
    for name, own in found["imld"].items():
        line = f"{name:<15}{own['milliseconds']:>10.1f} ms"
        if name in found["torch"]:
            torch = found["torch"][name]
            line += (f"   PyTorch {torch['milliseconds']:>10.1f} ms ({torch['setting']})   "
                     f"{found[name + '_vs_torch']:.2f} ×")
        print(line)
    print(f"product in gradients {found['product_in_gradients']:.2f}, neumann(3) in gradients "
          f"{found['neumann3_in_gradients']:.2f}, gradient over its convolutions "
          f"{found['gradient_vs_convolutions']:.2f}, speed-up over one thread "
          f"{found['speedup_over_one_thread']:.2f} (neumann(3) {found['neumann3_speedup']:.2f})")
    print(f"memory of neumann(3) {found['planned_bytes'] / 1e6:.0f} MB, {found['memory_vs_torch']:.2f} "
          f"of PyTorch's; of a gradient {found['gradient_memory_vs_torch']:.2f}; error of a gradient "
          f"{found['winograd_error']:.1e}, direct {found['direct_error']:.1e}, PyTorch "
          f"{found['torch_error']:.1e}; {found['augmented_images_per_second']} strong views a second, "
          f"{found['augmentation_vs_pillow']} × Pillow's")
