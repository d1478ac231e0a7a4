"""figures.py: a figure a measure and a figure a curve, with python3-matplotlib where it is installed."""
import math
import os
import re

from . import summary
from .report import groups


def library():
    """matplotlib.pyplot, or None where the package python3-matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    # small files, and the same bytes for the same numbers
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "imld", "path.simplify_threshold": 1.0})
    import matplotlib.pyplot
    return matplotlib.pyplot


def file_name(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def measure_figure(plot, study, label, rows):
    """Labels of the first axis along x, one series for each combination of the others: mean and
    deviation, each seed a small dot."""
    first = study.axes[0].name if study.axes else ""
    places, series = {}, {}  # label → x; name of a series → points
    for group, members in groups(rows).items():
        values = summary.finite([row.values[label] for row in members])
        if values:
            x = places.setdefault(group[0] if group else "", len(places))
            series.setdefault(" · ".join(group[1:]), []).append((x, values))
    figure, axes = plot.subplots(figsize=(max(6, 1 + 0.6 * len(places)), 4), layout="constrained")
    for i, (name, points) in enumerate(series.items()):
        shift = 0.12 * (i - (len(series) - 1) / 2)
        spread = [summary.deviation(v) if len(v) > 1 else 0 for _, v in points]
        drawn = axes.errorbar([x + shift for x, _ in points], [summary.mean(v) for _, v in points],
                              yerr=spread, marker="o", linestyle="none", capsize=3, label=name or None)
        for x, values in points:
            axes.plot([x + shift] * len(values), values, ".", color=drawn[0].get_color(), alpha=0.35)
    axes.set_xticks(range(len(places)), list(places), rotation=30, ha="right")
    axes.set_xlabel(first)
    axes.set_ylabel(label)
    if any(series):
        axes.legend(fontsize="small")
    return figure


def curve_points(members, metric):
    """(step, mean, lowest, highest) over the seeds, at the steps that each of them has."""
    tables = [dict(zip(*row.curves[metric])) for row in members if metric in row.curves]
    steps = sorted(set.intersection(*(set(t) for t in tables))) if tables else []
    points = []
    for step in steps:
        values = summary.finite([t[step] for t in tables])
        if values:
            points.append((step, summary.mean(values), min(values), max(values)))
    return points


def thinned(points, most=150):
    """Neighbours joined until there are at most so many: mean of the means, lowest and highest of all, so that a
    burst stays visible and a figure of 3,000 updates stays small."""
    size = -(-len(points) // most) or 1
    joined = []
    for i in range(0, len(points), size):
        steps, means, lows, highs = zip(*points[i:i + size])
        joined.append((steps[len(steps) // 2], summary.mean(means), min(lows), max(highs)))
    return joined


def curve_figure(plot, study, metric, rows):
    """One panel for each combination of all axes but the first, one line a label of the first."""
    found = groups(rows)
    panels = list(dict.fromkeys(group[1:] for group in found))
    figure, all_axes = plot.subplots(len(panels), 1, figsize=(8, 1 + 3 * len(panels)), squeeze=False,
                                     sharex=True, layout="constrained")
    for axes, panel in zip(all_axes[:, 0], panels):
        styles = plot.cycler(linestyle=["-", "--", ":"])
        axes.set_prop_cycle(styles * plot.cycler(color=plot.cm.tab10.colors))
        lowest = math.inf
        for group, members in found.items():
            points = thinned(curve_points(members, metric)) if group[1:] == panel else []
            if points:
                steps, means, lows, highs = zip(*points)
                line, = axes.plot(steps, means, label=group[0] if group else None, linewidth=1)
                axes.fill_between(steps, lows, highs, color=line.get_color(), alpha=0.15, linewidth=0)
                lowest = min(lowest, *lows)
        if metric.partition("/")[0] in ("solver", "meta", "inner") and 0 < lowest < math.inf:
            axes.set_yscale("log")
        axes.set_title(" · ".join(panel), fontsize="small")
        axes.set_ylabel(metric)
        if found and axes.lines:
            axes.legend(fontsize="x-small", ncols=3)
    all_axes[-1, 0].set_xlabel("step")
    return figure


def draw(chosen, rows, folder):
    """Writes the figures; their paths, or None where matplotlib is missing."""
    plot = library()
    if plot is None:
        return None
    paths = []
    todo = [(f"{file_name(m.label)}.svg", measure_figure, m.label) for m in chosen.measures]
    # many lines: smaller as pixels
    todo += [(f"curve-{file_name(name)}.png", curve_figure, name) for name in chosen.curves]
    for name, make, what in todo:
        figure = make(plot, chosen.study, what, rows)
        paths.append(os.path.join(folder, name))
        undated = {"Date": None} if name.endswith(".svg") else {"Software": None}
        figure.savefig(paths[-1], dpi=100, metadata=undated)
        plot.close(figure)
    return paths
