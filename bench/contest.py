"""Programs that take turns in one run, and what is made of their repetitions.

Each side is a process that answers bench/serve.h's lines. A turn is a few repetitions of one
quantity by one side; between turns all others wait on their stdin. A repetition with more
involuntary context switches than one a 50 ms is *disturbed* and dropped; the median of the others
counts. Where fewer than 4 are left, a side with one thread is judged by the median of its processor
time, which is what its quiet repetitions take; a side with more threads by the median of the
fastest third of all its repetitions, a rule that favours it. Each result says which rule it is by.

A ratio is the median over rounds of the ratio in each: a virtual machine's speed drifts by a tenth
from minute to minute, and within a round both sides feel the same of it. Where fewer than 4 rounds
are undisturbed on both sides, it is the ratio of the medians."""
import json
import os
import statistics
import subprocess
import time

DISTURBED_SECONDS = 0.05
ENOUGH = 4
SETTLE_SECONDS = 0.15  # thread pools of a peer spin this long after their last work


class Failure(Exception):
    """A side ended, or answered what can't be compared."""


def chosen(rows, only):
    """The rows of a contest's table that a user asked for, by their names."""
    found = [row for row in rows if not only or row[0] in only]
    if len(found) < len(set(only)):
        raise Failure(f"--only: there are {', '.join(row[0] for row in rows)}")
    return found


class Side:
    """One process of the contest."""

    def __init__(self, name, command, environment=None, threads=1):
        self.name, self.threads, self.turns = name, threads, {}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
                 **(environment or {})})

    def send(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{self.name} ended with exit code {self.process.wait()}")
        return line

    def ask(self, line):
        self.send(line)
        return self.receive()

    def note(self):
        return json.loads(self.ask("note"))

    def turn(self, quantity, repetitions):
        """A few repetitions: kept as (seconds, processor seconds, disturbed)."""
        numbers = self.ask(f"{quantity} {repetitions}").split()
        samples = []
        for i in range(0, len(numbers), 3):
            seconds, busy, switches = float(numbers[i]), float(numbers[i + 1]), int(numbers[i + 2])
            samples.append((seconds, busy, switches > seconds / DISTURBED_SECONDS))
        self.turns.setdefault(quantity, []).append(samples)
        if self.threads > 1:
            time.sleep(SETTLE_SECONDS)

    def samples(self, quantity):
        """Of all turns."""
        return [sample for turn in self.turns[quantity] for sample in turn]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Median:
    """Seconds of a quantity, with what they rest on."""

    def __init__(self, samples, threads):
        quiet = [seconds for seconds, _, is_disturbed in samples if not is_disturbed]
        every = sorted(seconds for seconds, _, _ in samples)
        self.all, self.kept = len(every), len(quiet)
        if self.kept >= ENOUGH:
            self.rule, chosen = "median of kept", quiet
        elif threads == 1:
            self.rule, chosen = "median of processor time", [busy for _, busy, _ in samples]
        else:
            self.rule, chosen = "median of the fastest third", every[:max(1, len(every) // 3)]
        self.seconds = statistics.median(chosen)

    def as_json(self):
        return {"milliseconds": round(1e3 * self.seconds, 4), "kept": self.kept, "of": self.all,
                "rule": self.rule}


def median(side, quantity):
    return Median(side.samples(quantity), side.threads)


def seconds_of(turns):
    """Of each turn: the median of its undisturbed repetitions, None where there is none."""
    quiet = [[seconds for seconds, _, is_disturbed in turn if not is_disturbed] for turn in turns]
    return [statistics.median(turn) if turn else None for turn in quiet]


def by_round(side, quantity):
    return seconds_of(side.turns[quantity])


def ratio(above, below, otherwise):
    """The median over rounds of above over below; otherwise, where too few rounds are undisturbed."""
    found = [a / b for a, b in zip(above, below) if a and b]
    return statistics.median(found) if len(found) >= ENOUGH else otherwise


def least_busy(side, quantity):
    """By processor time, the median of the fastest third: of sides with one thread each, on a crowded machine. What
    waits for a core takes no processor time, and what others do to the caches only adds to it."""
    assert side.threads == 1
    samples = side.samples(quantity)
    every = sorted(busy for _, busy, _ in samples)
    found = Median(samples, 1)
    found.rule = "fastest third of processor time"
    found.seconds = statistics.median(every[:max(1, len(every) // 3)])
    return found


def repetitions_for(side, quantity, seconds):
    """How many repetitions fill a turn: 1 to 20."""
    side.turn(quantity, 1)
    first = side.turns.pop(quantity)[0][0][1] / side.threads
    return max(1, min(20, round(seconds / first)))


def take_turns(parts, rounds, most_seconds):
    """Rounds of parts, each (sides, quantities, seconds a turn): in a round all sides of a part, one after
    the other, for each of its quantities. No new round after most_seconds, which a busy machine makes
    of few rounds."""
    counts, start = {}, time.monotonic()
    for done in range(rounds):
        if done > 0 and time.monotonic() - start > most_seconds:
            return
        for sides, quantities, turn_seconds in parts:
            for quantity in quantities:
                for side in sides:
                    key = (side, quantity)
                    if key not in counts:
                        counts[key] = repetitions_for(side, quantity, turn_seconds)
                    side.turn(quantity, counts[key])


def side_by_side(sides, quantity, milliseconds, windows):
    """Repetitions a second of all sides together, the best of a few windows."""
    best = 0.0
    for _ in range(windows):
        for side in sides:
            side.send(f"window {quantity} {milliseconds}")
        rate = 0.0
        for side in sides:
            repetitions, seconds = side.receive().split()
            rate += int(repetitions) / float(seconds)
        best = max(best, rate)
        time.sleep(SETTLE_SECONDS)
    return best
