"""specs.py: job documents for the tiny set of sets.py."""
import copy

IML = {
    "name": "Neumann-3, L2 per parameter",
    "algorithm": "iml",
    "data": {"set": "shapes", "train": 400, "validation": 100, "test": 150},
    "model": {"kind": "mlp", "hidden": [16, 16], "activation": "relu"},
    "inner": {"optimizer": {"kind": "adam", "learning_rate": 1e-3}, "batch": 64,
              "warmup": {"steps": 50}, "steps_per_update": 10},
    "meta": {"knowledge": {"kind": "l2_per_parameter", "initial": 1e-4},
             "optimizer": {"kind": "rmsprop", "learning_rate": 0.05},
             "updates": 20, "validation_batch": 100,
             "curvature": {"kind": "hessian", "batch": 100},
             "solver": {"kind": "neumann", "terms": 3, "step_size": "auto", "precondition": "l2"}},
    "evaluation": {"every_updates": 5},
    "early_stopping": [{"rule": "patience", "metric": "validation/accuracy", "evaluations": 20,
                        "min_delta": 0}],
    "checkpoint": {"every_seconds": 60, "keep": 3, "best": "validation/accuracy"},
    "resources": {"threads": 1},
    "seed": 1, "priority": 0, "tags": ["paper"],
}

SUPERVISED = {
    "name": "supervised",
    "algorithm": "supervised",
    "data": {"set": "shapes", "train": 400, "validation": 100, "test": 150},
    "model": {"kind": "mlp", "hidden": [16]},
    "inner": {"optimizer": {"kind": "adam"}, "batch": 32, "steps": 200},
    "evaluation": {"every_steps": 50},
    "seed": 1,
}

FOREVER = 1_000_000_000


def merged(base, changes):
    """A copy of base with the sections of changes merged in."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def iml(**changes):
    return merged(IML, changes)


def supervised(**changes):
    return merged(SUPERVISED, changes)


def endless(**changes):
    """Runs until it is told to end."""
    spec = supervised(name="endless", inner={"steps": FOREVER}, evaluation={"every_steps": 100_000})
    return merged(spec, changes)
