"""test_walkthrough.py: runs the curl lines of README.md's walk-through as they stand, and looks at what
they print. The lines name port 7733, so the test takes a network of its own where it may."""
import ctypes
import fcntl
import os
import re
import shlex
import socket
import struct
import subprocess
import time

from harness import SOURCE, Case, Tensors, clean_environment, limit, main, parse

CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
SET = "/usr/share/datasets/fashion-mnist"


def own_network():
    """A loopback of this process' own; where that is not allowed the machine's is used."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def commands():
    """The commands of the marked part, each as it stands, without its comments."""
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
        text = file.read()
    part = re.search(r"<!-- walk-through:(?! end).*?-->(.*?)<!-- walk-through: end -->", text, re.S)
    assert part, "README.md has no marked walk-through"
    found, open_lines = [], ""
    for block in re.findall(r"```sh\n(.*?)```", part.group(1), re.S):
        for line in block.splitlines(keepends=True):
            if not open_lines and (not line.strip() or line.startswith("#")):
                continue
            open_lines += line
            try:
                shlex.split(open_lines)
            except ValueError:  # a quote is open
                continue
            if not open_lines.rstrip().endswith("\\"):
                found.append(open_lines)
                open_lines = ""
    assert not open_lines, f"an open command: {open_lines}"
    return found


class WalkthroughTest(Case):
    def run_command(self, command):
        result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=self.folder,
                                env=clean_environment(), timeout=limit(60))
        self.assertEqual(result.returncode, 0, f"{command}\n{result.stderr}")
        return result.stdout

    def follow(self, command):
        """A stop that waited in vain is asked again, as a reader would."""
        deadline = time.monotonic() + limit(60)
        while True:
            document = self.check(command, self.run_command(command))
            if "/stop?" not in command or document["state"] == "completed" or time.monotonic() > deadline:
                return document

    def check(self, command, output):
        if " -o " in command:
            with open(os.path.join(self.folder, re.search(r" -o (\S+)", command).group(1)), "rb") as file:
                self.assertTrue(Tensors(file.read()).tensors)
            return None
        if "text/csv" in command:
            self.assertTrue(output.startswith("metric,step,value,kind\n"), output)
            return None
        document = parse(output)
        if '"seed": -1' in command:
            self.assertEqual(document["status"], 422)
            self.assertLessEqual({"/iner", "/seed"}, {e["pointer"] for e in document["errors"]})
            return document
        self.assertNotIn("status", document, f"{command}\n{output}")
        return document

    def test_the_walk_through_works_as_written(self):
        if not os.path.isdir(SET):
            self.skipTest(f"{SET} is missing (package dataset-fashion-mnist)")
        lines = commands()
        self.assertGreaterEqual(len(lines), 8)
        own_network()
        daemon = self.daemon(start=False, threads=1)
        daemon.command = lambda: [daemon.program, "--dev", "--state", daemon.state]
        daemon.address = "127.0.0.1:7733"
        daemon.start()
        documents = [self.follow(line) for line in lines]
        jobs = [d for d in documents if d and "state" in d]
        self.assertGreaterEqual(len(jobs), 2)
        self.assertEqual(jobs[-1]["state"], "completed", "after the stop that waits")
        self.assertIsNotNone(jobs[-1]["result"])
        daemon.stop()


if __name__ == "__main__":
    main()
