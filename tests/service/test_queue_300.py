"""test_queue_300.py: 300 short jobs from 8 clients at once: the order of claims, read from the events."""
import random
import threading

from harness import Case, main, specs
from support import events

JOBS, CLIENTS, THREADS = 300, 8, 2


class QueueTest(Case):
    def submit_all(self, daemon):
        """id -> priority, from CLIENTS threads with a part of the jobs each."""
        priorities, faults, lock = {}, [], threading.Lock()
        gate = threading.Barrier(CLIENTS)

        def submit(number):
            rng = random.Random(number)
            client = daemon.client()
            gate.wait()
            try:
                for i in range(number, JOBS, CLIENTS):
                    priority = rng.randint(-3, 3)
                    id = client.create(specs.supervised(
                        name=f"short {i}", priority=priority, model={"hidden": [4]},
                        data={"train": 60, "validation": 20, "test": 20},
                        inner={"steps": 3, "batch": 16}))
                    with lock:
                        assert id not in priorities, f"{id} was given twice"
                        priorities[id] = priority
            except Exception as fault:  # told by the main thread
                faults.append(fault)

        threads = [threading.Thread(target=submit, args=(n,)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])
        return priorities

    def check_claims(self, log, priorities):
        """At each claim no job created before it and not yet claimed comes before it."""
        waiting = set()
        claims = 0
        for event, id in log:
            if event["kind"] == events.CREATED:
                waiting.add(id)
            elif event["kind"] == events.CLAIMED:
                mine = (-priorities[id], id)
                before = [other for other in waiting if (-priorities[other], other) < mine]
                self.assertEqual(before, [], f"{id} (priority {priorities[id]}) was claimed first")
                self.assertIn(id, waiting, "claimed, but not queued")
                waiting.remove(id)
                claims += 1
        self.assertEqual(claims, JOBS)
        self.assertEqual(waiting, set())

    def test_300_jobs_are_claimed_in_order_and_run_once(self):
        daemon = self.daemon(data_roots=[self.data(train=200, test=50)], threads=THREADS)
        client = daemon.client()
        priorities = self.submit_all(daemon)
        self.assertEqual(len(priorities), JOBS)
        log = []
        for id in sorted(priorities):
            job = client.wait_state(id, "completed", seconds=240)
            self.assertEqual((job["attempt"], job["reason"]["kind"]), (1, "finished"))
            own = client.events(id)
            for kind in (events.CREATED, events.CLAIMED, events.COMPLETED):
                self.assertEqual(len(events.kinds(own, kind)), 1, f"{kind} events of {id}: {own}")
            log += [(event, id) for event in own]
        log.sort(key=lambda pair: pair[0]["id"])
        self.assertEqual(len({event["id"] for event, _ in log}), len(log))
        self.check_claims(log, priorities)
        self.assertEqual({j["id"] for j in client.jobs()}, set(priorities))
        daemon.stop()


if __name__ == "__main__":
    main()
