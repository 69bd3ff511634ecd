"""Requests as messages, read and refused."""

import random
import unittest

from slipway_runtime import InputError, Tensor, TensorSpec
from slipway_runtime import messages as pb
from slipway_runtime.tensor import decode, encode

SPECS = (TensorSpec("n", "INT32", (-1, 2)), TensorSpec("s", "BYTES", (-1,)))


def request(n_shape=(1, 2), s_shape=(2,), raw=(b"\1\0\0\0\2\0\0\0", b"\1\0\0\0a\0\0\0\0")):
    message = pb.ModelInferRequest()
    message.inputs.add(name="s", datatype="BYTES", shape=s_shape)
    message.inputs.add(name="n", datatype="INT32", shape=n_shape)
    message.raw_input_contents.extend(reversed(raw))
    return message


class Decode(unittest.TestCase):
    def test_raw(self):
        n, s = decode(request(), SPECS)
        self.assertEqual((n.name, n.shape, n.data), ("n", (1, 2), b"\1\0\0\0\2\0\0\0"))
        self.assertEqual((s.name, s.strings), ("s", [b"a", b""]))

    def test_typed(self):
        message = pb.ModelInferRequest()
        message.inputs.add(name="n", datatype="INT32", shape=(1, 2)).contents.int_contents.extend([1, -2])
        message.inputs.add(name="s", datatype="BYTES", shape=(1,)).contents.bytes_contents.append(b"a")
        n, s = decode(message, SPECS)
        self.assertEqual((n.data, s.strings), (b"\1\0\0\0\xfe\xff\xff\xff", [b"a"]))
        narrow = pb.ModelInferRequest()
        narrow.inputs.add(name="x", datatype="INT8", shape=(1,)).contents.int_contents.append(128)
        with self.assertRaisesRegex(InputError, "range of INT8"):
            decode(narrow, (TensorSpec("x", "INT8", (-1,)),))
        half = pb.ModelInferRequest()
        half.inputs.add(name="x", datatype="FP16", shape=(1,)).contents.fp32_contents.append(1)
        with self.assertRaisesRegex(InputError, "no typed form"):
            decode(half, (TensorSpec("x", "FP16", (-1,)),))

    def test_refused(self):
        for text, change in {
            "needs 16 bytes": {"n_shape": (2, 2)},
            "the model wants": {"n_shape": (1, 3)},
            "4611686018427387904 strings do not fit": {"s_shape": (1 << 62,)},
            "end within a string": {"raw": (b"\0" * 8, b"\xff\xff\xff\xff" + b"\0" * 4)},
            "follow the last": {"raw": (b"\0" * 8, b"\0" * 9)},
            "negative": {"s_shape": (-2,)},
        }.items():
            with self.subTest(text), self.assertRaisesRegex(InputError, text):
                decode(request(**change), SPECS)

    def test_noise_is_refused_and_nothing_else(self):
        noise = random.Random(7)
        accepted = 0
        for _ in range(5000):
            damaged = [bytearray(b"\1\0\0\0\2\0\0\0"), bytearray(b"\1\0\0\0a\0\0\0\0")]
            for part in damaged:
                for _ in range(noise.randint(0, 2)):
                    part[noise.randrange(len(part))] = noise.randrange(256)
                del part[noise.choice([len(part), len(part), noise.randrange(len(part))]) :]
            sizes = [1, 1, 1, 2, 2, 2, 0, -1, -(2**63), 2**63 - 1]
            shapes = [[noise.choice(sizes) for _ in range(noise.choice([rank, rank, 1, 2]))] for rank in (2, 1)]
            try:
                tensors = decode(request(shapes[0], shapes[1], [bytes(part) for part in damaged]), SPECS)
            except InputError:
                continue
            accepted += 1
            for tensor, spec in zip(tensors, SPECS):
                self.assertTrue(spec.fits(tensor.shape))
        self.assertGreater(accepted, 0)


class Encode(unittest.TestCase):
    def test_raw(self):
        answer = pb.ModelInferResponse()
        encode(answer, [Tensor("y", "FP32", (1,), b"abcd"), Tensor("s", "BYTES", (2,), strings=[b"x", b""])])
        self.assertEqual(list(answer.raw_output_contents), [b"abcd", b"\1\0\0\0x\0\0\0\0"])
        self.assertEqual([(o.name, o.datatype, list(o.shape)) for o in answer.outputs], [("y", "FP32", [1]), ("s", "BYTES", [2])])


if __name__ == "__main__":
    unittest.main()
