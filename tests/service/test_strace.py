"""test_strace.py: faults injected by strace into the unmodified daemon: a second witness beside the shims
of the unit tests (docs/style.md, habit 6). strace -D leaves the daemon as our child."""
import shutil
import signal
import subprocess

from harness import SANITIZER, Case, integrity, limit, main, specs

# a checkpoint after every step, so that there are many calls to fail
SPEC = specs.supervised(inner={"steps": 300}, evaluation={"every_steps": 50},
                        checkpoint={"every_seconds": 0})


class StraceTest(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        probe = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True,
                               text=True, timeout=limit(20))
        if probe.returncode != 0:
            self.skipTest(f"strace does not work here: {probe.stderr.strip()}")
        self.root = self.data()

    def traced(self, name, *injections):
        """A daemon whose database is made already: the calls that fail are those of its life, not of
        its first start, which may refuse."""
        wrapper = ["strace", "-D", "-f", "-qq", "-o", "/dev/null",
                   "-e", "trace=fsync,fdatasync,pwrite64"]
        for injection in injections:
            wrapper += ["-e", f"inject={injection}"]
        environment = {"ASAN_OPTIONS": "detect_leaks=0"} if SANITIZER == "address" else {}
        daemon = self.daemon(name, data_roots=[self.root], threads=1, environment=environment)
        daemon.stop()
        daemon.wrapper = wrapper
        return daemon

    def undisturbed(self):
        daemon = self.daemon("calm", data_roots=[self.root])
        outcome = daemon.client().outcome(daemon.client().create(SPEC))
        daemon.stop()
        return outcome

    def check(self, daemon, undisturbed):
        """The job ends with the bits of an undisturbed one, the fault is told, the file is sound."""
        daemon.start()
        client = daemon.client()
        id = client.create(SPEC)
        self.assert_same_outcome(undisturbed, client.outcome(id), "with the fault")
        self.assertEqual(client.job(id)["attempt"], 1)
        daemon.stop()
        self.assertEqual(integrity(daemon.state), "ok")

    def test_an_fsync_of_a_checkpoint_that_fails_once(self):
        self.check(self.traced("one", "fsync:error=EIO:when=40"), self.undisturbed())

    def test_an_fdatasync_of_a_commit_that_fails_once(self):
        self.check(self.traced("two", "fdatasync:error=EIO:when=40"), self.undisturbed())

    def test_fsyncs_that_fail_again_and_again(self):
        self.check(self.traced("three", "fsync:error=EIO:when=30+400"), self.undisturbed())

    def test_a_write_without_room(self):
        self.check(self.traced("four", "pwrite64:error=ENOSPC:when=60+1500"), self.undisturbed())

    def test_a_kill_in_an_fsync(self):
        undisturbed = self.undisturbed()
        daemon = self.traced("killed", "fsync:signal=KILL:when=60")
        daemon.start()
        client = daemon.client()
        id = client.create(SPEC)
        self.assertEqual(daemon.wait_exit(60), -signal.SIGKILL)
        daemon.wrapper = []
        daemon.start()
        self.assert_same_outcome(undisturbed, client.outcome(id), "after the kill")
        self.assertEqual(client.job(id)["attempt"], 2)
        daemon.stop()


if __name__ == "__main__":
    main()
