"""Writes greedy.onnx and endless.onnx, models whose cost is in their input.

Both take x, float32 [rows,1], and answer y, float32 [rows,1], equal to x plus zero.
On the way greedy.onnx makes an array of sum(x) numbers, and endless.onnx goes
through a loop max(x) times.

Run in a virtual environment with examples/credit-risk/requirements.txt.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

here = Path(__file__).parent


def save(name, nodes, constants):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, here / f"{name}.onnx")


zero = helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])
one = helper.make_tensor("one", TensorProto.INT64, [1], [1])
save(
    "greedy",
    [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["size"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["size", "one"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["array"]),
        helper.make_node("ReduceSum", ["array"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ],
    [one],
)

body = helper.make_graph(
    [
        helper.make_node("Identity", ["on"], ["still"]),
        helper.make_node("Abs", ["held"], ["next"]),
    ],
    "body",
    [
        helper.make_tensor_value_info("turn", TensorProto.INT64, []),
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("held", TensorProto.FLOAT, []),
    ],
    [
        helper.make_tensor_value_info("still", TensorProto.BOOL, []),
        helper.make_tensor_value_info("next", TensorProto.FLOAT, []),
    ],
)
save(
    "endless",
    [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["turns"], to=TensorProto.INT64),
        helper.make_node("Loop", ["turns", "", "zero"], ["nothing"], body=body),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ],
    [zero],
)
