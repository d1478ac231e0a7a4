"""rules.py: where stop rules would have ended the jobs of a study: the server back-tests its recorded curves
(POST /v1/jobs/{id}/early_stopping/backtest), with the code that a running job asks."""
import csv
import json

from . import report
from .client import Refused
from .plan import KEY_TAG


class Verdict:
    """What one rule says of one job. step: where it would have ended it; None: it doesn't fire."""

    def __init__(self, row, label, answer):
        self.row, self.label = row, label
        self.step, self.numbers = answer["step"], answer["numbers"]


def is_here(api, row):
    """Whether the server's job of that id is this one: a run kept in a record was another daemon's, perhaps."""
    try:
        return KEY_TAG + row.cell.key in api.get(f"/v1/jobs/{row.job['id']}")["tags"]
    except Refused:
        return False


def ask(api, study, rows, say):
    """Verdicts of all rules of the study on all completed jobs that the server has."""
    found = []
    here = [row for row in rows if row.is_complete and is_here(api, row)]
    if len(here) < sum(row.is_complete for row in rows):
        say(f"rules are asked of {len(here)} runs: the others are kept from another server")
    for label, rule in study.rules.items():
        for row in here:
            path = f"/v1/jobs/{row.job['id']}/early_stopping/backtest"
            try:
                found.append(Verdict(row, label, api.request("POST", path, {"early_stopping": [rule]})))
            except Refused as fault:  # an older server
                say(f"rule {label}, {row.cell.title}: not asked: {fault}")
    return found


def write_csv(path, study, verdicts):
    """A line a rule and job; numbers as JSON, as the server gives them."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["study", *(a.name for a in study.axes), "seed", "job", "rule", "step", "numbers"])
        for v in verdicts:
            step = "" if v.step is None else v.step
            numbers = "" if v.numbers is None else json.dumps(v.numbers, sort_keys=True)
            out.writerow([study.tag, *v.row.cell.group, v.row.cell.seed, v.row.job["id"], v.label, step, numbers])


def by_group(verdicts):
    found = {}
    for v in verdicts:
        found.setdefault(v.row.cell.group, []).append(v)
    return found


def markdown(study, verdicts):
    """A table a rule: of how many seeds each combination's jobs it would have ended, and where."""
    lines = []
    for label, rule in study.rules.items():
        mine = [v for v in verdicts if v.label == label]
        cells = []
        for group, members in by_group(mine).items():
            fired = [v for v in members if v.step is not None]
            where = ", ".join(f"{v.step} (seed {v.row.cell.seed})" for v in fired)
            cells.append([*group, f"{len(fired)} of {len(members)}", where])
        lines += [f"## Where the rule {label} would have ended them", "",
                  f"`{json.dumps(rule, ensure_ascii=False)}`; its numbers are in rules.csv.", "",
                  *report.table([*(a.name for a in study.axes), "fires in", "at step"], cells)]
    return "\n".join(lines)
