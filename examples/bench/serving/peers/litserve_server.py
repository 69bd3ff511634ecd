"""ONNX Runtime behind LitServe with its batching. Arguments: the ONNX file, the port, most requests in a batch, seconds that a batch waits."""

import sys

import litserve
import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(string)": object}


class Api(litserve.LitAPI):
    def setup(self, device):
        self.session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
        self.inputs = {i.name: TYPES[i.type] for i in self.session.get_inputs()}
        self.outputs = [o.name for o in self.session.get_outputs()]

    def decode_request(self, request):
        return {name: np.array(request["inputs"][name], dtype=kind) for name, kind in self.inputs.items()}

    def batch(self, inputs):
        return {name: np.concatenate([one[name] for one in inputs]) for name in self.inputs}

    def predict(self, x):
        return self.session.run(self.outputs, x)

    def unbatch(self, output):
        return [[value[i:i + 1] for value in output] for i in range(len(output[0]))]

    def encode_response(self, output):
        return {name: value.tolist() for name, value in zip(self.outputs, output)}


if __name__ == "__main__":
    api = Api(max_batch_size=int(sys.argv[3]), batch_timeout=float(sys.argv[4]))
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
