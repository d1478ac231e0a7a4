"""record.py: finished runs as CSV in a folder that outlives every daemon, so that a long series can go on elsewhere:
runs.csv has a line a run, rows.csv what its measures and curves were made from."""
import csv
import io
import os

from .plan import StudyError

RUNS = ["key", "job", "reason", "rule", "steps", "rows", "program", "cpu_kernel"]  # rows: how many in rows.csv
ROWS = ["key", "metric", "step", "value"]
RESULT = "result"  # in place of a step: what the restored best weights gave


def read(path, names):
    """The file's lines as dicts, each with all of these columns; none where there is no file."""
    if not os.path.exists(path):
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        lines = csv.DictReader(io.StringIO(text, newline=""))
        found = list(lines)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise StudyError(f"{path}: {fault}") from None
    if not text.endswith("\n"):
        raise StudyError(f"{path}: its last line is cut off")
    missing = [name for name in names if name not in lines.fieldnames]
    if missing:
        raise StudyError(f"{path}: there is no column {', '.join(missing)}")
    if any(None in line or None in line.values() for line in found):
        raise StudyError(f"{path}: a line has not as many columns as the first")
    return found


class Record:
    """{key: (job, curves)} of completed runs, in the shapes of the API and of client.rows."""

    def __init__(self, folder):
        self.folder, self.runs, self.rows = folder, {}, {}
        try:
            self.load()
        except StudyError as fault:
            raise StudyError(f"{fault}; bring both files back as they were written, or remove both") from None

    def load(self):
        for line in read(self.path("rows.csv"), ROWS):
            try:
                step = line["step"] if line["step"] == RESULT else int(line["step"])
                row = line["metric"], step, float(line["value"])
            except ValueError as fault:
                raise StudyError(f"{self.path('rows.csv')}, run {line['key']}: {fault}") from None
            self.rows.setdefault(line["key"], []).append(row)
        for line in read(self.path("runs.csv"), RUNS):
            there = len(self.rows.setdefault(line["key"], []))
            if not line["steps"].isdigit() or line["rows"] != str(there) or line["key"] in self.runs:
                raise StudyError(f"{self.path('runs.csv')}, run {line['key']}: {line['steps']} steps and "
                                 f"{line['rows']} rows; rows.csv has {there}")
            self.runs[line["key"]] = line

    def path(self, name):
        return os.path.join(self.folder, name)

    def __contains__(self, key):
        return key in self.runs

    def job(self, key):
        line = self.runs[key]
        result = {metric: value for metric, step, value in self.rows[key] if step == RESULT}
        return {"id": line["job"], "state": "completed", "progress": {"step": int(line["steps"])},
                "reason": {"kind": line["reason"], "rule": line["rule"] or None}, "result": {"metrics": result}}

    def curves(self, key):
        found = {}
        for metric, step, value in self.rows[key]:
            if step != RESULT:
                steps, values = found.setdefault(metric, ([], []))
                steps.append(step)
                values.append(value)
        return found

    def add(self, key, job, curves, server):
        """A completed job of the API; the one that is there already stays."""
        if key in self.runs:
            return
        reason = job["reason"] or {}
        metrics = ((job["result"] or {}).get("metrics") or {}).items()
        rows = [(metric, RESULT, value) for metric, value in metrics if value is not None]
        rows += [(metric, step, value) for metric, columns in curves.items() for step, value in zip(*columns)]
        self.rows[key] = rows
        self.runs[key] = dict(zip(RUNS, [
            key, job["id"], reason.get("kind") or "", reason.get("rule") or "", job["progress"]["step"], len(rows),
            server["program"], server["cpu_kernel"]]))

    def write(self, keys):
        """Whole files, in the order of `keys`, those of other documents after them: nothing is lost by a study
        that has changed, nor what another one has written meanwhile. Rows come first: a run that is named has them."""
        os.makedirs(self.folder, exist_ok=True)
        other = Record(self.folder)
        for key in other.runs:
            if key not in self.runs:
                self.runs[key], self.rows[key] = other.runs[key], other.rows[key]
        order = [key for key in dict.fromkeys(keys) if key in self.runs]
        order += [key for key in self.runs if key not in order]
        self.write_csv("rows.csv", ROWS, [[key, *row] for key in order for row in self.rows[key]])
        self.write_csv("runs.csv", RUNS, [[self.runs[key][name] for name in RUNS] for key in order])

    def write_csv(self, name, head, lines):
        with open(self.path(name + ".new"), "w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(head)
            out.writerows(lines)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path(name + ".new"), self.path(name))
