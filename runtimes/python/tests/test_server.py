"""The program around a model: its bounds, its health and its way down."""

import signal
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import grpc
from slipway_runtime import messages as pb

PROGRAM = """
import sys
sys.path.insert(0, {path!r})
import threading
from slipway_runtime import InputError, Model, Tensor, TensorSpec, serve

class Toy(Model):
    inputs = (TensorSpec("x", "FP32", (-1,)),)
    outputs = (TensorSpec("y", "FP32", (-1,)),)
    sick = False

    def infer(self, inputs):
        x = inputs[0].numpy()
        if (x == -1).any():
            raise InputError("-1 is not for this model")
        if (x == -2).any():
            self.sick = True
        if self.sick:
            raise ZeroDivisionError("the model\\nis sick")
        if (x == -3).any():
            return []
        threading.Event().wait(float(x.max()))
        return [Tensor.of("y", "FP32", x)]

serve(lambda settings: Toy())
"""


class Server(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="rt")
        self.addCleanup(folder.cleanup)
        here = Path(folder.name)
        (here / "program.py").write_text(PROGRAM.format(path=str(Path(__file__).resolve().parents[1])))
        environment = {
            "SLIPWAY_SOCKET": str(here / "s"), "SLIPWAY_MODEL": str(here / "m"), "SLIPWAY_MODEL_NAME": "m", "SLIPWAY_MODEL_VERSION": "1",
        }  # fmt: skip
        self.process = subprocess.Popen([sys.executable, str(here / "program.py"), "--max-message-mb", "1"], env=environment, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.process.stderr.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.channel = grpc.insecure_channel(f"unix:{here / 's'}")
        self.addCleanup(self.channel.close)
        while not self.call("ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready:
            pass

    def call(self, method, request, answer, service="inference.GRPCInferenceService"):
        ask = self.channel.unary_unary(f"/{service}/{method}", request_serializer=lambda r: r.SerializeToString(), response_deserializer=answer.FromString)
        return ask(request, timeout=60, wait_for_ready=True)

    def infer(self, *values):
        request = pb.ModelInferRequest(model_name="m")
        request.inputs.add(name="x", datatype="FP32", shape=(len(values),))
        request.raw_input_contents.append(struct.pack(f"<{len(values)}f", *values))
        return self.call("ModelInfer", request, pb.ModelInferResponse)

    def refused(self, *values):
        with self.assertRaises(grpc.RpcError) as raised:
            self.infer(*values)
        return raised.exception.code(), raised.exception.details()

    def health(self):
        return self.call("Check", pb.HealthCheckRequest(), pb.HealthCheckResponse, "grpc.health.v1.Health").status

    def test_whose_fault_it_is(self):
        self.assertEqual(self.refused(-1), (grpc.StatusCode.INVALID_ARGUMENT, "-1 is not for this model"))
        self.assertEqual(self.refused(-3), (grpc.StatusCode.INTERNAL, "ModelError: the model answered 0 tensors, its signature has y FP32[?]"))
        self.assertEqual(self.health(), 1)
        self.assertEqual(self.refused(-2), (grpc.StatusCode.INTERNAL, "ZeroDivisionError: the model is sick"))
        self.assertEqual(self.health(), 2, "health runs the model")

    def test_messages_are_bounded(self):
        self.assertEqual(self.refused(*[0.0] * (1 << 18))[0], grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual(list(self.infer(0.0).outputs[0].shape), [1])

    def test_what_was_accepted_is_answered(self):
        answers = []
        slow = threading.Thread(target=lambda: answers.append(self.infer(1.0)))
        slow.start()
        while self.call("ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready and not self.busy():
            pass
        self.process.send_signal(signal.SIGTERM)
        slow.join()
        self.assertEqual(len(answers), 1)
        self.assertEqual(self.process.wait(60), 0)

    def busy(self):
        """Tells whether the model computes: then a health check has to wait for its turn."""
        try:
            ask = self.channel.unary_unary(
                "/grpc.health.v1.Health/Check", request_serializer=lambda r: r.SerializeToString(), response_deserializer=pb.HealthCheckResponse.FromString
            )
            ask(pb.HealthCheckRequest(), timeout=0.2)
        except grpc.RpcError as error:
            return error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        return False


if __name__ == "__main__":
    unittest.main()
