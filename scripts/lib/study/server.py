"""server.py: the daemon of a study: the one that answers at the address, else one of our own, which is
stopped at the end while its state stays."""
import contextlib
import ctypes
import http.client
import json
import os
import signal
import subprocess
import time

from . import sets
from .plan import StudyError

START_SECONDS = 60
STOP_SECONDS = 120  # the runs write their last checkpoints
PR_SET_PDEATHSIG = 1


def is_imld(api):
    """Whether imld answers. Something else there is an error: nothing of ours may start on its place."""
    try:
        status, _, text = api.once("GET", "/v1/server")
    except (OSError, http.client.HTTPException):
        return False
    if status in (401, 403):
        raise StudyError(f"{api.address} wants a token: put it into the variable IMLD_TOKEN")
    try:
        if json.loads(text)["program"].startswith("imld"):
            return True
    except (ValueError, KeyError, TypeError):
        pass
    raise StudyError(f"{api.address} answers, but is no imld: choose another with --url")


def end_with_parent():
    """In the child: SIGTERM when scripts/study ends in whatever way, so that no daemon is left over."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def command(api, program, state):
    if api.socket_path:
        return [program, "--listen", f"unix:{os.path.abspath(api.socket_path)}", "--state", state]
    if api.secure or api.host not in ("127.0.0.1", "localhost", "::1"):
        raise StudyError(f"nobody answers at {api.address}, and a daemon is started on loopback only")
    return [program, "--dev", "--listen", f"127.0.0.1:{api.port}", "--state", state]


def log_tail(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return "".join(file.readlines()[-10:])


def wait_ready(api, process, log):
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if api.once("GET", "/readyz")[0] == 200:
                return
        time.sleep(0.1)
    raise StudyError(f"imld did not start; the end of {log}:\n{log_tail(log)}")


@contextlib.contextmanager
def daemon(api, program, state, say, unpacked):
    """Holds a daemon at api's address while the block runs: one that answers, or one of our own on the state
    folder, whose log lies beside it. unpacked: where the sets of IMLD_TEST_DATA go."""
    if is_imld(api):
        say(f"imld at {api.address} answers")
        yield
        return
    if not os.access(program, os.X_OK):
        raise StudyError(f"nobody answers at {api.address}, and there is no {program}: build it "
                         "(cmake --preset release && cmake --build build/release) or name a --url")
    folder = os.path.dirname(os.path.abspath(state))
    log = os.path.join(folder, "imld.log")
    line = command(api, program, state)
    os.makedirs(folder, exist_ok=True)
    roots = sets.data_roots(os.environ, unpacked)
    environment = {**os.environ, "IMLD_DATA_ROOT": roots} if roots else None
    with open(log, "ab") as file:
        # A session of its own: Ctrl-C reaches us, and we end the daemon in good order.
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                   start_new_session=True, preexec_fn=end_with_parent, env=environment)
    try:
        wait_ready(api, process, log)
        say(f"started imld at {api.address}, state in {state}, log in {log}")
        api.is_alive = lambda: process.poll() is None
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
