"""daemon.py: the real daemon in a state folder of the test's own: start, wait for READY, stop, kill.

READY and all that sd_notify says comes over a datagram socket that the test holds, so no test guesses
how long a start takes."""
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

from .client import Client
from .limits import SANITIZER, Deadline, limit

REPORTS = re.compile(
    r"ERROR: AddressSanitizer|LeakSanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed"
)
LOST_VARIABLES = re.compile(
    r"IMLD_(?!BINARY)|NOTIFY_SOCKET|WATCHDOG_|LISTEN_|OPENBLAS_NUM_THREADS|OMP_NUM_THREADS"
    r"|STATE_DIRECTORY|RUNTIME_DIRECTORY|XDG_RUNTIME_DIR"
)


def binary():
    path = os.environ.get("IMLD_BINARY")
    assert path and os.access(path, os.X_OK), f"IMLD_BINARY is not a program: {path}"
    return os.path.abspath(path)


def clean_environment(extra=None):
    """The caller's variables without any that imld, systemd or a BLAS would read."""
    environment = {k: v for k, v in os.environ.items() if not LOST_VARIABLES.match(k)}
    environment.update(extra or {})
    return environment


def integrity(state):
    """What SQLite says of the database of a daemon that has ended: "ok"."""
    connection = sqlite3.connect(os.path.join(state, "imld.db"))
    try:
        rows = connection.execute("PRAGMA integrity_check").fetchall()
        keys = connection.execute("PRAGMA foreign_key_check").fetchall()
    finally:
        connection.close()
    return "ok" if rows == [("ok",)] and not keys else f"{rows} {keys}"


class Notices:
    """A socket for sd_notify; a thread of its own keeps every datagram."""

    def __init__(self, path):
        self.path = path
        self.messages = []
        self.condition = threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o777)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            with self.condition:
                self.messages.append(data.decode("utf-8", "replace"))
                self.condition.notify_all()

    def lines(self, start=0):
        return [line for message in self.messages[start:] for line in message.splitlines()]

    def wait(self, wanted, start=0, seconds=30, alive=lambda: True):
        """Waits for a line that begins with wanted; returns it. None: the process has gone."""
        deadline = Deadline(seconds, f"sd_notify {wanted}")
        with self.condition:
            while True:
                for line in self.lines(start):
                    if line.startswith(wanted):
                        return line
                if not alive():
                    return None
                deadline.check(self.messages[-5:])
                self.condition.wait(0.1)

    def close(self):
        self.socket.close()


class Daemon:
    """folder: the state folder's parent; holds state/, imld.sock, notify, log."""

    def __init__(self, folder, options=(), data_roots=(), environment=None, program=None,
                 wrapper=(), threads=2, state=None, listen=None):
        self.folder = folder
        self.state = state or os.path.join(folder, "state")
        self.address = listen or "unix:" + os.path.join(folder, "imld.sock")
        self.data_roots = list(data_roots)
        self.options = list(options)
        self.environment = environment or {}
        self.program = program or binary()
        self.wrapper = list(wrapper)
        self.threads = threads
        self.log_path = os.path.join(folder, "log")
        self.notices = Notices(os.path.join(folder, "notify"))
        self.process = None
        self.user = None  # a uid to run as, where the test is root

    def command(self):
        command = self.wrapper + [self.program, "--state", self.state, "--listen", self.address]
        command += ["--threads", str(self.threads)]
        for root in self.data_roots:
            command += ["--data-root", root]
        return command + self.options

    def launch(self):
        """Starts the process without waiting."""
        environment = clean_environment({"NOTIFY_SOCKET": self.notices.path, **self.environment})
        self.started_at = len(self.notices.messages)
        with open(self.log_path, "ab") as log:
            log.write(b"---- start: " + " ".join(self.command()).encode() + b"\n")
            log.flush()
            self.process = subprocess.Popen(
                self.command(), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, user=self.user,
            )
        return self

    def wait_ready(self, seconds=60):
        alive = lambda: self.process.poll() is None
        line = self.notices.wait("READY=1", self.started_at, seconds, alive)
        assert line, f"the daemon ended before READY with status {self.process.returncode}"
        return self

    def start(self, seconds=60):
        return self.launch().wait_ready(seconds)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def client(self):
        return Client(self.address)

    def wait_exit(self, seconds):
        try:
            return self.process.wait(limit(seconds))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon did not end within {limit(seconds):g} s") from None

    def stop(self, seconds=10):
        """SIGTERM; the daemon must end with 0 and leave no sanitizer's report. Returns seconds."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.wait_exit(seconds)
        took = time.monotonic() - begin
        assert status == 0, f"exit status {status} after SIGTERM"
        self.check_reports()
        return took

    def kill(self):
        """kill -9, as the OOM killer would."""
        if self.is_running():
            self.process.kill()
        self.process.wait()

    def kill_at_checkpoints(self, id, kills):
        """Kills and starts it again, each time once the job has a newer checkpoint; so no kill is of a
        run that had got nowhere. Answers the client of the last start."""
        step = 0
        for _ in range(kills):
            step = self.client().wait_checkpoint(id, step)
            self.kill()
            self.start()
        return self.client()

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_log(self, text, seconds=60):
        """Until the daemon has told something that no answer of its API tells."""
        deadline = Deadline(seconds, f"a line of the log with {text!r}")
        while text not in self.log():
            assert self.is_running(), f"the daemon ended before: {text}"
            deadline.pause()

    def check_reports(self):
        report = REPORTS.search(self.log())
        assert not report, f"the log holds a report: {report.group(0)} (build: {SANITIZER or 'plain'})"

    def discard(self):
        """End of a test: nothing is left running."""
        if self.is_running():
            self.process.kill()
            self.process.wait()
        self.notices.close()
        shutil.rmtree(self.folder, ignore_errors=True)
