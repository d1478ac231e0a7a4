"""test_end_to_end.py: DESIGN §4's job, scaled down, over the unix socket: submitted, followed, finished;
the shapes of DESIGN §7 key by key."""
import hashlib
import re
import struct

from harness import Case, Tensors, main, parse, specs

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
ID = re.compile(r"[A-Za-z0-9._~-]{1,64}$")
JOB_KEYS = {
    "id", "name", "note", "state", "reason", "intents", "owner", "attempt", "priority", "tags",
    "created", "started", "ended", "waiting", "progress", "best", "latest", "result", "error",
    "split", "program", "early_stopping", "spec",
}
WAITING_KEYS = {"rule", "asked", "free", "limit", "ahead", "expected_start", "expected_end", "never"}


class EndToEndTest(Case):
    def setUp(self):
        super().setUp()
        self.server = self.daemon(data_roots=[self.data()])
        self.client = self.server.client()

    def tearDown(self):
        if self.server.is_running():
            self.server.stop()

    def assert_keys(self, document, keys, what):
        self.assertEqual(set(keys) - set(document), set(), f"keys missing in {what}")

    def check_finished_job(self, job):
        self.assert_keys(job, JOB_KEYS, "a job")
        self.assertRegex(job["id"], ID)
        self.assertEqual(job["state"], "completed")
        self.assert_keys(job["reason"], ("kind", "rule", "numbers"), "reason")
        self.assertEqual(job["reason"]["kind"], "finished")
        self.assertEqual(job["attempt"], 1)
        self.assertEqual(job["tags"], ["paper"])
        self.assertEqual(job["intents"], [])
        self.assertIsNone(job["error"])
        for key in ("created", "started", "ended"):
            self.assertRegex(job[key], TIME)
        self.assertLessEqual(job["created"], job["started"])
        self.assertLessEqual(job["started"], job["ended"])
        self.assertEqual(job["progress"]["step"], 250)  # 50 of warm-up, 20 updates of 10
        self.assertEqual(job["progress"]["of"], 250)
        self.assert_keys(job["progress"], ("step", "of", "eta_seconds"), "progress")
        self.assertEqual(job["best"]["metric"], "validation/accuracy")
        self.assert_keys(job["best"], ("metric", "value", "step"), "best")
        self.assert_keys(job["result"], ("step", "metrics"), "result")
        for name in ("validation/loss", "validation/accuracy", "test/loss", "test/accuracy"):
            self.assertIn(name, job["result"]["metrics"])
            self.assertIn(name, job["latest"])
        self.assertIn("meta/gradient_norm", job["latest"])
        self.assertRegex(job["split"], "^[0-9a-f]{64}$")
        self.assertRegex(job["program"], r"^imld \d")
        self.assertEqual(job["spec"]["meta"]["solver"]["terms"], 3)
        self.assertEqual(job["spec"]["inner"]["optimizer"]["beta2"], 0.999, "a default written out")
        self.assertEqual(job["result"]["metrics"]["validation/accuracy"], job["best"]["value"])
        self.assertEqual(job["result"]["step"], job["best"]["step"])

    def check_learned(self, job, rows):
        """The run learned: chance is 0.1 on ten balanced classes."""
        self.assertGreater(job["result"]["metrics"]["validation/accuracy"], 0.3)
        self.assertEqual(sorted(rows["validation/accuracy"]), [0, 50, 100, 150, 200, 250])
        self.assertEqual(sorted(rows["test/loss"]), [0, 50, 100, 150, 200, 250])
        for name in ("meta/gradient_norm", "solver/residual", "solver/products", "inner/remaining"):
            self.assertEqual(len(rows[name]), 20, name)
        values = [struct.unpack("<f", v)[0] for _, v in sorted(rows["validation/accuracy"].items())]
        best = max(values)
        self.assertAlmostEqual(job["best"]["value"], best, places=6)
        self.assertEqual(job["best"]["step"], sorted(rows["validation/accuracy"])[values.index(best)],
                         "best is the first of equals")

    def check_metric_forms(self, id):
        path = f"/v1/jobs/{id}/metrics"
        page = self.client.get(f"{path}?names=validation/loss,test/accuracy")
        self.assert_keys(page, ("metrics", "thinned", "cursor"), "metrics")
        self.assertEqual(sorted(page["metrics"]), ["test/accuracy", "validation/loss"])
        self.assertFalse(page["thinned"])
        columns = page["metrics"]["validation/loss"]
        self.assert_keys(columns, ("step", "value", "kind"), "columns")
        part = self.client.get(f"{path}?names=validation/loss&from=50&to=150")
        self.assertEqual(part["metrics"]["validation/loss"]["step"], [50, 100, 150])
        whole = self.client.get(f"{path}?names=meta/gradient_norm")["metrics"]["meta/gradient_norm"]
        thin = self.client.get(f"{path}?names=meta/gradient_norm&max_points=10")
        kept = thin["metrics"]["meta/gradient_norm"]["value"]
        self.assertTrue(thin["thinned"])
        self.assertLessEqual(len(kept), 10)
        self.assertIn(min(whole["value"]), kept)
        self.assertIn(max(whole["value"]), kept)
        csv = self.client.expect(200, "GET", path, headers={"Accept": "text/csv"})
        self.assertTrue(csv.headers["content-type"].startswith("text/csv"))
        lines = csv.body.decode().splitlines()
        self.assertEqual(lines[0], "metric,step,value,kind")
        table = self.client.metrics(id)
        self.assertEqual(len(lines) - 1, sum(len(rows) for rows in table.values()))
        for line in lines[1:]:
            name, step, value, kind = line.split(",")
            self.assertEqual(table[name][int(step)], kind or struct.pack("<f", float(value)))
        # the fewest digits that read back the same float
        text = self.client.expect(200, "GET", f"{path}?names=validation/loss").body.decode()
        for number in re.findall(r"\d\.\d+", text):
            bits = struct.pack("<f", float(number))
            digits = len(number.replace(".", "").strip("0"))
            if digits > 1:
                shorter = f"{float(number):.{digits - 1}g}"
                self.assertNotEqual(bits, struct.pack("<f", float(shorter)), f"{number}: {shorter}")

    def check_checkpoints(self, job):
        id = job["id"]
        listed = self.client.checkpoints(id)
        by_name = {c["name"]: c for c in listed}
        self.assertLessEqual({"best", "last"}, set(by_name))
        self.assertEqual(by_name["best"]["step"], job["best"]["step"])
        self.assertEqual(by_name["last"]["step"], 250)
        for name, entry in by_name.items():
            self.assert_keys(entry, ("name", "step", "bytes", "sha256", "created"), "checkpoint")
            path = f"/v1/jobs/{id}/checkpoints/{name}"
            answer = self.client.expect(200, "GET", path)
            self.assertEqual(len(answer.body), entry["bytes"])
            self.assertEqual(hashlib.sha256(answer.body).hexdigest(), entry["sha256"])
            self.assertEqual(answer.headers["etag"].strip('"'), entry["sha256"])
            tensors = Tensors(answer.body)
            self.check_tensors(tensors, id, entry)
            part = self.client.expect(206, "GET", path, headers={"Range": "bytes=100-199"})
            self.assertEqual(part.body, answer.body[100:200])
            self.assertEqual(part.headers["content-range"], f"bytes 100-199/{entry['bytes']}")
            tail = self.client.expect(206, "GET", path, headers={"Range": "bytes=-7"})
            self.assertEqual(tail.body, answer.body[-7:])
            self.client.expect(416, "GET", path, headers={"Range": f"bytes={entry['bytes']}-"})
            self.client.expect(304, "GET", path, headers={"If-None-Match": answer.headers["etag"]})
        self.client.expect(404, "GET", f"/v1/jobs/{id}/checkpoints/step-7777777")

    def check_tensors(self, tensors, id, entry):
        self.assertEqual(tensors.metadata["job"], id)
        self.assertEqual(tensors.metadata["step"], str(entry["step"]))
        shapes = {n: t[1] for n, t in tensors.tensors.items() if n.startswith("parameters/")}
        weights = [shape for name, shape in sorted(shapes.items()) if name.endswith(".weight")]
        biases = [shape for name, shape in sorted(shapes.items()) if name.endswith(".bias")]
        self.assertEqual(weights, [(16, 144), (16, 16), (10, 16)], "PyTorch's shapes: out × in")
        self.assertEqual(biases, [(16,), (16,), (10,)])
        for prefix in ("knowledge/", "optimizer/", "state/"):
            self.assertTrue(any(n.startswith(prefix) for n in tensors.tensors), f"no {prefix}…")

    def test_the_main_job_ends_with_curves_checkpoints_and_result(self):
        answer = self.client.expect(201, "POST", "/v1/jobs", specs.iml())
        job = answer.json()
        id = job["id"]
        self.assertEqual(answer.headers["location"], f"/v1/jobs/{id}")
        self.assert_keys(job, JOB_KEYS, "the answer to a submission")
        job = self.client.wait_state(id, "completed")
        self.check_finished_job(job)
        self.check_learned(job, self.client.metrics(id))
        self.check_metric_forms(id)
        self.check_checkpoints(job)
        events = self.client.events(id)
        for event in events:
            self.assert_keys(event, ("id", "time", "kind"), "an event")
            self.assertRegex(event["time"], TIME)
        self.assertEqual([e["id"] for e in events], sorted({e["id"] for e in events}))
        listed = self.client.jobs()
        self.assertEqual([j["id"] for j in listed], [id])
        self.assertEqual(set(listed[0]) ^ set(job), {"spec"}, "a list's items are jobs without spec")
        # an ETag that spares the body, and an identical job is named
        etag = self.client.expect(200, "GET", f"/v1/jobs/{id}").headers["etag"]
        self.client.expect(304, "GET", f"/v1/jobs/{id}", headers={"If-None-Match": etag})
        dry = self.client.expect(200, "POST", "/v1/jobs?dry_run=true", specs.iml()).json()
        self.assert_keys(dry, ("spec", "memory", "seconds_per_step", "seconds_total",
                               "identical_job"), "dry run")
        self.assertEqual(dry["identical_job"], id)
        self.assert_keys(dry["memory"], ("total_bytes", "parts"), "memory")
        self.assertGreater(dry["memory"]["total_bytes"], 4 * 8 * 2762)
        self.assertEqual(dry["spec"], job["spec"], "the stored job is the resolved spec")
        self.assertEqual(len(self.client.jobs()), 1, "a dry run stores nothing")
        # the resolved spec can be run again, to the same bits
        again = self.client.create(job["spec"])
        self.assert_same_outcome(self.client.outcome(id), self.client.outcome(again), "again")

    def test_a_job_that_waits_says_why(self):
        holders = [self.client.create(specs.endless()) for _ in range(2)]
        for holder in holders:
            self.client.wait_step(holder, 1)
        ids = [self.client.create(specs.supervised()) for _ in range(3)]
        waiting = self.client.job(ids[2])["waiting"]
        self.assert_keys(waiting, WAITING_KEYS, "waiting")
        self.assertEqual(waiting["ahead"]["count"], 2)
        self.assertEqual(waiting["ahead"]["ids"], ids[:2])
        self.assertEqual(self.client.job(ids[0])["waiting"]["rule"], "threads")
        self.assertIsNone(self.client.job(holders[0])["waiting"])
        self.assert_keys(waiting["expected_start"] or
                         {"earliest": 0, "likely": 0, "assumption": 0},
                         ("earliest", "likely", "assumption"), "expected_start")

    def test_list_is_filtered_and_paged(self):
        ids = [
            self.client.create(specs.supervised(name=f"job {i}", tags=["even" if i % 2 == 0 else "odd"],
                                                inner={"steps": 5}))
            for i in range(7)
        ]
        for id in ids:
            self.client.wait_state(id, "completed")
        self.assertEqual([j["id"] for j in self.client.jobs()], ids[::-1], "newest first")
        self.assertEqual([j["id"] for j in self.client.jobs("&tag=even")], ids[::-2])
        self.assertEqual([j["id"] for j in self.client.jobs("&name=JOB%203")], [ids[3]])
        self.assertEqual(self.client.jobs("&state=failed,queued"), [])
        self.assertEqual(len(self.client.jobs("&state=completed")), 7)
        owner = self.client.job(ids[0])["owner"]
        self.assertEqual(len(self.client.jobs(f"&owner={owner}")), 7)
        self.assertEqual(self.client.jobs("&owner=nobody-of-that-name"), [])
        first = self.client.get("/v1/jobs?limit=3")
        second = self.client.get(f"/v1/jobs?limit=3&cursor={first['cursor']}")
        third = self.client.get(f"/v1/jobs?limit=3&cursor={second['cursor']}")
        pages = [[j["id"] for j in page["jobs"]] for page in (first, second, third)]
        self.assertEqual(sum(pages, []), ids[::-1])
        self.assertIsNone(third["cursor"])

    def test_server_schema_datasets_and_health(self):
        schema = self.client.get("/v1/schema")
        self.assert_keys(schema, ("fields", "metrics", "states"), "schema")
        for field in schema["fields"]:
            self.assert_keys(field, ("path", "when", "type", "default", "minimum", "maximum",
                                     "unit", "help"), "a field")
        datasets = self.client.get("/v1/datasets")["datasets"]
        shapes = [s for s in datasets if s["name"] == "shapes"][0]
        self.assert_keys(shapes, ("name", "form", "shape", "classes", "splits"), "a data set")
        self.assertEqual((shapes["form"], shapes["classes"]), ("idx", 10))
        self.client.get("/v1/server")
        self.client.expect(200, "GET", "/healthz")
        self.client.expect(200, "GET", "/readyz")
        page = self.client.expect(200, "GET", "/")
        self.assertTrue(page.headers["content-type"].startswith("text/html"))
        self.assertIn("content-security-policy", page.headers)
        self.assertNotRegex(page.body.decode(), r"(src|href)=.https?://", "a foreign host")
        self.assertEqual(self.client.expect(200, "HEAD", "/v1/schema").body, b"")

    def test_wrong_fields_are_all_listed_with_their_pointers(self):
        wrong = specs.iml(seed=-1, iner={}, model={"hidden": [0]}, resources={"threads": 3})
        wrong["meta"]["solver"]["term"] = 2
        answer = self.client.expect(422, "POST", "/v1/jobs", wrong)
        self.assertTrue(answer.headers["content-type"].startswith("application/problem+json"))
        problem = answer.json()
        self.assert_keys(problem, ("type", "title", "status", "errors"), "a problem")
        details = {e["pointer"]: e["detail"] for e in problem["errors"]}
        self.assertLessEqual(
            {"/seed", "/iner", "/model/hidden/0", "/meta/solver/term", "/resources/threads"},
            set(details))
        self.assertIn("inner", details["/iner"])
        self.assertIn("terms", details["/meta/solver/term"])
        self.assertEqual(self.client.jobs(), [])

    def test_an_idempotency_key_submits_once(self):
        key = {"Idempotency-Key": "a-key-of-mine"}
        first = self.client.expect(201, "POST", "/v1/jobs", specs.supervised(), key)
        again = self.client.expect(201, "POST", "/v1/jobs", specs.supervised(), key)
        self.assertEqual(first.headers["location"], again.headers["location"])
        self.assertEqual(again.headers["idempotency-replayed"], "true")
        self.assertNotIn("idempotency-replayed", first.headers)
        self.client.expect(422, "POST", "/v1/jobs", specs.supervised(seed=2), key)
        self.assertEqual(len(self.client.jobs()), 1)

    def test_answers_are_json_with_each_key_once(self):
        id = self.client.create(specs.supervised())
        self.client.wait_state(id, "completed")
        for path in ("/v1/jobs", f"/v1/jobs/{id}", f"/v1/jobs/{id}/metrics", "/v1/schema",
                     f"/v1/jobs/{id}/events", f"/v1/jobs/{id}/checkpoints", "/v1/server"):
            parse(self.client.expect(200, "GET", path).body.decode())
        missing = self.client.expect(404, "GET", "/v1/jobs/j9999999")
        self.assertEqual(missing.json()["status"], 404)


if __name__ == "__main__":
    main()
