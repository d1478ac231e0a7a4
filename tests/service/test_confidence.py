"""test_confidence.py: jobs whose pool is weighed image by image (FIXMATCH §6): defaults, refusals, the same bits for
any number of threads and across kill -9 in each form, rows, artifacts."""
import copy
import json

from harness import SANITIZER, Case, Tensors, differences, main, specs

CONFIDENCE = {
    "algorithm": "confidence",
    "data": {"set": "shapes", "labels": 24, "validation": 100, "test": 100,
             "mismatch": {"known": [0, 2, 4, 6, 8, 9], "share": 0.5}, "unlabeled": 200},
    "model": {"kind": "mlp", "hidden": [16], "batch_norm": {}},
    "inner": {"batch": 8, "steps": 40, "warmup": {"steps": 10}, "steps_per_update": 10},
    "consistency": {"ratio": 3, "threshold": 0.2},
    "confidence": {"form": "shared", "hidden": [8]},
    "meta": {"solver": {"terms": 2}},
    "evaluation": {"every_steps": 20},
}
if SANITIZER:  # twenty times as slow
    CONFIDENCE = specs.merged(CONFIDENCE, {"data": {"validation": 36, "test": 36},
                                           "inner": {"batch": 4, "steps": 16, "warmup": {"steps": 4},
                                                     "steps_per_update": 6}, "evaluation": {"every_steps": 8}})
FORMS = [
    {"form": "shared", "hidden": [8], "through_features": True, "activation": "tanh"},
    {"form": "separate", "input": "image", "normalize": "batch_mean"},
    {"form": "separate", "input": "probabilities", "hidden": [6], "output": "linear", "last_layer": "pretrained",
     "validation_from": "labeled"},
    {"form": "weights_per_example", "weights": "permuted"},
]
DEFAULTS = {
    "confidence": {"form": "separate", "input": "image", "output": "two_sigmoid", "normalize": "none",
                   "model": {"kind": "cnn_small"}, "last_layer": "zero", "decay": 0, "preset": "none",
                   "validation_from": "held_out", "weights": "learned"},
    "consistency": {"ratio": 7, "threshold": 0.95, "weight": 1, "strong": "randaugment"},
}


def confidence(form=None, **changes):
    spec = specs.merged(CONFIDENCE, changes)
    if form:
        spec["confidence"] = form
    return spec


class ConfidenceTest(Case):
    def dry(self, client, spec):
        return client.expect(200, "POST", "/v1/jobs?dry_run=true", spec).json()["spec"]

    def test_defaults_are_those_of_the_page(self):
        client = self.daemon(data_roots=[self.data()], options=["--memory", "64G"]).client()
        spec = self.dry(client, {"algorithm": "confidence", "data": {"set": "shapes"}})
        for section, values in DEFAULTS.items():
            self.assertEqual(spec[section], values)
        self.assertEqual(spec["model"]["kind"], "cnn_small")
        self.assertEqual(spec["meta"]["curvature"]["batch"], 480)
        self.assertEqual(spec["meta"]["solver"]["kind"], "neumann")
        self.assertEqual(spec["meta"]["solver"]["terms"], 3)
        self.assertEqual(spec["meta"]["optimizer"]["kind"], "adam")
        self.assertEqual((spec["inner"]["steps"], spec["inner"]["warmup"], spec["inner"]["steps_per_update"]),
                         (8000, {"steps": 1000}, 100))
        self.assertEqual(spec["evaluation"], {"every_steps": 200})
        spec = self.dry(client, {"algorithm": "confidence", "data": {"set": "shapes", "labels": 40},
                                 "model": {"kind": "wrn", "depth": 10, "width": 1}, "inner": {"batch": 16},
                                 "confidence": {"form": "shared", "validation_from": "labeled"}})
        self.assertEqual(spec["meta"]["curvature"]["batch"], 128)
        self.assertEqual(spec["meta"]["validation_batch"], 40)
        self.assertEqual(spec["confidence"]["hidden"], [64])
        self.assertNotIn("input", spec["confidence"])
        self.assertNotIn("model", spec["confidence"])
        spec = self.dry(client, {"algorithm": "confidence", "data": {"set": "shapes", "validation": 100},
                                 "inner": {"batch": 4}, "confidence": {"preset": "paper"}})
        self.assertEqual(spec["confidence"]["model"], {"kind": "wrn", "depth": 28, "width": 2})
        self.assertEqual((spec["inner"]["batch"], spec["inner"]["steps_per_update"]), (4, 512))

    def test_the_same_bits_for_any_number_of_threads_and_across_a_kill(self):
        daemon = self.daemon(data_roots=[self.data()], threads=4)
        client = daemon.client()
        for form in FORMS[:2] if SANITIZER else FORMS:
            spec = confidence(form)
            ids = {n: client.create(specs.merged(spec, {"resources": {"threads": n}})) for n in (1, 2, 4)}
            whole = client.outcome(ids[1])
            for threads in (2, 4):
                self.assert_same_outcome(whole, client.outcome(ids[threads]), f"{form}, {threads} threads")
            id = client.create(specs.merged(spec, {"checkpoint": {"every_seconds": 0}}))
            client.wait_checkpoint(id)
            daemon.kill()
            daemon.start()
            client = daemon.client()
            self.assert_same_outcome(whole, client.outcome(id), f"{form}, killed")
        daemon.stop()

    def test_rows_and_artifacts(self):
        client = self.daemon(data_roots=[self.data()]).client()
        id = client.create(confidence())
        job = client.wait_state(id, "completed")
        latest = job["latest"]
        for name in ("mean", "deviation", "in_distribution", "out_of_distribution", "auroc", "low", "high",
                     "effective_size", "correlation_confidence", "correlation_correct", "oscillation"):
            self.assertIn(f"weight/{name}", latest)
        for name in ("meta/gradient_norm", "solver/products", "solver/residual", "solver/q_norm",
                     "inner/remaining", "consistency/mask", "test/accuracy_median20"):
            self.assertIn(name, latest)
        self.assertNotIn("knowledge/mean_coefficient", latest)
        inner = CONFIDENCE["inner"]
        updates = list(range(inner["warmup"]["steps"], inner["steps"], inner["steps_per_update"]))
        self.assertEqual(sorted(client.metrics(id)["meta/gradient_norm"]), updates)
        found = client.artifacts(id)
        steps = sorted({0, inner["warmup"]["steps"], inner["steps"],
                        *range(0, inner["steps"], CONFIDENCE["evaluation"]["every_steps"])})
        self.assertEqual(sorted(step for name, step in found if name == "weights"), steps)
        weights = json.loads(found["weights", steps[-1]])
        self.assertEqual(len(weights["edges"]), len(weights["all"]) + 1)
        self.assertEqual(sum(weights["all"]), 200)
        self.assertEqual(sum(weights["in_distribution"]), 100)
        self.assertEqual([sum(row) for row in zip(weights["in_distribution"], weights["out_of_distribution"])],
                         weights["all"])
        images = json.loads(found["weighed_images", steps[-1]])
        self.assertEqual(len(images["least_indices"]), 50)
        self.assertEqual(images["least_weights"], sorted(images["least_weights"]))
        self.assertLessEqual(images["least_weights"][-1], images["most_weights"][-1])

    def test_frozen_weights_are_another_jobs(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        network = {"form": "separate", "input": "probabilities", "hidden": [6], "normalize": "batch_mean"}
        source = client.create(confidence(network))
        self.assertEqual(client.wait_state(source, "completed")["state"], "completed")
        last = next(c for c in client.checkpoints(source) if c["name"] == "last")
        weights = {"weights": "frozen", "from": {"job": source, "checkpoint": "last"}}
        spec = confidence(weights, seed=5)
        whole = client.outcome(client.create(spec))
        id = client.create(specs.merged(spec, {"checkpoint": {"every_seconds": 0}}))
        job = client.job(id)
        self.assertEqual(job["spec"]["confidence"]["from"],
                         {"job": source, "checkpoint": "last", "sha256": last["sha256"], "step": last["step"]})
        for name, value in network.items():
            self.assertEqual(job["spec"]["confidence"][name], value)
        client.wait_checkpoint(id)
        daemon.kill()
        daemon.start()
        client = daemon.client()
        self.assert_same_outcome(whole, client.outcome(id), "killed")
        imported = [event["data"] for event in client.events(id) if event["kind"] == "imported"]
        self.assertEqual(imported, [{"job": source, "checkpoint": "last", "step": last["step"],
                                     "sha256": last["sha256"], "knowledge": True, "parameters": False}])
        self.assertNotIn("meta/gradient_norm", client.metrics(id))
        # a network that reads other than this job has is found at submission
        answer = client.expect(422, "POST", "/v1/jobs?dry_run=true",
                               specs.merged(spec, {"data": {"mismatch": {"known": [0, 2, 4, 6]}}})).json()
        self.assertEqual([error["pointer"] for error in answer["errors"]], ["/confidence/from/job"])
        self.assertIn("6 class probabilities, and this job has 4", answer["errors"][0]["detail"])
        # a shape of its own is refused, and nothing of the other's that the document doesn't have
        own = confidence({**weights, "form": "shared"}, seed=5)
        answer = client.expect(422, "POST", "/v1/jobs?dry_run=true", own).json()
        self.assertEqual([error["pointer"] for error in answer["errors"]], ["/confidence/form"])
        theirs, ours = Tensors(client.checkpoint(source, "last")), Tensors(client.checkpoint(id, "last"))
        changed = differences(theirs, ours)
        self.assertEqual([name for name in changed if name.startswith("knowledge/")], [])
        self.assertTrue([name for name in changed if name.startswith("parameters/")])

    def test_weights_that_swing_or_collapse_end_a_job(self):
        client = self.daemon(data_roots=[self.data()]).client()
        free = client.create(confidence())
        client.wait_state(free, "completed")
        cases = [({"rule": "unstable_weights", "oscillation_above": 0, "updates": 1},
                  {"metric", "value", "smallest", "oscillation_above", "updates", "since_step"}),
                 ({"rule": "collapsed_weights", "mean_below": 100},
                  {"mean", "mean_below", "effective_size", "effective_size_below"})]
        for rule, numbers in cases:
            job = client.wait_state(client.create(confidence(early_stopping=[rule])), "completed")
            self.assertEqual((job["reason"]["kind"], job["reason"]["rule"]), ("stopped_by_rule", rule["rule"]))
            self.assertEqual(set(job["reason"]["numbers"]), numbers)
            path = f"/v1/jobs/{free}/early_stopping/backtest"
            answer = client.expect(200, "POST", path, {"early_stopping": [rule]}).json()
            self.assertEqual((answer["rule"], answer["step"]), (rule["rule"], job["progress"]["step"]))
            self.assertEqual(set(answer["numbers"]), numbers)

    def test_a_pool_that_is_turned_down_is_told_and_the_job_goes_on(self):
        client = self.daemon(data_roots=[self.data()]).client()
        spec = confidence({"form": "shared", "hidden": [8], "output": "linear", "normalize": "batch_mean"},
                          meta={"optimizer": {"kind": "adam", "learning_rate": 3}},
                          inner={"warmup": {"steps": 2}, "steps_per_update": 2})
        id = client.create(spec)
        client.wait_state(id, "completed")
        told = [event["data"] for event in client.events(id) if event["kind"] == "small_weights"]
        self.assertTrue(told, "no update in 19 took the mean below 0.001")
        self.assertIn("w = 1 was taken", told[0]["what"])
        self.assertIn("confidence.decay", told[0]["mend"])

    def test_refusals(self):
        client = self.daemon(data_roots=[self.data()]).client()
        shared = {"form": "shared", "hidden": [8]}
        cases = [
            (confidence(meta={"updates": 5}), "/meta/updates"),
            (confidence(meta={"knowledge": {"kind": "l2_per_layer"}}), "/meta/knowledge"),
            (confidence({"form": "separate", "through_features": True}), "/confidence/through_features"),
            (confidence({"form": "weights_per_example", "output": "linear"}), "/confidence/output"),
            (confidence({"form": "weights_per_example"}, meta={"optimizer": {"kind": "sgd"}}),
             "/meta/optimizer/kind"),
            (confidence({**shared, "output": "sigmoid", "last_layer": "pretrained"}), "/confidence/last_layer"),
            (confidence({**shared, "through_features": True}, meta={"curvature": {"kind": "gauss_newton"}}),
             "/meta/curvature/kind"),
            (confidence(meta={"curvature": {"batch": 6}}), "/meta/curvature/batch"),
            (confidence(meta={"validation_batch": 101}), "/meta/validation_batch"),
            (confidence(algorithm="fixmatch"), "/confidence"),
            (confidence({**shared, "weights": "frozen"}), "/confidence/from"),
            (confidence({**shared, "model": {"kind": "wrn"}}), "/confidence/model"),
            (confidence({"form": "separate", "model": {"kind": "wrn", "depth": 11}}), "/confidence/model/depth"),
            (confidence(early_stopping=[{"rule": "collapsed_weights", "updates": 3}]),
             "/early_stopping/0/updates"),
        ]
        for spec, pointer in cases:
            answer = client.expect(422, "POST", "/v1/jobs", copy.deepcopy(spec)).json()
            self.assertIn(pointer, [error["pointer"] for error in answer["errors"]], answer)


if __name__ == "__main__":
    main()
