"""test_identity.py: on the unix socket the caller is the Unix user that the kernel names (DESIGN §8)."""
import concurrent.futures
import os
import pickle
import pwd

from harness import Case, main, require_root, specs


def as_user(uid, gid, act):
    """What act() returns in a child process of that user; what it raises is raised here."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            answer = (True, act())
        except BaseException as fault:  # the parent raises it
            answer = (False, repr(fault))
        os.write(write, pickle.dumps(answer))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    worked, answer = pickle.loads(data)
    assert worked, f"as uid {uid}: {answer}"
    return answer


class IdentityTest(Case):
    def setUp(self):
        require_root(self)
        super().setUp()
        nobody = pwd.getpwnam("nobody")
        self.nobody = (nobody.pw_uid, nobody.pw_gid)
        self.server = self.daemon(data_roots=[self.data()], threads=1)
        os.chmod(self.server.folder, 0o755)
        self.client = self.server.client()

    def as_nobody(self, act):
        return as_user(*self.nobody, act)

    def as_stranger(self, act):
        return as_user(61234, 61234, act)  # a uid without a name

    def test_another_user_owns_its_jobs_and_no_others(self):
        client = self.client
        mine = client.create(specs.endless())
        theirs = self.as_nobody(lambda: client.create(specs.supervised(tags=["theirs"])))
        self.assertEqual(client.job(theirs)["owner"], "nobody")
        self.assertEqual(client.job(mine)["owner"], "root")
        self.assertEqual(self.as_nobody(lambda: client.job(mine)["owner"]), "root", "all read all")
        self.assertEqual(self.as_nobody(lambda: len(client.jobs("&owner=nobody"))), 1)
        for method, tail in (("POST", "/cancel"), ("POST", "/stop"), ("POST", "/pause"),
                             ("DELETE", "")):
            self.as_nobody(lambda m=method, t=tail: client.expect(403, m, f"/v1/jobs/{mine}{t}"))
        self.as_nobody(lambda: client.expect(403, "PATCH", f"/v1/jobs/{mine}", {"name": "x"}))
        self.assertEqual(client.job(mine)["state"], "running")
        self.assertEqual(client.job(mine)["intents"], [])
        self.assertEqual(self.as_nobody(lambda: client.verb(theirs, "pause"))["state"], "paused")
        self.assertEqual(self.as_nobody(lambda: client.expect(
            200, "PATCH", f"/v1/jobs/{theirs}", {"note": "mine"}).json())["note"], "mine")
        self.assertEqual(client.verb(theirs, "cancel")["state"], "cancelled", "root controls all")
        self.as_nobody(lambda: client.expect(204, "DELETE", f"/v1/jobs/{theirs}"))
        self.server.stop()

    def test_a_user_without_a_name_owns_by_number(self):
        client = self.client
        id = self.as_stranger(lambda: client.create(specs.supervised()))
        self.assertIn("61234", client.job(id)["owner"])
        self.as_nobody(lambda: client.expect(403, "POST", f"/v1/jobs/{id}/cancel"))
        self.server.stop()

    def test_only_admins_raise_priority(self):
        client = self.client
        client.create(specs.endless())
        answer = self.as_nobody(lambda: client.request("POST", "/v1/jobs", specs.supervised(priority=1)))
        self.assertIn(answer.status, (403, 422), str(answer))
        self.assertIn(b"/priority", answer.body)
        id = self.as_nobody(lambda: client.create(specs.supervised(priority=-5)))
        answer = self.as_nobody(lambda: client.request("PATCH", f"/v1/jobs/{id}", {"priority": 1}))
        self.assertIn(answer.status, (403, 422), str(answer))
        self.assertEqual(client.job(id)["priority"], -5)
        self.as_nobody(lambda: client.expect(200, "PATCH", f"/v1/jobs/{id}", {"priority": 0}))
        client.expect(200, "PATCH", f"/v1/jobs/{id}", {"priority": 7})
        self.assertEqual(client.job(id)["priority"], 7)
        self.server.stop()

    def test_an_idempotency_key_belongs_to_its_owner(self):
        client, key = self.client, {"Idempotency-Key": "same"}
        mine = client.create(specs.supervised(), key)
        theirs = self.as_nobody(lambda: client.create(specs.supervised(), key))
        self.assertNotEqual(mine, theirs)
        self.server.stop()

    def test_one_user_does_not_take_all_connections(self):
        """With connections-per-user 8 of 64, another user is served while one holds all it can."""
        path = os.path.join(self.folder, "imld.ini")
        with open(path, "w", encoding="utf-8") as file:
            file.write("connections = 64\nconnections-per-user = 8\n")
        daemon = self.daemon("limited", options=["--config", path])
        os.chmod(daemon.folder, 0o755)

        ready, done = os.pipe(), os.pipe()

        def hold():
            held = []
            for _ in range(100):
                connection = daemon.client().connection()
                try:
                    connection.connect()
                    connection.sock.send(b"GET /v1/jobs HTTP/1.1\r\n")
                    held.append(connection)
                except OSError:  # refused: that is the bound
                    connection.close()
            os.write(ready[1], b"r")
            os.read(done[0], 1)
            return len(held)

        def look():
            os.read(ready[0], 1)
            try:
                return daemon.client().request("GET", "/v1/jobs").status
            finally:
                os.write(done[1], b"d")

        with concurrent.futures.ThreadPoolExecutor() as pool:
            holder = pool.submit(self.as_nobody, hold)
            self.assertEqual(look(), 200)
            self.assertGreater(holder.result(), 0)
        daemon.stop()


if __name__ == "__main__":
    main()
