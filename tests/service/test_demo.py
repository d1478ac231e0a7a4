"""test_demo.py: scripts/demo with its quick form, on the program that was built: what it prints of its jobs, and that
it leaves nothing running."""
import os
import re
import shutil
import subprocess

from harness import SOURCE, Case, binary, clean_environment, limit, main

SET = "/usr/share/datasets/fashion-mnist"
BAR = re.compile(r"^ *(-?\d+\.\d\d) to +(-?\d+\.\d\d) [# ]{30} +(\d+) [# ]{30} +(\d+)$", re.M)


class DemoTest(Case):
    def demo(self, *words):
        result = subprocess.run([os.path.join(SOURCE, "scripts", "demo"), *words, "--no-install", "--quick",
                                 "--imld", binary()], capture_output=True, text=True, cwd=self.folder,
                                env={**clean_environment(), "TMPDIR": self.folder}, timeout=limit(100))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("imld-demo")], [])
        return result.stdout

    def setUp(self):
        super().setUp()
        if not os.path.isdir(SET):
            self.skipTest(f"{SET} is missing (package dataset-fashion-mnist)")
        if not shutil.which("jq") or not shutil.which("curl"):
            self.skipTest("jq or curl is missing (packages jq, curl)")

    def test_confidence_ends_with_accuracies_auroc_and_histogram(self):
        shown = self.demo("confidence", "--seeds", "2,3")
        for seed in ("2", "3"):
            row = re.search(rf"^{seed} +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$",
                            shown, re.M)
            self.assertIsNotNone(row, shown)
            for share in row.groups()[:5]:
                self.assertTrue(0 <= float(share) <= 1, shown)
            part = shown.split(f"the pool's weights at the end, seed {seed}\n")[1].split("\n==")[0]
            bars = BAR.findall(part)
            self.assertTrue(bars, part)
            self.assertEqual([sum(int(bar[i]) for bar in bars) for i in (2, 3)], [120, 120])
            self.assertEqual([bar[1] for bar in bars[:-1]], [bar[0] for bar in bars[1:]])

    def test_main_is_the_default(self):
        shown = self.demo("--seeds", "4")
        self.assertRegex(shown, r"(?m)^4 +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +\d+ +\d+$")
        self.assertRegex(shown, r"(?m)^mean +[\d.]+")

    def test_what_is_not_known_is_refused(self):
        for words in (["confidenc"], ["--seeds", "x"], ["--seeds"]):
            result = subprocess.run([os.path.join(SOURCE, "scripts", "demo"), *words], capture_output=True,
                                    text=True, env=clean_environment(), timeout=limit(30))
            self.assertNotEqual(result.returncode, 0, words)
            self.assertIn("error: ", result.stderr)


if __name__ == "__main__":
    main()
