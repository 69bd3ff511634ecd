"""Makes image.onnx, a classifier of images of one channel: it takes [rows, 1, 4, 4] and says which quarter is brightest.

pip install onnx numpy; python make.py
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

weights = np.zeros((16, 4), np.float32)
for y in range(4):
    for x in range(4):
        weights[4 * y + x, 2 * (y // 2) + x // 2] = 1
graph = helper.make_graph(
    [
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["sums"]),
        helper.make_node("Softmax", ["sums"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["sums"], ["label"], axis=1, keepdims=0),
    ],
    "image",
    [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["rows", 1, 4, 4])],
    [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["rows"]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 4]),
    ],
    [numpy_helper.from_array(weights, "weights")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, "image.onnx")
