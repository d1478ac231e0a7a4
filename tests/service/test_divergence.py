"""test_divergence.py: a job that diverges is stopped with the step, and NaN is never a number."""
import re

from harness import Case, main, parse, specs


class DivergenceTest(Case):
    def check_metrics(self, client, id):
        """Every null has its kind, every value is a number; in JSON and CSV."""
        answer = client.expect(200, "GET", f"/v1/jobs/{id}/metrics")
        self.assertIsNone(re.search(rb"[^a-z\"-](nan|inf)", answer.body, re.I), "a bare nan or inf")
        for name, columns in answer.json()["metrics"].items():
            kinds = columns.get("kind", {})
            for step, value in zip(columns["step"], columns["value"]):
                if value is None:
                    self.assertIn(kinds.get(str(step)), ("nan", "inf", "-inf"), name)
                else:
                    self.assertNotIn(str(step), kinds)
        csv = client.expect(200, "GET", f"/v1/jobs/{id}/metrics", headers={"Accept": "text/csv"})
        lines = csv.body.decode().splitlines()
        self.assertEqual(lines[0], "metric,step,value,kind")
        for line in lines[1:]:
            _, _, value, kind = line.split(",")
            if value == "":
                self.assertIn(kind, ("nan", "inf", "-inf"))
            else:
                self.assertEqual(kind, "")
                float(value)
                self.assertNotRegex(value.lower(), "nan|inf")

    def check_diverged(self, client, id):
        job = client.wait_state(id, "completed")
        self.assertEqual(job["reason"]["kind"], "stopped_by_rule")
        self.assertEqual(job["reason"]["rule"], "divergence")
        step = job["reason"]["numbers"]["step"]
        self.assertIsInstance(step, int)
        self.assertEqual(job["progress"]["step"], step)
        rows = client.metrics(id)
        self.assertIn(step, rows["train/loss"], "the step that fires writes its loss as a row")
        replayed = client.expect(200, "POST", f"/v1/jobs/{id}/early_stopping/backtest",
                                 {"early_stopping": []}).json()
        self.assertEqual({name: replayed[name] for name in ("rule", "step", "numbers")},
                         {"rule": "divergence", "step": step, "numbers": job["reason"]["numbers"]})
        kinds = [e["kind"] for e in client.events(id)]
        self.assertTrue(kinds, "the job has no events")
        self.check_metrics(client, id)
        for path in (f"/v1/jobs/{id}", "/v1/jobs", f"/v1/jobs/{id}/events"):
            parse(client.expect(200, "GET", path).body.decode())  # NaN would raise
        return job

    def test_a_learning_rate_of_1e6_is_stopped_by_divergence_with_the_step(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        ids = [
            client.create(specs.iml(inner={"optimizer": {"kind": "adam", "learning_rate": 1e6}})),
            client.create(specs.supervised(
                inner={"optimizer": {"kind": "sgd", "learning_rate": 1e6}, "steps": 5000})),
        ]
        healthy = client.create(specs.supervised())
        for id in ids:
            job = self.check_diverged(client, id)
            self.assertLess(job["progress"]["step"], 5000)
        self.assertEqual(client.wait_state(healthy, "completed")["reason"]["kind"], "finished")
        daemon.stop()

    def test_values_that_are_not_finite_are_null_with_their_kind(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        # SGD at 1e20 overflows float within two steps, so a loss of inf or nan is written
        id = client.create(specs.supervised(
            inner={"optimizer": {"kind": "sgd", "learning_rate": 1e20}, "steps": 5000},
            evaluation={"every_steps": 1}))
        self.check_diverged(client, id)
        rows = client.metrics(id)
        kinds = {v for column in rows.values() for v in column.values() if isinstance(v, str)}
        self.assertTrue(kinds, "no row was written that is not finite")
        self.assertLessEqual(kinds, {"nan", "inf", "-inf"})
        daemon.stop()


if __name__ == "__main__":
    main()
