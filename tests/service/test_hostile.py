"""test_hostile.py: bad requests by the table of hostile.py, then a soak of mutated ones from several
threads; the daemon serves on and leaks nothing (build asan: no report at its end)."""
import json
import os
import random
import socket
import threading

from harness import Case, limit, main, specs
from hostile import CLOSED, REQUESTS

SOAK_THREADS = 4
SOAK_ROUNDS = int(os.environ.get("IMLD_TEST_SOAK", "150"))  # a thread


def send(address, data, wait=20):
    """Status of the first answer and its body; CLOSED: none came."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(limit(wait))
        connection.connect(address[5:])
        try:
            connection.sendall(data)
        except OSError:
            pass  # refused before it was all sent: the answer may be there
        answer = b""
        try:
            while True:
                piece = connection.recv(65536)
                if not piece:
                    break
                answer += piece
                head, mark, body = answer.partition(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n")
                          if line.startswith(b"content-length:")]
                if mark and length and len(body) >= int(length[0].split(b":")[1]):
                    break
        except ConnectionError:
            pass
    if not answer:
        return CLOSED, b""
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]


class HostileTest(Case):
    def setUp(self):
        super().setUp()
        settings = os.path.join(self.folder, "imld.ini")
        with open(settings, "w", encoding="utf-8") as file:
            file.write("idle-seconds = 3\nrequest-seconds = 3\n")
        self.server = self.daemon(data_roots=[self.data()], options=["--config", settings])
        self.client = self.server.client()

    def check_serves_on(self):
        id = self.client.create(specs.supervised())
        self.client.wait_state(id, "completed")
        self.server.stop()  # looks for reports of sanitizers, leaks too

    def test_every_bad_request_has_its_answer(self):
        self.assertGreaterEqual(len(REQUESTS), 80)
        self.assertEqual(len({name for name, *_ in REQUESTS}), len(REQUESTS))
        before = self.client.jobs()
        for name, data, statuses, pointer in REQUESTS:
            with self.subTest(name):
                status, body = send(self.server.address, data)
                self.assertIn(status, statuses, f"{name}: {body[:300]}")
                if status == 422:
                    pointers = [e["pointer"] for e in json.loads(body)["errors"]]
                    self.assertTrue(pointers, name)
                    if pointer is not None:
                        self.assertTrue(any(p == pointer or p.startswith(pointer + "/")
                                            for p in pointers), f"{name}: {pointers}")
        self.assertEqual(self.client.jobs(), before, "a refused request has happened")
        self.check_serves_on()

    def drip(self, data, piece):
        """Sends byte by byte until the daemon closes; True if it did."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(self.server.address[5:])
            connection.settimeout(0.25)  # the pace of the drip
            for i in range(int(limit(40) / 0.25)):
                try:
                    connection.send(data[i * piece : (i + 1) * piece] or b"x")
                    if connection.recv(65536) == b"":
                        return True
                except TimeoutError:
                    continue
                except OSError:
                    return True
        return False

    def test_slow_requests_are_cut_by_their_total_time(self):
        head = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self.assertTrue(self.drip(head, 1), "a slow header")
        self.assertTrue(self.drip(head + b"Content-Length: 100000\r\n\r\n" + b" " * 99999, 150),
                        "a slow body")
        self.check_serves_on()

    def test_truncated_bodies_and_half_requests_leave_nothing(self):
        for data in (b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 100\r\n\r\n{", b"GET /v1", b"\x16\x03\x01\x02\x00\x01\x00"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(self.server.address[5:])
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(limit(20))
                try:
                    answer = connection.recv(65536)
                    self.assertTrue(answer == b"" or answer[9:10] == b"4", answer[:60])
                except ConnectionError:
                    pass
        self.assertEqual(self.client.jobs(), [])
        self.check_serves_on()

    def mutate(self, rng, data):
        data = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data)) if data else 0
            act = rng.randrange(5)
            if act == 0 and data:
                data[at] = rng.randrange(256)
            elif act == 1:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 20)))
            elif act == 2:
                del data[at : at + rng.randint(1, 30)]
            elif act == 3:
                data[at:at] = data[at : at + 40] * rng.randint(1, 5)
            else:
                del data[at:]
        return bytes(data)

    def soak(self, seed, faults):
        rng = random.Random(seed)
        try:
            for _ in range(SOAK_ROUNDS):
                _, data, _, _ = rng.choice(REQUESTS)
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                    connection.settimeout(limit(30))
                    connection.connect(self.server.address[5:])
                    try:
                        connection.sendall(self.mutate(rng, data))
                        if rng.random() < 0.7:  # the others leave at once
                            connection.shutdown(socket.SHUT_WR)
                            connection.settimeout(0.1)  # half a request has no answer to wait for
                            connection.recv(65536)
                    except (ConnectionError, TimeoutError):
                        pass
        except Exception as fault:  # told by the main thread
            faults.append(fault)

    def test_a_soak_of_mutated_requests(self):
        faults = []
        runner = self.client.create(specs.endless())
        threads = [threading.Thread(target=self.soak, args=(n, faults)) for n in range(SOAK_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        self.assertEqual(self.client.job(runner)["state"], "running")
        self.client.verb(runner, "stop")
        for job in self.client.jobs("&state=queued,running"):  # a mutation may be a good job
            self.client.request("POST", f"/v1/jobs/{job['id']}/cancel?wait=10")
        self.check_serves_on()


if __name__ == "__main__":
    main()
