"""test_image_nets.py: jobs on convolutional nets: the same bits for any number of threads and across
kill -9, checkpoints whose weights load in PyTorch in one step, memory planned and refused."""
import gzip
import os
import struct
import sys

from harness import SANITIZER, Case, main, specs
from support.tensors import Tensors

SOURCE = os.environ["IMLD_SOURCE"]


# Sanitizers see plain loops only, which take fifty times as long: fewer images, still of two tiles, and
# a solver without a power iteration.
SMALL = {"data": {"train": 60, "validation": 30, "test": 30}, "inner": {"batch": 20},
         "meta": {"updates": 2, "validation_batch": 24, "curvature": {"batch": 18}}}
CG = {"kind": "cg", "terms": 2}


def iml(**changes):
    spec = specs.merged(specs.iml(
        name="wrn", inner={"batch": 50, "warmup": {"steps": 2}, "steps_per_update": 2},
        meta={"updates": 6, "validation_batch": 70, "curvature": {"batch": 36}},
        evaluation={"every_updates": 3}), changes)
    if SANITIZER:
        spec = specs.merged(spec, SMALL)
        spec["meta"]["solver"] = CG
    return spec | {"model": {"kind": "wrn", "depth": 10, "width": 1}}


class ImageNetsTest(Case):
    def test_the_same_bits_for_any_number_of_threads_and_across_a_kill(self):
        daemon = self.daemon(data_roots=[self.data()], threads=4)
        self.assert_one_outcome(daemon, iml())
        daemon.stop()

    def test_weights_load_in_pytorch(self):
        try:
            import torch
        except ImportError:
            self.fail("no PyTorch for this Python: apt-get install python3-torch")
        sys.path.insert(0, os.path.join(SOURCE, "tests", "oracle"))
        import nets

        root = self.data()
        daemon = self.daemon(data_roots=[root])
        client = daemon.client()
        spec = specs.supervised(data={"pixels": "unit"}, inner={"steps": 20},
                                evaluation={"every_steps": 10})
        if SANITIZER:
            spec = specs.merged(spec, {"data": SMALL["data"], "inner": {"steps": 4},
                                       "evaluation": {"every_steps": 2}})
        spec["model"] = {"kind": "cnn_small"}
        count = spec["data"]["test"]
        id = client.create(spec)
        job = client.wait_state(id, "completed")
        tensors = Tensors(client.checkpoint(id, "best"))
        state = {}
        for name, (_, shape, data) in tensors.tensors.items():
            if name.startswith("parameters/"):
                values = torch.tensor(struct.unpack(f"<{len(data) // 4}f", data))
                state[name[len("parameters/"):]] = values.reshape(shape)
        module = nets.make({"kind": "cnn_small", "channels": 1}, 10)
        module.load_state_dict(state)  # strict: every name, every shape
        module.eval()
        with gzip.open(os.path.join(root, "shapes", "t10k-images-idx3-ubyte.gz")) as file:
            images = file.read()[16:]
        with gzip.open(os.path.join(root, "shapes", "t10k-labels-idx1-ubyte.gz")) as file:
            labels = torch.tensor(list(file.read()[8:]))[:count]
        x = torch.tensor(list(images[:count * 144])).reshape(count, 1, 12, 12) / 255
        with torch.no_grad():
            loss = torch.nn.functional.cross_entropy(module(x), labels).item()
        self.assertAlmostEqual(loss, job["result"]["metrics"]["test/loss"], delta=1e-5 * loss)
        daemon.stop()

    def test_memory_is_shown_and_refused_with_the_numbers(self):
        daemon = self.daemon(data_roots=[self.data()], options=["--memory", "64M"])
        client = daemon.client()
        spec = iml()
        dry = client.expect(200, "POST", "/v1/jobs?dry_run=true", spec).json()
        self.assertGreater(dry["memory"]["parts"]["curvature"], 1_000_000)
        self.assertEqual(dry["spec"]["model"]["batch_norm"], {"epsilon": 1e-3, "momentum": 0.1})
        spec["model"] = {"kind": "resnet18"}
        problem = client.expect(422, "POST", "/v1/jobs", spec).json()
        self.assertIn("67108864", problem["errors"][0]["detail"])
        spec["model"] = {"kind": "wrn", "depth": 27}
        problem = client.expect(422, "POST", "/v1/jobs", spec).json()
        self.assertEqual(problem["errors"][0]["pointer"], "/model/depth")
        self.assertIn("27", problem["errors"][0]["detail"])
        daemon.stop()


if __name__ == "__main__":
    main()
