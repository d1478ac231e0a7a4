"""test_from.py: jobs that start from another job's checkpoint (DESIGN §4)."""
import os

from harness import Case, Tensors, differences, main, specs


def without(spec, *names):
    return {key: value for key, value in spec.items() if key not in names}


def child_of(job, name="best", /, **changes):
    """An iml job that starts there: no data, no model, a seed of its own."""
    spec = without(specs.iml(seed=5), "data", "model")
    spec["from"] = {"job": job, "checkpoint": name}
    return specs.merged(spec, changes)


class FromTest(Case):
    def setUp(self):
        super().setUp()
        self.server = self.daemon(data_roots=[self.data()])
        self.client = self.server.client()

    def events(self, id, kind):
        return [event["data"] for event in self.client.events(id) if event["kind"] == kind]

    def row_of(self, id, name):
        return next(c for c in self.client.checkpoints(id) if c["name"] == name)

    def refused(self, spec, *pointers, query=""):
        answer = self.client.expect(422, "POST", "/v1/jobs" + query, spec).json()
        self.assertEqual([error["pointer"] for error in answer["errors"]], list(pointers), answer)
        return answer

    def test_a_job_goes_on_from_another_ones_best(self):
        source = self.client.create(specs.iml())
        parent = self.client.wait_state(source, "completed")
        best = self.row_of(source, "best")
        id = self.client.create(child_of(source))
        self.assertEqual(self.client.job(id)["spec"]["from"],
                         {"job": source, "checkpoint": "best", "sha256": best["sha256"],
                          "split_seed": 1, "step": best["step"]})
        job = self.client.wait_state(id, "completed")
        for section in ("data", "model"):
            self.assertEqual(job["spec"][section], parent["spec"][section])
        self.assertEqual(job["split"], parent["split"])
        self.assertEqual(self.events(id, "imported"),
                         [{"job": source, "checkpoint": "best", "step": best["step"],
                           "sha256": best["sha256"], "knowledge": True}])
        theirs, ours = self.client.metrics(source), self.client.metrics(id)
        for name in ("validation/loss", "validation/accuracy", "test/loss"):
            self.assertEqual(ours[name][0], theirs[name][best["step"]], name)

    def test_kill_9_leaves_its_bits_as_they_are(self):
        source = self.client.create(specs.iml())
        self.client.wait_state(source, "completed")
        undisturbed = self.client.outcome(self.client.create(child_of(source, "last")))
        often = {"checkpoint": {"every_seconds": 0}, "meta": {"updates": 20}}
        id = self.client.create(child_of(source, "last", **often))
        step = 0
        for _ in range(2):
            step = self.client.wait_checkpoint(id, step)
            self.server.kill()
            self.server.start()
        self.assert_same_outcome(undisturbed, self.client.outcome(id), "after two kills")

    def test_kill_9_before_its_first_checkpoint(self):
        """The source has gone on since: its own keep would have removed the checkpoint."""
        source = self.client.create(specs.iml(
            meta={"updates": specs.FOREVER}, checkpoint={"every_seconds": 0, "keep": 1},
            resources={"threads": 2}, early_stopping=[]))
        step = self.client.wait_checkpoint(source)
        self.client.verb(source, "pause")
        name = next(c["name"] for c in self.client.checkpoints(source) if c["name"] != "best")
        still = {"optimizer": {"kind": "sgd", "learning_rate": 0}}
        frozen = child_of(source, name, inner=still, meta=still)
        theirs = Tensors(self.client.checkpoint(source, name))
        self.client.verb(source, "resume")
        id = self.client.create(frozen)  # waits for two threads
        self.client.wait_step(source, step + 200)
        self.assertIn(name, [c["name"] for c in self.client.checkpoints(source)])
        self.server.kill()
        self.server.start()
        self.client.verb(source, "cancel")
        self.client.wait_state(id, "completed")
        ours = Tensors(self.client.checkpoint(id, "last"))
        wrong = [n for n in differences(theirs, ours)
                 if n.startswith("parameters/") or n.startswith("knowledge/")]
        self.assertEqual(wrong, [])

    def test_the_source_stays_as_long_as_it_is_needed(self):
        source = self.client.create(specs.supervised())
        self.client.wait_state(source, "completed")
        spec = without(specs.endless(), "data", "model")
        id = self.client.create({**spec, "from": {"job": source}})
        self.client.wait_state(id, "running")
        answer = self.client.expect(409, "DELETE", f"/v1/jobs/{source}").json()
        self.assertIn(id, answer["detail"])
        self.client.wait_step(id, 1)
        self.client.verb(id, "pause")  # with a checkpoint of its own
        self.client.expect(409, "DELETE", f"/v1/jobs/{source}")
        self.client.verb(id, "cancel")
        self.client.expect(204, "DELETE", f"/v1/jobs/{source}")
        self.assertFalse(os.path.exists(os.path.join(self.server.state, "checkpoints", source)))
        self.client.verb(id, "retry")  # goes on from its own checkpoint
        self.client.wait_step(id, 1)
        job = self.client.verb(id, "stop")
        self.assertEqual(job["state"], "completed")
        self.refused({**spec, "from": {"job": source}}, "/from/job")

    def test_what_is_wrong_is_told_at_its_pointer(self):
        source = self.client.create(specs.supervised())
        self.client.wait_state(source, "completed")
        spec = child_of(source)
        dry = self.client.expect(200, "POST", "/v1/jobs?dry_run=true", spec).json()
        self.assertEqual(dry["spec"]["from"]["step"], self.row_of(source, "best")["step"])
        self.assertGreater(dry["memory"]["total_bytes"], 0)
        self.client.expect(200, "POST", "/v1/jobs?dry_run=true", dry["spec"])  # what was resolved
        for query in ("", "?dry_run=true"):
            def check(pointer, **changes):
                return self.refused(specs.merged(spec, changes), pointer, query=query)
            check("/from/job", **{"from": {"job": "j9999999"}})
            check("/from/job", **{"from": {"job": "the first"}})
            answer = check("/from/checkpoint", **{"from": {"checkpoint": "step-1"}})
            self.assertIn("best, last", answer["errors"][0]["detail"])
            check("/from/sha256", **{"from": {"sha256": "0" * 64}})
            check("/from/split_seed", **{"from": {"split_seed": 2}})
            check("/from/chekpoint", **{"from": {"chekpoint": "best"}})
            check("/data", data={"set": "shapes"})
            check("/model", model={"hidden": [16]})
            check("/inner/batch", inner={"batch": 100_000})
            self.refused({**spec, "from": None}, "/from", query=query)
            self.refused({**spec, "from": {}}, "/from/job", query=query)
        self.assertEqual(len(self.client.jobs()), 1)


if __name__ == "__main__":
    main()
