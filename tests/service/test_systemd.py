"""test_systemd.py: sd_notify, socket activation and the units, without a running systemd."""
import os
import re
import shutil
import socket
import subprocess

from harness import SOURCE, Case, Client, Deadline, binary, clean_environment, limit, main, specs


class NotifyTest(Case):
    def test_ready_status_stopping(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        client.wait_step(client.create(specs.endless()), 1)
        status = daemon.notices.wait("STATUS=", 0, 30)
        self.assertGreater(len(status), len("STATUS="))
        daemon.stop()
        daemon.notices.wait("STOPPING=1", 0, 10)
        lines = daemon.notices.lines()
        self.assertEqual(lines.count("READY=1"), 1)
        self.assertLess(lines.index("READY=1"), lines.index("STOPPING=1"))
        for line in lines:
            self.assertRegex(line, "^[A-Z_]+=")
        self.assertFalse([line for line in lines if line.startswith("WATCHDOG")], "nobody asked")

    def test_ready_comes_when_requests_are_served(self):
        daemon = self.daemon(data_roots=[self.data()])
        daemon.client().expect(200, "GET", "/readyz")
        daemon.stop()

    def test_watchdog_is_fed_at_half_of_its_time(self):
        daemon = self.daemon(data_roots=[self.data()], environment={"WATCHDOG_USEC": "600000"})
        client = daemon.client()
        client.wait_step(client.create(specs.endless()), 1)
        start = len(daemon.notices.messages)
        for _ in range(4):
            daemon.notices.wait("WATCHDOG=1", start, 5)
            start = len(daemon.notices.messages)
        daemon.stop()

    def test_the_watchdog_of_another_process_is_left_alone(self):
        daemon = self.daemon(data_roots=[self.data()],
                             environment={"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"})
        client = daemon.client()
        client.wait_state(client.create(specs.supervised(inner={"steps": 3000})), "completed")
        daemon.stop()
        self.assertFalse([m for m in daemon.notices.lines() if m.startswith("WATCHDOG")])

    def test_an_abstract_notify_socket(self):
        name = f"imld-test-{os.getpid()}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind("\0" + name)
        listener.settimeout(limit(30))
        daemon = self.daemon(start=False, environment={"NOTIFY_SOCKET": "@" + name})
        daemon.launch()
        while b"READY=1" not in listener.recv(65536):
            pass
        daemon.stop()


class ActivationTest(Case):
    def activate(self, address, *options):
        state = os.path.join(self.folder, "state")
        log = open(os.path.join(self.folder, "log"), "wb")
        self.addCleanup(log.close)
        command = ["systemd-socket-activate", "-l", address, binary(), "--state", state,
                   "--data-root", self.data(), *options]
        process = subprocess.Popen(command, env=clean_environment(), stdout=log, stderr=log)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def test_a_passed_unix_socket_is_served_and_left_in_place(self):
        path = os.path.join(self.folder, "passed.sock")
        process = self.activate(path)
        deadline = Deadline(20, "the activator's socket")
        while not os.path.exists(path):
            deadline.pause()
        client = Client("unix:" + path)
        answer = client.request("GET", "/v1/jobs")  # starts the daemon
        self.assertEqual(answer.status, 200, self.log())
        id = client.create(specs.supervised())
        client.wait_state(id, "completed")
        process.terminate()
        self.assertEqual(process.wait(limit(10)), 0, self.log())
        self.assertTrue(os.path.exists(path), "a socket file of systemd's was unlinked")
        self.assertNotRegex(self.log(), "Sanitizer|runtime error")

    def test_a_passed_tcp_socket_without_dev_is_refused(self):
        free = socket.create_server(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        process = self.activate(f"127.0.0.1:{port}")
        deadline = Deadline(20, "the end of the daemon")
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                pass
            deadline.pause(self.log())
        self.assertNotEqual(process.returncode, 0)
        self.assertRegex(self.log(), "--dev|loopback|TCP")


class UnitsTest(Case):
    def test_units_pass_systemd_analyze_verify_without_a_word(self):
        """A copy: verify wants the program to exist, and runs man for man: links."""
        folder = os.path.join(self.folder, "units")
        os.makedirs(folder)
        source = os.path.join(SOURCE, "systemd")
        names = [n for n in os.listdir(source) if n.endswith((".service", ".socket"))]
        self.assertEqual(sorted(names), ["imld.service", "imld.socket"])
        for name in names:
            with open(os.path.join(source, name), encoding="utf-8") as file:
                text = file.read()
            text = re.sub(r"^Documentation=.*", "Documentation=https://example.org/imld", text, flags=re.M)
            text = re.sub(r"^ExecStart=/usr/bin/imld", f"ExecStart={binary()}", text, flags=re.M)
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        for name in names:
            result = subprocess.run(["systemd-analyze", "verify", os.path.join(folder, name)],
                                    capture_output=True, text=True, env=clean_environment(),
                                    timeout=limit(60))
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""), name)

    def test_a_wrong_key_is_seen(self):
        """The test of the test: verify exits 0 on an unknown key, and says so on stderr."""
        path = os.path.join(self.folder, "bad.service")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"[Service]\nExecStart={shutil.which('true')}\nNoSuchKey=1\n")
        result = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True,
                                timeout=limit(60))
        self.assertIn("NoSuchKey", result.stderr)

    def test_socket_unit_is_where_clients_look(self):
        with open(os.path.join(SOURCE, "systemd", "imld.socket"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn("ListenStream=/run/imld.sock\n", text)
        self.assertIn("SocketMode=0666\n", text)


if __name__ == "__main__":
    main()
