"""test_study.py: scripts/study: expansion, what a server lacks, numbers against textbook values; then
the script against the real daemon: same jobs when run again, failures, its own daemon and resumption."""
import collections
import contextlib
import copy
import csv
import glob
import json
import lzma
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from harness import SOURCE, Case, Client, binary, clean_environment, limit, main, sets, specs

SCRIPT = os.path.join(SOURCE, "scripts", "study")
sys.path.insert(0, os.path.join(SOURCE, "scripts", "lib"))
from study.client import Refused  # noqa: E402
from study import figures, needs, plan, record, report, rules, run, sets as study_sets, summary  # noqa: E402

IMAGES = "/usr/share/datasets/fashion-mnist"
SHIPPED = sorted(glob.glob(os.path.join(SOURCE, "studies", "*.json")))

STUDY = {
    "study": "tiny",
    "question": "Does it run?",
    "base": specs.iml(meta={"updates": 4}, evaluation={"every_updates": 2}),
    "axes": [
        {"name": "solver", "values": {
            "identity": {"/meta/solver": {"kind": "identity"}},
            "neumann 3": {"/meta/solver": {"kind": "neumann", "terms": 3}}}},
        {"name": "batch", "pointer": ["/inner/batch", "/meta/curvature/batch"], "values": [32, 64]},
    ],
    "seeds": [1, 2],
    "measures": [
        {"metric": "validation/accuracy", "at": "result"},
        {"metric": "validation/loss", "at": "last"},
        {"metric": "solver/q_norm", "at": "max", "label": "longest q"},
        {"metric": "plan/total_bytes"}],
    "pairs": {"against": "identity"},
    "quick": {"base": {"/meta/updates": 2}, "axes": {"solver": ["identity"], "batch": [64]}, "seeds": [7]},
}
AFTER = {"name": "solver", "values": {
    "identity": {"/meta/solver": {"kind": "identity"}},
    "after": {"/data": None, "/model": None, "/from/job": "@identity", "/from/checkpoint": "last"}}}
SCHEMA = {
    "metrics": [{"name": "validation/accuracy", "better": "higher"}],
    "fields": [
        {"path": "/algorithm", "algorithms": ["iml"], "choices": ["iml"]},
        {"path": "/data/set", "algorithms": ["iml"]},
        {"path": "/seed", "algorithms": ["iml"]},
        {"path": "/name", "algorithms": ["iml"]},
        {"path": "/tags", "algorithms": ["iml"]},
        {"path": "/inner/warmup/steps", "algorithms": ["iml"], "when": "!until"},
        {"path": "/inner/warmup/until", "algorithms": ["iml"]},
        {"path": "/meta/solver/kind", "algorithms": ["iml"], "choices": ["neumann", "cg"],
         "default": "neumann"},
        {"path": "/meta/solver/terms", "algorithms": ["iml"], "when": "kind=neumann|cg"},
        {"path": "/meta/solver/precondition", "algorithms": ["iml"], "when": "kind=neumann",
         "choices": ["none", "l2"]},
        {"path": "/early_stopping/-/rule", "algorithms": ["iml"], "choices": ["patience"]},
        {"path": "/data/labels", "algorithms": ["supervised with data.labels"]},
        {"path": "/data/set", "algorithms": ["supervised", "supervised with data.labels"]},
        {"path": "/algorithm", "algorithms": ["supervised", "supervised with data.labels"]},
        {"path": "/seed", "algorithms": ["supervised", "supervised with data.labels"]},
        {"path": "/name", "algorithms": ["supervised with data.labels"]},
        {"path": "/tags", "algorithms": ["supervised with data.labels"]},
        {"path": "/inner/ema", "algorithms": ["supervised with data.labels"]},
    ],
}


def study(is_quick=False, **changes):
    return plan.Study({**copy.deepcopy(STUDY), **changes}, summary.PLACES, is_quick)


class ExpansionTest(unittest.TestCase):
    def test_every_combination_with_every_seed_in_order(self):
        cells = study().cells()
        self.assertEqual([(*cell.group, cell.seed) for cell in cells], [
            (solver, batch, seed) for solver in ("identity", "neumann 3") for batch in ("32", "64")
            for seed in (1, 2)])

    def test_a_value_is_set_at_each_of_its_pointers_and_nowhere_else(self):
        cell = study().cells()[2]
        self.assertEqual(cell.spec["inner"]["batch"], 64)
        self.assertEqual(cell.spec["meta"]["curvature"], {"kind": "hessian", "batch": 64})
        self.assertEqual(cell.spec["meta"]["solver"], {"kind": "identity"})
        self.assertEqual(cell.spec["seed"], 1)
        rest = {k: v for k, v in cell.spec["inner"].items() if k != "batch"}
        self.assertEqual(rest, {k: v for k, v in STUDY["base"]["inner"].items() if k != "batch"})

    def test_a_later_axis_wins_and_null_removes(self):
        optimizer = {"/meta/optimizer": {"kind": "sgd", "learning_rate": 9}}
        axes = [{"name": "by", "values": {"sgd": optimizer}},
                {"name": "what", "values": {"frozen": {"/meta/optimizer/learning_rate": 0},
                                            "plain": {"/inner/batch": None}}}]
        frozen, plain = study(axes=axes, pairs=[], seeds=[1]).cells()
        self.assertEqual(frozen.spec["meta"]["optimizer"], {"kind": "sgd", "learning_rate": 0})
        self.assertEqual(plain.spec["meta"]["optimizer"], {"kind": "sgd", "learning_rate": 9})
        self.assertNotIn("batch", plain.spec["inner"])
        self.assertIn("batch", frozen.spec["inner"])

    def test_jobs_carry_the_studys_name_and_their_key(self):
        for cell in study().cells():
            self.assertEqual(cell.spec["tags"], ["paper", "tiny", "key-" + cell.key])
            self.assertTrue(cell.spec["name"].startswith("tiny: solver "))

    def test_the_key_follows_the_document_alone(self):
        first, again = study().cells(), study(title="other words").cells()
        self.assertEqual([c.key for c in first], [c.key for c in again])
        self.assertEqual(len({c.key for c in first}), len(first))
        base = specs.merged(STUDY["base"], {"meta": {"updates": 5}})
        self.assertFalse({c.key for c in first} & {c.key for c in study(base=base).cells()})

    def test_a_value_can_name_the_job_of_another_label(self):
        cells = study(axes=[AFTER, STUDY["axes"][1]]).cells()
        first, after = cells[:4], cells[4:]
        self.assertEqual([c.origin for c in first], [None] * 4)
        self.assertEqual([c.origin for c in after], [("/from/job", c.origin[1]) for c in after])
        self.assertEqual([c.origin[1].key for c in after], [c.key for c in first], "the same batch and seed")
        self.assertEqual([c.spec["from"]["job"] for c in after], ["@" + c.key for c in first])
        named = after[0].naming("j0000012")
        self.assertEqual((named.key, named.spec["from"]["job"]), (after[0].key, "j0000012"))
        self.assertEqual(after[0].spec["from"]["job"], "@" + first[0].key)

    def test_the_quick_form_is_shorter_and_has_a_tag_of_its_own(self):
        cells = study(True).cells()
        self.assertEqual([(*cell.group, cell.seed) for cell in cells], [("identity", "64", 7)])
        self.assertEqual(cells[0].spec["meta"]["updates"], 2)
        self.assertIn("tiny-quick", cells[0].spec["tags"])

    def test_what_is_wrong_with_a_file_is_said(self):
        axes = STUDY["axes"]
        for words, changes in (
                ("no field 'seed'", {"seed": 1}),
                ("each once", {"seeds": [1, 1]}),
                ("record: needed is a text", {"record": 3}),
                ("rules: needed is an object", {"rules": []}),
                ("base: needed is an object", {"base": []}),
                ("seeds: needed is a list", {"seeds": 3}),
                ("a measure has", {"measures": ["train/loss"]}),
                ("one name", {"axes": [axes[0], axes[0]]}),
                ("needs a pointer", {"axes": [{"name": "x", "values": [1]}]}),
                ("is a value", {"axes": axes[:1] + [{"name": "x", "pointer": "/seed/x", "values": [1]}],
                                "base": {"seed": 0}}),
                ("begins with /", {"axes": axes[:1] + [{"name": "x", "pointer": "seed", "values": [1]}]}),
                ("'gone', which is no label", {"axes": [{"name": "x", "values": {"a": {"/from/job": "@gone"}}}]}),
                ("'', which is no label", {"axes": [{"name": "x", "values": {"a": {"/from/job": "@"}}}]}),
                ("names one itself", {"axes": [{"name": "x", "values": {"a": {"/from/job": "@a"}}}]}),
                ("an axis' pointer can do", {"axes": [{"name": "x", "values": {"a": {"/from": {"job": "@a"}}}}]}),
                ("base and if_known: '@a'", {"base": {"from": {"job": "@a"}}}),
                ("solver after, .*names two jobs", {"axes": [AFTER, {**AFTER, "name": "again"}], "pairs": []}),
                ("'gone'", {"pairs": {"against": "gone"}}),
                ("one of result, first", {"measures": [{"metric": "train/loss", "at": "middle"}]}),
                ("one label", {"measures": STUDY["measures"][:1] * 2})):
            with self.subTest(words), self.assertRaisesRegex(plan.StudyError, words):
                study(**changes).cells()
        with self.assertRaisesRegex(plan.StudyError, "no value 'newton'"):
            study(True, quick={"axes": {"solver": ["newton"]}})
        with self.assertRaisesRegex(plan.StudyError, "'identity', which is no label here: the quick form leaves it out"):
            study(True, axes=[AFTER], quick={"axes": {"solver": ["after"]}})

    def test_the_shipped_studies_can_be_read_in_both_forms(self):
        self.assertGreaterEqual(len(SHIPPED), 6)
        for path in SHIPPED:
            full, quick = (plan.load(path, summary.PLACES, q) for q in (False, True))
            self.assertEqual(full.name + ".json", os.path.basename(path))
            self.assertLess(len(quick.cells()), len(full.cells()), path)
            self.assertTrue(full.pairs, path)


class NeedsTest(unittest.TestCase):
    DATASETS = [{"name": "shapes", "splits": {"train": 10, "test": 10}},
                {"name": "half", "splits": {"test": 5}}]

    def one(self, solver, needs_=(), data="shapes", more=None):
        base = {"algorithm": "iml", "data": {"set": data}, "meta": {"solver": solver}, **(more or {})}
        made = study(base=base, axes=[], pairs=[], needs=list(needs_), seeds=[1])
        return needs.sort_out(made, made.cells(), needs.Schema(SCHEMA), self.DATASETS)

    def test_what_the_schema_knows_can_run(self):
        able, left_out = self.one({"kind": "cg", "terms": 3}, more={"early_stopping": [{"rule": "patience"}]})
        self.assertEqual((len(able), left_out), (1, {}))

    def test_a_listed_need_leaves_the_cell_out_with_its_name(self):
        able, left_out = self.one({"kind": "exact", "terms": 3}, ["/meta/solver/kind=exact"])
        self.assertEqual(able, [])
        self.assertEqual(list(left_out), ["this server doesn't know /meta/solver/kind=exact yet"])

    def test_what_is_not_listed_is_an_error(self):
        for solver in ({"kind": "exact"}, {"knid": "cg"}, {"kind": "cg", "precondition": "l2"}):
            with self.subTest(solver), self.assertRaisesRegex(plan.StudyError, "doesn't know /meta/solver"):
                self.one(solver)

    def test_a_field_of_another_kind_is_a_need_of_its_own(self):
        need = ["/meta/solver/precondition (kind=cg)"]
        self.assertEqual(self.one({"kind": "cg", "precondition": "l2"}, need)[0], [])
        self.assertEqual(len(self.one({"precondition": "l2"}, need)[0]), 1, "the default is neumann")

    def test_a_field_that_another_excludes_is_unknown(self):
        self.assertEqual(len(self.one({}, more={"inner": {"warmup": {"steps": 5}}})[0]), 1)
        with self.assertRaisesRegex(plan.StudyError, "/inner/warmup/steps"):
            self.one({}, more={"inner": {"warmup": {"steps": 5, "until": {}}}})

    def test_a_need_covers_what_is_inside_of_it_and_no_neighbour(self):
        more = {"diagnostics": {"lens": {"steps": 22}}}
        self.assertEqual(self.one({}, ["/diagnostics"], more=more)[0], [])
        with self.assertRaises(plan.StudyError):
            self.one({}, ["/diagnostics/len"], more=more)

    def test_an_algorithm_with_labels_has_rows_of_its_own(self):
        schema = needs.Schema(SCHEMA)
        spec = {"algorithm": "supervised", "data": {"set": "shapes", "labels": 40}, "inner": {"ema": {}}, "seed": 1}
        self.assertEqual(schema.unknown(spec), [])
        del spec["data"]["labels"]
        self.assertEqual(schema.unknown(spec), ["/inner/ema"])

    def test_what_names_the_job_of_a_cell_that_is_left_out_is_left_out_too(self):
        axes = [{"name": "by", "values": {"cg": {"/meta/solver/kind": "cg", "/meta/new": 1},
                                          "after": {"/data/set": "@cg"}}}]
        study_ = study(axes=axes, base={"algorithm": "iml", "data": {"set": "shapes"}}, needs=["/meta/new"], pairs=[])
        able, left_out = needs.sort_out(study_, study_.cells(), needs.Schema(SCHEMA), self.DATASETS + [
            {"name": cell.spec["data"]["set"], "splits": {"train": 1, "test": 1}} for cell in study_.cells()])
        self.assertEqual((able, list(left_out.values())), ([], [[("cg",), ("after",)]]))

    def test_a_missing_set_is_left_out_by_name(self):
        for name, words in (("mnist", "no data set mnist"), ("half", "half has no train split")):
            able, left_out = self.one({}, data=name)
            self.assertEqual(able, [])
            self.assertIn(words, list(left_out)[0])

    def test_fields_if_known_join_the_base_only_where_they_are_known(self):
        base = {"algorithm": "iml", "data": {"set": "shapes"}}
        made = study(base=base, axes=[], pairs=[], if_known={
            "/inner/warmup/steps": 5, "/diagnostics/lens": {"steps": 22}})
        self.assertEqual(needs.add_known(made, needs.Schema(SCHEMA)), ["field /diagnostics/lens"])
        self.assertEqual(made.base, {**base, "inner": {"warmup": {"steps": 5}}})

    def test_an_unknown_metric_must_be_listed(self):
        schema = needs.Schema(SCHEMA)
        measures = [{"metric": "validation/accuracy"}, {"metric": "spectrum/trace"}]
        with self.assertRaisesRegex(plan.StudyError, "no metric spectrum/trace"):
            needs.known_metrics(study(measures=measures), schema)
        made = study(measures=measures, needs=["metric spectrum/trace"])
        found, _, unknown = needs.known_metrics(made, schema)
        self.assertEqual([m.metric for m in found], ["validation/accuracy"])
        self.assertEqual(unknown, ["metric spectrum/trace"])

    def test_combinations_are_told_by_axis(self):
        groups = [("neumann 3", "32"), ("neumann 3", "64")]
        self.assertEqual(report.group_names(study(), groups), "solver neumann 3")
        self.assertEqual(report.group_names(study(), [groups[0], ("identity", "64")]),
                         "neumann 3 · 32; identity · 64")


class SetsTest(Case):
    def test_the_sets_of_imld_test_data_become_a_data_root(self):
        source, target = os.path.join(self.folder, "source"), os.path.join(self.folder, "target")
        self.assertIsNone(study_sets.data_roots({}, target))
        os.makedirs(os.path.join(source, "tiny"))
        with lzma.open(os.path.join(source, "tiny", "data_batch_1.bin.xz"), "wb") as file:
            file.write(b"packed")
        for name in ("test_batch.bin", "README.md"):
            with open(os.path.join(source, "tiny", name), "wb") as file:
                file.write(b"plain")
        for root in ("", "/my/sets"):
            variables = {"IMLD_TEST_DATA": source, "IMLD_DATA_ROOT": root}
            first = root or "/usr/share/datasets"
            self.assertEqual(study_sets.data_roots(variables, target), f"{first},{target}")
        self.assertEqual(sorted(os.listdir(os.path.join(target, "tiny"))), ["data_batch_1.bin", "test_batch.bin"])
        with open(os.path.join(target, "tiny", "data_batch_1.bin"), "rb") as file:
            self.assertEqual(file.read(), b"packed")


class NumbersTest(unittest.TestCase):
    def test_quantiles_of_student_are_those_of_the_tables(self):
        for degrees, t in ((1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (9, 2.2622),
                           (10, 2.2281), (29, 2.0452), (30, 2.0423), (120, 1.9799)):
            self.assertAlmostEqual(summary.t_quantile(0.95, degrees), t, places=4, msg=f"{degrees} degrees")
        self.assertAlmostEqual(summary.t_quantile(0.99, 4), 4.6041, places=4)
        self.assertAlmostEqual(summary.t_quantile(0.5, 1), 1, places=9)  # Cauchy's quartile

    def test_a_paired_interval_by_hand(self):
        ours, theirs = {1: 3.0, 2: 5.0, 3: 4.0, 9: 100.0}, {1: 1.0, 2: 4.0, 3: 1.0, 8: -100.0}
        n, middle, half = summary.paired(ours, theirs)  # differences 2, 1, 3: deviation 1
        self.assertEqual((n, middle), (3, 2.0))
        self.assertAlmostEqual(half, 4.30265 / math.sqrt(3), places=4)

    def test_one_pair_has_no_interval_and_none_no_mean(self):
        n, middle, half = summary.paired({1: 2.0}, {1: 0.5})
        self.assertEqual((n, middle), (1, 1.5))
        self.assertTrue(math.isnan(half))
        self.assertTrue(math.isnan(summary.paired({1: 2.0}, {2: 1.0})[1]))

    def test_deviation_is_that_of_a_sample(self):
        self.assertAlmostEqual(summary.deviation([2, 4, 4, 4, 5, 5, 7, 9]), math.sqrt(32 / 7), places=12)
        self.assertTrue(math.isnan(summary.deviation([1.0])))

    def test_places_of_a_curve(self):
        curve = [0.2, 0.9, 0.4, 0.6]
        for at, wanted in (("first", 0.2), ("last", 0.6), ("best", 0.9), ("max", 0.9), ("min", 0.2),
                           ("median", 0.5), ("mean", 0.525), ("sum", 2.1), ("drop", 0.3)):
            self.assertAlmostEqual(summary.reduce_curve(curve, at), wanted, places=12, msg=at)
        self.assertEqual(summary.reduce_curve(curve, "best", "lower"), 0.2)
        self.assertAlmostEqual(summary.reduce_curve(curve, "drop", "lower"), 0.4, places=12)
        self.assertEqual(summary.reduce_curve(curve, "max", rows=2), 0.6)
        spike, lasting = [0.9, 0.91, 0.2, 0.9, 0.92], [0.9, 0.91, 0.2, 0.8, math.nan, 0.85, 0.9]
        self.assertEqual([summary.reduce_curve(c, "fallen") for c in (spike, lasting, [])], [1, 4, 0])
        self.assertEqual(summary.reduce_curve([0.5, 0.3, 0.4, 0.36, 0.2], "fallen", "lower"), 2)
        self.assertTrue(math.isnan(summary.reduce_curve([], "last")))

    def test_what_is_not_finite_is_passed_over_by_extremes_and_shown_by_the_rest(self):
        curve = [1.0, math.nan, 3.0, math.inf]
        self.assertEqual(summary.reduce_curve(curve, "max"), 3.0)
        self.assertEqual(summary.reduce_curve(curve, "last"), math.inf)
        self.assertTrue(math.isnan(summary.reduce_curve(curve, "mean")))
        self.assertTrue(math.isnan(summary.mean([1.0, math.nan])), "a seed that broke isn't averaged away")

    def test_the_time_left(self):
        job = lambda eta: {"progress": {"eta_seconds": eta}}
        self.assertIsNone(run.remaining_seconds([job(None)], 4, []))
        self.assertIsNone(run.remaining_seconds([], 4, [10]))
        self.assertEqual(run.remaining_seconds([job(10), job(20)], 4, [30]), 75)  # (30 + 4 · 30)/2
        self.assertEqual(run.remaining_seconds([job(10), job(200)], 0, [30]), 200)


    def test_ranks_by_hand(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "jobs.csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("K,kind,y (last)\n1,a,0.9\n2,a,0.8\n3,b,0.8\n4,a,0.1\n5,a,\n")
            command = [os.path.join(SOURCE, "scripts", "ranks"), path, "--of", "{y (last)}", "{K}", "(-log({K}))"]
            lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
            # ranks 4, 2.5, 2.5, 1 against 1, 2, 3, 4; the empty value is left out
            self.assertEqual(lines[1].split(), ["-0.949", "4", "{K}"])
            self.assertEqual(lines[2].split(), ["0.949", "4", "(-log({K}))"])
            only = subprocess.run(command + ["--where", "{kind} == 'a'"], capture_output=True, text=True, check=True)
            self.assertEqual(only.stdout.splitlines()[1].split(), ["-1.000", "3", "{K}"])
            wrong = subprocess.run(command + ["{nonesuch}"], capture_output=True, text=True, check=False)
            self.assertNotEqual(wrong.returncode, 0)
            self.assertIn("no column 'nonesuch'", wrong.stderr)

    def test_a_thinned_curve_keeps_its_bursts(self):
        points = [(i, 1.0, 0.5, 2.0) for i in range(1000)]
        points[500] = (500, 30.0, 0.1, 90.0)
        thin = figures.thinned(points)
        self.assertLessEqual(len(thin), 150)
        self.assertEqual((min(p[2] for p in thin), max(p[3] for p in thin)), (0.1, 90.0))
        self.assertEqual(figures.thinned(points[:150]), points[:150])


class ScriptTest(Case):
    def setUp(self):
        super().setUp()
        self.root = self.data()
        self.out = os.path.join(self.folder, "out")

    def write(self, **changes):
        path = os.path.join(self.folder, "tiny.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**STUDY, **changes}, file)
        return path

    def start(self, *arguments, program=None):
        environment = clean_environment({"IMLD_DATA_ROOT": self.root})
        process = subprocess.Popen(
            [sys.executable, SCRIPT, *arguments, "--out", self.out, "--imld", program or binary()], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=self.folder)
        self.addCleanup(process.kill)
        return process

    def script(self, *arguments, status=0, program=None):
        process = self.start(*arguments, program=program)
        output, said = process.communicate(timeout=limit(90))
        self.assertEqual(process.returncode, status, output + said)
        return output, said

    @contextlib.contextmanager
    def damaged_images(self):
        """Half of the training images' file is missing while the block runs."""
        images = os.path.join(self.root, "shapes", sets.TRAIN_IMAGES + ".gz")
        with open(images, "rb") as file:
            good = file.read()
        with open(images, "wb") as file:
            file.write(good[: len(good) // 2])
        try:
            yield
        finally:
            with open(images, "wb") as file:
                file.write(good)

    def served(self):
        """A daemon, its client, and the option that names it."""
        daemon = self.daemon(data_roots=[self.root])
        return daemon, daemon.client(), ("--socket", daemon.address[len("unix:"):])

    def table(self):
        with open(os.path.join(self.out, "jobs.csv"), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def check_against_api(self, client):
        rows = self.table()
        self.assertEqual(len(rows), 8)
        for row in rows:
            job, metrics = client.job(row["job"]), client.metrics(row["job"])
            number = lambda name, pick: pick(
                struct.unpack("<f", v)[0] for _, v in sorted(metrics[name].items()))
            self.assertEqual(job["spec"]["seed"], int(row["seed"]))
            self.assertEqual(job["spec"]["meta"]["solver"]["kind"], row["solver"].split()[0])
            self.assertEqual(job["spec"]["inner"]["batch"], int(row["batch"]))
            self.assertEqual(float(row["validation/accuracy (result)"]),
                             job["result"]["metrics"]["validation/accuracy"])
            near = lambda a, b: self.assertAlmostEqual(a, b, delta=1e-6 * abs(b))
            near(float(row["validation/loss (last)"]), number("validation/loss", lambda v: list(v)[-1]))
            near(float(row["longest q"]), number("solver/q_norm", max))
            dry = client.expect(200, "POST", "/v1/jobs?dry_run=true", job["spec"]).json()
            self.assertEqual(float(row["plan/total_bytes"]), dry["memory"]["total_bytes"])
        return rows

    def test_a_study_runs_and_its_table_is_what_the_api_says(self):
        daemon, client, where = self.served()
        output, said = self.script(self.write(), *where)
        self.assertIn("8 jobs with the tag tiny: 8 new", said)
        rows = self.check_against_api(client)
        losses = {(r["solver"], r["batch"], r["seed"]): float(r["validation/loss (last)"]) for r in rows}
        differences = [losses["neumann 3", "64", s] - losses["identity", "64", s] for s in "12"]
        middle = sum(differences) / 2
        half = 12.7062 * abs(differences[0] - differences[1]) / 2  # t(1) · s/√2, s = |a − b|/√2
        line = next(l for l in output.split("## Paired")[1].splitlines() if l.startswith("| neumann 3 | 64 |"))
        self.assertIn(f"{middle:.4g} [", line)
        low, high = (float(x) for x in line.split("|")[4].split("[")[1].rstrip(" ]").split(", "))
        self.assertAlmostEqual(high - low, 2 * half, delta=2e-3 * max(abs(low), abs(high)))
        daemon.stop()

    def test_a_job_that_names_another_waits_for_it(self):
        daemon, client, where = self.served()
        path, kept = self.write(axes=[AFTER]), ("--record", os.path.join(self.folder, "record"))
        output, said = self.script(path, *where, *kept)
        self.assertIn("4 of 4 completed", output)
        jobs = {(row["solver"], row["seed"]): client.job(row["job"]) for row in self.table()}
        for seed in "12":
            self.assertEqual(jobs["after", seed]["spec"]["from"]["job"], jobs["identity", seed]["id"])
        before = self.table()
        for row in reversed(before):
            client.expect(204, "DELETE", f"/v1/jobs/{row['job']}")
        with open(os.path.join(kept[1], "runs.csv"), encoding="utf-8", newline="") as file:
            lines = file.readlines()
        with open(os.path.join(kept[1], "runs.csv"), "w", encoding="utf-8", newline="") as file:
            file.writelines(lines[:3])  # the origins alone: they are no jobs of this server any more
        self.script(path, *where, *kept)
        strip = lambda rows: [{k: v for k, v in row.items() if k != "job"} for row in rows]
        self.assertEqual(strip(self.table()), strip(before))
        self.assertEqual(len(client.jobs()), 4)
        daemon.stop()

    def test_what_names_a_job_that_failed_is_not_run(self):
        daemon, client, where = self.served()
        path = self.write(axes=[AFTER], seeds=[1])
        with self.damaged_images():
            _, said = self.script(path, *where, status=1)
        self.assertEqual([row["state"] for row in self.table()], ["failed"])
        self.assertRegex(said, r"not run: solver after, seed 1: j\d+, which it goes on from, is failed")
        self.script(path, *where, "--resume")
        self.assertEqual([row["state"] for row in self.table()], ["completed", "completed"])
        daemon.stop()

    def test_rules_are_asked_of_the_recorded_curves(self):
        daemon, client, where = self.served()
        always = {"rule": "target", "metric": "validation/loss", "value": 1e9}
        never = {"rule": "target", "metric": "validation/loss", "value": 0}
        output, _ = self.script(self.write(rules={"always": always, "never": never}), *where)
        with open(os.path.join(self.out, "rules.csv"), encoding="utf-8", newline="") as file:
            verdicts = list(csv.DictReader(file))
        self.assertEqual(len(verdicts), 16)
        for verdict in verdicts:
            steps = sorted(client.metrics(verdict["job"])["validation/loss"])
            self.assertEqual(verdict["step"], str(steps[0]) if verdict["rule"] == "always" else "")
        always_table, never_table = output.split("## Where the rule ")[1:]
        self.assertEqual(always_table.count("| 2 of 2 |"), 4)
        self.assertEqual(never_table.count("| 0 of 2 |"), 4)
        daemon.stop()

    def test_run_again_it_makes_no_second_job_and_a_deleted_one_is_made_again(self):
        daemon, client, where = self.served()
        path = self.write()
        self.script(path, *where)
        ids = {job["id"] for job in client.jobs()}
        first = self.table()
        output, said = self.script(path, *where)
        self.assertIn("Made by `scripts/study tiny.json` on imld", output, "the writer's folders are not told")
        self.assertIn("0 new, 8 were there", said)
        self.assertEqual({job["id"] for job in client.jobs()}, ids)
        self.assertEqual(self.table(), first)
        client.expect(204, "DELETE", f"/v1/jobs/{first[0]['job']}")
        _, said = self.script(path, *where)
        self.assertIn("1 new, 7 were there", said)
        again = self.table()
        self.assertNotEqual(again[0].pop("job"), first[0].pop("job"))
        self.assertEqual(again, first, "the same job gives the same numbers")
        daemon.stop()

    def test_report_only_tabulates_what_is_there_and_submits_nothing(self):
        daemon, client, where = self.served()
        path = self.write(axes=STUDY["axes"][:1])
        _, said = self.script(path, *where, "--report-only", status=1)
        self.assertIn("0 of 4 jobs are there", said)
        self.assertEqual(client.jobs(), [])
        self.script(path, *where)
        first = self.table()
        client.expect(204, "DELETE", f"/v1/jobs/{first.pop(0)['job']}")
        self.out = os.path.join(self.folder, "later")
        output, said = self.script(path, *where, "--report-only")
        self.assertIn("3 of 4 jobs are there", said)
        self.assertIn("3 of 4 completed", output)
        self.assertEqual(self.table(), first)
        self.assertEqual(len(client.jobs()), 3)
        with open(os.path.join(self.out, "table.csv"), encoding="utf-8", newline="") as file:
            lines = {(r["solver"], r["measure"], r["less"]): r for r in csv.DictReader(file)}
        losses = [float(r["validation/loss (last)"]) for r in first if r["solver"] == "neumann 3"]
        mean = lines["neumann 3", "validation/loss (last)", ""]
        self.assertEqual((int(mean["seeds"]), float(mean["mean"])), (2, sum(losses) / 2))
        self.assertAlmostEqual(float(mean["deviation"]), abs(losses[0] - losses[1]) / math.sqrt(2), places=9)
        pair = lines["neumann 3", "validation/loss (last)", "solver = identity"]
        self.assertEqual((int(pair["seeds"]), pair["low"]), (1, "nan"), "one seed is left to pair")
        daemon.stop()

    def test_a_recorded_run_is_not_run_again_and_gives_the_same_table(self):
        daemon, client, where = self.served()
        path = self.write(axes=STUDY["axes"][:1], curves=["validation/loss"])
        kept = ("--record", os.path.join(self.folder, "record"))
        self.script(path, *where, *kept)
        output, first = self.script(path, *where, "--report-only", *kept)[0], self.table()
        for row in first[:3]:
            client.expect(204, "DELETE", f"/v1/jobs/{row['job']}")
        again, said = self.script(path, *where, "--report-only", *kept)
        self.assertIn("4 runs are in", said)
        self.assertEqual((again, self.table()), (output, first))
        with open(os.path.join(kept[1], "runs.csv"), encoding="utf-8", newline="") as file:
            lines = file.readlines()
        with open(os.path.join(kept[1], "runs.csv"), "w", encoding="utf-8", newline="") as file:
            file.writelines([line.replace(",imld ", ",imld of old ") for line in lines[:3]])  # the first two runs
        output, said = self.script(path, *where, *kept)
        self.assertRegex(output, "some runs are kept from imld of old ")
        self.assertIn("2 runs are in", said)
        self.assertIn("2 jobs with the tag tiny: 1 new, 1 were there", said)
        strip = lambda rows: [{k: v for k, v in row.items() if k != "job"} for row in rows]
        self.assertEqual(strip(self.table()), strip(first))
        self.assertEqual(len(record.Record(kept[1]).runs), 4)
        daemon.stop()

    def test_rules_are_not_asked_of_another_servers_jobs(self):
        class Server:
            def get(self, path):
                if path.endswith("j0000003"):
                    raise Refused(404, None, "there is no job")
                return {"tags": ["tiny", "key-mine" if path.endswith("j0000001") else "key-other"]}

            def request(self, method, path, body):
                return {"step": 10, "numbers": {}}
        Row, Cell = collections.namedtuple("Row", "job cell is_complete"), collections.namedtuple("Cell", "key title")
        rows = [Row({"id": f"j000000{n}"}, Cell("mine", ""), n < 4) for n in (1, 2, 3, 4)]
        said = []
        asked = rules.ask(Server(), study(rules={"budget": {"rule": "budget", "steps": 5}}), rows, said.append)
        self.assertEqual([verdict.row.job["id"] for verdict in asked], ["j0000001"])
        self.assertIn("asked of 1 runs", said[0])

    def test_a_record_that_is_not_whole_is_refused_by_name(self):
        folder = os.path.join(self.folder, "record")
        kept, server = record.Record(folder), {"program": "imld 1", "cpu_kernel": "Zen, \"x\"\n"}
        job = {"id": "j0000001", "progress": {"step": 20}, "reason": {"kind": "finished", "rule": None},
               "result": {"metrics": {"test/loss": 0.5, "test/accuracy": None}}}
        for key in ("a", "b"):
            kept.add(key, job, {"test/loss": ([0, 10], [1.5, float("nan")]), "solver/q_norm": ([], [])}, server)
        kept.write(["b", "a"])
        again = record.Record(folder)
        self.assertEqual(list(again.runs), ["b", "a"])
        self.assertEqual(again.runs["a"]["cpu_kernel"], server["cpu_kernel"])
        self.assertEqual(again.job("a"), {**job, "state": "completed", "result": {"metrics": {"test/loss": 0.5}}})
        self.assertEqual(str(again.curves("a")), "{'test/loss': ([0, 10], [1.5, nan])}")
        other = record.Record(folder)  # two at once: neither loses what the other has written
        other.add("c", job, {}, server)
        other.write(["c"])
        again.write(["a"])
        self.assertEqual(set(record.Record(folder).runs), {"a", "b", "c"})
        for name in ("rows.csv", "runs.csv"):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8", newline="") as file:
                whole = file.read()
            head, lines = whole.split("\n", 1)
            broken = [whole[:-3], "", "\udcff", whole.replace("b", "\0", 1) * 2, head.replace("key", "keys") + "\n" + lines, whole + "a,b\n", whole + "x\n"]
            broken += [whole.replace("1.5", "one"), whole[: whole.index("\n") + 1]] if name == "rows.csv" else [
                whole.replace("20", "many"), whole + lines]
            for text in broken:
                with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                    file.write(text)
                with self.assertRaises(plan.StudyError, msg=text) as caught:
                    record.Record(folder)
                self.assertIn(name, str(caught.exception))
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(whole)
        self.assertEqual(len(record.Record(folder).runs), 3)

    def test_two_at_once_share_their_jobs(self):
        daemon, client, where = self.served()
        path = self.write(axes=STUDY["axes"][:1])
        both = [self.start(path, *where) for _ in range(2)]
        for process in both:
            output, said = process.communicate(timeout=limit(90))
            self.assertEqual(process.returncode, 0, output + said)
        self.assertEqual(len(client.jobs()), 4)
        daemon.stop()

    def test_another_study_with_the_same_jobs_has_its_own(self):
        daemon, client, where = self.served()
        changes = {"axes": STUDY["axes"][:1], "seeds": [1]}
        self.script(self.write(**changes), *where)
        _, said = self.script(self.write(study="other", **changes), *where)
        self.assertIn("2 jobs with the tag other: 2 new", said)
        labels = {name.upper(): value for name, value in STUDY["axes"][0]["values"].items()}
        changes.update(axes=[{"name": "solver", "values": labels}], pairs=[])
        del changes["seeds"]
        _, said = self.script(self.write(study="other", seeds=[1, 2], quick={}, **changes), *where)
        self.assertIn("4 jobs with the tag other: 2 new, 2 were there", said, "labels may be renamed")
        self.assertEqual(len(client.jobs()), 6)
        daemon.stop()

    def test_a_dry_run_submits_nothing(self):
        daemon, client, where = self.served()
        output, _ = self.script(self.write(), *where, "--dry-run")
        self.assertIn("tiny: 8 jobs", output)
        self.assertEqual(client.jobs(), [])
        daemon.stop()

    def test_what_the_server_refuses_is_said_before_anything_is_submitted(self):
        daemon, client, where = self.served()
        base = specs.merged(STUDY["base"], {"data": {"train": 10_000_000}})
        _, said = self.script(self.write(base=base), *where, status=2)
        self.assertIn("/data/train", said)
        self.assertEqual(client.jobs(), [])
        base = specs.merged(STUDY["base"], {"data": {"set": "nowhere"}})
        _, said = self.script(self.write(base=base), *where, status=3)
        self.assertIn("no data set nowhere", said)
        daemon.stop()

    def test_failures_are_followed_and_resume_retries_them(self):
        daemon, client, where = self.served()
        path = self.write(axes=STUDY["axes"][:1], seeds=[1])
        with self.damaged_images():
            _, said = self.script(path, *where, status=1)
        self.assertEqual([row["state"] for row in self.table()], ["failed", "failed"])
        first = self.table()[0]["job"]
        self.assertRegex(said, f"failed: {first}, solver identity, seed 1: .*{sets.TRAIN_IMAGES}")
        _, said = self.script(path, *where, status=1)
        self.assertIn("failed", said, "without --resume nothing is retried")
        _, said = self.script(path, *where, "--resume")
        self.assertIn("2 of them go on again", said)
        self.assertEqual([row["state"] for row in self.table()], ["completed", "completed"])
        self.assertEqual(len(client.jobs()), 2)
        daemon.stop()

    def test_its_own_daemon_ends_with_it_and_goes_on_from_its_state(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        where = ("--url", f"http://127.0.0.1:{port}")
        client = Client(f"127.0.0.1:{port}")
        slow = {"meta": {"updates": 40}, "checkpoint": {"every_seconds": 0}}
        path = self.write(base=specs.merged(STUDY["base"], slow), axes=STUDY["axes"][:1])
        process = self.start(path, *where)
        said = []
        for line in process.stderr:  # an event: the jobs are there
            said.append(line)
            if "jobs with the tag" in line:
                break
        self.assertIn("started imld at", "".join(said))
        ids = {job["id"] for job in client.jobs()}
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=limit(60))
        self.assertEqual(process.returncode, 130, rest)
        with self.assertRaises(ConnectionRefusedError):
            client.request("GET", "/v1/server")
        state, self.out = os.path.join(self.out, "state"), os.path.join(self.folder, "elsewhere")
        _, said = self.script(path, *where, "--state", state)
        self.assertIn("0 new, 4 were there", said)
        rows = self.table()
        self.assertFalse(os.path.exists(os.path.join(self.out, "state")))
        self.assertEqual({row["job"] for row in rows}, ids)
        self.assertEqual({row["state"] for row in rows}, {"completed"})
        with self.assertRaises(ConnectionRefusedError):
            client.request("GET", "/v1/server")

    def test_without_a_daemon_and_a_program_it_says_what_to_do(self):
        where = ("--socket", os.path.join(self.folder, "none.sock"))
        _, said = self.script(self.write(), *where, program="/nowhere/imld", status=2)
        self.assertIn("nobody answers at", said)
        self.assertIn("cmake --preset release", said)

    def test_the_shipped_studies_fit_this_servers_schema(self):
        """Each field is known or listed under needs, and what can run is accepted (dry run)."""
        if not os.path.isdir(IMAGES):
            self.skipTest(f"{IMAGES} is missing (package dataset-fashion-mnist)")
        self.root = os.path.dirname(IMAGES)
        daemon, client, where = self.served()
        for path in SHIPPED:
            for form in ((), ("--quick",)):
                with self.subTest(os.path.basename(path), form=form):
                    process = self.start(path, *where, "--dry-run", *form)
                    output, said = process.communicate(timeout=limit(60))
                    self.assertIn(process.returncode, (0, 3), said)
                    self.assertIn("nothing of it can run" if process.returncode else " jobs, ", output + said)
        self.assertEqual(client.jobs(), [])
        daemon.stop()


if __name__ == "__main__":
    main()
