"""test_signals.py: SIGTERM in the middle of runs (DESIGN §5 "shutdown"): exit 0 within 10 s, nothing
lost, the same attempt and the same bits afterwards."""
import http.client
import os
import signal
import threading
import time

from harness import SANITIZER, Case, limit, main, specs
from support import events

# long enough that a run is met in its middle; a sanitizer's build takes ten to fifty times as long
SPEC = specs.iml(meta={"updates": 80 if SANITIZER else 900}, early_stopping=[],
                 evaluation={"every_updates": 10}, checkpoint={"every_seconds": 60})


class SignalsTest(Case):
    def test_jobs_go_on_after_sigterm_with_the_same_bits(self):
        root = self.data()
        calm = self.daemon("calm", data_roots=[root])
        undisturbed = calm.client().outcome(calm.client().create(SPEC))
        calm.stop()
        daemon = self.daemon(data_roots=[root])
        client = daemon.client()
        ids = [client.create(SPEC) for _ in range(3)]
        # in the warm-up, then between updates; early enough that the faster job is not at its end then
        for step in (20, 120, 250):
            for id in ids[:2]:
                client.wait_step(id, step)
            served = client.metrics(ids[0])
            took = daemon.stop(10)
            self.assertLess(took, limit(10))
            self.assertFalse(daemon.is_running())
            daemon.start()
            rows = client.metrics(ids[0])
            for name, column in served.items():
                self.assertLessEqual(set(column), set(rows[name]), f"rows of {name} are gone")
        for id in ids:
            self.assert_same_outcome(undisturbed, client.outcome(id), id)
            self.assertEqual(client.job(id)["attempt"], 1, "a shutdown is no lost process")
        shutdowns = events.kinds(client.events(ids[0]), events.SHUTDOWN)
        self.assertEqual(len(shutdowns), 3)
        daemon.stop()

    def test_jobs_are_queued_after_sigterm_before_anything_runs(self):
        root = self.data()
        daemon = self.daemon(data_roots=[root], threads=1)
        client = daemon.client()
        holder = client.create(specs.endless())
        waiting = client.create(specs.supervised())
        client.wait_step(holder, 50)
        daemon.stop()
        daemon.start()
        client.wait_state(holder, "running")
        kinds = [e["kind"] for e in client.events(holder)]
        self.assertEqual(kinds.count(events.CLAIMED), 2)
        self.assertEqual(kinds.count(events.SHUTDOWN), 1)
        self.assertEqual(client.job(waiting)["state"], "queued")
        daemon.stop()

    def test_sigint_ends_in_good_order_too(self):
        daemon = self.daemon(data_roots=[self.data()])
        client = daemon.client()
        client.wait_step(client.create(specs.endless()), 10)
        daemon.process.send_signal(signal.SIGINT)
        self.assertEqual(daemon.wait_exit(10), 0)
        daemon.check_reports()

    def test_sigterm_with_a_library_thread_that_has_no_signal_blocked(self):
        """OpenBLAS' pool thread is made before main: with OPENBLAS_NUM_THREADS unset it could take the
        signal by its default action (exit 143)."""
        root = self.data()
        for count in (None, "4"):  # the harness takes the variable out of the environment
            environment = {} if count is None else {"OPENBLAS_NUM_THREADS": count}
            daemon = self.daemon(f"blas-{count}", data_roots=[root], environment=environment)
            client = daemon.client()
            client.wait_step(client.create(specs.endless()), 10)
            daemon.stop()

    def test_a_second_sigterm_ends_at_once(self):
        # such an end joins no thread, which ThreadSanitizer would call a leak
        tsan = {"TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "") + ":report_thread_leaks=0"}
        daemon = self.daemon(data_roots=[self.data()], environment=tsan)
        client = daemon.client()
        ids = [client.create(SPEC) for _ in range(2)]
        for id in ids:
            client.wait_step(id, 20)
        before = len(daemon.notices.messages)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.notices.wait("STOPPING=1", before, 10)
        begin = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        status = daemon.wait_exit(5)
        self.assertIn(status, (0, 1), "0 where the first had ended it already")
        self.assertLess(time.monotonic() - begin, limit(5))
        daemon.start()
        for id in ids:
            self.assertEqual(client.wait_state(id, "completed")["reason"]["kind"], "finished")
        daemon.stop()

    def test_waiting_requests_do_not_hold_the_end(self):
        daemon = self.daemon(data_roots=[self.data()], threads=1)
        client = daemon.client()
        holder = client.create(specs.endless())
        client.wait_step(holder, 1)
        answers = []

        def wait(verb):
            try:
                answers.append(client.request("POST", f"/v1/jobs/{holder}/{verb}?wait=60").status)
            except (OSError, http.client.HTTPException) as fault:
                answers.append(str(fault))

        threads = [threading.Thread(target=wait, args=(verb,)) for verb in ("stop", "stop", "pause")]
        for thread in threads:
            thread.start()
        daemon.stop(10)
        for thread in threads:
            thread.join(limit(20))
            self.assertFalse(thread.is_alive(), "a client has neither an answer nor a closed connection")


if __name__ == "__main__":
    main()
