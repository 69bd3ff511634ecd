"""The files that models come in, good and bad."""

import pickle
import tempfile
import unittest
import zipfile
from pathlib import Path
from typing import Dict, List, Tuple

import torch
from slipway_runtime import LoadError, Settings, Signature, Tensor, TensorSpec
from slipway_torch import load, save_bundle, save_torchscript
from torch import Tensor as T

SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 1)),))

SOURCE = """
import torch

class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = torch.nn.Linear(width, 1)
        self.drop = torch.nn.Dropout(0.9)

    def forward(self, x):
        return self.drop(self.layer(x))

class NoModule:
    def __init__(self, width):
        pass
"""


class Net(torch.nn.Module):
    """As in SOURCE."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(width, 1)

    def forward(self, x: T) -> T:
        return self.layer(x)


class TwoOutputs(torch.nn.Module):
    def forward(self, words: List[str], number: T, scale: float = 1.0) -> Tuple[T, T]:
        return number * scale, torch.tensor([len(w) for w in words])


class ByName(torch.nn.Module):
    def forward(self, x: T) -> Dict[str, T]:
        return {"z": x + 1, "y": x.sum(1, keepdim=True)}


class Fails(torch.nn.Module):
    def forward(self, x: T) -> T:
        return x.reshape(7, 7, 7)


def zeros(rows: int) -> Tensor:
    return Tensor("x", "FP32", (rows, 2), bytes(8 * rows))


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (print, ("it ran",))


class Artifact(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "artifact"

    def load(self):
        return load(Settings(self.path.parent / "s", self.path, "m", "1", "cpu", 1))

    def refused(self, text: str):
        with self.assertRaises(LoadError) as raised:
            self.load()
        self.assertIn(text, str(raised.exception))

    def bundle(self, *, source=SOURCE, name="Net", kwargs=None, weights=None, signature=SIGNATURE):
        weights = Net(2).state_dict() if weights is None else weights
        save_bundle(self.path, source, name, {"width": 2} if kwargs is None else kwargs, weights, signature)

    def test_torchscript_with_its_signature(self):
        net = Net(2)
        save_torchscript(self.path, torch.jit.script(net), SIGNATURE)
        model = self.load()
        self.assertEqual((model.inputs, model.outputs, model.platform), (SIGNATURE.inputs, SIGNATURE.outputs, "pytorch_libtorch"))
        self.assertEqual(model.infer([zeros(3)])[0].shape, (3, 1))

    def test_torchscript_without(self):
        torch.jit.save(torch.jit.script(TwoOutputs()), str(self.path))
        model = self.load()
        self.assertEqual(model.inputs, (TensorSpec("words", "BYTES", None), TensorSpec("number", "FP32", None)))
        self.assertEqual(model.outputs, (TensorSpec("output_0", "FP32", None), TensorSpec("output_1", "FP32", None)))
        torch.jit.save(torch.jit.script(ByName()), str(self.path))
        self.refused("slipway.json")

    def test_several_inputs_and_outputs(self):
        signature = Signature(
            (TensorSpec("word", "BYTES", (-1, 1)), TensorSpec("n", "FP32", (-1, 1))),
            (TensorSpec("twice", "FP32", (-1, 1)), TensorSpec("length", "INT64", (-1,))),
        )
        save_torchscript(self.path, torch.jit.script(TwoOutputs()), signature)
        first, second = self.load().infer([Tensor("word", "BYTES", (2, 1), strings=[b"a", b"abc"]), Tensor("n", "FP32", (2, 1), bytes(8))])
        self.assertEqual((first.shape, second.shape), ((2, 1), (2,)))
        self.assertEqual(second.data, (1).to_bytes(8, "little") + (3).to_bytes(8, "little"))

    def test_outputs_by_name(self):
        signature = Signature(SIGNATURE.inputs, (TensorSpec("y", "FP32", (-1, 1)), TensorSpec("z", "FP32", (-1, 2))))
        save_torchscript(self.path, torch.jit.script(ByName()), signature)
        self.assertEqual([t.shape for t in self.load().infer([zeros(2)])], [(2, 1), (2, 2)])

    def test_a_model_that_fails(self):
        save_torchscript(self.path, torch.jit.script(Fails()), SIGNATURE)
        with self.assertRaises(RuntimeError):
            self.load().infer([zeros(2)])

    def test_a_bundle_evaluates(self):
        self.bundle()
        model = self.load()
        self.assertEqual(model.platform, "pytorch")
        answers = {model.infer([Tensor("x", "FP32", (1, 2), b"\0\0\x80?" * 2)])[0].data for _ in range(20)}
        self.assertEqual(len(answers), 1, "dropout is off")

    def test_bundles_are_refused_with_a_reason(self):
        for text, how in {
            "no torch.nn.Module": {"name": "NoModule"},
            "has no Other": {"name": "Other"},
            "class is missing": {"name": "not a name"},
            "Net(**kwargs) fails": {"kwargs": {"depth": 1}},
            "does not fit Net": {"kwargs": {"width": 3}},
            "cannot be imported": {"source": "import nothing_of_that_name\n"},
        }.items():
            with self.subTest(text):
                self.bundle(**how)
                import sys

                sys.modules.pop("model", None)
                self.refused(text)

    def test_weights_cannot_run_code(self):
        self.bundle()
        with zipfile.ZipFile(self.path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        parts["weights.pt"] = pickle.dumps({"layer.weight": Evil()})
        with zipfile.ZipFile(self.path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        self.refused("more than tensors")

    def test_files_that_are_no_models(self):
        for text, write in {
            "neither TorchScript nor a bundle: both are zip": lambda: self.path.write_bytes(b"no archive"),
            "weights without the class": lambda: torch.save(Net(2).state_dict(), str(self.path)),
            "a bundle has slipway.json": lambda: zipfile.ZipFile(self.path, "w").close(),
        }.items():
            with self.subTest(text):
                write()
                self.refused(text)

    def test_signatures_that_cannot_be(self):
        module = torch.jit.script(Net(2))
        for text, content in {
            "no JSON": "{",
            "want an object": "[]",
            "inputs is missing": "{}",
            "datatype": '{"inputs": [{"name": "x", "datatype": "FLOAT", "shape": [-1]}]}',
            "shape": '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-2]}]}',
            "no more and no less": '{"inputs": [{"name": "x"}]}',
            "twice": '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}, {"name": "x", "datatype": "FP32", "shape": [1]}]}',
        }.items():
            with self.subTest(text):
                torch.jit.save(module, str(self.path), _extra_files={"slipway.json": content})
                self.refused(text)


if __name__ == "__main__":
    unittest.main()
