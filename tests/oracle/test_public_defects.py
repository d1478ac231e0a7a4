#!/usr/bin/python3
"""test_public_defects: the defects are those that were published; the textbook's numbers are imld's own rows at
the same point; the loop rebuilt in PyTorch is imld's; and what a defect does to a training is seen."""
import json
import math
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "service")]
import public_defects  # noqa: E402
import torch  # noqa: E402
from defects import solvers, training  # noqa: E402
from defects.point import Point, read_tensors  # noqa: E402
from harness import Case, main  # noqa: E402

TERMS = (1, 3, 5, 20)
IMAGES = "/usr/share/datasets/fashion-mnist"


def matrix_problem(length=None):
    """20 × 20, eigenvalues 0.1 … 3.2 in equal ratios."""
    generator = torch.Generator().manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(20, 20, generator=generator, dtype=torch.float64))
    eigenvalues = torch.logspace(-1, math.log10(3.2), 20, dtype=torch.float64)
    v = torch.randn(20, generator=generator, dtype=torch.float64)
    h = basis @ torch.diag(eigenvalues) @ basis.T
    return solvers.Problem(lambda u: h @ u, v * length / v.norm() if length else v, 1 / 3.2)


class PublishedFiguresTest(unittest.TestCase):
    """Residuals that were measured by calling the public functions themselves, on such a matrix."""

    def check(self, solve, wanted, problem=None, tolerance=0.05):
        problem = problem or matrix_problem()
        for k, figure in zip((1, 3, 5, 10), wanted):
            with self.subTest(k=k):
                self.assertAlmostEqual(problem.residual(solve(problem, k)), figure, delta=tolerance * figure)

    def test_textbook_cg(self):
        self.check(solvers.cg, (0.97, 0.44, 0.20, 0.014))
        problem = matrix_problem()
        self.assertLess(problem.residual(solvers.cg(problem, 20)), 1e-5)

    def test_the_direction_from_the_old_residual(self):
        self.check(solvers.old_residual, (0.97, 2.1, 2.9, 3.1))
        self.check(solvers.old_residual_rate, (0.97, 3.5, 6.4, 14))
        problem = matrix_problem()
        self.assertAlmostEqual(problem.residual(solvers.old_residual(problem, 20)), 5.2, delta=0.2)

    def test_a_factor_outside_of_alpha(self):
        self.check(solvers.alpha_outside, (0.97, 3.8, 6.9, 15))

    def test_a_clamped_denominator_stalls_on_a_small_v(self):
        small = matrix_problem(0.04)
        self.assertGreater(small.residual(solvers.clamped_denominator(small, 20)), 0.2)
        self.assertLess(small.residual(solvers.slightly_clamped_denominator(small, 20)), 1e-3)

    def test_the_iterate_before_is_returned_at_the_tolerance(self):
        problem = solvers.Problem(lambda u: u, torch.ones(5, dtype=torch.float64), 1.0)
        self.assertEqual(problem.residual(solvers.previous_iterate(problem, 10)), 1.0, "it returns 0 for H = I")
        self.assertEqual(problem.residual(solvers.cg(problem, 10)), 0.0)

    def test_a_v_of_zero(self):
        problem = solvers.Problem(lambda u: 2 * u, torch.zeros(5, dtype=torch.float64), 1.0)
        self.assertTrue(math.isnan(float(solvers.previous_iterate(problem, 3).sum())), "0/0")
        self.assertEqual(float(solvers.cg(problem, 3).norm()), 0.0)

    def test_each_estimate_counts_the_products_it_says(self):
        for solve, products in ((solvers.neumann, 5), (solvers.one_summand_less, 4), (solvers.cg, 5),
                                (solvers.minres, 5), (solvers.first_term_dropped, 5),
                                (solvers.clamped_denominator, 6), (solvers.normal_equations, 11)):
            problem = matrix_problem()
            solve(problem, 5)
            self.assertEqual(problem.products, products, solve.__name__)


def job(solver, initial, learning_rate=0):
    """While λ stands still, jobs that differ in the solver alone pass through the same points."""
    return {
        "algorithm": "iml",
        "data": {"set": "fashion-mnist", "train": 500, "validation": 500, "test": 100, "pixels": "unit"},
        "model": {"kind": "mlp", "hidden": [16]},
        "inner": {"optimizer": {"kind": "adam"}, "batch": 128, "warmup": {"steps": 200},
                  "steps_per_update": 20},
        "meta": {"knowledge": {"kind": "l2_per_parameter", "initial": initial},
                 "optimizer": {"kind": "rmsprop", "learning_rate": learning_rate}, "updates": 1,
                 "validation_batch": 400, "curvature": {"batch": 300}, "solver": solver},
        "checkpoint": {"every_seconds": 0, "keep": 30}, "seed": 5}


class OnImldsPointsTest(Case):
    INDEFINITE, POSITIVE = 9.118819655545162e-4, 1.0

    def setUp(self):
        super().setUp()
        if not os.path.isdir(IMAGES):
            self.skipTest(f"{IMAGES} is missing (package dataset-fashion-mnist)")
        self.client = self.daemon(data_roots=[os.path.dirname(IMAGES)]).client()

    def run_jobs(self, specs):
        ids = [self.client.create(spec) for spec in specs]
        return [self.client.wait_state(id, "completed", seconds=120) for id in ids]

    def checkpoint(self, job, name):
        return self.client.expect(200, "GET", f"/v1/jobs/{job['id']}/checkpoints/{name}").body

    def point(self, job, name="step-200", dtype=torch.float64):
        return Point(read_tensors(self.checkpoint(job, name)), job, [os.path.dirname(IMAGES)], dtype)

    def row(self, job, metric):
        (value,) = self.client.get(f"/v1/jobs/{job['id']}/metrics?names={metric}")["metrics"][metric]["value"]
        return value

    def assert_near(self, ours, theirs, tolerance, what):
        self.assertLessEqual(abs(ours - theirs), tolerance * abs(theirs), f"{what}: {ours} and {theirs}")

    def compare_with_rows(self, initial, kinds, tolerance):
        """Textbook estimates and imld's rows at one point: residual, ‖q‖, norm of the hypergradient."""
        solver = {"cg": lambda k: {"kind": "cg", "terms": k, "reorthogonalize": True},
                  "minres": lambda k: {"kind": "minres", "terms": k, "reorthogonalize": True},
                  "neumann": lambda k: {"kind": "neumann", "terms": k, "step_size": 0.02}}
        cases = [(kind, k) for kind, terms in kinds.items() for k in terms]
        jobs = self.run_jobs([job(solver[kind](k), initial) for kind, k in cases])
        run = training.Run(self.point(jobs[0]))
        problem = run.problem()
        problem.given_step = 0.02
        for (kind, k), done in zip(cases, jobs):
            solve = {"cg": solvers.cg, "minres": solvers.minres, "neumann": solvers.neumann}[kind]
            problem.products = 0
            q = solve(problem, k)
            self.assertEqual(problem.products, self.row(done, "solver/products"), f"{kind} {k}")
            # imld's residual of neumann is that of the iterate before, which costs no product (MATH §4)
            shown = solve(problem, k - 1) if kind == "neumann" else q
            what = f"{kind} {k} at initial {initial}"
            self.assert_near(problem.residual(shown), self.row(done, "solver/residual"), tolerance, what)
            self.assert_near(float(q.norm()), self.row(done, "solver/q_norm"), tolerance, what)
            norm = float(run.hypergradient(q).norm())
            self.assert_near(norm, self.row(done, "meta/gradient_norm"), tolerance, what)
        return jobs

    def test_textbook_numbers_are_imlds_rows_where_h_is_positive(self):
        self.compare_with_rows(self.POSITIVE, {"cg": TERMS, "minres": TERMS, "neumann": TERMS}, 1e-3)

    def test_textbook_numbers_are_imlds_rows_where_h_is_indefinite(self):
        self.compare_with_rows(self.INDEFINITE, {"cg": (1, 3, 5), "minres": TERMS, "neumann": TERMS}, 1e-3)

    def test_the_loop_is_imlds(self):
        """One update of λ and 20 inner steps from an exported checkpoint: the θ and λ of a later one."""
        (done,) = self.run_jobs([job({"kind": "cg", "terms": 3}, self.INDEFINITE, learning_rate=0.05)])
        run, last = training.Run(self.point(done)), self.point(done, "last")
        before = run.theta, run.lambda_
        run.update(public_defects.find("cg"), 3)
        for _ in range(20):
            run.inner_step()
        for ours, theirs, first in zip((run.theta, run.lambda_), (last.theta, last.lambda_), before):
            self.assertGreater(float((theirs - first).norm() / first.norm()), 1e-2, "it has moved")
            self.assertLess(float((ours - theirs).norm() / theirs.norm()), 1e-4)

    def test_each_defect_is_seen_in_the_table(self):
        """The command on an exported checkpoint: each defect is off the textbook of its kind at some K."""
        (done,) = self.run_jobs([job({"kind": "identity"}, self.INDEFINITE)])
        paths = [os.path.join(self.folder, name) for name in ("job.json", "point.safetensors")]
        for path, data in zip(paths, (json.dumps(done).encode(), self.checkpoint(done, "step-200"))):
            with open(path, "wb") as file:
                file.write(data)
        command = [sys.executable, public_defects.__file__, "estimates", *paths, "--reference", "100", "--json"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows = {row["estimate"]: row for row in map(json.loads, output.splitlines())}
        self.assertEqual(len(rows), len(solvers.TEXTBOOK) + len(solvers.DEFECTS))
        quiet = {"cg: previous iterate, absolute tolerance", "cg: absolute tolerance 1e-5"}  # never reached here
        for name, row in rows.items():
            textbook = rows[name.split(":")[0]]
            off = [k for k in row["residual"] if not math.isclose(
                row["residual"][k], textbook["residual"][k], rel_tol=1e-3)]
            if ":" in name and name not in quiet:
                self.assertTrue(off, f"{name} is like the textbook")
        self.assertGreater(rows["cg: direction from the old residual"]["residual"]["20"], 1)
        self.assertLess(rows["minres"]["residual"]["20"], min(
            r["residual"]["20"] for n, r in rows.items() if n != "minres" and ":" not in n))

    def test_what_a_defect_does_to_a_training(self):
        (done,) = self.run_jobs([job({"kind": "identity"}, self.INDEFINITE, learning_rate=0.05)])
        point = self.point(done, dtype=torch.float32)
        names = ["minres", "cg", "cg: on through negative curvature", "cg: direction from the old residual"]
        rows = {name: training.train(point, public_defects.find(name), 5, 30) for name in names}
        for row in rows.values():
            print(json.dumps(row, ensure_ascii=False))
        old, minres = rows["cg: direction from the old residual"], rows["minres"]
        self.assertGreater(old["residual_median"], 2 * minres["residual_median"])
        self.assertGreater(minres["validation_accuracy"], old["validation_accuracy"])


if __name__ == "__main__":
    main()
