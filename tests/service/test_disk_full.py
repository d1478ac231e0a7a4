"""test_disk_full.py: no room for the state: a run waits with reason "storage", nothing half-written is
visible, and all goes on when there is room (DESIGN §5, §6)."""
import errno
import os
import resource
import subprocess

from harness import SANITIZER, Case, Deadline, main, require_root, specs

SPEC = specs.supervised(inner={"steps": 1000 if SANITIZER else 6000}, evaluation={"every_steps": 100},
                        model={"hidden": [128, 128]}, checkpoint={"every_seconds": 0.2})


def fill(path):
    """Takes all the room that is left."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as full:
            assert full.errno == errno.ENOSPC, full


class DiskFullTest(Case):
    def undisturbed(self, root):
        calm = self.daemon("calm", data_roots=[root])
        outcome = calm.client().outcome(calm.client().create(SPEC))
        calm.stop()
        return outcome

    def wait_for_storage_fault(self, daemon, client, id):
        job = client.wait_until(
            id, lambda j: j["reason"] and j["reason"]["kind"] == "storage", "reason storage")
        daemon.wait_log(" waits for storage")  # its own write has met the fault too
        self.assertEqual(job["state"], "running", "a storage fault is no end")
        return job

    def check_refused(self, client):
        """What can't be stored is refused with 503, and has not happened."""
        before = {j["id"] for j in client.jobs()}
        deadline = Deadline(30, "a submission that is refused")
        accepted = set()
        while True:
            answer = client.request("POST", "/v1/jobs", specs.supervised(note="x" * 9000))
            if answer.status == 503:
                break
            self.assertEqual(answer.status, 201, str(answer))
            accepted.add(answer.json()["id"])
            deadline.check(str(answer))
        self.assertIn("retry-after", answer.headers)
        self.assertEqual({j["id"] for j in client.jobs()}, before | accepted)
        self.assertEqual(client.request("GET", "/readyz").status, 503)
        client.expect(200, "GET", "/healthz")

    def check_recovered(self, daemon, id, undisturbed):
        client = daemon.client()
        self.assert_same_outcome(undisturbed, client.outcome(id), "after the fault")
        self.assertEqual(client.job(id)["attempt"], 1)
        kinds = [e["kind"] for e in client.events(id)]
        self.assertTrue(any("storage" in kind for kind in kinds), f"no event tells of it: {kinds}")
        client.expect(200, "GET", "/readyz")
        leftovers = [name for _, _, names in os.walk(daemon.state) for name in names if "tmp" in name]
        self.assertEqual(leftovers, [])

    def test_a_full_file_system(self):
        require_root(self)
        root = self.data()
        undisturbed = self.undisturbed(root)
        mount = os.path.join(self.folder, "small")
        os.makedirs(mount)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", mount], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", mount], check=False)
        daemon = self.daemon(data_roots=[root], state=os.path.join(mount, "state"), threads=1)
        client = daemon.client()
        id = client.create(SPEC)
        client.wait_checkpoint(id)
        filler = os.path.join(mount, "filler")
        fill(filler)
        self.wait_for_storage_fault(daemon, client, id)
        self.check_refused(client)
        os.unlink(filler)
        self.check_recovered(daemon, id, undisturbed)
        daemon.stop()

    def test_a_limit_on_the_size_of_files(self):
        """EFBIG by RLIMIT_FSIZE, set and lifted from outside: no root is needed."""
        root = self.data()
        undisturbed = self.undisturbed(root)
        daemon = self.daemon(data_roots=[root], threads=1)
        client = daemon.client()
        id = client.create(SPEC)
        client.wait_checkpoint(id)
        pid = daemon.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
        self.wait_for_storage_fault(daemon, client, id)
        self.check_refused(client)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        self.check_recovered(daemon, id, undisturbed)
        daemon.stop()

    def test_room_for_rows_but_for_no_checkpoint(self):
        """Files of at most 2 MiB: a larger checkpoint waits, jobs are still taken, and /readyz says so."""
        daemon = self.daemon(data_roots=[self.data()], threads=1)
        client = daemon.client()
        pid = daemon.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (2 << 20, hard))
        wide = client.create(specs.supervised(
            model={"hidden": [512, 512]}, inner={"steps": 4, "batch": 8},
            evaluation={"every_steps": 2}, checkpoint={"every_seconds": 0}))
        self.wait_for_storage_fault(daemon, client, wide)
        self.assertIn("a run waits", client.expect(503, "GET", "/readyz").json()["detail"])
        client.expect(200, "GET", "/healthz")
        other = client.create(specs.supervised())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        for id in (wide, other):
            client.wait_state(id, "completed")
        client.expect(200, "GET", "/readyz")
        daemon.stop()

    def test_the_daemon_ends_in_time_on_a_full_disk(self):
        root = self.data()
        daemon = self.daemon(data_roots=[root], threads=1)
        client = daemon.client()
        id = client.create(SPEC)
        step = client.wait_checkpoint(id)
        pid = daemon.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
        self.wait_for_storage_fault(daemon, client, id)
        daemon.process.terminate()
        status = daemon.wait_exit(10)
        self.assertIn(status, (0, 1), "an exit, no signal")
        daemon.start()
        job = client.wait_state(id, "completed")
        self.assertGreater(job["progress"]["step"], step)
        daemon.stop()


if __name__ == "__main__":
    main()
