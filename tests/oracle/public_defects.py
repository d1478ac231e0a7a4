#!/usr/bin/python3
"""public_defects: what public codes' estimates of H⁻¹v are worth on a point that imld trained, and what
training with them gives. PyTorch alone, outside the product: it reads an exported checkpoint.

estimates  ‖v − Hq‖/‖v‖ and the cosine of the hypergradient to that of a long minres, for each K
training   the same IML training from the checkpoint on, with the textbook's estimates and with defects

JOB is the answer of GET /v1/jobs/{id}, CHECKPOINT that of GET /v1/jobs/{id}/checkpoints/{name} (an iml job
with an mlp, l2_per_parameter and "pixels": "unit"). Several pairs are several seeds.
"""
import argparse
import json
import math
import os
import sys

sys.dont_write_bytecode = True
try:
    import torch
except ImportError:
    sys.exit("public_defects: no PyTorch for this Python: apt-get install python3-torch")

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from defects import solvers, training  # noqa: E402
from defects.point import Point, read_tensors  # noqa: E402

torch.set_num_threads(1)

ROOTS = ["/usr/share/datasets"]
TRAINED = ["cg", "cg: on through negative curvature", "cg: direction from the old residual", "minres", "neumann"]


def load(job_path, checkpoint_path, roots, dtype):
    with open(job_path, encoding="utf-8") as file:
        job = json.load(file)
    with open(checkpoint_path, "rb") as file:
        return Point(read_tensors(file.read()), job, roots, dtype)


def cosine(a, b):
    return float(torch.nn.functional.cosine_similarity(a, b, 0))


def estimate_rows(point, terms, reference_terms):
    """One row an estimate: residual and cosine for each K; and the residual of the reference."""
    run = training.Run(point)
    problem = run.problem()
    reference = solvers.minres(problem, min(reference_terms, len(problem.v)))
    rows = []
    for estimate in solvers.TEXTBOOK + solvers.DEFECTS:
        row = {"estimate": estimate.name, "public": estimate.public, "residual": {}, "cosine": {}, "products": {}}
        for k in terms:
            problem.products = 0
            q = estimate.solve(problem, k)
            row["products"][k] = problem.products
            row["residual"][k] = problem.residual(q)
            row["cosine"][k] = cosine(run.hypergradient(q), run.hypergradient(reference))
        rows.append(row)
    return rows, problem.residual(reference)


def number(value):
    return "—" if not math.isfinite(value) else f"{value:.2g}" if abs(value) < 1e4 else f"{value:.0e}"


def print_estimates(rows, reference, terms):
    print(f"Residual ‖v − Hq‖/‖v‖ · cosine of the hypergradient to minres' at residual {reference:.1e}\n")
    print("| estimate | " + " | ".join(f"K = {k}" for k in terms) + " | in |")
    print("|" + " --- |" * (len(terms) + 2))
    for row in rows:
        cells = [f"{number(row['residual'][k])} · {number(row['cosine'][k])}" for k in terms]
        print("| " + " | ".join([row["estimate"], *cells, row["public"]]) + " |")


def find(name):
    return next(e for e in solvers.TEXTBOOK + solvers.DEFECTS if e.name == name)


def train_all(points, names, terms, updates, said):
    rows = []
    for name in names:
        for k in terms:
            for point in points:
                rows.append({"seed": point.spec["seed"], **training.train(point, find(name), k, updates)})
                said(rows[-1])
    return rows


def print_training(rows):
    """Final validation accuracy of each seed, the median residual and the longest q."""
    print("| estimate | K | validation accuracy, a seed each | train accuracy | median residual | max ‖q‖ |")
    print("|" + " --- |" * 6)
    for name, k in dict.fromkeys((row["estimate"], row["terms"]) for row in rows):
        some = [row for row in rows if (row["estimate"], row["terms"]) == (name, k)]
        each = lambda key: " / ".join(number(row[key]) if "residual" in key or "norm" in key else
                                      f"{row[key]:.3f}" for row in some)
        print(f"| {name} | {k} | {each('validation_accuracy')} | {each('train_accuracy')} "
              f"| {each('residual_median')} | {each('q_norm_max')} |")


def options():
    parser = argparse.ArgumentParser(prog="public_defects", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["estimates", "training"])
    parser.add_argument("pairs", nargs="+", metavar="JOB CHECKPOINT", help="files, in pairs")
    parser.add_argument("--terms", type=lambda text: [int(k) for k in text.split(",")], default=[1, 3, 5, 20])
    parser.add_argument("--reference", type=int, default=300, help="minres steps of the reference")
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--estimate", action="append", metavar="NAME", help="to train with; repeat (default: "
                        + "; ".join(TRAINED) + ")")
    parser.add_argument("--data-root", action="append", metavar="DIR", help=f"default {ROOTS[0]}")
    parser.add_argument("--json", action="store_true", help="one object a line in place of the table")
    arguments = parser.parse_args()
    if len(arguments.pairs) % 2:
        parser.error("each JOB needs its CHECKPOINT")
    return arguments


def main():
    arguments = options()
    dtype = torch.float64 if arguments.what == "estimates" else torch.float32
    pairs = zip(arguments.pairs[::2], arguments.pairs[1::2])
    points = [load(job, checkpoint, arguments.data_root or ROOTS, dtype) for job, checkpoint in pairs]
    if arguments.what == "estimates":
        for point in points:
            rows, reference = estimate_rows(point, arguments.terms, arguments.reference)
            for row in rows if arguments.json else []:
                print(json.dumps({"seed": point.spec["seed"], **row}, ensure_ascii=False))
            if not arguments.json:
                print_estimates(rows, reference, arguments.terms)
        return
    say = lambda row: print(json.dumps(row, ensure_ascii=False), flush=True,
                            file=sys.stdout if arguments.json else sys.stderr)
    rows = train_all(points, arguments.estimate or TRAINED, arguments.terms, arguments.updates, say)
    if not arguments.json:
        print_training(rows)


if __name__ == "__main__":
    main()
