"""test_fixmatch.py: jobs on few labels, with a pool (fixmatch) and without (its baseline, supervised): defaults,
refusals, the same bits for any number of threads and across kill -9, rows, split, planned memory, `from`."""
import copy
import struct

from harness import SANITIZER, Case, main, specs
from support.sets import make_set

FIXMATCH = {
    "algorithm": "fixmatch",
    "data": {"set": "shapes", "labels": 40, "validation": 100, "test": 150},
    "model": {"kind": "mlp", "hidden": [16], "batch_norm": {}},
    "inner": {"batch": 16, "steps": 60},
    "consistency": {"ratio": 2, "threshold": 0.4},
    "evaluation": {"every_steps": 20},
}
if SANITIZER:  # twenty times as slow: fewer images and steps, still several evaluations and passes
    FIXMATCH = specs.merged(FIXMATCH, {"data": {"validation": 40, "test": 50}, "inner": {"batch": 8, "steps": 18},
                                       "evaluation": {"every_steps": 6}})
DEFAULTS = {  # FIXMATCH, the table of 1.11
    "consistency": {"ratio": 7, "threshold": 0.95, "weight": 1, "strong": "randaugment"},
    "data": {"set": "shapes", "labels": 250, "validation": 500, "test": 300, "unlabeled": 700,
             "pixels": "symmetric", "flip": False, "train_on_validation": False,
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
        short = fixmatch(data={"labels": 24, "mismatch": {"share": 0.25}})
        id = client.create(short)
        whole = client.job(id)["spec"]
        self.assertEqual(whole["data"]["mismatch"]["known"], [0, 1, 2, 3, 4, 5])
        self.assertIn("unlabeled", whole["data"])
        answer = client.expect(200, "POST", "/v1/jobs?dry_run=true", whole).json()
        self.assertEqual((answer["spec"], answer["identical_job"]), (whole, id))
        daemon.stop()

    def test_the_same_bits_for_any_number_of_threads_and_across_a_kill(self):
        daemon = self.daemon(data_roots=[self.data()], threads=4)
        for spec in (fixmatch(), baseline()):
            self.assert_one_outcome(daemon, spec)
        daemon.stop()

    def test_rows(self):
        root = self.data()
        make_set(root, "other", train=200, test=20, seed=8)
        client = self.daemon(data_roots=[root]).client()
        changed = {"mismatch": {"known": [0, 2, 4, 6, 8], "share": 0.5}, "unlabeled": 300,
                   "unlabeled_extra": {"set": "other", "count": 50}}
        spec = fixmatch(data=changed)
        id = client.create(spec)
        latest = client.wait_state(id, "completed")["latest"]
        images = spec["evaluation"]["every_steps"] * spec["inner"]["batch"] * spec["consistency"]["ratio"]
        self.assertEqual(latest["consistency/images"], images)
        self.assertGreater(latest["consistency/mask"], 0)
        inside = latest["consistency/images_in_distribution"] / latest["consistency/images"]
        self.assertAlmostEqual(inside, 150 / 350, delta=0.25 if SANITIZER else 0.1)
        for name in ("test/accuracy_median20", "validation/accuracy_raw", "ema/distance",
                     "inner/learning_rate", "consistency/class_entropy"):
            self.assertIn(name, latest)
        names = {item["name"] for item in client.expect(200, "GET", f"/v1/jobs/{id}/checkpoints").json()
                 ["checkpoints"]}
        self.assertIn("best", names)

    def test_a_stopped_run_has_its_median_too(self):
        client = self.daemon(data_roots=[self.data()]).client()
        steps = FIXMATCH["evaluation"]["every_steps"]
        id = client.create(fixmatch(early_stopping=[{"rule": "budget", "steps": 2 * steps}]))
        job = client.wait_state(id, "completed")
        self.assertEqual(job["reason"]["rule"], "budget")
        rows = client.metrics(id)
        accuracies = [rows["test/accuracy"][step] for step in (0, steps, 2 * steps)]
        middle = sorted(accuracies, key=lambda bits: struct.unpack("<f", bits))[1]
        self.assertEqual(rows["test/accuracy_median20"][2 * steps], middle)

    def test_the_split_and_its_pool(self):
        root = self.data()
        make_set(root, "other", train=200, test=20, seed=8)
        client = self.daemon(data_roots=[root]).client()
        extra = {"unlabeled_extra": {"set": "other", "count": 50}}
        short = {"inner": {"steps": 2}}

        def split(spec):
            job = client.wait_state(client.create(specs.merged(spec, short)), "completed")
            return job["split"]
        whole = split(fixmatch())
        self.assertEqual(split(baseline()), whole)
        seen = {whole}
        for data in ({"unlabeled": 300}, extra, {"labels": 20}, {"train_on_validation": True},
                     {"unlabeled_includes_labeled": False}):
            other = split(fixmatch(data=data))
            self.assertNotIn(other, seen, data)
            self.assertEqual(split(baseline(data=data)), other, data)
            seen.add(other)

    def test_training_on_validation(self):
        client = self.daemon(data_roots=[self.data()]).client()
        id = client.create(baseline(data={"train_on_validation": True}))
        job = client.wait_state(id, "completed")
        self.assertEqual(job["spec"]["checkpoint"]["best"], "train/loss")
        self.assertEqual(job["best"]["metric"], "train/loss")
        self.assertFalse([name for name in client.metrics(id) if name.startswith("validation/")])
        self.assertIn("test/accuracy", job["result"]["metrics"])

    def test_from_one_to_the_other(self):
        root = self.data()
        make_set(root, "other", train=200, test=20, seed=8)
        daemon = self.daemon(data_roots=[root])
        client = daemon.client()
        pool = {"unlabeled": 300, "unlabeled_extra": {"set": "other", "count": 30}}
        for make in (fixmatch, baseline):
            source = client.create(make(data=pool))
            parent = client.wait_state(source, "completed")
            for child in (fixmatch, baseline):
                spec = child(seed=5)
                del spec["data"], spec["model"]
                spec["from"] = {"job": source}
                id = client.create(spec)
                job = client.wait_state(id, "completed")
                self.assertEqual(job["split"], parent["split"])
                theirs, ours = client.metrics(source), client.metrics(id)
                step = job["spec"]["from"]["step"]
                for name in ("accuracy", "accuracy_raw"):  # θ̄ starts from θ
                    self.assertEqual(ours[f"validation/{name}"][0], theirs["validation/accuracy_raw"][step])
            refused = {"algorithm": "iml", "from": {"job": source}}
            answer = client.expect(422, "POST", "/v1/jobs", refused).json()
            self.assertEqual(answer["errors"][0]["pointer"], "/from/job")
        daemon.stop()

    def test_sets_and_memory_are_shown_and_what_does_not_fit_is_refused(self):
        root = self.data()
        make_set(root, "other", train=200, test=20, seed=8)
        client = self.daemon(data_roots=[root], options=["--memory", "64M"]).client()
        sets = {s["name"]: s for s in client.expect(200, "GET", "/v1/datasets").json()["datasets"]}
        shapes = sets["shapes"]
        self.assertEqual(sets["other"]["splits"], {"train": 200, "test": 20})

        def plan(spec):
            return client.expect(200, "POST", "/v1/jobs?dry_run=true", spec).json()["memory"]
        image = shapes["shape"][0] * shapes["shape"][1] * shapes["shape"][2]
        whole, half = plan(fixmatch()), plan(fixmatch(data={"unlabeled": 100}))
        pool = shapes["splits"]["train"] - FIXMATCH["data"]["validation"]
        self.assertGreaterEqual(whole["parts"]["pool"], pool * image)
        self.assertLess(whole["parts"]["pool"], pool * (image + 8) + 256)
        self.assertGreaterEqual(half["parts"]["pool"], 100 * image)
        self.assertLess(half["total_bytes"], whole["total_bytes"])
        self.assertGreater(whole["parts"]["views"], 0)
        without = plan(baseline())
        self.assertNotIn("pool", without["parts"])
        self.assertLess(without["parts"]["activations"], whole["parts"]["activations"])
        for parts in (whole, half, without):
            self.assertEqual(parts["total_bytes"], sum(parts["parts"].values()))
        large = fixmatch(inner={"batch": 64}, consistency={"ratio": 7})
        large["model"] = {"kind": "wrn", "depth": 28, "width": 2}
        problem = client.expect(422, "POST", "/v1/jobs", large).json()
        self.assertIn("67108864", problem["errors"][0]["detail"])

    def test_defaults_of_a_set_with_a_small_class(self):
        root = self.data()
        make_set(root, "uneven", train=400, test=20, few=12)
        client = self.daemon(data_roots=[root]).client()
        spec = {"algorithm": "fixmatch", "data": {"set": "uneven"}, "model": {"kind": "mlp", "hidden": [8]},
                "inner": {"batch": 1, "steps": 3}, "consistency": {"ratio": 1}, "evaluation": {"every_steps": 3}}
        job = client.wait_state(client.create(spec), "completed")
        # of the 12 images of the smallest class half validate, and the rest has labels
        self.assertEqual((job["spec"]["data"]["validation"], job["spec"]["data"]["labels"]), (60, 60))
        self.assertEqual(job["progress"]["step"], 3)

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
