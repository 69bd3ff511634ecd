"""ONNX Runtime behind Triton, through PyTriton, with Triton's dynamic batcher.

Arguments: the ONNX file, the model's name, the HTTP, gRPC and metrics ports, most rows in a batch, microseconds that a batch waits.
"""

import sys

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(string)": bytes}


def main():
    path, name = sys.argv[1:3]
    http, grpc, metrics, rows, delay = map(int, sys.argv[3:])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [o.name for o in session.get_outputs()]

    def tensors(infos):
        # Triton adds the batch's dimension.
        return [Tensor(name=i.name, dtype=TYPES[i.type], shape=tuple(d if isinstance(d, int) else -1 for d in i.shape[1:]) or (1,)) for i in infos]

    @batch
    def infer(**inputs):
        feed = {k: np.char.decode(v.astype(bytes), "utf-8").astype(object) if v.dtype.kind in "SO" else v for k, v in inputs.items()}
        answer = dict(zip(outputs, session.run(outputs, feed)))
        return {k: v.reshape(len(v), -1) for k, v in answer.items()}

    config = TritonConfig(http_address="127.0.0.1", http_port=http, grpc_address="127.0.0.1", grpc_port=grpc, metrics_port=metrics)
    with Triton(config=config) as triton:
        triton.bind(
            model_name=name, infer_func=infer, inputs=tensors(session.get_inputs()), outputs=tensors(session.get_outputs()),
            config=ModelConfig(max_batch_size=rows, batcher=DynamicBatcher(max_queue_delay_microseconds=delay)),
        )
        triton.serve()


if __name__ == "__main__":
    main()
