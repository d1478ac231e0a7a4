"""test_verbs.py: what users do to jobs (DESIGN §5): every verb from every state, PATCH, stop rules that
change on a running job, DELETE."""
from harness import SANITIZER, Case, main, specs

VERBS = ("stop", "cancel", "pause", "resume", "retry")


class VerbsTest(Case):
    def setUp(self):
        super().setUp()
        self.server = self.daemon(data_roots=[self.data()], threads=1)
        self.client = self.server.client()

    def tearDown(self):
        if self.server.is_running():
            self.server.stop()

    def holder(self):
        """A running job that holds the only thread, so that others stay queued."""
        id = self.client.create(specs.endless())
        self.client.wait_step(id, 1)
        return id

    def refused(self, id, verb):
        state = self.client.job(id)["state"]
        answer = self.client.expect(409, "POST", f"/v1/jobs/{id}/{verb}")
        self.assertIn(state, answer.body.decode(), "a 409 names the state")
        self.assertEqual(self.client.job(id)["state"], state)

    def state_after(self, id, verb):
        return self.client.verb(id, verb)["state"]

    def test_queued_and_paused_jobs_follow_the_table(self):
        self.holder()
        ids = [self.client.create(specs.supervised()) for _ in range(4)]
        self.assertEqual(self.state_after(ids[0], "retry"), "queued", "it holds already")
        self.assertEqual(self.state_after(ids[0], "pause"), "paused")
        self.assertEqual(self.state_after(ids[0], "pause"), "paused", "it holds already")
        self.refused(ids[0], "retry")
        self.assertEqual(self.state_after(ids[0], "resume"), "queued")
        self.assertEqual(self.state_after(ids[0], "cancel"), "cancelled")
        for verb in ("pause", "resume"):
            self.refused(ids[0], verb)
        self.assertEqual(self.state_after(ids[0], "stop"), "cancelled", "without a checkpoint it holds")
        self.assertEqual(self.state_after(ids[0], "retry"), "queued")
        self.assertEqual(self.state_after(ids[1], "stop"), "cancelled", "no checkpoint, no result")
        self.assertEqual(self.state_after(ids[2], "pause"), "paused")
        self.assertEqual(self.state_after(ids[2], "stop"), "cancelled")
        self.assertEqual(self.state_after(ids[3], "pause"), "paused")
        self.assertEqual(self.state_after(ids[3], "cancel"), "cancelled")

    def test_a_running_job_is_paused_and_goes_on_to_the_same_bits(self):
        spec = specs.iml(meta={"updates": 200 if SANITIZER else 900}, early_stopping=[],
                         evaluation={"every_updates": 20}, checkpoint={"every_seconds": 0.05})
        undisturbed = self.client.outcome(self.client.create(spec))
        id = self.client.create(spec)
        for step in (30, 300, 900):  # in the warm-up and between updates
            self.client.wait_step(id, step)
            job = self.client.verb(id, "pause")
            self.assertEqual(job["state"], "paused")
            self.assertEqual(job["intents"], [])
            self.refused(id, "retry")
            self.client.verb(id, "resume")
        self.assert_same_outcome(undisturbed, self.client.outcome(id), "after three pauses")
        job = self.client.job(id)
        self.assertEqual(job["attempt"], 1)
        for verb in ("cancel", "pause", "resume", "retry"):
            self.refused(id, verb)

    def test_stop_restores_the_best_weights(self):
        id = self.client.create(specs.endless(evaluation={"every_steps": 200}))
        self.client.wait_state(id, "running")
        self.refused(id, "retry")
        self.client.wait_until(id, lambda j: j["best"] and j["best"]["step"] > 0, "a best value")
        job = self.client.verb(id, "stop")
        self.assertEqual(job["state"], "completed")
        self.assertEqual(job["reason"]["kind"], "stopped_by_user")
        self.assertEqual(job["result"]["step"], job["best"]["step"])
        self.assertEqual(job["result"]["metrics"]["validation/accuracy"], job["best"]["value"])
        names = {c["name"]: c["step"] for c in self.client.checkpoints(id)}
        self.assertEqual(names["best"], job["best"]["step"])
        self.assertEqual(names["last"], job["progress"]["step"])
        self.assertEqual(self.client.verb(id, "stop")["state"], "completed", "it holds already")

    def test_a_paused_job_with_a_checkpoint_is_stopped_with_its_result(self):
        id = self.client.create(specs.endless(evaluation={"every_steps": 200}))
        self.client.wait_until(id, lambda j: j["best"] and j["best"]["step"] > 0, "a best value")
        self.assertEqual(self.state_after(id, "pause"), "paused")
        job = self.client.verb(id, "stop")
        self.assertEqual((job["state"], job["reason"]["kind"]), ("completed", "stopped_by_user"))
        self.assertEqual(job["result"]["step"], job["best"]["step"])

    def test_a_running_job_is_cancelled_and_retried(self):
        id = self.client.create(specs.endless(checkpoint={"every_seconds": 0.05}))
        self.client.wait_checkpoint(id, 10)
        self.assertEqual(self.state_after(id, "cancel"), "cancelled")
        step = max(c["step"] for c in self.client.checkpoints(id))
        self.client.verb(id, "retry")
        self.client.wait_step(id, step + 1)
        self.assertEqual(self.state_after(id, "stop"), "completed")
        resumed = [e for e in self.client.events(id) if step in self.numbers(e)]
        self.assertTrue(resumed, f"no event tells that it went on from step {step}")

    @staticmethod
    def numbers(event):
        """All numbers of an event, at any depth."""
        found, todo = [], [event]
        while todo:
            item = todo.pop()
            if isinstance(item, dict):
                todo += item.values()
            elif isinstance(item, list):
                todo += item
            elif isinstance(item, (int, float)):
                found.append(item)
        return found

    def test_patch_changes_what_it_may_also_while_running(self):
        id = self.holder()
        path = f"/v1/jobs/{id}"
        etag = self.client.expect(200, "GET", path).headers["etag"]
        job = self.client.expect(200, "PATCH", path, {
            "name": "new name", "note": "a note", "tags": ["a", "b"], "priority": 5}).json()
        self.assertEqual((job["name"], job["note"], job["tags"], job["priority"]),
                         ("new name", "a note", ["a", "b"], 5))
        self.client.expect(412, "PATCH", path, {"name": "late"}, {"If-Match": etag})
        self.client.expect(422, "PATCH", path, {"seed": 2})
        self.client.expect(422, "PATCH", path, {"tags": ["x" * 65]})
        self.client.expect(422, "PATCH", path, {
            "early_stopping": [{"rule": "target", "metric": "test/accuracy", "value": 0.5}]})
        self.assertEqual(self.client.job(id)["name"], "new name")

    def test_a_rule_that_is_added_stops_the_running_job(self):
        id = self.client.create(specs.endless(evaluation={"every_steps": 50}))
        self.client.wait_step(id, 100)
        self.client.expect(200, "PATCH", f"/v1/jobs/{id}",
                           {"early_stopping": [{"rule": "budget", "steps": 10}]})
        job = self.client.wait_state(id, "completed")
        self.assertEqual(job["reason"]["kind"], "stopped_by_rule")
        self.assertEqual(job["reason"]["rule"], "budget")
        self.assertIsNotNone(job["result"])
        self.assertEqual(job["early_stopping"], [{"rule": "budget", "steps": 10}])

    def test_rules_fire_as_defined(self):
        frozen = specs.endless(inner={"optimizer": {"kind": "sgd", "learning_rate": 0}},
                               evaluation={"every_steps": 10})
        patience = {"rule": "patience", "metric": "validation/accuracy", "evaluations": 4,
                    "min_delta": 0}
        id = self.client.create(specs.merged(frozen, {"early_stopping": [patience]}))
        job = self.client.wait_state(id, "completed")
        self.assertEqual(job["reason"]["rule"], "patience")
        self.assertEqual(job["progress"]["step"], 40, "the first value sets the best, then 4 without")
        self.assertEqual(job["best"]["step"], 0, "first of equals")
        target = {"rule": "target", "metric": "validation/loss", "value": 1e6}
        id = self.client.create(specs.merged(frozen, {"early_stopping": [target]}))
        job = self.client.wait_state(id, "completed")
        self.assertEqual((job["reason"]["rule"], job["progress"]["step"]), ("target", 0))
        budget = {"rule": "budget", "steps": 25}
        id = self.client.create(specs.merged(frozen, {"early_stopping": [budget]}))
        job = self.client.wait_state(id, "completed")
        self.assertEqual((job["reason"]["rule"], job["progress"]["step"]), ("budget", 30),
                         "asked at evaluations: the first at or beyond 25 steps")

    def test_delete_removes_an_ended_job_with_rows_and_files(self):
        id = self.holder()
        self.client.expect(409, "DELETE", f"/v1/jobs/{id}")
        self.client.verb(id, "stop")
        keep = self.client.create(specs.supervised())
        self.client.wait_state(keep, "completed")
        self.client.expect(204, "DELETE", f"/v1/jobs/{id}")
        for tail in ("", "/metrics", "/events", "/checkpoints", "/checkpoints/best"):
            self.client.expect(404, "GET", f"/v1/jobs/{id}{tail}")
        self.client.expect(404, "DELETE", f"/v1/jobs/{id}")
        self.assertEqual([j["id"] for j in self.client.jobs()], [keep])
        self.assertTrue(self.client.checkpoint(keep, "best"))
        new = self.client.create(specs.supervised(inner={"steps": 5}))
        self.assertNotEqual(new, id, "an id is never given twice")

    def test_a_verb_without_wait_answers_202_once_the_intent_is_durable(self):
        id = self.holder()
        answer = self.client.request("POST", f"/v1/jobs/{id}/stop")
        self.assertIn(answer.status, (200, 202))
        self.server.kill()
        self.server.start()
        # queued again by the crash, then stopped: with a checkpoint completed, without one cancelled
        job = self.client.wait_state(id, "completed", "cancelled")
        self.assertEqual(job["reason"]["kind"], "stopped_by_user", "an intent survives a crash")

    def test_verbs_of_a_job_that_is_not_there(self):
        for verb in VERBS:
            self.client.expect(404, "POST", f"/v1/jobs/j0000099/{verb}")
            self.client.expect(404, "POST", f"/v1/jobs/nonsense/{verb}")


if __name__ == "__main__":
    main()
