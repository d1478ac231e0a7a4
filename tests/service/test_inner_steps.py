"""test_inner_steps.py: inner steps between two updates that a bound ends (MATH §6), in the real daemon."""
import struct

from harness import Case, main, specs


def until(**bounds):
    """The tiny iml job with an inner.until in place of steps_per_update."""
    spec = specs.iml(inner={"until": {"min_steps": 2, "max_steps": 40, "check_every": 3, **bounds}},
                     meta={"updates": 20})
    del spec["inner"]["steps_per_update"]
    return spec


NORM = until(gradient_norm=0.9, relative=True)
RATIO = until(remaining_ratio=1000)


class InnerStepsTest(Case):
    def check_rows(self, spec, outcome, metric):
        """One row of inner/steps and of the bound an update, which add up to the job's steps."""
        rows = outcome["rows"]
        steps = [struct.unpack("<f", value)[0] for value in rows["inner/steps"].values()]
        self.assertEqual(len(steps), spec["meta"]["updates"])
        bounds = spec["inner"]["until"]
        self.assertTrue(all(bounds["min_steps"] <= n <= bounds["max_steps"] for n in steps), steps)
        self.assertGreater(len(set(steps)), 1, "every loop has the same length")
        self.assertEqual(sorted(rows[metric]), sorted(rows["inner/steps"]))
        last = max(rows["train/loss"])
        self.assertEqual(last, spec["inner"]["warmup"]["steps"] + sum(steps))

    def test_bounds_give_the_same_bits_for_any_number_of_threads(self):
        daemon = self.daemon(data_roots=[self.data()], threads=4)
        client = daemon.client()
        for spec, metric in ((NORM, "inner/gradient_norm"), (RATIO, "inner/end_ratio")):
            ids = [client.create(specs.merged(spec, {"resources": {"threads": threads}}))
                   for threads in (1, 2, 4)]
            self.assertIsNone(client.job(ids[0])["progress"]["of"], "the end is not known")
            outcomes = [client.outcome(id) for id in ids]
            self.check_rows(spec, outcomes[0], metric)
            for outcome in outcomes[1:]:
                self.assert_same_outcome(outcomes[0], outcome, metric)
        daemon.stop()

    def test_kill_9_between_updates_changes_no_bit(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        undisturbed = client.outcome(client.create(RATIO))
        id = client.create(specs.merged(RATIO, {"checkpoint": {"every_seconds": 0}}))
        client = daemon.kill_at_checkpoints(id, 3)
        self.assert_same_outcome(undisturbed, client.outcome(id), "killed three times")
        daemon.stop()

    def test_a_fixed_number_and_a_bound_exclude_each_other(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        answer = client.expect(422, "POST", "/v1/jobs?dry_run=true",
                               specs.merged(NORM, {"inner": {"steps_per_update": 10}})).json()
        self.assertEqual([e["pointer"] for e in answer["errors"]], ["/inner/steps_per_update"])
        spec = client.expect(200, "POST", "/v1/jobs?dry_run=true", NORM).json()["spec"]
        self.assertNotIn("steps_per_update", spec["inner"])
        daemon.stop()


if __name__ == "__main__":
    main()
