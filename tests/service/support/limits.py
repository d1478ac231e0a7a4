"""limits.py: how long a test may wait for an event: seconds times the build's factor (sanitizers)."""
import os
import time

SANITIZER = os.environ.get("IMLD_SANITIZER", "")  # "", "address", "thread": set by CMake
DEFAULT_FACTORS = {"": 1, "address": 4, "thread": 8}
FACTOR = float(os.environ.get("IMLD_TEST_SLOW") or DEFAULT_FACTORS[SANITIZER])


def limit(seconds):
    return seconds * FACTOR


class Deadline:
    """Ends a wait that would never end. Tests wait for events; this only bounds the wait."""

    def __init__(self, seconds, what):
        self.seconds = limit(seconds)
        self.what = what
        self.end = time.monotonic() + self.seconds

    def check(self, last=""):
        if time.monotonic() > self.end:
            raise AssertionError(f"not within {self.seconds:g} s: {self.what}; last seen: {last}")

    def pause(self, last=""):
        """Between two looks at a state that has no event to wait for."""
        self.check(last)
        time.sleep(0.02)
