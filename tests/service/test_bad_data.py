"""test_bad_data.py: broken image files fail their job with which file, where, why and what to do;
others go on. (What the headers tell is refused at submission, DESIGN §4; so each file breaks after
the job was submitted to a good set.)"""
import gzip
import os
import struct

from harness import Case, main, sets, specs


def read(path):
    with gzip.open(path + ".gz") as file:
        return file.read()


def write(path, data):
    with open(path + ".gz", "wb") as file:
        file.write(data)


def truncated_gzip(folder):
    path = os.path.join(folder, sets.TRAIN_IMAGES)
    with open(path + ".gz", "rb") as file:
        data = file.read()
    write(path, data[: len(data) // 2])


def wrong_magic(folder):
    path = os.path.join(folder, sets.TRAIN_IMAGES)
    write(path, gzip.compress(struct.pack(">I", 0x802) + read(path)[4:]))


def label_out_of_range(folder):
    path = os.path.join(folder, sets.TRAIN_LABELS)
    data = bytearray(read(path))
    data[8 + 17] = 77
    write(path, gzip.compress(bytes(data)))


def counts_differ(folder):
    path = os.path.join(folder, sets.TRAIN_LABELS)
    labels = read(path)[8:-5]
    write(path, gzip.compress(sets.labels_bytes(labels)))


def missing_file(folder):
    os.unlink(os.path.join(folder, sets.TRAIN_LABELS + ".gz"))


def trailing_nonsense(folder):
    path = os.path.join(folder, sets.TRAIN_IMAGES)
    write(path, gzip.compress(read(path) + b"more"))


# how it breaks, a word of the file's name, words of which one says why
FAULTS = [
    (truncated_gzip, sets.TRAIN_IMAGES, ("cut off", "truncated", "ends", "end of")),
    (wrong_magic, sets.TRAIN_IMAGES, ("magic",)),
    (label_out_of_range, sets.TRAIN_LABELS, ("77",)),
    (counts_differ, "train-", ("1195", "1200")),
    (missing_file, sets.TRAIN_LABELS, ("missing", "no such", "there is no", "not there", "found")),
    (trailing_nonsense, sets.TRAIN_IMAGES, ("more", "follow", "after")),
]


class BadDataTest(Case):
    def make_sets(self):
        root = os.path.join(self.folder, "data")
        sets.make_set(root, "shapes")
        for fault, _, _ in FAULTS:
            sets.make_set(root, self.name(fault))
        return root

    @staticmethod
    def name(fault):
        return fault.__name__.replace("_", "-")

    def check_text(self, error, file, words, what):
        self.assertEqual(sorted(error), ["mend", "what", "where"], what)
        for key in ("what", "where", "mend"):
            self.assertTrue(error[key], f"{what}: {key} is empty: {error}")
        self.assertIn(file, error["where"] + error["what"], f"{what}: names no file: {error}")
        text = (error["what"] + error["where"]).lower()
        self.assertTrue(any(word in text for word in words), f"{what}: does not say why: {error}")

    def test_files_that_break_after_submission_fail_their_job_alone(self):
        root = self.make_sets()
        daemon = self.daemon(data_roots=[root], threads=1)
        client = daemon.client()
        holder = client.create(specs.endless())
        client.wait_step(holder, 1)
        ids = {}
        for fault, _, _ in FAULTS:
            ids[fault] = client.create(specs.supervised(data={"set": self.name(fault)}))
        good = client.create(specs.supervised())
        for fault, _, _ in FAULTS:
            fault(os.path.join(root, self.name(fault)))
        client.verb(holder, "cancel")
        for fault, file, words in FAULTS:
            job = client.wait_state(ids[fault], "failed")
            self.check_text(job["error"], file, words, fault.__name__)
        self.assertEqual(client.wait_state(good, "completed")["reason"]["kind"], "finished")
        # mended, a retry of the failed job ends well
        again = os.path.join(self.folder, "again")
        sets.make_set(again)
        broken = os.path.join(root, self.name(wrong_magic))
        os.replace(os.path.join(again, "shapes", sets.TRAIN_IMAGES + ".gz"),
                   os.path.join(broken, sets.TRAIN_IMAGES + ".gz"))
        client.verb(ids[wrong_magic], "retry")
        client.wait_state(ids[wrong_magic], "completed")
        daemon.stop()

    def test_sets_that_are_broken_before_are_refused_or_fail_with_the_same_text(self):
        root = self.make_sets()
        for fault, _, _ in FAULTS:
            fault(os.path.join(root, self.name(fault)))
        daemon = self.daemon(data_roots=[root])
        client = daemon.client()
        self.assertIn("shapes", [s["name"] for s in client.get("/v1/datasets")["datasets"]])
        for fault, file, words in FAULTS:
            answer = client.request("POST", "/v1/jobs",
                                    specs.supervised(data={"set": self.name(fault)}))
            if answer.status == 201:
                job = client.wait_state(answer.json()["id"], "failed")
                self.check_text(job["error"], file, words, fault.__name__)
                continue
            self.assertEqual(answer.status, 422, f"{fault.__name__}: {answer}")
            problem = [e for e in answer.json()["errors"] if e["pointer"] == "/data/set"]
            self.assertTrue(problem, f"{fault.__name__}: {answer}")
            self.assertIn(file, problem[0]["detail"], fault.__name__)
            text = problem[0]["detail"].lower()
            self.assertTrue(any(w in text for w in words), f"{fault.__name__}: {answer}")
        client.wait_state(client.create(specs.supervised()), "completed")
        daemon.stop()


if __name__ == "__main__":
    main()
