"""client.py: HTTP+JSON to the daemon over its unix socket or TCP, and waits for what a job becomes."""
import http.client
import json
import socket
import struct

from .limits import Deadline, limit
from .tensors import Tensors

ENDED = ("completed", "failed", "cancelled")


def refuse_constant(text):
    raise AssertionError(f"{text} in a JSON answer")


def parse(text):
    """JSON as the standard has it: NaN and Infinity are an error, duplicate keys too."""
    def pairs(items):
        assert len(items) == len({key for key, _ in items}), "duplicate key in a JSON answer"
        return dict(items)

    return json.loads(text, parse_constant=refuse_constant, object_pairs_hook=pairs)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in small letters
        self.body = body

    def json(self):
        return parse(self.body.decode("utf-8"))

    def __str__(self):
        return f"{self.status} {self.body[:2000].decode('utf-8', 'replace')}"


class Client:
    """address: "unix:PATH" or "HOST:PORT". One connection a request: a daemon may die in between."""

    def __init__(self, address, timeout=60):
        self.address = address
        self.timeout = limit(timeout)

    def connection(self):
        if self.address.startswith("unix:"):
            return UnixConnection(self.address[5:], self.timeout)
        host, port = self.address.rsplit(":", 1)
        return http.client.HTTPConnection(host, int(port), timeout=self.timeout)

    def request(self, method, path, body=None, headers=None):
        """body: bytes as they are, or anything else as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, bytearray)):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection()
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def expect(self, status, method, path, body=None, headers=None):
        answer = self.request(method, path, body, headers)
        assert answer.status == status, f"{method} {path}: expected {status}, got {answer}"
        return answer

    def get(self, path):
        return self.expect(200, "GET", path).json()

    def create(self, spec, headers=None):
        """Submits a job; returns its id."""
        answer = self.expect(201, "POST", "/v1/jobs", spec, headers)
        return answer.json()["id"]

    def job(self, id):
        return self.get(f"/v1/jobs/{id}")

    def jobs(self, query=""):
        """All jobs of the list, page after page."""
        found, cursor = [], None
        while True:
            tail = f"&cursor={cursor}" if cursor else ""
            page = self.get(f"/v1/jobs?limit=100{query}{tail}")
            found += page["jobs"]
            cursor = page["cursor"]
            if not cursor:
                return found

    def verb(self, id, verb, wait=30):
        return self.expect(200, "POST", f"/v1/jobs/{id}/{verb}?wait={wait}").json()

    def events(self, id):
        """The whole log of a job, oldest first."""
        found, cursor = [], None
        while True:
            tail = f"?cursor={cursor}" if cursor else ""
            page = self.get(f"/v1/jobs/{id}/events{tail}")
            found += page["events"]
            if not page["more"]:
                return found  # the cursor then is for events to come
            cursor = page["cursor"]

    def wait_until(self, id, predicate, what, seconds=60):
        """The job when predicate holds. Fails at once where the job has ended without it."""
        deadline = Deadline(seconds, f"job {id}: {what}")
        while True:
            job = self.job(id)
            if predicate(job):
                return job
            seen = {key: job[key] for key in ("state", "reason", "error", "progress", "attempt")}
            assert job["state"] not in ENDED, f"job {id} ended before: {what}; {seen}"
            deadline.pause(seen)

    def wait_state(self, id, *states, seconds=60):
        return self.wait_until(id, lambda job: job["state"] in states, "/".join(states), seconds)

    def wait_step(self, id, step, seconds=60):
        return self.wait_until(
            id, lambda job: (job["progress"]["step"] or 0) >= step, f"step {step}", seconds
        )

    def wait_checkpoint(self, id, step=0, seconds=60):
        """Waits until a step-… checkpoint beyond step is listed; returns its step."""
        deadline = Deadline(seconds, f"job {id}: a checkpoint beyond step {step}")
        while True:
            listed = self.checkpoints(id)
            steps = [c["step"] for c in listed if c["step"] > step]
            if steps:
                return max(steps)
            job = self.job(id)
            assert job["state"] not in ENDED, f"job {id} is {job['state']}: {job['error']}"
            deadline.pause(listed)

    def metrics(self, id, query=""):
        """{metric: {step: value}}: the float's four bytes, or the kind of one that is not finite."""
        table, cursor = {}, None
        while True:
            mark = "&" if query else "?"
            tail = f"{mark}cursor={cursor}" if cursor else ""
            page = self.get(f"/v1/jobs/{id}/metrics{query}{tail}")
            for name, columns in page["metrics"].items():
                rows = table.setdefault(name, {})
                assert len(columns["step"]) == len(columns["value"]), name
                assert columns["step"] == sorted(set(columns["step"])), f"{name}: order of steps"
                for step, value in zip(columns["step"], columns["value"]):
                    kind = columns.get("kind", {}).get(str(step))
                    assert (value is None) == (kind is not None), f"{name} {step} {value} {kind}"
                    rows[step] = kind if value is None else struct.pack("<f", value)
            if not page["more"]:
                return table  # the cursor then is for rows to come
            cursor = page["cursor"]

    def deterministic(self):
        """Names of the metrics whose rows a resumed run writes with the same bits."""
        return {m["name"] for m in self.get("/v1/schema")["metrics"] if m["deterministic"]}

    def checkpoints(self, id):
        return self.get(f"/v1/jobs/{id}/checkpoints")["checkpoints"]

    def checkpoint(self, id, name):
        return self.expect(200, "GET", f"/v1/jobs/{id}/checkpoints/{name}").body

    def artifacts(self, id):
        """{(name, step): the document's bytes}, page after page, in the order of the list."""
        found, cursor = {}, None
        while True:
            tail = f"&cursor={cursor}" if cursor else ""
            page = self.get(f"/v1/jobs/{id}/artifacts?limit=100{tail}")
            for item in page["artifacts"]:
                path = f"/v1/jobs/{id}/artifacts/{item['name']}?step={item['step']}"
                body = self.expect(200, "GET", path).body
                document = parse(body.decode("utf-8"))
                assert (document["name"], document["step"]) == (item["name"], item["step"]), item
                assert len(body) == item["bytes"], item
                found[item["name"], item["step"]] = body
            if not page["more"]:
                assert list(found) == sorted(found), "the list is not sorted"
                return found
            cursor = page["cursor"]

    def outcome(self, id):
        """All of a finished job that must have the same bits whatever happened to the daemon."""
        job = self.wait_state(id, "completed")
        names = self.deterministic()
        rows = {name: rows for name, rows in self.metrics(id).items() if name in names}
        assert rows, f"job {id} has no deterministic rows"
        tensors = {name: Tensors(self.checkpoint(id, name)) for name in ("best", "last")}
        return {"rows": rows, "tensors": tensors, "artifacts": self.artifacts(id),
                "result": job["result"], "split": job["split"]}
