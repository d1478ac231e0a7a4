"""needs.py: what of a study a server can run, from its /v1/schema and /v1/datasets, never from a version."""
import copy

from .plan import StudyError, put


def leaves(document, path="", parent=None):
    """(path as in the schema, value, object it stands in) of each field; an empty section is one; items
    of a list of objects stand under "-"."""
    if isinstance(document, dict) and (document or not path):
        for key, value in document.items():
            yield from leaves(value, f"{path}/{key}", document)
    elif isinstance(document, list) and any(isinstance(item, dict) for item in document):
        for item in document:
            yield from leaves(item, f"{path}/-", parent)
    else:
        yield path, document, parent


class Schema:
    def __init__(self, document):
        self.metrics = {metric["name"]: metric for metric in document["metrics"]}
        self.rows = {}
        for row in document["fields"]:
            self.rows.setdefault(row["path"], []).append(row)

    def holds(self, row, parent, algorithm):
        """Whether a row speaks of this field here: its algorithm, and its condition on the field beside
        it ("kind=cg|minres", or "!until" where that one is absent)."""
        if algorithm not in row["algorithms"]:
            return False
        name, _, values = (row.get("when") or "").partition("=")
        if name.startswith("!"):
            return name[1:] not in parent
        if not name:
            return True
        beside = self.rows.get(f"{row['path'].rpartition('/')[0]}/{name}", [])
        default = next((other["default"] for other in beside if self.holds(other, parent, algorithm)), None)
        return parent.get(name, default) in values.split("|")

    def algorithm_of(self, spec):
        """Its name among a field's algorithms: with data.labels some have rows of their own."""
        name = spec.get("algorithm")
        own = f"{name} with data.labels"
        has_labels = "labels" in spec.get("data", {})
        is_known = any(own in row["algorithms"] for rows in self.rows.values() for row in rows)
        return own if has_labels and is_known else name

    def unknown(self, spec):
        """What this server has no field or no value for: "/path", "/path=value", or "/path (kind=cg)"
        for a field that it has, but not for this kind. Each once; the fields of an unknown kind are not
        told one by one."""
        found, strangers = [], set()
        fields, algorithm = list(leaves(spec)), self.algorithm_of(spec)
        for path, value, parent in fields:
            rows = self.rows.get(path, [])
            if path.endswith("/kind") and rows and not self.is_choice(rows, value):
                found.append(f"{path}={value}")
                strangers.add(id(parent))
        for path, value, parent in fields:
            every = self.rows.get(path, [])
            rows = [row for row in every if self.holds(row, parent, algorithm)]
            if id(parent) in strangers or value == {} and self.is_section(path):
                continue
            if not every:
                found.append(path)
            elif not rows:
                kind = next((f" ({k}={parent[k]})" for k in ("kind", "rule") if k in parent), "")
                found.append(path + kind)
            elif not self.is_choice(rows, value):
                found.append(f"{path}={value}")
        return list(dict.fromkeys(found))

    def is_section(self, path):
        return any(row.startswith(path + "/") for row in self.rows)

    @staticmethod
    def is_choice(rows, value):
        """False only for a text that none of the rows allows."""
        if not isinstance(value, str) or not all(row.get("choices") for row in rows):
            return True
        return any(value in row["choices"] for row in rows)


def covering(missing, needs):
    """The need that speaks of it, or None. A need covers itself and what is inside of it:
    "/diagnostics" covers "/diagnostics/lens"."""
    return next((n for n in needs if missing == n or missing.startswith((n + "/", n + "=", n + " "))), None)


def missing_set(spec, datasets):
    """Why the cell's data set can't be used here, or None."""
    name = spec.get("data", {}).get("set")
    if name is None or name == "synthetic":  # the schema speaks of that one
        return None
    found = [d for d in datasets if d["name"] == name]
    if not found:
        return f"no data set {name} under the server's data roots"
    for split in ("train", "test"):
        if split not in found[0]["splits"]:
            return f"the data set {name} has no {split} split here"
    return None


def reason_against(study, cell, schema, datasets):
    """Why this server can't run the cell, or the one whose job it names; None: it can. What a study doesn't list
    under needs and the server doesn't know is an error: else a misspelt field would just be left out."""
    missing = schema.unknown(cell.spec)
    listed = [covering(m, study.needs) for m in missing]
    strange = [m for m, need in zip(missing, listed) if need is None]
    if strange:
        raise StudyError(
            f"{cell.title}: this server doesn't know {', '.join(strange)}. If a later one does, "
            f'list it in the study\'s "needs"; else see docs/reference/fields.md'
        )
    reason = missing_set(cell.spec, datasets)
    if missing and not reason:
        reason = f"this server doesn't know {', '.join(dict.fromkeys(listed))} yet"
    if not reason and cell.origin:
        reason = reason_against(study, cell.origin[1], schema, datasets)
    return reason


def sort_out(study, cells, schema, datasets):
    """(cells that can run, {reason: [group, …]} of those that can't)."""
    able, left_out = [], {}
    for cell in cells:
        reason = reason_against(study, cell, schema, datasets)
        if reason is None:
            able.append(cell)
        elif cell.group not in left_out.setdefault(reason, []):
            left_out[reason].append(cell.group)
    return able, left_out


def add_known(study, schema):
    """Adds the fields of if_known to the base; those that the server doesn't know stay out and are
    returned: a study can ask for more than each server has, and still run."""
    unknown = []
    for pointer, value in study.if_known.items():
        base = copy.deepcopy(study.base)
        before = schema.unknown(base)
        put(base, pointer, value)
        if set(schema.unknown(base)) - set(before):
            unknown.append(f"field {pointer}")
        else:
            study.base = base
    return unknown


def known_metrics(study, schema):
    """(measures, curves, metrics left out). A metric that is unknown and not under needs is an error."""
    names = list(dict.fromkeys([m.metric for m in study.measures] + list(study.curves)))
    unknown = [n for n in names if n not in schema.metrics and not n.startswith(("plan/", "job/"))]
    for name in unknown:
        if f"metric {name}" not in study.needs:
            raise StudyError(f'this server has no metric {name}, and "needs" doesn\'t list "metric {name}"')
    measures = [m for m in study.measures if m.metric not in unknown]
    curves = [name for name in study.curves if name not in unknown]
    return measures, curves, [f"metric {name}" for name in unknown]


class Selection:
    """What of a study this server can run, and what it can't."""

    def __init__(self, study, schema, datasets):
        self.study, self.schema = study, schema
        self.unknown = add_known(study, schema)  # fields and metrics, in words
        self.cells, self.left_out = sort_out(study, study.cells(), schema, datasets)
        self.measures, self.curves, metrics = known_metrics(study, schema)
        self.unknown += metrics
