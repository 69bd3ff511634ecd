"""Write mean.onnx: the mean of two classifiers' probabilities, and the class that has the larger one.

    python3 -m venv .venv && .venv/bin/pip install onnx==1.23.2
    .venv/bin/python make.py        # same bytes each time
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 2  # bad, good


def mean() -> onnx.ModelProto:
    """Inputs: first and second, float32 [-1, 2]. Outputs: label int64 [-1], probabilities float32 [-1, 2]."""
    rows = ["rows", CLASSES]
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["first", "second"], ["sum"]),
            helper.make_node("Mul", ["sum", "half"], ["probabilities"]),
            helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        ],
        "mean",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, rows) for name in ("first", "second")],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["rows"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, rows),
        ],
        [numpy_helper.from_array(np.float32(0.5), "half")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="slipway-example")
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    onnx.save(mean(), Path(__file__).parent / "mean.onnx")
