"""test_diagnostics.py: looks at the estimates of a job, and its gate's events (MATH §5), in the real daemon."""
import struct

from harness import Case, main, specs

LOOKS = {
    "residual": {"every_updates": 1},
    "lens": {"every_updates": 4, "steps": 10},
    "spectrum": {"every_updates": 4, "probes": 2, "steps": 8, "top": 3},
    "variance": {"every_updates": 4, "pairs": 3},
    "reference": {"every_updates": 4},
}
ARTIFACTS = ("lens", "reference", "spectrum", "variance")
PLAIN = specs.iml(model={"hidden": [4]}, meta={"updates": 9, "solver": {"precondition": "none"}})
LOOKING = specs.merged(PLAIN, {"diagnostics": LOOKS})
DUE = [50, 50 + 3 * 10, 50 + 7 * 10]  # steps of updates 1, 4, 8: a warm-up of 50, 10 steps each

ROWS_OF = {
    "lens": ("lens/alpha_mu_max", "lens/best_residual", "lens/largest", "lens/negative_share",
             "lens/smallest", "lens/v_inverse_v"),
    "spectrum": ("spectrum/largest", "spectrum/negative_mass", "spectrum/smallest", "spectrum/trace"),
    "variance": ("meta/mean_cosine", "meta/variance", "solver/q_mean_cosine", "solver/q_variance"),
    "reference": ("meta/cosine_to_exact", "meta/error_to_exact", "meta/reference_residual"),
    "residual": ("solver/residual_exact", "solver/residual_scaled"),
}
ALL_ROWS = {name for names in ROWS_OF.values() for name in names} | {"lens/best_products"}


def floats(rows):
    return {step: struct.unpack("<f", value)[0] for step, value in rows.items()}


class DiagnosticsTest(Case):
    def check_lens(self, client, id, rows):
        lens = client.get(f"/v1/jobs/{id}/artifacts/lens?step={DUE[1]}")
        self.assertEqual(lens["update"], 4)
        self.assertEqual(len(lens["ritz_values"]), 10)
        self.assertAlmostEqual(sum(lens["weights"]), 1, places=6)
        for solver in ("neumann", "cg", "minres"):
            self.assertEqual(len(lens[solver]), 11)
        curve = lens["minres"]
        self.assertTrue(all(b <= a * (1 + 1e-9) for a, b in zip(curve, curve[1:])), "minres never grows")
        self.assertEqual(lens["estimates"], ["smallest", "largest", "alpha_mu_max", "negative_share",
                                             "v_inverse_v"])
        self.assertAlmostEqual(lens["alpha_mu_max"], floats(rows["lens/alpha_mu_max"])[DUE[1]], places=5)
        # neumann's curve at the job's K: the residual that a product more has measured
        exact = floats(rows["solver/residual_exact"])[DUE[1]]
        self.assertAlmostEqual(lens["neumann"][3], exact, delta=1e-4 * exact)

    def test_looks_tell_rows_and_artifacts_and_change_no_bit(self):
        daemon = self.daemon(data_roots=[self.data()], threads=4)
        client = daemon.client()
        plain, looking, wide = (client.create(spec) for spec in (
            PLAIN, LOOKING, specs.merged(LOOKING, {"resources": {"threads": 4}})))
        outcomes = {id: client.outcome(id) for id in (plain, looking, wide)}
        self.assert_same_outcome(outcomes[looking], outcomes[wide], "1 and 4 threads")
        rows = outcomes[looking]["rows"]
        for look, names in ROWS_OF.items():
            for name in names:
                steps = sorted(rows[name])
                if look == "residual":
                    self.assertEqual(len(steps), 9, name)
                else:
                    self.assertEqual(steps, DUE, name)
        self.assertEqual(sorted(outcomes[looking]["artifacts"]),
                         sorted((name, step) for name in ARTIFACTS for step in DUE))
        self.check_lens(client, looking, rows)
        # without what the looks tell all is as without looks
        self.assertFalse(outcomes[plain]["artifacts"])
        outcomes[looking]["artifacts"] = outcomes[plain]["artifacts"]
        outcomes[looking]["rows"] = {n: r for n, r in rows.items() if n not in ALL_ROWS}
        self.assert_same_outcome(outcomes[plain], outcomes[looking], "looks change something")
        daemon.stop()

    def test_kill_9_changes_no_bit_of_a_look(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        undisturbed = client.outcome(client.create(LOOKING))
        id = client.create(specs.merged(LOOKING, {"checkpoint": {"every_seconds": 0}}))
        client = daemon.kill_at_checkpoints(id, 2)
        self.assert_same_outcome(undisturbed, client.outcome(id), "killed twice")
        daemon.stop()

    def test_a_gate_tells_its_first_failure_and_that_it_is_locked(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        gated = specs.merged(PLAIN, {"meta": {"gate": {"residual_below": 1e-12, "stalled_after": 4},
                                              "on_failure": "skip"}})
        id = client.create(gated)
        rows = floats(client.outcome(id)["rows"]["meta/skipped"])
        self.assertEqual(list(rows.values()), [1] * 9)
        logged = [e for e in client.events(id) if e["kind"] in ("estimate_failed", "warning")]
        self.assertEqual([e["kind"] for e in logged], ["estimate_failed", "warning"])
        events = [e["data"] for e in logged]
        self.assertEqual([e["step"] for e in events], [50, 80])
        self.assertIn("residual", events[0]["what"])
        for remedy in ("precondition", "auto", "clamp"):
            self.assertIn(remedy, events[1]["mend"])
        quiet = client.create(PLAIN)
        client.wait_state(quiet, "completed")
        kinds = [e["kind"] for e in client.events(quiet)]
        self.assertNotIn("estimate_failed", kinds)
        self.assertNotIn("warning", kinds)
        daemon.stop()

    def test_what_looks_cost_is_planned_and_what_is_wrong_is_refused(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        plans = [client.expect(200, "POST", "/v1/jobs?dry_run=true", spec).json()
                 for spec in (PLAIN, LOOKING)]
        parts = [plan["memory"]["parts"] for plan in plans]
        self.assertNotIn("diagnostics", parts[0])
        self.assertEqual(plans[1]["memory"]["total_bytes"] - plans[0]["memory"]["total_bytes"],
                         parts[1]["diagnostics"])
        self.assertEqual(plans[1]["spec"]["diagnostics"]["reference"],
                         {"every_updates": 4, "max_parameters": 8192, "max_products": 1000,
                          "target_residual": 1e-6})
        self.assertNotIn("diagnostics", plans[0]["spec"])
        wrong = {
            "/diagnostics": specs.supervised(diagnostics={"lens": {}}),
            "/diagnostics/lense": specs.merged(PLAIN, {"diagnostics": {"lense": {}}}),
            "/diagnostics/lens/steps": specs.merged(PLAIN, {"diagnostics": {"lens": {"steps": 1}}}),
            "/diagnostics/variance/pairs": specs.merged(PLAIN, {"diagnostics": {"variance": {"pairs": 1}}}),
            "/diagnostics/spectrum/top": specs.merged(PLAIN, {"diagnostics": {"spectrum": {"top": 33}}}),
        }
        for pointer, spec in wrong.items():
            answer = client.expect(422, "POST", "/v1/jobs", spec).json()
            self.assertEqual([e["pointer"] for e in answer["errors"]], [pointer])
        daemon.stop()


if __name__ == "__main__":
    main()
