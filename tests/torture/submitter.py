"""submitter.py: submits jobs all the time, through every kill, each with a key of its own, and
remembers what was acknowledged."""
import http.client
import threading
import time


class Submitter:
    """Keeps `wanted` jobs unfinished; make(number) -> (kind, document) with a name of its own."""

    def __init__(self, client, make, wanted, on_new):
        self.client = client
        self.make = make
        self.wanted = wanted
        self.on_new = on_new
        self.jobs = {}  # id -> (kind, name)
        self.replays = 0
        self.is_over = False
        self.fault = None
        self.thread = threading.Thread(target=self.submit_all, daemon=True)
        self.thread.start()

    def submit(self, number):
        """Until it is acknowledged: after a kill the same key is sent again. None: it is over."""
        kind, document = self.make(number)
        key = {"Idempotency-Key": f"torture-{number}"}
        while not self.is_over:
            try:
                answer = self.client.request("POST", "/v1/jobs", document, key)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)  # the daemon is dead at the moment
                continue
            if answer.status == 503:
                time.sleep(0.02)
                continue
            assert answer.status == 201, str(answer)
            self.replays += "idempotency-replayed" in answer.headers
            return answer.json()["id"], kind, document["name"]
        return None

    def unfinished(self):
        try:
            answer = self.client.request("GET", "/v1/jobs?state=queued,running&limit=100")
            return len(answer.json()["jobs"]) if answer.status == 200 else self.wanted
        except (OSError, http.client.HTTPException):
            return self.wanted

    def submit_all(self):
        number = 0
        try:
            while not self.is_over:
                if self.unfinished() >= self.wanted:
                    time.sleep(0.02)
                    continue
                found = self.submit(number)
                number += 1
                if found:
                    id, kind, name = found
                    assert id not in self.jobs, f"{id} was acknowledged twice"
                    self.jobs[id] = (kind, name)
                    self.on_new(id)
        except AssertionError as fault:
            self.fault = fault

    def close(self):
        self.is_over = True
        self.thread.join()
        if self.fault:
            raise self.fault

    def check(self):
        """No acknowledged job is missing, none doubled, and there are no others."""
        listed = {job["id"]: job["name"] for job in self.client.jobs()}
        missing = sorted(set(self.jobs) - set(listed))
        assert not missing, f"acknowledged and missing: {missing}"
        names = sorted(listed.values())
        doubled = [a for a, b in zip(names, names[1:]) if a == b]
        assert not doubled, f"doubled: {doubled}"
        for id, (_, name) in self.jobs.items():
            assert listed[id] == name, f"{id} is {listed[id]}, was acknowledged as {name}"
        # at most the one that was in flight when submissions ended was stored without an answer
        assert len(listed) <= len(self.jobs) + 1, f"{len(listed)} jobs, {len(self.jobs)} known"
