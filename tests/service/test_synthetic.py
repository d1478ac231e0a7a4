"""test_synthetic.py: data.set synthetic through the real daemon: spec, plan, run, what it has and hasn't."""
import struct

from harness import Case, main, specs

QUADRATIC = {
    "algorithm": "iml",
    "data": {"set": "synthetic", "synthetic": {"kind": "quadratic", "dimension": 60, "condition": 1000,
                                               "negative_mass": 0.05, "distance": 0.1}},
    "inner": {"optimizer": {"kind": "sgd", "learning_rate": 0}, "warmup": {"steps": 0}, "steps_per_update": 1},
    "meta": {"knowledge": {"kind": "l2_per_parameter", "initial": 1e-3},
             "optimizer": {"kind": "sgd", "learning_rate": 0}, "updates": 2, "solver": {"kind": "exact"}},
}
RIDGE = {
    "algorithm": "iml",
    "data": {"set": "synthetic", "synthetic": {"kind": "least_squares", "dimension": 30, "rows": 200, "noise": 1},
             "train": 60},
    "inner": {"optimizer": {"kind": "sgd", "learning_rate": 0.1}, "warmup": {"steps": 20}, "steps_per_update": 10},
    "meta": {"knowledge": {"kind": "l2_per_layer", "initial": 1e-3}, "updates": 15, "solver": {"kind": "cg"}},
    "evaluation": {"every_updates": 1},
}


class SyntheticTest(Case):
    def test_a_quadratic_has_the_eigenvalues_asked_for(self):
        daemon = self.daemon()  # no data root at all
        client = daemon.client()
        answer = client.expect(200, "POST", "/v1/jobs?dry_run=true", QUADRATIC).json()
        spec = answer["spec"]
        self.assertEqual((spec["data"]["train"], spec["data"]["validation"], spec["data"]["test"]), (60, 60, 0))
        self.assertEqual(spec["model"]["hidden"], [])
        self.assertEqual(spec["checkpoint"]["best"], "validation/loss")
        self.assertNotIn("pixels", spec["data"])
        self.assertEqual(spec["data"]["synthetic"]["coefficient"], 1e-3)  # that of the knowledge
        self.assertIn("problem", answer["memory"]["parts"])
        id = client.create(QUADRATIC)
        outcome = client.outcome(id)
        last = {name: struct.unpack("<f", rows[max(rows)])[0] for name, rows in outcome["rows"].items()}
        self.assertAlmostEqual(last["solver/largest_eigenvalue"], 1, places=5)
        self.assertAlmostEqual(last["solver/condition"], 1000, delta=1)
        self.assertLess(last["solver/smallest_eigenvalue"], -0.001)
        self.assertLess(last["meta/error_to_stationary"], 10)
        self.assertFalse([name for name in last if "accuracy" in name or "test/" in name])
        self.assertIn("validation/loss", outcome["result"]["metrics"])
        again = client.outcome(client.create(specs.merged(QUADRATIC, {"resources": {"threads": 2}})))
        self.assert_same_outcome(outcome, again, "1 and 2 threads")
        daemon.stop()

    def test_a_job_from_its_checkpoint_has_the_same_problem(self):
        daemon = self.daemon()
        client = daemon.client()
        spec = specs.merged(QUADRATIC, {"inner": {"optimizer": {"learning_rate": 0.1}, "warmup": {"steps": 20}}})
        id = client.create(spec)
        first = client.outcome(id)
        again = client.create({"algorithm": "iml", "from": {"job": id, "checkpoint": "last"}, "seed": 7,
                               "inner": {"warmup": {"steps": 1}, "optimizer": {"kind": "sgd", "learning_rate": 0}},
                               "meta": {"knowledge": {"initial": 0.5}, "updates": 1, "solver": {"kind": "exact"}}})
        second = client.outcome(again)
        # θ is the other job's last one and stands still: the same losses, though seed and initial differ
        losses = first["rows"]["validation/loss"]
        self.assertEqual(second["rows"]["validation/loss"][0], losses[max(losses)])
        daemon.stop()

    def test_least_squares_learns_and_goes_on_after_kill_9(self):
        daemon = self.daemon()
        client = daemon.client()
        undisturbed = client.outcome(client.create(RIDGE))
        losses = [struct.unpack("<f", v)[0] for _, v in sorted(undisturbed["rows"]["validation/loss"].items())]
        self.assertLess(losses[-1], losses[0])
        self.assertIn("test/loss", undisturbed["rows"])
        id = client.create(specs.merged(RIDGE, {"checkpoint": {"every_seconds": 0}}))
        client.wait_checkpoint(id)
        daemon.kill()
        daemon.start()
        self.assert_same_outcome(undisturbed, daemon.client().outcome(id), "killed")
        daemon.stop()

    def test_what_does_not_fit_is_refused_with_its_pointer(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        for changes, pointer in (
                ({"model": {"hidden": [8]}}, "/model/hidden"),
                ({"data": {"train": 59}}, "/data/train"),
                ({"data": {"pixels": "unit"}}, "/data/pixels"),
                ({"data": {"set": "shapes"}}, "/data/synthetic"),
                ({"data": {"synthetic": {"noise": 1}}}, "/data/synthetic/noise"),
                ({"data": {"synthetic": {"dimension": 4096}}}, "/data/synthetic/dimension"),
                ({"checkpoint": {"best": "validation/accuracy"}}, "/checkpoint/best"),
                ({"early_stopping": [{"rule": "forgetting"}]}, "/early_stopping/0/metric")):
            answer = client.expect(422, "POST", "/v1/jobs?dry_run=true", specs.merged(QUADRATIC, changes)).json()
            self.assertIn(pointer, [e["pointer"] for e in answer["errors"]], answer)
        missing = specs.merged(QUADRATIC, {})
        del missing["data"]["synthetic"]
        answer = client.expect(422, "POST", "/v1/jobs?dry_run=true", missing).json()
        self.assertEqual([e["pointer"] for e in answer["errors"]], ["/data/synthetic"])
        # it is no folder, so it isn't listed and has no images
        self.assertEqual([d["name"] for d in client.get("/v1/datasets")["datasets"]], ["shapes"])
        client.expect(404, "GET", "/v1/datasets/synthetic/train/images/0")
        daemon.stop()


if __name__ == "__main__":
    main()
