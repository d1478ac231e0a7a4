"""record.py: finished runs as CSV in a folder that outlives every daemon, so that a long series can go on elsewhere:
runs.csv has a line a run, rows.csv what its measures and curves were made from."""
import csv
import os

RUNS = ["key", "job", "reason", "rule", "steps", "program", "cpu_kernel"]
ROWS = ["key", "metric", "step", "value"]
RESULT = "result"  # in place of a step: what the restored best weights gave


def read(path, names):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return [{name: line[name] for name in names} for line in csv.DictReader(file)]


class Record:
    """{key: (job, curves)} of completed runs, in the shapes of the API and of client.rows."""

    def __init__(self, folder):
        self.folder = folder
        self.runs = {line["key"]: line for line in read(self.path("runs.csv"), RUNS)}
        self.rows = {}
        for line in read(self.path("rows.csv"), ROWS):
            self.rows.setdefault(line["key"], []).append((line["metric"], line["step"], float(line["value"])))

    def path(self, name):
        return os.path.join(self.folder, name)

    def __contains__(self, key):
        return key in self.runs

    def job(self, key):
        line = self.runs[key]
        result = {metric: value for metric, step, value in self.rows.get(key, []) if step == RESULT}
        return {"id": line["job"], "state": "completed", "progress": {"step": int(line["steps"])},
                "reason": {"kind": line["reason"], "rule": line["rule"] or None}, "result": {"metrics": result}}

    def curves(self, key):
        found = {}
        for metric, step, value in self.rows.get(key, []):
            if step != RESULT:
                steps, values = found.setdefault(metric, ([], []))
                steps.append(int(step))
                values.append(value)
        return found

    def add(self, key, job, curves, server):
        """A completed job of the API; the one that is there already stays."""
        if key in self.runs:
            return
        reason = job["reason"] or {}
        self.runs[key] = dict(zip(RUNS, [
            key, job["id"], reason.get("kind") or "", reason.get("rule") or "", job["progress"]["step"],
            server["program"], server["cpu_kernel"]]))
        metrics = ((job["result"] or {}).get("metrics") or {}).items()
        self.rows[key] = [(metric, RESULT, value) for metric, value in metrics if value is not None]
        self.rows[key] += [(metric, step, value) for metric, columns in curves.items() for step, value in zip(*columns)]

    def write(self, keys):
        """Whole files, in the order of `keys`, those of other documents after them: nothing is lost by a study
        that has changed."""
        os.makedirs(self.folder, exist_ok=True)
        order = [key for key in dict.fromkeys(keys) if key in self.runs]
        order += [key for key in self.runs if key not in order]
        self.write_csv("runs.csv", RUNS, [[self.runs[key][name] for name in RUNS] for key in order])
        self.write_csv("rows.csv", ROWS, [[key, *row] for key in order for row in self.rows[key]])

    def write_csv(self, name, head, lines):
        with open(self.path(name + ".new"), "w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(head)
            out.writerows(lines)
        os.replace(self.path(name + ".new"), self.path(name))
