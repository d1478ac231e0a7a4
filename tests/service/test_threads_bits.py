"""test_threads_bits.py: the same bits with 1, 2 and 4 threads (DESIGN §3)."""
from harness import Case, main, specs


class ThreadsTest(Case):
    def outcomes(self, spec):
        daemon = self.daemon(data_roots=[self.data(train=1600)], threads=4)
        client = daemon.client()
        ids = {}
        for threads in (1, 2, 4):
            ids[threads] = client.create(specs.merged(spec, {"resources": {"threads": threads}}))
        outcomes = {threads: client.outcome(id) for threads, id in ids.items()}
        daemon.stop()
        return outcomes

    def check(self, spec):
        outcomes = self.outcomes(spec)
        for threads in (2, 4):
            self.assert_same_outcome(outcomes[1], outcomes[threads], f"1 and {threads} threads")
        return outcomes[1]

    def test_iml_job_gives_the_same_bits_for_any_number_of_threads(self):
        outcome = self.check(specs.iml(
            data={"train": 1000, "validation": 300, "test": 300},
            inner={"batch": 130},  # no multiple of any tile
            meta={"curvature": {"batch": 500}, "validation_batch": 300, "updates": 12},
        ))
        for name in ("validation/loss", "meta/gradient_norm", "solver/products", "train/loss"):
            self.assertIn(name, outcome["rows"])
        self.assertTrue(any(n.startswith("knowledge/") for n in outcome["tensors"]["last"].tensors))

    def test_supervised_job_gives_the_same_bits_for_any_number_of_threads(self):
        self.check(specs.supervised(data={"train": 1000, "validation": 300},
                                    inner={"batch": 250, "optimizer": {"kind": "sgd",
                                           "momentum": 0.9, "nesterov": True}}))


if __name__ == "__main__":
    main()
