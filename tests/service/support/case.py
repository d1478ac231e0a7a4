"""case.py: a test case with a folder of its own, daemons that end with it, and their logs on failure."""
import os
import shutil
import sys
import tempfile
import unittest

from . import specs
from .daemon import Daemon
from .sets import make_set
from .tensors import differences

SKIPPED = 77  # what ctest takes for "skipped"


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="imld-")  # short: a socket's path has 107 bytes
        os.chmod(self.folder, 0o755)
        self.daemons = []
        self.addCleanup(self.clean)

    def data(self, **options):
        """A data root with one tiny set."""
        root = os.path.join(self.folder, "data")
        make_set(root, **options)
        return root

    def daemon(self, name="d", start=True, **options):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        daemon = Daemon(folder, **options)
        self.daemons.append(daemon)
        if start:
            daemon.start()
        return daemon

    def has_failed(self):
        result = self._outcome.result
        return any(getattr(test, "test_case", test) is self  # a subTest names its test
                   for test, _ in result.failures + result.errors)

    def clean(self):
        for daemon in self.daemons:
            if self.has_failed():
                sys.stderr.write(f"---- log of {daemon.folder}\n{daemon.log()[-20000:]}\n")
            daemon.discard()
        shutil.rmtree(self.folder, ignore_errors=True)

    def assert_same_outcome(self, a, b, what=""):
        """Same bits in all deterministic rows, the tensors of best and last, all artifacts."""
        self.assertEqual(sorted(a["rows"]), sorted(b["rows"]), what)
        for name, rows in a["rows"].items():
            other = b["rows"][name]
            self.assertEqual(sorted(rows), sorted(other), f"{what}: steps of {name}")
            wrong = [step for step in rows if rows[step] != other[step]]
            self.assertEqual(wrong, [], f"{what}: {name} differs at these steps")
        for name in a["tensors"]:
            self.assertEqual(differences(a["tensors"][name], b["tensors"][name]), [],
                             f"{what}: tensors of {name}")
        self.assertEqual(sorted(a["artifacts"]), sorted(b["artifacts"]), what)
        wrong = [key for key in a["artifacts"] if a["artifacts"][key] != b["artifacts"][key]]
        self.assertEqual(wrong, [], f"{what}: artifacts")
        self.assertEqual(a["result"], b["result"], what)
        self.assertEqual(a["split"], b["split"], what)

    def assert_one_outcome(self, daemon, spec):
        """The same outcome with 1, 2 and 4 threads, and across kill -9. The daemon runs on."""
        client = daemon.client()
        ids = {n: client.create(specs.merged(spec, {"resources": {"threads": n}})) for n in (1, 2, 4)}
        whole = client.outcome(ids[1])
        for threads in (2, 4):
            self.assert_same_outcome(whole, client.outcome(ids[threads]), f"{threads} threads")
        id = client.create(specs.merged(spec, {"resources": {"threads": 2},
                                               "checkpoint": {"every_seconds": 0}}))
        client.wait_checkpoint(id)
        daemon.kill()
        daemon.start()
        self.assert_same_outcome(whole, daemon.client().outcome(id), "killed")


def require_root(case):
    if os.geteuid() != 0:
        case.skipTest("needs root")


def main():
    """Runs the tests of the calling file. Exit 77 where not one could run; skips are printed."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    for case, reason in result.skipped:
        print(f"skipped: {case.id()}: {reason}", flush=True)
    if not result.wasSuccessful():
        sys.exit(1)
    if result.testsRun and len(result.skipped) == result.testsRun:
        sys.exit(SKIPPED)
    sys.exit(0)
