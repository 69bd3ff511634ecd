"""From a fitted scikit-learn pipeline to the ONNX graph that is released."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

from columns import FEATURES, NUMBERS

# Old enough for every ONNX Runtime since 1.13, new enough for all operators used here.
OPSET = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 8

# skl2onnx names a network's weights by position; a person who reads the graph, or a test that
# reports a layer, is better served by the layer's name.
WEIGHTS = {
    "coefficient": "hidden.weight", "intercepts": "hidden.bias",
    "coefficient1": "output.weight", "intercepts1": "output.bias",
}


def export(pipeline, version: str) -> onnx.ModelProto:
    """The pipeline as ONNX.

    Inputs: one per feature, named like its column, shape [-1, 1], float32 or string.
    Outputs: label int64 [-1] and probabilities float32 [-1, 2] (bad, good).
    """
    inputs = [
        (name, FloatTensorType([None, 1]) if name in NUMBERS else StringTensorType([None, 1]))
        for name in FEATURES
    ]
    model = convert_sklearn(
        pipeline,
        name="credit-risk",
        initial_types=inputs,
        final_types=[("label", Int64TensorType([None])),
                     ("probabilities", FloatTensorType([None, 2]))],
        options={"zipmap": False},
        target_opset=OPSET,
    )
    model.ir_version = IR_VERSION
    helper.set_model_props(model, {"version": version})
    rename_initialisers(model.graph, WEIGHTS)
    onnx.checker.check_model(model, full_check=True)
    return model


def rename_initialisers(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Rename initialisers and their uses; every old name must be there."""
    missing = names.keys() - {tensor.name for tensor in graph.initializer}
    if missing:
        raise ValueError(f"the graph has no initialiser {sorted(missing)}: check WEIGHTS")
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)


def with_duration_table(model: onnx.ModelProto, table: np.ndarray, version: str) -> onnx.ModelProto:
    """A copy of model that encodes duration by table[months] instead of by its scaler.

    Gather accepts indices up to len(table) - 1 only: on the CPU, ONNX Runtime answers a longer
    duration with the error "indices element out of data bounds".
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    position, scaler = next(
        (i, node) for i, node in enumerate(graph.node)
        if node.op_type == "Scaler" and list(node.input) == ["duration"]
    )
    graph.node.remove(scaler)
    graph.initializer.append(
        numpy_helper.from_array(table.astype(np.float32), "duration_table"))
    graph.node.insert(position, helper.make_node(
        "Cast", ["duration"], ["duration_months"], "duration_index", to=TensorProto.INT64))
    graph.node.insert(position + 1, helper.make_node(
        "Gather", ["duration_table", "duration_months"], scaler.output, "duration_lookup"))
    helper.set_model_props(model, {"version": version})
    onnx.checker.check_model(model, full_check=True)
    return model
