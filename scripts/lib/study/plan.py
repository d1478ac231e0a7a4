"""plan.py: a study file becomes cells: labels, a seed and a job document each. No server is asked."""
import copy
import hashlib
import itertools
import json
import re

KEYS = {"study", "title", "question", "base", "axes", "seeds", "measures", "pairs", "curves", "needs",
        "if_known", "quick", "record", "rules"}
NEEDED = {"study", "question", "base", "axes", "seeds", "measures"}
TYPES = {"title": str, "question": str, "base": dict, "axes": list, "seeds": list, "measures": list, "curves": list,
         "needs": list, "if_known": dict, "record": str, "rules": dict}
KINDS = {str: "a text", dict: "an object", list: "a list"}
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")
KEY_TAG = "key-"  # a job's tag that says which document it was made from
ORIGIN = "@"  # "@LABEL" in a value: the job with this label of the axis, all other labels and the seed the same


class StudyError(Exception):
    """What is wrong with a study file or its use, in words for its writer."""


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise StudyError(f"the name {key!r} stands twice in one object")
    return dict(pairs)


def put(document, pointer, value):
    """Sets the field that a JSON pointer names; objects on the way are made. None removes it."""
    if not pointer.startswith("/"):
        raise StudyError(f"{pointer!r} is no JSON pointer: it begins with /")
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]
    place = document
    for part in parts[:-1]:
        if isinstance(place, list):
            if not part.isdigit() or int(part) >= len(place):
                raise StudyError(f"{pointer}: the list has no item {part}")
            place = place[int(part)]
        else:
            place = place.setdefault(part, {})
        if not isinstance(place, (dict, list)):
            raise StudyError(f"{pointer}: {part} is a value, it has no fields")
    last = parts[-1]
    if isinstance(place, list):
        if not last.isdigit() or int(last) >= len(place):
            raise StudyError(f"{pointer}: the list has no item {last}")
        last = int(last)
    elif value is None:
        place.pop(last, None)
        return
    place[last] = copy.deepcopy(value)


def text_of(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def origin_label(value):
    """LABEL of "@LABEL"; None of any other value."""
    return value[len(ORIGIN):] if isinstance(value, str) and value.startswith(ORIGIN) else None


def no_origins_within(value, where):
    """An origin is a pointer's own value: deeper, or in a base, it would be sent as the text that it is."""
    if origin_label(value) is not None:
        raise StudyError(f"{where}: {value!r} names a job, which only the value of an axis' pointer can do")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        no_origins_within(item, where)


class Axis:
    """name, and labels → {pointer: value}, in the file's order."""

    def __init__(self, document):
        if not isinstance(document, dict) or set(document) - {"name", "pointer", "values"}:
            raise StudyError(f"an axis has name, values and perhaps pointer, not {document!r}")
        self.name = document.get("name")
        values = document.get("values")
        if not isinstance(self.name, str) or not self.name or not values:
            raise StudyError("an axis needs a name and values")
        if isinstance(values, dict):
            if "pointer" in document:
                raise StudyError(f"axis {self.name}: values with labels name their own pointers")
            self.labels = values
        else:
            pointers = document.get("pointer")
            pointers = [pointers] if isinstance(pointers, str) else pointers
            if not pointers:
                raise StudyError(f"axis {self.name}: a list of values needs a pointer, or several")
            self.labels = {text_of(v): {pointer: v for pointer in pointers} for v in values}
            if len(self.labels) != len(values):
                raise StudyError(f"axis {self.name}: a value stands twice")
        self.every = self.labels  # of the long form

    def check_origins(self):
        for at, values in self.labels.items():
            for pointer, value in values.items():
                label = origin_label(value)
                if label is None:
                    no_origins_within(value, f"axis {self.name}, {pointer}")
                elif label not in self.labels:
                    raise StudyError(f"axis {self.name}: {at!r} names the job of {label!r}, which is no label here"
                                     + (": the quick form leaves it out" if label in self.every else ""))
                elif any(origin_label(v) is not None for v in self.labels[label].values()):
                    raise StudyError(f"axis {self.name}: {at!r} names the job of {label!r}, which names one itself")

    def keep(self, labels):
        for label in labels:
            if label not in self.labels:
                raise StudyError(f"quick: axis {self.name} has no value {label!r}")
        self.labels = {label: self.every[label] for label in self.every if label in labels}


class Measure:
    """One number a job: a metric's curve or result, seen at one place (summary.py has the places)."""

    def __init__(self, document, places):
        if not isinstance(document, dict):
            raise StudyError(f"a measure has metric, at, rows, label; it is no {document!r}")
        self.metric, self.at = document.get("metric"), document.get("at", "result")
        self.rows = document.get("rows")
        if not isinstance(self.metric, str) or self.at not in places:
            raise StudyError(f"a measure has a metric and at, one of {', '.join(places)}: {document!r}")
        if self.rows is not None and (not isinstance(self.rows, int) or self.rows < 1):
            raise StudyError(f"measure {self.metric}: rows is how many of the last rows count")
        if set(document) - {"metric", "at", "rows", "label"}:
            raise StudyError(f"a measure has metric, at, rows, label; not {sorted(document)}")
        tail = f" of {self.rows}" if self.rows else ""
        is_curve = not self.metric.startswith(("plan/", "job/"))
        self.label = document.get("label") or self.metric + (f" ({self.at}{tail})" if is_curve else "")


class Pair:
    """Differences to one label of one axis, all other labels and the seed being the same."""

    def __init__(self, document, axes):
        against, name = document.get("against"), document.get("axis")
        found = [a for a in axes if against in a.labels and name in (None, a.name)]
        if len(found) != 1:
            where = f"axis {name}" if name else "exactly one axis"
            raise StudyError(f"pairs: {against!r} is to be a value of {where}")
        self.axis, self.against = found[0].name, against


class Cell:
    def __init__(self, study, labels, seed, spec, origin=None):
        """labels: {axis: label}; origin: (pointer, cell) of the job that this one names there."""
        self.labels, self.seed, self.origin = labels, seed, origin
        self.key = key_of(spec)
        where = ", ".join(f"{axis} {label}" for axis, label in labels.items())
        self.title = f"{where}, seed {seed}" if where else f"seed {seed}"
        self.spec = dict(spec, name=f"{study.tag}: {self.title}"[:200])
        self.spec["tags"] = list(spec.get("tags", [])) + [study.tag, KEY_TAG + self.key]

    def naming(self, id):
        """The cell with its origin's job in place."""
        cell = copy.copy(self)
        cell.spec = copy.deepcopy(self.spec)
        put(cell.spec, self.origin[0], id)
        return cell

    @property
    def group(self):
        return tuple(self.labels.values())


def key_of(document):
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class Study:
    def __init__(self, document, places, quick=False):
        if not isinstance(document, dict):
            raise StudyError("a study file is one JSON object")
        for key in sorted(set(document) - KEYS):
            raise StudyError(f"a study has no field {key!r}; it has {', '.join(sorted(KEYS))}")
        for key in sorted(NEEDED - set(document)):
            raise StudyError(f"the field {key!r} is missing")
        for key, kind in TYPES.items():
            if not isinstance(document.get(key, kind()), kind):
                raise StudyError(f"{key}: needed is {KINDS[kind]}")
        self.name, self.question = document["study"], document["question"]
        if not isinstance(self.name, str) or not NAME.match(self.name):
            raise StudyError("study: a name of a-z, 0-9, - and _, at most 40 characters")
        self.title = document.get("title", self.name)
        self.quick = quick
        self.tag = self.name + ("-quick" if quick else "")
        self.base = copy.deepcopy(document["base"])
        self.seeds = document["seeds"]
        self.needs = document.get("needs", [])
        self.if_known = document.get("if_known", {})
        self.curves = document.get("curves", [])
        self.rules = document.get("rules", {})  # {label: a stop rule as in /early_stopping}
        self.record = None if quick else document.get("record")  # a folder of the repository
        self.axes = [Axis(axis) for axis in document["axes"]]
        if len({axis.name for axis in self.axes}) != len(self.axes):
            raise StudyError("two axes have one name")
        if quick:
            self.shorten(document.get("quick"))
        no_origins_within([self.base, self.if_known], "base and if_known")
        for axis in self.axes:
            axis.check_origins()
        self.measures = [Measure(m, places) for m in document["measures"]]
        if len({m.label for m in self.measures}) != len(self.measures):
            raise StudyError("two measures have one label: give one a label of its own")
        pairs = document.get("pairs", [])
        self.pairs = [Pair(p, self.axes) for p in (pairs if isinstance(pairs, list) else [pairs])]
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise StudyError("seeds: at least one, each once")

    def shorten(self, quick):
        """The quick form: other base values, some of the labels, other seeds."""
        if not isinstance(quick, dict) or set(quick) - {"base", "axes", "seeds"}:
            raise StudyError("quick: an object of base {pointer: value}, axes {name: [labels]}, seeds")
        for pointer, value in quick.get("base", {}).items():
            put(self.base, pointer, value)
        axes = {axis.name: axis for axis in self.axes}
        for name, labels in quick.get("axes", {}).items():
            if name not in axes:
                raise StudyError(f"quick: there is no axis {name!r}")
            axes[name].keep([text_of(label) for label in labels])
        self.seeds = quick.get("seeds", self.seeds)

    def cells(self):
        """Every combination of labels with every seed, seeds innermost."""
        found = []
        for labels in itertools.product(*(axis.labels for axis in self.axes)):
            names = {axis.name: label for axis, label in zip(self.axes, labels)}
            found += [self.cell(names, seed) for seed in self.seeds]
        return found

    def cell(self, names, seed):
        """One combination {axis: label} with one seed. Where a value is "@LABEL" its origin's key stands in the
        document: it is another document where the origin is."""
        spec, origins = copy.deepcopy(self.base), []
        for axis in self.axes:
            for pointer, value in axis.labels[names[axis.name]].items():
                label = origin_label(value)
                if label is not None:
                    origins.append((pointer, self.cell({**names, axis.name: label}, seed)))
                    value = ORIGIN + origins[-1][1].key
                put(spec, pointer, value)
        spec["seed"] = seed
        cell = Cell(self, names, seed, spec, origins[0] if origins else None)
        if len(origins) > 1 or any(origin.origin for _, origin in origins):
            raise StudyError(f"{cell.title}: it names two jobs, or one that names another; a combination names one")
        return cell


def load(path, places, quick=False):
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file, object_pairs_hook=no_duplicates)
    except OSError as fault:
        raise StudyError(f"{path}: {fault.strerror}") from None
    except json.JSONDecodeError as fault:
        raise StudyError(f"{path}: no JSON: {fault}") from None
    try:
        return Study(document, places, quick)
    except StudyError as fault:
        raise StudyError(f"{path}: {fault}") from None
