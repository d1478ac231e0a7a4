"""torture.py: kill -9 at random moments and at named fault points, again and again; then every job must
have ended with the bits of an undisturbed run, and nothing that was shown may be gone (DESIGN §6).

    torture.py [--daemon imld-torture] [--kills N | --full] [--seed S]
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "service")]

from harness import Case, Daemon, Deadline, integrity, sets, specs  # noqa: E402
from recorder import Recorder  # noqa: E402
from submitter import Submitter  # noqa: E402
from support import events  # noqa: E402

POINTS = ("checkpoint-write", "checkpoint-before-rename", "checkpoint-before-transaction",
          "commit-middle")
COMMON = {"checkpoint": {"every_seconds": 0.1},
          "data": {"set": "shapes", "train": 800, "validation": 200, "test": 200}}
KINDS = {
    "neumann": specs.merged(specs.iml(
        model={"hidden": [48, 48]}, inner={"steps_per_update": 8},
        meta={"updates": 300, "validation_batch": 200, "curvature": {"batch": 200}},
        evaluation={"every_updates": 10}), COMMON),
    "cg": specs.merged(specs.iml(
        model={"hidden": [32], "activation": "tanh"},
        meta={"updates": 200, "validation_batch": 200, "knowledge": {"kind": "l2_per_layer"},
              "optimizer": {"kind": "adam"}, "curvature": {"batch": 200}}), COMMON),
    "supervised": specs.merged(specs.supervised(
        model={"hidden": [96, 96]}, inner={"steps": 6000, "optimizer": {
            "kind": "sgd", "learning_rate": 0.01, "momentum": 0.9}},
        evaluation={"every_steps": 100}), COMMON),
}
KINDS["cg"]["meta"]["solver"] = {"kind": "cg", "terms": 5}
KINDS["short"] = specs.merged(specs.supervised(inner={"steps": 60}, evaluation={"every_steps": 20}),
                              COMMON)
ROTATION = ("neumann", "short", "cg", "short", "supervised", "short")


def arming(point, count):
    """Variables that make imld-torture kill itself at the count-th time it reaches the point."""
    return {"IMLD_FAULT_POINT": point, "IMLD_FAULT_COUNT": str(count)}


class Torture:
    def __init__(self, program, seed, folder):
        self.program = program
        self.rng = random.Random(seed)
        self.folder = folder
        self.root = os.path.join(folder, "data")
        sets.make_set(self.root)
        self.daemons = []
        self.outcomes = {}
        self.points = {}  # how often each kind of kill was made

    def daemon(self, name):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        daemon = Daemon(folder, program=self.program, data_roots=[self.root], threads=2)
        self.daemons.append(daemon)
        return daemon

    def run_undisturbed(self):
        daemon = self.daemon("calm").start()
        client = daemon.client()
        ids = {kind: client.create(spec) for kind, spec in KINDS.items()}
        self.outcomes = {kind: client.outcome(id) for kind, id in ids.items()}
        self.deterministic = client.deterministic()
        daemon.stop()

    def check_copy(self, daemon):
        """integrity_check on a copy, so that the daemon's own recovery is not taken from it."""
        copy = os.path.join(self.folder, "copy")
        shutil.rmtree(copy, ignore_errors=True)
        os.makedirs(copy)
        for name in ("imld.db", "imld.db-wal"):
            if os.path.exists(os.path.join(daemon.state, name)):
                shutil.copy(os.path.join(daemon.state, name), copy)
        verdict = integrity(copy)
        assert verdict == "ok", f"after the kill: {verdict}"

    def unfinished(self, client):
        return [job["id"] for job in client.jobs("&state=queued,running")]

    def wait_no_suspects(self, client):
        """A checkpoint of each run that was lost has landed: at least after every second kill."""
        deadline = Deadline(120, "a checkpoint of every lost run")
        while True:
            suspects = [id for id in self.unfinished(client)
                        if events.is_suspect(client.events(id))]
            if not suspects:
                return
            deadline.pause(suspects)

    def wait_running(self, client):
        deadline = Deadline(60, "a running job")
        while not client.get("/v1/jobs?state=running")["jobs"]:
            deadline.pause()

    def kill_at_random(self, daemon):
        client = daemon.client()
        self.wait_no_suspects(client)
        self.wait_running(client)
        time.sleep(self.rng.uniform(0, 0.5))  # the moment is random; nothing is expected of it
        daemon.kill()

    def kill_at_point(self, daemon):
        status = daemon.wait_exit(60)
        assert status in (-signal.SIGKILL, 137), f"the armed daemon ended with {status}"

    def start(self, daemon, armed):
        """Returns what the kill will be called."""
        daemon.environment = {}
        name = "random"
        if armed:
            name = POINTS[sum(self.points.get(p, 0) for p in POINTS) % len(POINTS)]
            daemon.environment = arming(name, self.rng.randint(1, 4))
        daemon.launch()
        alive = lambda: daemon.process.poll() is None
        ready = daemon.notices.wait("READY=1", daemon.started_at, 60, alive)
        assert ready or armed, f"the daemon ended with {daemon.process.returncode} before READY"
        return name

    def run_kills(self, kills):
        daemon = self.daemon("t").start()
        client = daemon.client()
        recorder = Recorder(client, self.deterministic)

        def make(number):
            kind = ROTATION[number % len(ROTATION)]
            return kind, specs.merged(KINDS[kind], {"name": f"{kind} {number}"})

        submitter = Submitter(client, make, 8, recorder.watch)
        for number in range(kills):
            armed = number % 2 == 1
            if number > 0:
                daemon.kill()
                name = self.start(daemon, armed)
            else:
                name = "random"
            if not armed:
                for id in list(submitter.jobs):
                    recorder.check(id)
                self.kill_at_random(daemon)
            else:
                self.kill_at_point(daemon)
            self.points[name] = self.points.get(name, 0) + 1
            self.check_copy(daemon)
        self.start(daemon, False)
        for id in list(submitter.jobs):
            recorder.check(id)
        submitter.close()
        self.check_end(client, submitter, recorder)
        daemon.stop()
        assert integrity(daemon.state) == "ok"
        return submitter, recorder

    def check_end(self, client, submitter, recorder):
        submitter.check()
        case = Case()
        for id, (kind, _) in submitter.jobs.items():
            case.assert_same_outcome(self.outcomes[kind], client.outcome(id), f"{id} ({kind})")
        recorder.close()
        for id in submitter.jobs:
            recorder.check(id)

    def run_three_losses(self):
        """Three losses without a checkpoint fail the run that was alone; those beside it go on."""
        daemon = self.daemon("l").start()
        client = daemon.client()
        calm = {"checkpoint": {"every_seconds": 1000}}
        bad, beside, later = [client.create(specs.merged(KINDS[kind], calm))
                              for kind in ("neumann", "supervised", "cg")]
        for loss in range(3):
            client.wait_state(bad, "running")
            if loss == 0:
                client.wait_state(beside, "running")
            assert not events.kinds(client.events(bad), events.CHECKPOINT), "too slow to be lost"
            daemon.kill()
            daemon.start()
        job = client.wait_state(bad, "failed")
        assert job["error"]["what"] and job["error"]["mend"], job["error"]
        case = Case()
        for id, kind in ((beside, "supervised"), (later, "cg")):
            case.assert_same_outcome(self.outcomes[kind], client.outcome(id), f"{id} beside it")
        client.verb(bad, "retry")
        case.assert_same_outcome(self.outcomes["neumann"], client.outcome(bad), "after retry")
        daemon.stop()
        assert integrity(daemon.state) == "ok"

    def discard(self, failed):
        for daemon in self.daemons:
            if failed:
                sys.stderr.write(f"---- log of {daemon.folder}\n{daemon.log()[-15000:]}\n")
            daemon.discard()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="kill -9, again and again")
    parser.add_argument("--daemon", default=os.environ.get("IMLD_TORTURE_BINARY"))
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--full", action="store_true", help="100 kills")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not arguments.daemon:
        parser.error("--daemon is needed")
    kills = 100 if arguments.full else arguments.kills
    began = time.monotonic()
    torture = Torture(os.path.abspath(arguments.daemon), arguments.seed,
                      tempfile.mkdtemp(prefix="imld-"))
    failed = True
    try:
        torture.run_undisturbed()
        submitter, recorder = torture.run_kills(kills)
        torture.run_three_losses()
        failed = False
    finally:
        torture.discard(failed)
    made = ", ".join(f"{count} {name}" for name, count in sorted(torture.points.items()))
    print(f"torture: {kills} kills ({made}), seed {arguments.seed}: {len(submitter.jobs)} jobs with the "
          f"bits of undisturbed runs, {recorder.rows} served rows kept, {submitter.replays} submissions "
          f"acknowledged after a kill, integrity ok; three losses fail a run and retry mends it; "
          f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
