"""Tensors on their way to torch and back."""

import struct
import unittest

import torch
from slipway_runtime import InputError, Tensor, TensorSpec
from slipway_torch.convert import from_torch, to_torch

CPU = torch.device("cpu")

#: Datatype, struct's letter, values at the ends of the type, what a model sees.
NUMBERS = [
    ("INT8", "b", [-128, 127], torch.int8), ("UINT8", "B", [0, 255], torch.uint8),
    ("INT16", "h", [-(2**15), 2**15 - 1], torch.int16), ("UINT16", "H", [0, 2**16 - 1], torch.int32),
    ("INT32", "i", [-(2**31), 2**31 - 1], torch.int32), ("UINT32", "I", [0, 2**32 - 1], torch.int64),
    ("INT64", "q", [-(2**63), 2**63 - 1], torch.int64), ("UINT64", "Q", [0, 2**63 - 1], torch.int64),
    ("FP32", "f", [-1.5, float("inf")], torch.float32), ("FP64", "d", [1e300, -0.1], torch.float64),
    ("FP16", "e", [65504.0, -0.25], torch.float16), ("BOOL", "?", [True, False], torch.bool),
]  # fmt: skip


class Conversion(unittest.TestCase):
    def test_every_number_goes_through(self):
        for datatype, letter, values, dtype in NUMBERS:
            with self.subTest(datatype):
                raw = struct.pack(f"<2{letter}", *values)
                seen = to_torch(Tensor("x", datatype, (2, 1), raw), CPU)
                self.assertEqual((seen.dtype, list(seen.shape), seen.flatten().tolist()), (dtype, [2, 1], values))
                back = from_torch(TensorSpec("x", datatype, (-1, 1)), seen)
                self.assertEqual((back.datatype, back.shape, back.data), (datatype, (2, 1), raw))

    def test_bfloat16(self):
        value = torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16)
        raw = struct.pack("<2h", *value.view(torch.int16).flatten().tolist())
        seen = to_torch(Tensor("x", "BF16", (1, 2), raw), CPU)
        self.assertTrue(torch.equal(seen, value))
        self.assertEqual(from_torch(TensorSpec("x", "BF16", (-1, 2)), seen).data, raw)

    def test_nothing(self):
        seen = to_torch(Tensor("x", "FP32", (0, 3)), CPU)
        self.assertEqual(list(seen.shape), [0, 3])
        self.assertEqual(from_torch(TensorSpec("x", "FP32", (-1, 3)), seen).data, b"")

    def test_a_view_is_copied_in_order(self):
        value = torch.arange(6, dtype=torch.int64).reshape(2, 3).t()
        self.assertEqual(struct.unpack("<6q", from_torch(TensorSpec("x", "INT64", (-1, 2)), value).data), (0, 3, 1, 4, 2, 5))

    def test_too_large_an_unsigned_integer_is_the_callers_fault(self):
        with self.assertRaises(InputError):
            to_torch(Tensor("x", "UINT64", (1,), b"\xff" * 8), CPU)

    def test_what_the_signature_does_not_say(self):
        for spec, value in [
            (TensorSpec("y", "FP32", (-1,)), torch.zeros(1, dtype=torch.float64)),
            (TensorSpec("y", "UINT16", (-1,)), torch.tensor([70000], dtype=torch.int32)),
            (TensorSpec("y", "UINT32", (-1,)), torch.tensor([-1])),
            (TensorSpec("y", "FP32", (-1,)), [1.0]),
            (TensorSpec("y", "FP32", (-1,)), torch.zeros(2).to_sparse()),
            (TensorSpec("y", "BYTES", (-1,)), torch.zeros(1)),
        ]:
            with self.subTest(str(spec)), self.assertRaises(ValueError):
                from_torch(spec, value)

    def test_strings(self):
        self.assertEqual(from_torch(TensorSpec("y", "BYTES", (-1,)), ["a", "ß"]).strings, [b"a", "ß".encode()])


if __name__ == "__main__":
    unittest.main()
