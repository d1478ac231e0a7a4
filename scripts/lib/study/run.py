"""run.py: the cells become jobs, each once; waits for them; says what fails when it fails. A cell that names the
job of another one becomes a job when that one has completed."""
import sys
import time

from .client import Refused
from .plan import KEY_TAG, StudyError, key_of

OPEN = "queued,running,paused"
REVIVE = {"failed": "retry", "cancelled": "retry", "paused": "resume"}
KEYS_MAX = 20  # an Idempotency-Key of a deleted job stays taken: the next one is tried


def found_jobs(api, tag, owner):
    """{key: job} of the jobs that an earlier run of this study made, the newest of each."""
    found = {}
    for job in api.pages("/v1/jobs", {"tag": tag, "owner": owner}):  # newest first
        for word in job["tags"]:
            if word.startswith(KEY_TAG):
                found.setdefault(word[len(KEY_TAG):], job)
    return found


def submit(api, cell):
    """The job of a cell. The key is made from the whole body (name and tags too: another study may
    have the same job), so a repeated request makes no second job."""
    body_key = key_of(cell.spec)
    for turn in range(KEYS_MAX):
        key = body_key if turn == 0 else f"{body_key}-{turn + 1}"
        try:
            return api.request("POST", "/v1/jobs", cell.spec, {"Idempotency-Key": f"study-{key}"})
        except Refused as refusal:
            if refusal.status != 410:  # 410: made once, and deleted since
                raise StudyError(f"{cell.title} was refused: {refusal}") from None
    raise StudyError(f"{cell.title}: its job was made and deleted {KEYS_MAX} times")


def submit_all(api, cells, tag, resume, say):
    """{key: job} for all cells. resume: what failed, was cancelled or paused goes on."""
    owner = api.get("/v1/server")["caller"]["user"]
    jobs = found_jobs(api, tag, owner)
    known = {cell.key for cell in cells if cell.key in jobs}
    new = 0
    for cell in cells:
        if cell.key not in jobs:
            jobs[cell.key] = submit(api, cell)
            new += 1
    revived = 0
    for key in known:
        verb = REVIVE.get(jobs[key]["state"])
        if resume and verb:
            jobs[key] = api.request("POST", f"/v1/jobs/{jobs[key]['id']}/{verb}")
            revived += 1
    say(f"{len({c.key for c in cells})} jobs with the tag {tag}: {new} new, {len(known)} were there"
        + (f", {revived} of them go on again" if revived else ""))
    return {cell.key: jobs[cell.key] for cell in cells}


def find_all(api, cells, tag):
    """{key: job} of the jobs that are there; submits nothing, waits for nothing."""
    jobs = found_jobs(api, tag, api.get("/v1/server")["caller"]["user"])
    return {cell.key: jobs[cell.key] for cell in cells if cell.key in jobs}


def duration(seconds):
    seconds = int(seconds + 0.5)
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def remaining_seconds(running, queued, seen):
    """What is left by the server's own ETAs and the mean time of the jobs so far, or None.
    seen: seconds that ended jobs took, of this session's waiting."""
    left = [job["progress"]["eta_seconds"] for job in running]
    if not running or None in left:
        return None
    took = sum(seen) / len(seen) if seen else max(left)
    return max(max(left), (sum(left) + queued * took) / len(running))


class Line:
    """One line that is written over on a terminal; elsewhere a line now and then."""

    def __init__(self, every_seconds=15):
        self.terminal = sys.stderr.isatty()
        self.every, self.last = every_seconds, None

    def show(self, text):
        now = time.monotonic()
        if self.terminal:
            sys.stderr.write(f"\r\033[K{text[:160]}")
        elif self.last is None or now - self.last >= self.every:
            sys.stderr.write(text + "\n")
            self.last = now
        sys.stderr.flush()

    def end(self):
        if self.terminal:
            sys.stderr.write("\r\033[K")


def fault_text(job):
    error, reason = job["error"] or {}, job["reason"] or {}
    words = [error.get(key) for key in ("what", "where", "mend") if error.get(key)]
    return "; ".join(words) or reason.get("kind") or "no reason given"


class Follower:
    """Waits until no job of the study is queued or running."""

    def __init__(self, api, tag, jobs, titles, say):
        self.api, self.tag, self.jobs, self.titles, self.say = api, tag, jobs, titles, say
        self.keys = {job["id"]: key for key, job in jobs.items()}
        self.pending = set(self.keys)
        self.took, self.began_at = [], {}
        self.line = Line()

    def ended(self, id):
        """A job that isn't listed as open any more: fetched whole, its fault said at once."""
        job = self.jobs[self.keys[id]] = self.api.get(f"/v1/jobs/{id}")
        if job["state"] in OPEN.split(","):
            return  # it moved between the pages of the list
        self.pending.discard(id)
        if id in self.began_at:
            self.took.append(time.monotonic() - self.began_at[id])
        if job["state"] != "completed":
            self.line.end()
            self.say(f"{job['state']}: {id}, {self.titles[self.keys[id]]}: {fault_text(job)}")

    def look(self):
        """One look: False where nothing is left that moves."""
        open_jobs = {job["id"]: job for job in self.api.pages("/v1/jobs", {"tag": self.tag, "state": OPEN})}
        for id in sorted(self.pending - set(open_jobs)):
            self.ended(id)
        mine = [open_jobs[id] for id in self.pending if id in open_jobs]
        by = {state: [j for j in mine if j["state"] == state] for state in OPEN.split(",")}
        for job in by["running"]:
            if not (job["progress"]["step"] or 0):
                self.began_at.setdefault(job["id"], time.monotonic())
        left = remaining_seconds(by["running"], len(by["queued"]), self.took)
        done = len(self.keys) - len(self.pending)
        self.line.show(f"{done}/{len(self.keys)} done, {len(by['running'])} running, "
                       + f"{len(by['queued'])} queued"
                       + (f", {len(by['paused'])} paused" if by["paused"] else "")
                       + (f", about {duration(left)} left" if left is not None else ""))
        for job in by["paused"]:
            self.jobs[self.keys[job["id"]]] = job
        return bool(self.pending) and len(by["paused"]) < len(self.pending)

    def wait(self):
        while self.look():
            time.sleep(1 if len(self.pending) <= 100 else 5)
        self.line.end()
        for key, job in self.jobs.items():
            if job["id"] in self.pending:
                self.say(f"paused: {job['id']}, {self.titles[key]}: --resume lets it go on")
        return self.jobs


def with_origins(cells):
    """And the cells that they name, which a record has perhaps, but not as jobs of this server."""
    keys = {cell.key for cell in cells}
    origins = {cell.origin[1].key: cell.origin[1] for cell in cells if cell.origin}
    return [cell for key, cell in origins.items() if key not in keys] + cells


def run_all(api, cells, tag, resume, say):
    """{key: job} of all cells when nothing is left that moves."""
    titles = {cell.key: cell.title for cell in cells}

    def carry(some):
        return Follower(api, tag, submit_all(api, some, tag, resume, say), titles, say).wait() if some else {}

    jobs = carry([cell for cell in cells if not cell.origin])
    ready = []
    for cell in cells:
        if not cell.origin:
            continue
        job = jobs[cell.origin[1].key]
        if job["state"] == "completed":
            ready.append(cell.naming(job["id"]))
        else:
            say(f"not run: {cell.title}: {job['id']}, which it goes on from, is {job['state']}")
    return {**jobs, **carry(ready)}
