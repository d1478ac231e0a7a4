"""test_configuration.py: --help, --version, --check-config, the settings file, and what is refused at
start (DESIGN §2, §8)."""
import os
import socket
import subprocess

from harness import Case, Client, binary, clean_environment, limit, main, specs


class ConfigurationTest(Case):
    def run_imld(self, *arguments, environment=None):
        return subprocess.run([binary(), *arguments], capture_output=True, text=True, cwd=self.folder,
                              env=clean_environment(environment), timeout=limit(30))

    def settings(self, text):
        path = os.path.join(self.folder, "imld.ini")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def refused(self, words, *arguments, environment=None):
        """Ends at once with a status that is not 0, and says why on stderr alone."""
        result = self.run_imld(*arguments, environment=environment)
        self.assertGreater(result.returncode, 0, result)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, result.stderr)
        return result

    def test_help_names_every_option(self):
        result = self.run_imld("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for option in ("config", "state", "listen", "dev", "threads", "memory", "data-root",
                       "log-level", "check-config", "version", "help"):
            self.assertIn(f"--{option}", result.stdout)

    def test_version(self):
        result = self.run_imld("--version")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^imld \d+\.\d+\.\d+")

    def check_config(self, *arguments, environment=None):
        """{name: (value, origin)}"""
        result = self.run_imld("--check-config", *arguments, environment=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        table = {}
        for line in result.stdout.splitlines():
            setting, _, origin = line.partition("#")
            name, _, value = setting.strip().partition(" ")
            table[name] = (value.strip(" ="), origin.strip())
        return table

    def test_check_config_tells_value_and_origin_by_precedence(self):
        path = self.settings("threads = 1\nlog-level = warn\nmemory = 64M\n"
                             "data-root = /a\ndata-root = /b\n; a comment\n")
        table = self.check_config("--config", path, "--threads", "3", "--state", self.folder,
                                  environment={"IMLD_LOG_LEVEL": "debug", "IMLD_THREADS": "2"})
        self.assertEqual(table["threads"], ("3", "option"))
        self.assertEqual(table["log-level"], ("debug", "environment"))
        self.assertEqual(table["memory"][0], str(64 << 20))
        self.assertTrue(table["memory"][1].startswith("file"))
        self.assertEqual(table["data-root"][0], "/a,/b")
        self.assertEqual(table["state"], (self.folder, "option"))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "imld.db")), "it only looked")

    def test_systemds_state_directory_is_the_default(self):
        table = self.check_config(environment={"STATE_DIRECTORY": "/var/lib/of-systemd"})
        self.assertEqual(table["state"][0], "/var/lib/of-systemd")

    def test_an_unknown_key_is_an_error_with_its_line(self):
        path = self.settings("threads = 1\n\nthreds = 2\n")
        self.refused(["threds", "3", "imld.ini"], "--check-config", "--config", path)
        self.refused(["threds"], "--config", path, "--state", os.path.join(self.folder, "state"))

    def test_wrong_values_are_refused(self):
        state = os.path.join(self.folder, "state")
        for words, arguments in (
            (["threads"], ("--threads", "0")),
            (["threads"], ("--threads", "many")),
            (["threads"], ("--threads", "65")),
            (["memory"], ("--memory", "1X")),
            (["log-level"], ("--log-level", "loud")),
            (["nosuch"], ("--nosuch",)),
            (["state"], ("--state",)),
            (["state", "--check-config"], ("--state", "--check-config")),
            (["threads", "--dev"], ("--threads", "--dev", "4")),
            (["no-such-file"], ("--config", "/no-such-file")),
        ):
            self.refused(words, "--state", state, *arguments)
        self.assertFalse(os.path.exists(os.path.join(state, "imld.db")))

    def test_tcp_is_refused_without_dev_and_off_loopback_always(self):
        state = os.path.join(self.folder, "state")
        self.refused(["--dev"], "--state", state, "--listen", "127.0.0.1:7799")
        self.refused(["0.0.0.0"], "--state", state, "--dev", "--listen", "0.0.0.0:7799")
        self.refused(["::"], "--state", state, "--dev", "--listen", "[::]:7799")

    def test_a_second_daemon_is_kept_out(self):
        daemon = self.daemon(data_roots=[])
        other = os.path.join(self.folder, "other.sock")
        result = self.refused([str(daemon.process.pid)], "--state", daemon.state,
                              "--listen", f"unix:{other}")
        self.assertIn(daemon.state, result.stderr)
        self.assertFalse(os.path.exists(other))
        daemon.client().expect(200, "GET", "/readyz")
        daemon.stop()

    def test_a_socket_that_another_daemon_serves_is_not_taken(self):
        daemon = self.daemon(data_roots=[])
        self.refused([daemon.address[5:]], "--state", os.path.join(self.folder, "state2"),
                     "--listen", daemon.address)
        daemon.client().expect(200, "GET", "/readyz")
        daemon.stop()
        self.assertFalse(os.path.exists(daemon.address[5:]), "its own socket file is removed")

    def test_a_socket_file_left_by_a_kill_is_taken_over(self):
        daemon = self.daemon(data_roots=[])
        daemon.kill()
        self.assertTrue(os.path.exists(daemon.address[5:]))
        daemon.start()
        daemon.client().expect(200, "GET", "/readyz")
        daemon.stop()

    def test_the_socket_is_for_every_user(self):
        daemon = self.daemon(data_roots=[])
        self.assertEqual(os.stat(daemon.address[5:]).st_mode & 0o777, 0o666)
        self.assertEqual(os.stat(daemon.state).st_mode & 0o777, 0o700)
        daemon.stop()

    def test_dev_serves_loopback_and_says_so_loudly(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        daemon = self.daemon(data_roots=[self.data()], options=["--dev"],
                             listen=f"127.0.0.1:{port}")
        self.assertRegex(daemon.log().lower(), "warn.*(dev|everybody|every)")
        client = daemon.client()
        id = client.create(specs.supervised(priority=3))
        self.assertEqual(client.wait_state(id, "completed")["priority"], 3, "the caller is admin")
        for host in ("localhost", f"localhost:{port}", "127.0.0.1", f"LOCALHOST:{port}"):
            client.expect(200, "GET", "/v1/jobs", headers={"Host": host})
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example"):
            for method, path in (("GET", "/v1/jobs"), ("DELETE", f"/v1/jobs/{id}"), ("GET", "/")):
                client.expect(421, method, path, headers={"Host": host})
        own = f"http://127.0.0.1:{port}"
        client.expect(200, "GET", "/v1/jobs", headers={"Origin": own})
        for origin in ("http://evil.example", "null", f"ftp://127.0.0.1:{port}",
                       f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port}.evil.example"):
            for method, path in (("GET", "/v1/jobs"), ("POST", f"/v1/jobs/{id}/cancel"),
                                 ("DELETE", f"/v1/jobs/{id}"), ("GET", "/")):
                client.expect(403, method, path, headers={"Origin": origin})
        client.expect(200, "GET", f"/v1/jobs/{id}")
        daemon.stop()

    def test_several_listeners(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        daemon = self.daemon(options=["--dev", "--listen", f"127.0.0.1:{port}"])
        daemon.client().expect(200, "GET", "/v1/jobs")
        Client(f"127.0.0.1:{port}").expect(200, "GET", "/v1/jobs")
        daemon.stop()


if __name__ == "__main__":
    main()
