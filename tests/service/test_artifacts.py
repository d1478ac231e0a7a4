"""test_artifacts.py: what a run measures beside numbers, as it is served (DESIGN §6, §7). That its bits
survive kill -9 is part of every outcome; test_diagnostics.py looks into the documents."""
from harness import Case, Deadline, main, specs

LOOKING = specs.iml(
    model={"hidden": [4]},
    meta={"updates": 12, "solver": {"precondition": "none"}},
    diagnostics={"lens": {"every_updates": 1, "steps": 4},
                 "variance": {"every_updates": 5, "pairs": 2}},
)
LENS = [50 + 10 * update for update in range(12)]
VARIANCE = [LENS[0], LENS[4], LENS[9]]


class ArtifactsTest(Case):
    def setUp(self):
        super().setUp()
        self.server = self.daemon(data_roots=[self.data()])
        self.client = self.server.client()

    def test_lists_documents_and_what_is_said_where_there_is_none(self):
        id = self.client.create(LOOKING)
        self.client.wait_state(id, "completed")
        base = f"/v1/jobs/{id}/artifacts"
        found = self.client.artifacts(id)
        self.assertEqual(sorted(found), [("lens", step) for step in LENS] +
                         [("variance", step) for step in VARIANCE])
        pages, cursor = [], "0"
        while True:  # page by page all is there once
            page = self.client.get(f"{base}?limit=4&cursor={cursor}")
            self.assertLessEqual(len(page["artifacts"]), 4)
            pages += [(item["name"], item["step"]) for item in page["artifacts"]]
            cursor = page["cursor"]
            if not page["more"]:
                break
        self.assertEqual(pages, sorted(found))
        self.assertEqual(self.client.get(f"{base}?cursor={cursor}"),
                         {"artifacts": [], "more": False, "cursor": cursor})
        newest = self.client.expect(200, "GET", f"{base}/lens")
        self.assertEqual(newest.body, found["lens", LENS[-1]])
        self.assertEqual(newest.headers["content-type"], "application/json")
        tag = {"If-None-Match": newest.headers["etag"]}
        self.assertEqual(self.client.expect(304, "GET", f"{base}/lens", headers=tag).body, b"")
        self.client.expect(200, "GET", f"{base}/lens?step={LENS[0]}", headers=tag)
        for path, part in ((f"{base}/spectrum", "has no artifact spectrum"),
                           (f"{base}/lens?step=1", f"its newest is of step {LENS[-1]}"),
                           ("/v1/jobs/j9999999/artifacts", "no job"),
                           ("/v1/jobs/j9999999/artifacts/lens", "no job")):
            self.assertIn(part, self.client.expect(404, "GET", path).json()["detail"])
        for query in ("limit=0", "limit=1001", "cursor=lens", "cursor=lens.x", "page=2"):
            self.client.expect(400, "GET", f"{base}?{query}")
        self.client.expect(400, "GET", f"{base}/lens?step=-1")
        self.client.expect(405, "POST", base)
        self.client.expect(405, "DELETE", f"{base}/lens")
        self.client.expect(204, "DELETE", f"/v1/jobs/{id}")
        self.client.expect(404, "GET", f"{base}/lens")

    def test_what_was_served_is_there_after_kill_9(self):
        """And before the run goes on: its job pauses."""
        id = self.client.create(specs.merged(LOOKING, {
            "meta": {"updates": specs.FOREVER}, "checkpoint": {"every_seconds": 1000},
            "early_stopping": []}))
        deadline = Deadline(60, "artifacts that are served")
        seen = self.client.artifacts(id)
        while not seen:
            deadline.pause()
            seen = self.client.artifacts(id)
        self.client.expect(202, "POST", f"/v1/jobs/{id}/pause")  # an intent: it holds after the kill
        self.server.kill()
        self.server.start()
        self.client.wait_state(id, "paused")
        after = self.client.artifacts(id)
        for key, document in seen.items():
            self.assertEqual(after.get(key), document, key)


if __name__ == "__main__":
    main()
