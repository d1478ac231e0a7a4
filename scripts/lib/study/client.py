"""client.py: imld's API over TCP or its unix socket: JSON in, JSON out, patient with a busy server."""
import http.client
import json
import os
import socket
import time
import urllib.parse

from .plan import StudyError

PATIENCE_SECONDS = 60  # for a server that doesn't answer, or answers 429 or 503


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Refused(Exception):
    """An answer that isn't the one hoped for; text is what the server says, fields included."""

    def __init__(self, status, document, text):
        self.status, self.document = status, document if isinstance(document, dict) else {}
        faults = [f'{e["pointer"]}: {e["detail"]}' for e in self.document.get("errors", [])]
        super().__init__("; ".join(faults) or self.document.get("detail") or f"{status} {text[:200]}")


class Api:
    def __init__(self, url=None, socket_path=None):
        self.socket_path = socket_path
        self.address = f"unix:{socket_path}" if socket_path else url
        parts = urllib.parse.urlsplit(url or "http://localhost")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise StudyError(f"--url {url}: needed is http://HOST:PORT")
        self.secure, self.host = parts.scheme == "https", parts.hostname
        self.port = parts.port or (443 if self.secure else 80)
        self.token = os.environ.get("IMLD_TOKEN")
        self.is_alive = lambda: True  # server.py: whether waiting for a daemon of ours makes sense

    def connection(self):
        if self.socket_path:
            return UnixConnection(self.socket_path, 60)
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=60)

    def once(self, method, path, body=None, headers=None):
        """(status, headers, text) of one request; OSError or HTTPException where there was no answer."""
        headers = dict(headers or {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        connection = self.connection()
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def request(self, method, path, body=None, headers=None):
        """The answer's JSON. Asks again while the server is away or busy; every request of ours may be
        repeated (POST /v1/jobs carries its key)."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            fault, wait = None, 0.5
            try:
                status, names, text = self.once(method, path, body, headers)
                if status not in (429, 503):
                    break
                fault = f"{status} {text[:200]}"
                wait = min(float(names.get("Retry-After") or 1), 10)
            except (OSError, http.client.HTTPException) as error:
                fault = error
            if time.monotonic() > end or not self.is_alive():
                raise StudyError(f"{self.address} does not answer {method} {path}: {fault}")
            time.sleep(wait)
        try:
            document = json.loads(text) if text else None
        except json.JSONDecodeError:
            document = None
        if status >= 300:
            raise Refused(status, document, text)
        return document

    def get(self, path):
        return self.request("GET", path)

    def pages(self, path, query):
        """All jobs of a list, page after page."""
        found, cursor = [], None
        while True:
            arguments = dict(query, limit=100, **({"cursor": cursor} if cursor else {}))
            page = self.get(f"{path}?{urllib.parse.urlencode(arguments)}")
            found += page["jobs"]
            cursor = page["cursor"]
            if not cursor:
                return found

    def rows(self, job, names):
        """{metric: (steps, values)}: all rows; what is not finite is nan, inf or -inf."""
        table, cursor = {}, None
        while names:
            query = {"names": ",".join(names), **({"cursor": cursor} if cursor else {})}
            page = self.get(f"/v1/jobs/{job}/metrics?{urllib.parse.urlencode(query)}")
            for name, columns in page["metrics"].items():
                steps, values = table.setdefault(name, ([], []))
                kinds = columns.get("kind", {})
                steps += columns["step"]
                values += [float(kinds.get(str(s), "nan")) if v is None else v
                           for s, v in zip(columns["step"], columns["value"])]
            if not page["more"]:
                break
            cursor = page["cursor"]
        return table
