"""report.py: jobs become rows; rows become a CSV, one a job, and a Markdown table."""
import csv
import math

from . import summary


def plan_number(plan, name):
    """plan/total_bytes, or plan/PART: a part of the planned memory in bytes (dry run); nan without one."""
    if plan is None:
        return math.nan
    memory = plan["memory"]
    return memory["total_bytes"] if name == "total_bytes" else memory["parts"].get(name, math.nan)


def job_number(job, name):
    return job["progress"]["step"] if name == "steps" else math.nan


def measured(measure, job, curves, plan, better):
    """The number of one measure of one job; nan where the job has none."""
    kind, _, name = measure.metric.partition("/")
    if kind == "plan":
        return plan_number(plan, name)
    if kind == "job":
        return job_number(job, name)
    if measure.at == "result":
        value = ((job["result"] or {}).get("metrics") or {}).get(measure.metric)
        return math.nan if value is None else value
    values = curves.get(measure.metric, ([], []))[1]
    return summary.reduce_curve(values, measure.at, better, measure.rows)


def reason(job):
    """"finished", "stopped_by_rule divergence" and the like."""
    told = job["reason"] or {}
    return " ".join(told[key] for key in ("kind", "rule") if told.get(key))


class Row:
    """One cell: labels, seed, job, {label of the measure: number}, curves."""

    def __init__(self, cell, job, values, curves):
        self.cell, self.job, self.values, self.curves = cell, job, values, curves

    @property
    def is_complete(self):
        return self.job["state"] == "completed"


def collect(api, chosen, jobs, plans, record=None):
    """Rows for all cells; a job's rows are fetched once, those of a record are there already."""
    metrics = chosen.schema.metrics
    names = {m.metric for m in chosen.measures if m.at != "result" and m.metric in metrics}
    names |= set(chosen.curves)
    fetched = {key: record.curves(key) if record and key in record else api.rows(job["id"], sorted(names))
               for key, job in jobs.items() if job["state"] == "completed"}
    found = []
    for cell in chosen.cells:
        if cell.key not in jobs:
            continue
        job, curves, values = jobs[cell.key], fetched.get(cell.key, {}), {}
        for m in chosen.measures if cell.key in fetched else []:
            better = metrics.get(m.metric, {}).get("better")
            values[m.label] = measured(m, job, curves, plans[cell.group], better)
        found.append(Row(cell, job, values, curves))
    return found


def write_csv(path, chosen, rows):
    axes, labels = [a.name for a in chosen.study.axes], [m.label for m in chosen.measures]
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["study", *axes, "seed", "job", "state", "reason", *labels, "not_finite_rows"])
        for row in rows:
            strange = sum(not math.isfinite(v) for _, values in row.curves.values() for v in values)
            out.writerow([chosen.study.tag, *row.cell.group, row.cell.seed, row.job["id"], row.job["state"],
                          reason(row.job), *(row.values.get(label, "") for label in labels), strange])


def write_summary(path, chosen, rows):
    """The tables' numbers, one a line: mean and deviation of each combination and measure; the paired
    difference to each label of the study's pairs with its 95 % interval."""
    axes, members = [a.name for a in chosen.study.axes], groups(rows)
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["study", *axes, "measure", "less", "seeds", "mean", "deviation", "low", "high"])
        for m in chosen.measures:
            for group, ours in members.items():
                values = [row.values[m.label] for row in ours]
                out.writerow([chosen.study.tag, *group, m.label, "", len(values), summary.mean(values),
                              summary.deviation(values), "", ""])
            for pair, group, ours, theirs in pairs_of(chosen.study, members):
                n, middle, half = summary.paired(by_seed(ours, m.label), by_seed(theirs, m.label))
                out.writerow([chosen.study.tag, *group, m.label, f"{pair.axis} = {pair.against}", n, middle, "",
                              middle - half, middle + half])


def number(value):
    if math.isnan(value):
        return "—"
    is_large = 1e4 <= abs(value) < 1e15  # bytes, steps
    return f"{value:.0f}" if is_large else f"{value:.4g}"


def groups(rows):
    """{group: [rows of its completed seeds]}, in the order of the cells."""
    found = {}
    for row in rows:
        found.setdefault(row.cell.group, [])
        if row.is_complete:
            found[row.cell.group].append(row)
    return found


def table(head, lines):
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head),
            *("| " + " | ".join(line) + " |" for line in lines), ""]


def mean_table(chosen, rows):
    measures, lines = chosen.measures, []
    for group, members in groups(rows).items():
        numbers = []
        for m in measures:
            values = [row.values[m.label] for row in members]
            spread = summary.deviation(values)
            numbers.append(number(summary.mean(values)) + (f" ± {spread:.2g}" if spread > 0 else ""))
        lines.append([*group, str(len(members)), *numbers])
    return table([*(a.name for a in chosen.study.axes), "seeds", *(m.label for m in measures)], lines)


def by_seed(members, label):
    return {row.cell.seed: row.values[label] for row in members}


def difference(ours, theirs, label):
    """"0.012 [-0.003, 0.027]": mean paired difference and its 95 % interval."""
    n, middle, half = summary.paired(by_seed(ours, label), by_seed(theirs, label))
    if n == 0 or math.isnan(middle):
        return "—"
    if math.isnan(half):
        return f"{number(middle)} (1 seed)"
    if half == 0:
        return number(middle)
    return f"{number(middle)} [{number(middle - half)}, {number(middle + half)}]"


def pairs_of(study, members):
    """(pair, group, its rows, the rows that they are compared with) for all pairs of the study."""
    names = [axis.name for axis in study.axes]
    for pair in study.pairs:
        place = names.index(pair.axis)
        for group, ours in members.items():
            theirs = members.get(group[:place] + (pair.against,) + group[place + 1:])
            if group[place] != pair.against and theirs is not None:
                yield pair, group, ours, theirs


def pair_table(chosen, pair, rows):
    measures = chosen.measures
    lines = [[*group, *(difference(ours, theirs, m.label) for m in measures)]
             for of, group, ours, theirs in pairs_of(chosen.study, groups(rows)) if of is pair]
    return table([*(axis.name for axis in chosen.study.axes), *(m.label for m in measures)], lines)


def group_names(study, found):
    """The combinations in few words: by axis where they are all combinations of some labels."""
    labels = [[label for label in axis.labels if any(g[i] == label for g in found)]
              for i, axis in enumerate(study.axes)]
    if math.prod(map(len, labels)) != len(found):
        return "; ".join(" · ".join(group) for group in found)
    parts = [f"{axis.name} {', '.join(some)}" for axis, some in zip(study.axes, labels)
             if len(some) < len(axis.labels)]
    return "; ".join(parts) or "all"


def left_out_lines(chosen):
    lines = [f"- {group_names(chosen.study, found)}: {why}" for why, found in chosen.left_out.items()]
    if chosen.unknown:
        lines.append(f"- {', '.join(chosen.unknown)}: this server doesn't know them yet")
    return lines


def markdown(chosen, rows, head):
    """The whole page as text. head: a line on how it was made."""
    study, done = chosen.study, sum(row.is_complete for row in rows)
    lines = [f"# {study.title}", "", study.question, "", head,
             f"{done} of {len(chosen.cells)} completed; seeds {', '.join(map(str, study.seeds))}.", ""]
    if study.quick:
        lines += ["**This is the quick form: it shows that the study runs, and is no result.**", ""]
    lines += ["## Mean ± deviation over seeds", "", *mean_table(chosen, rows)]
    for pair in study.pairs:
        lines += [f"## Paired differences to {pair.axis} = {pair.against}", "",
                  "Mean over seeds of (this − that) with the same seed, and its 95 % interval (Student's t).",
                  "", *pair_table(chosen, pair, rows)]
    unusual = [row for row in rows if not row.is_complete or reason(row.job) != "finished"]
    if unusual:
        lines += ["## Not finished in the ordinary way", ""]
        lines += [f"- {row.job['id']}, {row.cell.title}: {row.job['state']} {reason(row.job)}".rstrip()
                  for row in unusual] + [""]
    missing = len(chosen.cells) - len(rows)
    if missing:
        lines += [f"{missing} jobs of the study were not there when this was made.", ""]
    omitted = left_out_lines(chosen)
    if omitted:
        lines += ["## Left out", "", *omitted, ""]
    return "\n".join(lines)
