"""recorder.py: remembers everything that the daemon served or acknowledged, and compares later."""
import http.client
import threading


class Recorder:
    """served: {job: {metric: {step: value}}}, as a poller thread saw them over many daemons."""

    def __init__(self, client, deterministic):
        self.client = client
        self.deterministic = deterministic
        self.lock = threading.Lock()
        self.served = {}
        self.ended = {}  # job -> the state that was shown: an end is for good
        self.rows = 0
        self.watched = []
        self.is_over = False
        self.fault = None
        self.thread = threading.Thread(target=self.poll, daemon=True)
        self.thread.start()

    def watch(self, id):
        with self.lock:
            self.watched.append(id)

    def poll(self):
        """Looks at one job after the other, as fast as the daemon answers."""
        position = 0
        while not self.is_over:
            with self.lock:
                open_jobs = [id for id in self.watched if id not in self.ended]
            if not open_jobs:
                threading.Event().wait(0.05)
                continue
            id = open_jobs[position % len(open_jobs)]
            position += 1
            try:
                self.look(id)
            except (OSError, http.client.HTTPException):
                threading.Event().wait(0.02)  # the daemon is dead at the moment
            except AssertionError as fault:
                if "connection" in str(fault).lower() or " 503 " in str(fault):
                    continue
                self.fault = fault
                return
            threading.Event().wait(0.01)

    def look(self, id):
        job = self.client.job(id)
        rows = self.client.metrics(id)
        with self.lock:
            self.remember(id, rows)
            if job["state"] in ("completed", "failed", "cancelled"):
                self.ended[id] = job["state"]

    def remember(self, id, rows):
        known = self.served.setdefault(id, {})
        for name, column in rows.items():
            old = known.setdefault(name, {})
            self.rows += len(set(column) - set(old))
            for step, value in column.items():
                if name in self.deterministic and step in old:
                    assert old[step] == value, f"{id} {name} step {step}: served with other bits"
            old.update(column)

    def check(self, id):
        """Nothing that was served has vanished. Right after a restart nothing could be written anew."""
        with self.lock:
            known = {name: dict(column) for name, column in self.served.get(id, {}).items()}
            ended = self.ended.get(id)
        if not known and not ended:
            return
        rows = self.client.metrics(id)
        for name, column in known.items():
            gone = sorted(set(column) - set(rows.get(name, {})))
            assert not gone, f"{id}: rows of {name} were served and are gone: {gone[:5]}"
            if name in self.deterministic:
                other = [step for step in column if rows[name][step] != column[step]]
                assert not other, f"{id}: {name} has other bits at {other[:5]}"
        if ended:
            state = self.client.job(id)["state"]
            assert state == ended, f"{id} was {ended}, and is {state}"

    def close(self):
        self.is_over = True
        self.thread.join()
        if self.fault:
            raise self.fault
