"""test_forgetting.py: the stop rule forgetting and validation/accuracy_deviation in the real daemon."""
import statistics
import struct

from harness import Case, main, specs

NUMBERS = {"metric", "best", "best_step", "value", "drop", "below_since_step", "evaluations_below",
           "evaluations", "steps_below", "steps", "train_accuracy_at_best", "train_accuracy",
           "q_norm_variance_at_best", "q_norm_variance", "hypergradient_variance_at_best",
           "hypergradient_variance", "q_norm_max", "q_norm_median", "q_norm_not_finite", "alpha_mu_max"}


def value(bits):
    return struct.unpack("<f", bits)[0]


class ForgettingTest(Case):
    def test_the_rule_ends_a_job_with_its_numbers(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        # steps of θ that are far too long: the first fall lasts, whatever it is
        spec = specs.iml(inner={"optimizer": {"kind": "adam", "learning_rate": 0.3}, "steps_per_update": 2},
                         meta={"updates": 1000}, evaluation={"every_updates": 5},
                         early_stopping=[{"rule": "forgetting", "drop": 0, "evaluations": 2, "steps": 20}])
        id = client.create(spec)
        job = client.wait_state(id, "completed")
        self.assertEqual(job["reason"]["rule"], "forgetting")
        numbers = job["reason"]["numbers"]
        self.assertEqual(set(numbers), NUMBERS)
        rows = client.metrics(id)
        accuracy = {step: value(v) for step, v in rows["validation/accuracy"].items()}
        last = job["progress"]["step"]
        best = max(accuracy.values())
        self.assertEqual(numbers["best_step"], min(s for s, v in accuracy.items() if v == best))
        below = [s for s in accuracy if s >= numbers["below_since_step"]]
        self.assertTrue(all(accuracy[s] < best for s in below))
        self.assertEqual(numbers["evaluations_below"], len(below))
        self.assertEqual(numbers["steps_below"], last - numbers["below_since_step"])
        self.assertGreaterEqual(numbers["steps_below"], 20)
        q = [value(v) for s, v in rows["solver/q_norm"].items() if numbers["best_step"] <= s < last]
        self.assertAlmostEqual(numbers["q_norm_max"], max(q), delta=1e-5 * max(q))
        self.assertAlmostEqual(numbers["q_norm_median"], statistics.median(q), delta=1e-5 * max(q))
        alpha, mu = rows["solver/step_size"], rows["solver/largest_curvature"]
        self.assertAlmostEqual(numbers["alpha_mu_max"], max(value(alpha[s]) * value(mu[s]) for s in alpha if
                               numbers["best_step"] <= s < last), places=5)
        daemon.stop()

    def test_a_recorded_curve_can_be_asked_with_other_rules(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        rule = {"rule": "forgetting", "drop": 0, "evaluations": 2, "steps": 20}
        spec = specs.iml(inner={"optimizer": {"kind": "adam", "learning_rate": 0.3}, "steps_per_update": 2},
                         meta={"updates": 60}, evaluation={"every_updates": 5})
        free = client.create(spec | {"early_stopping": []})
        stopped = client.create(spec | {"early_stopping": [rule]})
        last = client.wait_state(free, "completed")["progress"]["step"]
        ended = client.wait_state(stopped, "completed")
        path = f"/v1/jobs/{free}/early_stopping/backtest"
        answer = client.expect(200, "POST", path, {"early_stopping": [rule]}).json()
        self.assertEqual(answer["rule"], "forgetting")
        self.assertEqual(answer["step"], ended["progress"]["step"])
        self.assertEqual(answer["last_step"], last)
        numbers = ended["reason"]["numbers"]
        self.assertEqual(answer["numbers"], numbers)
        none = client.expect(200, "POST", path, {"early_stopping": []}).json()
        self.assertEqual([none["rule"], none["step"], none["numbers"]], [None, None, None])
        self.assertEqual(none["evaluations"], len(client.metrics(free)["validation/accuracy"]))
        for body, pointer in [({}, "/early_stopping"), ({"early_stopping": [rule], "name": "x"}, "/name"),
                              ({"early_stopping": [{"rule": "luck"}]}, "/early_stopping/0/rule")]:
            problem = client.expect(422, "POST", path, body).json()
            self.assertEqual([error["pointer"] for error in problem["errors"]], [pointer])
        daemon.stop()

    def test_the_deviation_has_a_row_from_the_second_evaluation_on(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        id = client.create(specs.supervised(evaluation={"every_steps": 10}))
        client.wait_state(id, "completed")
        rows = client.metrics(id)
        steps = sorted(rows["validation/accuracy"])
        accuracy = [value(rows["validation/accuracy"][s]) for s in steps]
        self.assertGreater(len(steps), 12)
        self.assertEqual(sorted(rows["validation/accuracy_deviation"]), steps[1:])
        for i, step in enumerate(steps[1:], start=1):
            wanted = statistics.stdev(accuracy[max(0, i - 9):i + 1])
            self.assertAlmostEqual(value(rows["validation/accuracy_deviation"][step]), wanted, places=6)
        daemon.stop()


if __name__ == "__main__":
    main()
