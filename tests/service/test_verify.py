"""test_verify.py: the two reports on a trained job's checkpoint, verify and compare (MATH §5.7)."""
from harness import SANITIZER, Case, main, specs

CHECKS = ["gradient", "symmetry", "product", "mixed_derivative", "float_gradient", "float_product",
          "float_neumann", "float_cg"]
SOLVERS = [
    {"name": "identity", "kind": "identity"},
    {"name": "neumann 3", "kind": "neumann", "terms": 3},
    {"name": "neumann 3, l2", "kind": "neumann", "terms": 3, "precondition": "l2"},
    {"name": "cg 10", "kind": "cg", "terms": 10},
    {"name": "minres 40", "kind": "minres", "terms": 40, "reorthogonalize": True},
    {"name": "nystrom", "kind": "nystrom", "rank": 20},
]


def verify(job, **changes):
    return specs.merged({"algorithm": "verify", "from": {"job": job, "checkpoint": "last"}}, changes)


def compare(job, **changes):
    spec = {"algorithm": "compare", "from": {"job": job, "checkpoint": "last"},
            "compare": {"solvers": SOLVERS}}
    return specs.merged(spec, changes)


class VerifyTest(Case):
    def setUp(self):
        super().setUp()
        self.server = self.daemon(data_roots=[self.data()])
        self.client = self.server.client()

    def trained(self, spec=None):
        id = self.client.create(spec or specs.iml())
        self.client.wait_state(id, "completed")
        return id

    def finished(self, spec):
        id = self.client.create(spec)
        return self.client.wait_state(id, "completed")

    def report(self, id, name):
        return self.client.get(f"/v1/jobs/{id}/artifacts/{name}")

    def refused(self, spec, *pointers):
        for query in ("", "?dry_run=true"):
            answer = self.client.expect(422, "POST", "/v1/jobs" + query, spec).json()
            self.assertEqual([e["pointer"] for e in answer["errors"]], list(pointers), answer)

    def test_a_trained_job_verifies(self):
        source = self.trained()
        job = self.finished(verify(source))
        self.assertEqual(job["spec"]["knowledge"], {"kind": "l2_per_parameter", "initial": 1e-4})
        self.assertEqual(job["progress"]["step"], 5)
        self.assertEqual(job["progress"]["of"], 5)
        self.assertEqual(job["result"]["step"], 5)
        self.assertEqual(job["result"]["metrics"]["verify/passed"], 1)
        self.assertLessEqual(job["result"]["metrics"]["verify/worst"], 1)
        report = self.report(job["id"], "verify")
        self.assertEqual(report["check"], CHECKS)
        self.assertEqual(report["is_passed"], [1] * len(CHECKS))
        self.assertEqual(report["passed"], 1)
        for error, bound in zip(report["error"], report["bound"]):
            self.assertLessEqual(error, bound)
        self.assertIn("8 of 8 checks passed", report["headline"])
        rows = self.client.metrics(job["id"])
        self.assertEqual(sorted(rows["verify/error"]), [1, 2, 3, 4, 5])

    def test_a_theta_that_is_not_finite_passes_nothing(self):
        source = self.trained(specs.iml(inner={"optimizer": {"kind": "sgd", "learning_rate": 1e30}}))
        job = self.finished(verify(source))
        self.assertEqual(job["reason"]["kind"], "finished")
        self.assertEqual(job["result"]["metrics"]["verify/passed"], 0)
        self.assertEqual(self.report(job["id"], "verify")["passed"], 0)
        job = self.finished(compare(source))
        self.assertEqual(job["reason"]["kind"], "finished")
        self.assertNotIn("train/loss", self.client.metrics(job["id"]))

    def test_the_checkpoints_own_lambda_is_looked_at(self):
        source = self.trained()
        self.refused(verify(source, knowledge={"kind": "l2_per_layer"}), "/knowledge/kind")
        self.refused(compare(source, knowledge={"initial": 3}), "/knowledge/initial")

    def test_other_nets_verify(self):
        normalized = specs.iml(model={"activation": "leaky_relu", "batch_norm": {}, "dropout": 0.1})
        normalized["meta"]["knowledge"]["kind"] = "l2_per_layer"
        job = self.finished(verify(self.trained(normalized)))
        self.assertEqual(job["result"]["metrics"]["verify/passed"], 1)
        self.assertEqual(job["spec"]["knowledge"]["kind"], "l2_per_layer")
        job = self.finished(verify(self.trained(specs.supervised())))
        report = self.report(job["id"], "verify")
        self.assertEqual(report["passed"], 1)
        self.assertNotIn("mixed_derivative", report["check"])

    def test_solvers_beside_each_other(self):
        source = self.trained(specs.iml(model={"hidden": [8]}))
        job = self.finished(compare(source))
        report = self.report(job["id"], "compare")
        n = len(SOLVERS) + 1
        self.assertEqual(job["progress"]["of"], n)
        self.assertEqual(report["solver"], [s["name"] for s in SOLVERS] + ["reference"])
        self.assertEqual(report["kind"], [s["kind"] for s in SOLVERS] + ["exact"])
        self.assertEqual(report["products"][:2], [0, 23])  # 20 of them the power iteration's
        self.assertLess(report["reference_residual"], 0.1)
        for name in ("hypergradient_cosines", "q_cosines"):
            for i, row in enumerate(report[name]):
                self.assertEqual(len(row), n)
                self.assertAlmostEqual(row[i], 1, 12)
                self.assertEqual(row, [other[i] for other in report[name]])
        self.assertAlmostEqual(report["hypergradient_cosines"][3][-1], report["cosine"][3], 12)
        self.assertLess(report["residual"][4], report["residual"][0])
        self.assertAlmostEqual(job["result"]["metrics"]["compare/best_cosine"],
                               max(report["cosine"][:-1]), 6)
        rows = self.client.metrics(job["id"])
        self.assertEqual(sorted(rows["compare/residual"]), list(range(1, n + 1)))

    def test_reports_on_nets_of_images(self):
        # few images: sanitizers see plain loops only
        small = {"data": {"train": 60, "validation": 30, "test": 30},
                 "inner": {"batch": 20, "warmup": {"steps": 4}, "steps_per_update": 2},
                 "meta": {"updates": 2, "validation_batch": 12, "curvature": {"batch": 8},
                          "solver": {"kind": "cg", "terms": 2}}, "evaluation": {"every_updates": 1}}
        asked = {"solvers": [{"name": "identity", "kind": "identity"}, {"name": "cg", "kind": "cg", "terms": 3},
                             {"name": "neumann", "kind": "neumann", "terms": 3, "step_size": 0.1},
                             {"name": "minres", "kind": "minres", "terms": 6}],
                 "reference": {"max_products": 12}, "validation_batch": 12, "curvature": {"batch": 8}}
        for model in ({"kind": "cnn_small"}, {"kind": "wrn", "depth": 10, "width": 1}):
            source = self.trained({**specs.iml(**small), "model": model})
            dry = self.client.expect(200, "POST", "/v1/jobs?dry_run=true", verify(source)).json()["spec"]["verify"]
            self.assertEqual((dry["curvature"]["batch"], dry["validation_batch"]), (4, 4))
            job = self.finished(verify(source, verify={"curvature": {"batch": 2}, "validation_batch": 2}))
            self.assertEqual(job["result"]["metrics"]["verify/passed"], 1)
            self.assertEqual(self.report(job["id"], "verify")["is_passed"], [1] * len(CHECKS))
            spec = {"algorithm": "compare", "from": {"job": source, "checkpoint": "last"}, "compare": asked}
            dry = self.client.expect(200, "POST", "/v1/jobs?dry_run=true", spec).json()
            self.assertGreater(dry["memory"]["parts"]["compare"], 0)
            job = self.finished(spec)
            report = self.report(job["id"], "compare")
            self.assertEqual(report["kind"], ["identity", "cg", "neumann", "minres", "minres"])
            for name in ("residual", "q_norm", "vq", "hypergradient_norm", "cosine", "relative_error", "q_cosine"):
                self.assertTrue(all(isinstance(value, (int, float)) for value in report[name]), (name, report[name]))
            for row in report["hypergradient_cosines"] + report["q_cosines"]:
                self.assertTrue(all(isinstance(value, (int, float)) and abs(value) < 1.001 for value in row), row)
            self.assertEqual(report["q_relative_error"][-1], 0)
            self.assertLess(report["reference_residual"], report["residual"][3])  # 12 products against 6
            self.assertLess(report["residual"][3], 1)
            self.assertAlmostEqual(job["result"]["metrics"]["compare/best_cosine"], max(report["cosine"][:-1]), 6)

    def test_a_job_on_few_labels_has_no_report(self):
        few = {"data": {"set": "shapes", "labels": 20, "validation": 20, "test": 20}, "model": {"kind": "mlp", "hidden": [8]},
               "inner": {"batch": 4, "steps": 4}, "evaluation": {"every_steps": 4}}
        for algorithm in ("fixmatch", "confidence"):
            source = self.trained({"algorithm": algorithm, **few})
            for spec in (verify(source), compare(source)):
                self.refused(spec, "/from/job")
                answer = self.client.expect(422, "POST", "/v1/jobs", spec).json()
                self.assertIn("few labels (data.labels)", answer["errors"][0]["detail"])
                self.assertIn("/diagnostics", answer["errors"][0]["detail"])

    def test_kill_9_leaves_the_report_as_it_is(self):
        # wide enough that a kill meets the report in its middle; plain loops take fifty times as long
        source = self.trained(specs.iml(model={"hidden": [16, 16] if SANITIZER else [64, 64]}))
        often = {"checkpoint": {"every_seconds": 0}}
        for name, spec in (("verify", verify), ("compare", compare)):
            whole = self.finished(spec(source, **often))
            id = self.client.create(spec(source, **often))
            self.client.wait_checkpoint(id)
            self.server.kill()
            self.server.start()
            self.client.wait_state(id, "completed")
            a, b = self.report(whole["id"], name), self.report(id, name)
            for report in (a, b):
                report.pop("seconds", None)
            self.assertEqual(a, b, name)

    def test_what_is_wrong_is_told_at_its_pointer(self):
        source, plain = self.trained(), self.trained(specs.supervised())
        self.refused({"algorithm": "verify", "data": {"set": "shapes"}}, "/from")
        self.refused(verify(source, inner={"batch": 3}), "/inner")
        self.refused(verify(source, early_stopping=[]), "/early_stopping")
        self.refused(verify(source, compare={"solvers": []}), "/compare")
        self.refused(verify(source, verify={"curvature": {"batch": 401}}), "/verify/curvature/batch")
        self.refused(compare(plain), "/knowledge/kind")
        self.refused(compare(source, compare={"solvers": []}), "/compare/solvers")
        twice = [{"name": "a", "kind": "cg"}, {"name": "a", "kind": "minres", "term": 4}]
        self.refused(compare(source, compare={"solvers": twice}), "/compare/solvers/1/term")
        twice[1].pop("term")
        self.refused(compare(source, compare={"solvers": twice}), "/compare/solvers/1/name")
        small = [{"name": "a", "kind": "exact", "max_parameters": 10}]
        self.refused(compare(source, compare={"solvers": small}), "/compare/solvers/0")

    def test_memory_is_planned_and_refused_with_its_bytes(self):
        source = self.trained(specs.iml(model={"hidden": [8]}))
        dry = self.client.expect(200, "POST", "/v1/jobs?dry_run=true", verify(source)).json()
        self.assertGreater(dry["memory"]["parts"]["double"], 0)
        self.assertIsNone(dry["seconds_total"])
        few = {"reference": {"max_parameters": 100}}
        minres = self.client.expect(200, "POST", "/v1/jobs?dry_run=true",
                                    compare(source, compare=few)).json()["memory"]
        exact = self.client.expect(200, "POST", "/v1/jobs?dry_run=true", compare(source)).json()["memory"]
        self.assertGreater(minres["parts"]["compare"], 0)
        self.assertGreater(exact["parts"]["solver"], 8 * 1000 ** 2)  # H, in double
        self.assertLess(minres["parts"]["solver"], exact["parts"]["solver"])
        self.server.stop()
        between = (minres["total_bytes"] + exact["total_bytes"]) // 2
        self.server.options = ["--memory", str(between)]
        self.server.start()
        self.client.expect(200, "POST", "/v1/jobs?dry_run=true", compare(source, compare=few))
        answer = self.client.expect(422, "POST", "/v1/jobs", compare(source)).json()
        self.assertIn(str(exact["total_bytes"]), str(answer["errors"]))


if __name__ == "__main__":
    main()
