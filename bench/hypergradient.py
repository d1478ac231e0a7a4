"""What `bench/run hypergradient` compares: imld's engine, the same GEMMs alone, and PyTorch."""
import json
import math
import os
import subprocess
import sys
import tempfile

import contest
from contest import Failure, Side

HERE = os.path.dirname(os.path.abspath(__file__))
NETS = (("784-128-128-10", 500), ("784-500-500-10", 128), ("3072-1000-1000-10", 500))
QUANTITIES = ("gradient", "linearize", "product", "neumann3", "cg3", "meta_update")
JOBS = (1, 2, 4)

# PyTorch has two pools of threads: its own (OpenMP) and its BLAS's. Which pair is best differs by
# net, and 2/2 is often slower than 1/1: idle threads of one pool spin on the cores of the other.
SETTINGS = {  # torch threads, BLAS threads, wait policy
    1: {"1/1": (1, 1, None)},
    2: {"1/1": (1, 1, None), "2/2": (2, 2, None), "1/2": (1, 2, None),
        "2/2 passive": (2, 2, "passive")},
}
LIBRARIES = ("openblas", "onednn", "engine")

# How often each GEMM of a layer is in a quantity: forward, data, weights; and the same for layer 0,
# whose input has neither adjoint nor tangent.
GEMM_COUNTS = {
    "gradient": ({"forward": 1, "data": 1, "weights": 1}, {"forward": 1, "weights": 1}),
    "linearize": ({"forward": 1, "data": 1}, {"forward": 1}),
    "product": ({"forward": 2, "data": 2, "weights": 2}, {"forward": 1, "weights": 1}),
}
PARTS = {  # of which the other quantities consist
    "gradient": {"gradient": 1}, "linearize": {"linearize": 1}, "product": {"product": 1},
    "neumann3": {"linearize": 1, "product": 3}, "cg3": {"linearize": 1, "product": 3},
    "meta_update": {"gradient": 2, "product": 3},
}


class Effort:
    """How long a run may take."""

    def __init__(self, is_quick):
        self.rounds = 2 if is_quick else 10
        self.turn_seconds = 0.05 if is_quick else 0.25
        self.most_seconds = 25 if is_quick else 200
        self.window_milliseconds = 500 if is_quick else 1500
        self.windows = 1 if is_quick else 2


def engine(build, net, batch, threads, problem):
    return Side(f"imld, {threads} threads",
                [os.path.join(build, "bench_engine"), net, str(batch), str(threads), problem],
                threads=threads)


def peer_environment(blas_threads, policy):
    environment = {"OPENBLAS_NUM_THREADS": str(blas_threads), "OMP_NUM_THREADS": "1"}
    if policy:
        environment["OMP_WAIT_POLICY"] = policy
    return environment


def peer(net, batch, setting, problem):
    torch_threads, blas_threads, policy = setting
    return Side(f"PyTorch {torch_threads}/{blas_threads} {policy or ''}",
                [sys.executable, os.path.join(HERE, "peer.py"), net, str(batch),
                 str(torch_threads), problem],
                peer_environment(blas_threads, policy), threads=max(torch_threads, blas_threads))


def gemms(build, net, batch, library, threads):
    pools = {"openblas": "OPENBLAS_NUM_THREADS", "onednn": "OMP_NUM_THREADS"}
    environment = {pools[library]: str(threads)} if library in pools else {}
    return Side(f"{library}, {threads} threads",
                [os.path.join(build, "bench_gemms"), net, str(batch), library], environment,
                threads=threads)


def check_peer(side, own_note):
    """The same mathematics on both sides, and a BLAS that is worth comparing with."""
    note = side.note()
    if not note["blas"]:
        raise Failure("PyTorch runs on a BLAS that is not OpenBLAS: no ratio would mean anything. "
                      "Install libopenblas0-pthread, or choose it by "
                      "update-alternatives --config libblas.so.3-x86_64-linux-gnu")
    for name in ("gradient_norm", "q_norm"):
        if abs(note[name] - own_note[name]) > 1e-3 * abs(own_note[name]):
            raise Failure(f"{name}: imld {own_note[name]}, {side.name} {note[name]}")
    return note


def summed(layers, seconds_of):
    """{quantity: the sum over its GEMMs}, of seconds_of(GEMM)."""
    sums = {}
    for name, (later, first) in GEMM_COUNTS.items():
        sums[name] = sum(count * seconds_of(f"{gemm}{layer}") for layer in range(layers)
                         for gemm, count in (later if layer else first).items())
    return {name: sum(count * sums[part] for part, count in parts.items())
            for name, parts in PARTS.items()}


class Floor:
    """A quantity's GEMMs alone, each by the library whose median is the least."""

    def __init__(self, sides, layers):
        def best(gemm):
            return min((contest.median(side, gemm).seconds, i) for i, side in enumerate(sides))

        def in_round(number):
            def seconds_of(gemm):
                found = contest.by_round(sides[best(gemm)[1]], gemm)[number]
                return math.nan if found is None else found
            return seconds_of

        rounds = min(len(turns) for side in sides for turns in side.turns.values())
        self.seconds = summed(layers, lambda gemm: best(gemm)[0])
        every = [summed(layers, in_round(number)) for number in range(rounds)]
        self.rounds = {name: [None if math.isnan(sums[name]) else sums[name] for sums in every]
                       for name in PARTS}


def measure_memory(net, batch, problem):
    """What neumann(3) makes a fresh PyTorch grow by, with one thread."""
    answer = subprocess.run(
        [sys.executable, os.path.join(HERE, "peer.py"), net, str(batch), "1", problem, "--memory"],
        stdout=subprocess.PIPE, text=True, check=True,
        env={**os.environ, **peer_environment(1, None)})
    return json.loads(answer.stdout)


def measure_jobs(start, count, effort):
    """neumann(3) a second of 1, 2 and 4 processes together."""
    sides, rates = [], {}
    try:
        while len(sides) < count:
            sides.append(start())
        for side in sides:
            side.note()  # it has started
        for jobs in JOBS:
            rates[str(jobs)] = contest.side_by_side(sides[:jobs], "neumann3",
                                                    effort.window_milliseconds, effort.windows)
    finally:
        for side in sides:
            side.close()
    return rates


class Contest:
    """All sides of one net."""

    def __init__(self, build, net, batch, problem):
        self.build, self.net, self.batch, self.problem = build, net, batch, problem
        self.engines = {1: engine(build, net, batch, 1, problem)}
        self.notes = {1: self.engines[1].note()}  # the problem is written now
        self.engines[2] = engine(build, net, batch, 2, problem + ".2")
        self.notes[2] = self.engines[2].note()
        self.peers = {name: peer(net, batch, setting, problem)
                      for name, setting in SETTINGS[2].items()}
        self.floors = {threads: [gemms(build, net, batch, library, threads)
                                 for library in LIBRARIES[:3 if threads == 1 else 2]]
                       for threads in (1, 2)}
        self.blas = [check_peer(side, self.notes[1])["blas"] for side in self.peers.values()][0]
        self.layers = net.count("-")

    def sides(self):
        return (list(self.engines.values()) + list(self.peers.values()) +
                [side for sides in self.floors.values() for side in sides])

    def run(self, effort):
        both = list(self.engines.values()) + list(self.peers.values())
        parts = [(both, QUANTITIES, effort.turn_seconds)]
        for sides in self.floors.values():
            parts.append((sides, sides[0].ask("names").split(), effort.turn_seconds / 4))
        contest.take_turns(parts, effort.rounds, effort.most_seconds)

    def best_peer(self, quantity, threads):
        """(setting, median) of the fastest setting of up to that many threads."""
        found = [(name, contest.median(self.peers[name], quantity)) for name in SETTINGS[threads]]
        return min(found, key=lambda pair: pair[1].seconds)

    def close(self):
        for side in self.sides():
            side.close()

    def result(self, threads, memory, effort):
        engine_side = self.engines[threads]
        own = {name: contest.median(engine_side, name) for name in QUANTITIES}
        rounds = {name: contest.by_round(engine_side, name) for name in QUANTITIES}
        one = contest.median(self.engines[1], "neumann3")
        floor = Floor(self.floors[threads], self.layers)
        peers = {name: self.best_peer(name, threads) for name in QUANTITIES}
        versus = {name: contest.ratio(contest.by_round(self.peers[peers[name][0]], name), rounds[name],
                                      peers[name][1].seconds / own[name].seconds)
                  for name in QUANTITIES}
        over = {name: contest.ratio(rounds[name], floor.rounds[name],
                                    own[name].seconds / floor.seconds[name]) for name in QUANTITIES}
        jobs = {"imld": measure_jobs(lambda: engine(self.build, self.net, self.batch, threads,
                                                    self.problem + ".2"), max(JOBS), effort),
                "torch": measure_jobs(lambda: peer(self.net, self.batch,
                                                   SETTINGS[threads][peers["neumann3"][0]],
                                                   self.problem), max(JOBS), effort)}

        def in_gradients(name):
            return contest.ratio(rounds[name], rounds["gradient"],
                                 own[name].seconds / own["gradient"].seconds)

        working = self.notes[threads]["working_bytes"]
        ratios = {
            "gradient_vs_torch": versus["gradient"],
            "linearize_vs_torch": versus["linearize"],
            "product_vs_torch": versus["product"],
            "gradient_vs_gemms": over["gradient"],
            "linearize_vs_gemms": over["linearize"],
            "product_vs_gemms": over["product"],
            "product_in_gradients": in_gradients("product"),
            "neumann3_vs_gemms": over["neumann3"],
            "neumann3_in_gradients": in_gradients("neumann3"),
            "neumann3_vs_torch": versus["neumann3"],
            "cg3_vs_gemms": over["cg3"],
            "cg3_vs_torch": versus["cg3"],
            "meta_update_vs_gemms": over["meta_update"],
            "meta_update_vs_torch": versus["meta_update"],
            "memory_vs_torch": working / memory["first_bytes"],
            "speedup_over_one_thread": contest.ratio(contest.by_round(self.engines[1], "neumann3"),
                                                     rounds["neumann3"],
                                                     one.seconds / own["neumann3"].seconds),
            "jobs_side_by_side": {n: jobs["imld"][n] / jobs["torch"][n] for n in jobs["imld"]},
        }
        return {
            "net": self.net, "batch": self.batch, "threads": threads,
            **{name: rounded(value) for name, value in ratios.items()},
            "jobs_per_second": rounded(jobs),
            "imld": {name: own[name].as_json() for name in QUANTITIES},
            "torch": {name: {**peers[name][1].as_json(), "setting": peers[name][0]}
                      for name in QUANTITIES},
            "gemms_milliseconds": {name: rounded(1e3 * floor.seconds[name]) for name in QUANTITIES},
            "memory_bytes": {"imld_planned": working,
                             "imld_grown": self.notes[threads]["grown_bytes"],
                             "torch_grown": memory["first_bytes"],
                             "torch_grown_second_call": memory["second_bytes"]},
        }


def rounded(value):
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return float(f"{value:.4g}")


def run(build, is_quick, only):
    """Yields one result a (net, threads)."""
    effort = Effort(is_quick)
    for net, batch in contest.chosen(NETS, only):
        with tempfile.TemporaryDirectory() as folder:
            problem = os.path.join(folder, "problem")
            sides = Contest(build, net, batch, problem)
            try:
                memory = measure_memory(net, batch, problem)
                sides.run(effort)
                for threads in (1, 2):
                    yield {**sides.result(threads, memory, effort), "blas": sides.blas}
            finally:
                sides.close()
