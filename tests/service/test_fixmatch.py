"""test_fixmatch.py: jobs on few labels, with a pool (fixmatch) and without (its baseline, supervised): defaults,
refusals, the same bits for any number of threads and across kill -9, rows, planned memory."""
import copy

from harness import Case, main, specs
from support.sets import make_set

FIXMATCH = {
    "algorithm": "fixmatch",
    "data": {"set": "shapes", "labels": 40, "validation": 100, "test": 150},
    "model": {"kind": "mlp", "hidden": [16], "batch_norm": {}},
    "inner": {"batch": 16, "steps": 60},
    "consistency": {"ratio": 2, "threshold": 0.4},
    "evaluation": {"every_steps": 20},
}
DEFAULTS = {  # FIXMATCH, the table of 1.11
    "consistency": {"ratio": 7, "threshold": 0.95, "weight": 1, "strong": "randaugment"},
    "data": {"set": "shapes", "labels": 250, "validation": 500, "pixels": "symmetric", "flip": False,
             "unlabeled_includes_labeled": True},
    "inner": {"batch": 32, "steps": 8000, "weight_decay": 5e-4, "schedule": "cosine",
              "ema": {"decay": 0.999, "warmup": True},
              "optimizer": {"kind": "sgd", "learning_rate": 0.03, "momentum": 0.9, "nesterov": True}},
}


def fixmatch(**changes):
    return specs.merged(FIXMATCH, changes)


def baseline(**changes):
    spec = fixmatch(algorithm="supervised", **changes)
    del spec["consistency"]
    return spec


class FixmatchTest(Case):
    def test_defaults_are_those_of_the_page(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        spec = client.expect(200, "POST", "/v1/jobs?dry_run=true",
                             {"algorithm": "fixmatch", "data": {"set": "shapes"}}).json()["spec"]
        for section, values in DEFAULTS.items():
            self.assertEqual(spec[section], values)
        self.assertEqual(spec["model"]["kind"], "cnn_small")
        self.assertEqual(spec["evaluation"], {"every_steps": 200})
        spec = client.expect(200, "POST", "/v1/jobs?dry_run=true", {
            "algorithm": "supervised", "data": {"set": "shapes", "labels": 40}}).json()["spec"]
        self.assertEqual(spec["inner"], DEFAULTS["inner"])
        self.assertEqual(spec["data"]["views"], "weak")
        self.assertNotIn("consistency", spec)
        daemon.stop()

    def test_the_same_bits_for_any_number_of_threads_and_across_a_kill(self):
        daemon = self.daemon(data_roots=[self.data()], threads=4)
        client = daemon.client()
        for spec in (fixmatch(), baseline()):
            ids = {n: client.create(specs.merged(spec, {"resources": {"threads": n}})) for n in (1, 2, 4)}
            whole = client.outcome(ids[1])
            for threads in (2, 4):
                self.assert_same_outcome(whole, client.outcome(ids[threads]), f"{threads} threads")
            id = client.create(specs.merged(spec, {"checkpoint": {"every_seconds": 0}}))
            client.wait_checkpoint(id)
            daemon.kill()
            daemon.start()
            client = daemon.client()
            self.assert_same_outcome(whole, client.outcome(id), "killed")
        daemon.stop()

    def test_rows_and_split(self):
        root = self.data()
        make_set(root, "other", train=200, test=20, seed=8)
        daemon = self.daemon(data_roots=[root])
        client = daemon.client()
        mismatch = {"known": [0, 2, 4, 6, 8], "share": 0.5}
        changed = {"mismatch": mismatch, "unlabeled": 300, "unlabeled_extra": {"set": "other", "count": 50}}
        id = client.create(fixmatch(data=changed))
        job = client.wait_state(id, "completed")
        latest = job["latest"]
        self.assertEqual(latest["consistency/images"], 20 * 16 * 2)
        self.assertGreater(latest["consistency/mask"], 0)
        inside = latest["consistency/images_in_distribution"] / latest["consistency/images"]
        self.assertAlmostEqual(inside, 150 / 350, delta=0.1)
        for name in ("test/accuracy_median20", "validation/accuracy_raw", "ema/distance",
                     "inner/learning_rate", "consistency/class_entropy"):
            self.assertIn(name, latest)
        other = client.wait_state(client.create(baseline(data={"mismatch": mismatch})), "completed")
        self.assertEqual(job["split"], other["split"])
        names = {item["name"] for item in client.expect(200, "GET", f"/v1/jobs/{id}/checkpoints").json()
                 ["checkpoints"]}
        self.assertIn("best", names)
        daemon.stop()

    def test_refusals(self):
        root = self.data()
        make_set(root, "larger", train=60, test=20, side=14)
        daemon = self.daemon(data_roots=[root])
        client = daemon.client()
        cases = [
            (fixmatch(data={"labels": 41}), "/data/labels"),
            (fixmatch(data={"labels": 2000}), "/data/labels"),
            (fixmatch(data={"train": 100}), "/data/train"),
            (fixmatch(data={"set": "synthetic"}), "/data/set"),
            (fixmatch(data={"unlabeled_extra": {"set": "larger", "count": 5}}), "/data/unlabeled_extra/set"),
            (fixmatch(data={"unlabeled_extra": {"set": "nothing"}}), "/data/unlabeled_extra/set"),
            (fixmatch(data={"unlabeled_extra": {"set": "larger", "count": 5, "share": 0.5}}),
             "/data/unlabeled_extra/share"),
            (fixmatch(data={"mismatch": {"known": [0, 0]}}), "/data/mismatch/known"),
            (fixmatch(algorithm="supervised"), "/consistency"),
            (specs.supervised(inner={"weight_decay": 1e-4}), "/inner/weight_decay"),
        ]
        for spec, pointer in cases:
            answer = client.expect(422, "POST", "/v1/jobs", copy.deepcopy(spec)).json()
            self.assertIn(pointer, [error["pointer"] for error in answer["errors"]], answer)
        daemon.stop()


if __name__ == "__main__":
    main()
