"""Makes the larger network of bench-serving: a residual perceptron of 25.9 million parameters with random weights, the same at each run.

Input: features float32 [-1, 256]. Outputs: label int64 [-1] and probabilities float32 [-1, 100]. Each block is x + W2 relu(W1 x), scaled so that
activations stay of order one. The weights mean nothing: what is measured is how long the multiplications take.

    python network.py OUT.onnx
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES, WIDTH, HIDDEN, BLOCKS, CLASSES, SEED = 256, 2048, 1024, 6, 100, 20261123


def main():
    rng = np.random.default_rng(SEED)
    weights, nodes = [], []

    def dense(name, x, rows, columns):
        weights.append(numpy_helper.from_array((rng.standard_normal((rows, columns)) / np.sqrt(rows)).astype(np.float32), f"{name}.weight"))
        weights.append(numpy_helper.from_array(np.zeros(columns, np.float32), f"{name}.bias"))
        nodes.append(helper.make_node("Gemm", [x, f"{name}.weight", f"{name}.bias"], [name]))
        return name

    def then(operator, name, *inputs, **attributes):
        nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    x = then("Relu", "stem.relu", dense("stem", "features", FEATURES, WIDTH))
    for i in range(BLOCKS):
        hidden = then("Relu", f"block{i}.relu", dense(f"block{i}.in", x, WIDTH, HIDDEN))
        x = then("Add", f"block{i}.add", x, dense(f"block{i}.out", hidden, HIDDEN, WIDTH))
    scores = dense("head", x, WIDTH, CLASSES)
    then("Softmax", "probabilities", scores, axis=1)
    then("ArgMax", "label", scores, axis=1, keepdims=0)
    graph = helper.make_graph(
        nodes, "network",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, FEATURES])],
        [helper.make_tensor_value_info("label", TensorProto.INT64, [None]), helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, CLASSES])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="network.py")
    onnx.checker.check_model(model)
    onnx.save(model, sys.argv[1])
    print(f"wrote {sys.argv[1]}: {sum(np.prod(w.dims) for w in weights) / 1e6:.1f} million parameters", file=sys.stderr)


if __name__ == "__main__":
    main()
