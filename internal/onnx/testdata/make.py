"""Makes the models that the tests of internal/onnx, internal/feature and internal/modeltest read.

    pip install onnx==1.23.2 numpy scikit-learn==1.9.1 skl2onnx==1.20.0
    python make.py

Every model is small, deterministic and odd in exactly the way its name says. "good" and its
relatives take x [-1,4] and answer label int64 [-1] and probabilities float [-1,2]; rows.csv holds
rows they answer well (columns a, b, c, d, label).
"""

import os
import shutil

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

HERE = os.path.dirname(os.path.abspath(__file__))
OPSET = [h.make_opsetid("", 17)]


def save(name, nodes, inputs, outputs, weights=(), opsets=OPSET):
    graph = h.make_graph(list(nodes), name, list(inputs), list(outputs), list(weights))
    model = h.make_model(graph, opset_imports=opsets, ir_version=8)
    with open(os.path.join(HERE, name + ".onnx"), "wb") as f:
        f.write(model.SerializeToString(deterministic=True))


def value(name, kind, shape):
    return h.make_tensor_value_info(name, kind, shape)


def weight(name, array, dtype=np.float32):
    """A stored tensor; numpy integers keep their type, all else becomes dtype."""
    if isinstance(array, np.integer):
        dtype = array.dtype
    return nh.from_array(np.asarray(array, dtype=dtype), name)


X = value("x", T.FLOAT, ["batch", 4])
LABEL = value("label", T.INT64, ["batch"])
PROBABILITIES = value("probabilities", T.FLOAT, ["batch", 2])

rng = np.random.default_rng(7)
ROWS = rng.normal(size=(200, 4)).astype(np.float32).round(3)
W1 = np.eye(4, dtype=np.float32)[:, :3] + rng.normal(scale=0.1, size=(4, 3)).astype(np.float32)
B1 = np.array([0.1, 0.2, 0.3], np.float32)
W2 = np.array([[-2, 2], [-2, 2], [1, -1]], np.float32)
B2 = np.array([0.5, -0.5], np.float32)


def truth(rows):
    hidden = np.maximum(rows @ W1 + B1, 0)
    return (hidden @ W2 + B2).argmax(1)


def rows_csv():
    labels = truth(ROWS)
    flipped = labels.copy()
    flipped[::10] = 1 - flipped[::10]  # one label in ten is wrong, so that accuracy is 0.9
    with open(os.path.join(HERE, "rows.csv"), "w", newline="\n") as f:
        f.write("a,b,c,d,label\n")
        for row, label in zip(ROWS, flipped):
            f.write(",".join(f"{v:.3f}" for v in row) + f",{label}\n")


def head(scores):
    """From scores to the two outputs of a classifier."""
    return [
        h.make_node("Softmax", [scores], ["probabilities"], name="softmax", axis=1),
        h.make_node("ArgMax", [scores], ["label"], name="argmax", axis=1, keepdims=0),
    ]


def net(first=("x", "hidden")):
    return [
        h.make_node("Gemm", [first[0], "w1", "b1"], ["pre"], name="first"),
        h.make_node("Relu", ["pre"], [first[1]], name="relu"),
        h.make_node("Gemm", ["hidden", "w2", "b2"], ["scores"], name="second"),
    ]


def weights(w1=W1, b1=B1, w2=W2, b2=B2):
    return [weight("w1", w1), weight("b1", b1), weight("w2", w2), weight("b2", b2)]


def classifiers():
    two = [LABEL, PROBABILITIES]
    save("good", net() + head("scores"), [X], two, weights())
    save("worse", net() + head("scores"), [X], two, weights(w2=-W2, b2=-B2))
    save("slightly_worse", net() + head("scores"), [X], two, weights(b2=[1.3, -1.3]))
    save("labels_only", net() + head("scores"), [X], [LABEL], weights())
    save("logits", net(), [X], [value("scores", T.FLOAT, ["batch", 2])], weights())

    # The first layer's outputs are all cut off by the Relu.
    save("dead_relu", net() + head("scores"), [X], two, weights(b1=[-1e4, -1e4, -1e4]))
    # The side branch is multiplied by zero.
    save("dead_branch", net() + [
        h.make_node("Gemm", ["x", "w3", "b3"], ["side"], name="side_branch"),
        h.make_node("Mul", ["side", "nought"], ["nothing"], name="gate"),
        h.make_node("Add", ["scores", "nothing"], ["sum"], name="join"),
    ] + head("sum"), [X], two, weights() + [
        weight("w3", np.ones((4, 2))), weight("b3", np.ones(2)), weight("nought", np.float32(0)),
    ])
    bad = W1.copy()
    bad[2, 1] = np.nan
    save("nan_weight", net() + head("scores"), [X], two, weights(w1=bad))
    # The output is not finite for every row, the weights are.
    save("nan_output", net() + [
        h.make_node("Sub", ["scores", "scores"], ["zero"], name="minus"),
        h.make_node("Div", ["zero", "zero"], ["none"], name="divide"),
    ] + head("none"), [X], two, weights())
    save("no_parameters", [
        h.make_node("Slice", ["x", "from", "to", "axis"], ["scores"], name="slice"),
    ] + head("scores"), [X], two, [weight("from", [0], np.int64), weight("to", [2], np.int64), weight("axis", [1], np.int64)])
    # A row's answer depends on the other rows of its batch.
    save("batch_dependent", [
        h.make_node("ReduceMean", ["x"], ["mean"], name="mean", axes=[0], keepdims=1),
        h.make_node("Sub", ["x", "mean"], ["centred"], name="centre"),
    ] + net(("centred", "hidden")) + head("scores"), [X], two, weights())
    save("random", net() + [
        h.make_node("RandomNormalLike", ["scores"], ["noise"], name="noise", scale=0.5),
        h.make_node("Add", ["scores", "noise"], ["noisy"], name="join"),
    ] + head("noisy"), [X], two, weights())
    # Rows with a value of the first column below zero make the Gather fail.
    save("fails_on_rows", [
        h.make_node("Slice", ["x", "from", "to", "axis"], ["first_column"], name="slice"),
        h.make_node("Floor", ["first_column"], ["floor"], name="floor"),
        h.make_node("Mul", ["floor", "thousand"], ["big"], name="big"),
        h.make_node("Cast", ["big"], ["index"], name="cast", to=T.INT64),
        h.make_node("Clip", ["index", "low", "high"], ["clipped"], name="clip"),
        h.make_node("Gather", ["table", "clipped"], ["looked_up"], name="look_up"),
    ] + net() + [
        h.make_node("Add", ["scores", "looked_up"], ["sum"], name="join"),
    ] + head("sum"), [X], two, weights() + [
        weight("from", [0], np.int64), weight("to", [1], np.int64), weight("axis", [1], np.int64),
        weight("thousand", np.float32(1000)), weight("low", np.int64(-9)), weight("high", np.int64(0)),
        weight("table", [0.25]),
    ])
    save("fixed_batch", net() + head("scores"), [value("x", T.FLOAT, [1, 4])], [value("label", T.INT64, [1]), value("probabilities", T.FLOAT, [1, 2])], weights())


def encodings():
    """The same net with its weights stored in every way that ONNX knows."""
    two = [LABEL, PROBABILITIES]
    listed = [h.make_tensor(n, T.FLOAT, a.shape, a.flatten().tolist()) for n, a in (("w1", W1), ("b1", B1), ("w2", W2), ("b2", B2))]
    save("float_data", net() + head("scores"), [X], two, listed)

    def cast(kind, array, raw):
        cast_nodes = [h.make_node("Cast", ["w1_stored"], ["w1"], name="cast_w1", to=T.FLOAT)]
        stored = h.make_tensor("w1_stored", kind, W1.shape, array, raw=raw)
        return cast_nodes + net() + head("scores"), [X], two, weights()[1:] + [stored]

    save("double_data", *cast(T.DOUBLE, W1.astype(np.float64).flatten().tolist(), False))
    save("float16_raw", *cast(T.FLOAT16, W1.astype(np.float16).tobytes(), True))
    save("float16_data", *cast(T.FLOAT16, W1.astype(np.float16).flatten().tolist(), False))
    save("bfloat16_raw", *cast(T.BFLOAT16, (W1.view(np.uint32) >> 16).astype(np.uint16).tobytes(), True))
    constants = [h.make_node("Constant", [], [w.name], name="constant_" + w.name, value=w) for w in weights()]
    save("constants", constants + net() + head("scores"), [X], two)
    # Weights in the branches of an If, a bound of a Clip that is no weight.
    branch = {
        n: h.make_graph(
            [h.make_node("Gemm", ["x", w, "b1"], [n + "_out"], name="gemm_" + n)], n, [],
            [value(n + "_out", T.FLOAT, ["batch", 3])], [weight(w, W1)])
        for n, w in (("then", "w_then"), ("else", "w_else"))
    }
    save("subgraph", [
        h.make_node("ReduceSum", ["x"], ["total"], name="total", keepdims=0),
        h.make_node("Greater", ["total", "zero"], ["positive"], name="positive"),
        h.make_node("If", ["positive"], ["pre"], name="branch", then_branch=branch["then"], else_branch=branch["else"]),
        h.make_node("Clip", ["pre", "low", "high"], ["hidden"], name="clip"),
        h.make_node("Gemm", ["hidden", "w2", "b2"], ["scores"], name="second"),
    ] + head("scores"), [X], two, [weight("b1", B1), weight("w2", W2), weight("b2", B2), weight("zero", np.float32(0)), weight("low", np.float32(0)), weight("high", np.float32(99))])


def odd_interfaces():
    kinds = [("float", T.FLOAT), ("double", T.DOUBLE), ("int64", T.INT64), ("int32", T.INT32), ("int16", T.INT16), ("int8", T.INT8),
             ("uint64", T.UINT64), ("uint32", T.UINT32), ("uint16", T.UINT16), ("uint8", T.UINT8), ("bool", T.BOOL), ("string", T.STRING)]
    save("types", [h.make_node("Identity", [n], [n + "_out"]) for n, _ in kinds],
         [value(n, k, ["batch", 2]) for n, k in kinds], [value(n + "_out", k, ["batch", 2]) for n, k in kinds])
    save("half_input", [h.make_node("Identity", ["x"], ["y"])], [value("x", T.FLOAT16, ["batch", 2])], [value("y", T.FLOAT16, ["batch", 2])])
    save("scalar_output", [h.make_node("ReduceSum", ["x"], ["y"], keepdims=0)], [X], [value("y", T.FLOAT, [])])
    # The shape that comes out is a scalar although the graph does not say so.
    save("hidden_scalar", [h.make_node("ReduceSum", ["x"], ["y"], keepdims=0)], [X], [h.make_tensor_value_info("y", T.FLOAT, None)])
    save("unknown_operator", [h.make_node("Frobnicate", ["x"], ["y"], domain="example")], [X], [value("y", T.FLOAT, ["batch", 4])],
         opsets=OPSET + [h.make_opsetid("example", 1)])
    external = weight("w", np.ones((4, 4)))
    external.ClearField("raw_data")
    external.data_location = T.EXTERNAL
    entry = external.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    save("external", [h.make_node("MatMul", ["x", "w"], ["y"])], [X], [value("y", T.FLOAT, ["batch", 4])], [external])
    # A long loop, to be stopped half way.
    body = h.make_graph([
        h.make_node("Identity", ["go"], ["go_on"]),
        h.make_node("MatMul", ["state", "square"], ["next"]),
    ], "body", [value("i", T.INT64, []), value("go", T.BOOL, []), value("state", T.FLOAT, None)],
        [value("go_on", T.BOOL, []), value("next", T.FLOAT, None)], [weight("square", np.eye(4))])
    save("endless", [h.make_node("Loop", ["trips", "", "x"], ["y"], name="loop", body=body)], [X], [value("y", T.FLOAT, None)], [weight("trips", np.int64(2**62))])
    save("regression", [h.make_node("Gemm", ["x", "w", "b"], ["variable"], name="linear")], [X], [value("variable", T.FLOAT, ["batch", 1])],
         [weight("w", [[1], [2], [0], [-1]]), weight("b", [0.5])])


def hostile():
    """Models that diverged in training, lean on one runtime or ask for more than a machine has."""
    two = [LABEL, PROBABILITIES]
    diverged = W1.copy()
    diverged[1, 2] = 3e20
    save("exploding_weight", net() + head("scores"), [X], two, weights(w1=diverged))
    # A sum of millions whose parts nearly cancel: a relative change of one part is a large one of the answer.
    save("exploding_layer", net() + [
        h.make_node("Gemm", ["scores", "up", "offset"], ["shifted"], name="up"),
        h.make_node("Sub", ["shifted", "back"], ["variable"], name="back"),
    ], [X], [value("variable", T.FLOAT, ["batch", 1])], weights() + [weight("up", [[1], [2]]), weight("offset", [1e6]), weight("back", [1e6])])
    # Each row becomes four billion numbers.
    save("hungry", net() + [
        h.make_node("ReduceMean", ["scores"], ["mean"], name="mean", axes=[1], keepdims=1),
        h.make_node("Expand", ["mean", "wide"], ["expanded"], name="expand"),
        h.make_node("ReduceMean", ["expanded"], ["narrow"], name="narrow", axes=[1], keepdims=1),
        h.make_node("Add", ["scores", "narrow"], ["sum"], name="join"),
    ] + head("sum"), [X], two, weights() + [weight("wide", [1, 2**32], np.int64)])
    # Never comes to an end.
    body = h.make_graph([
        h.make_node("Identity", ["go"], ["go_on"]),
        h.make_node("MatMul", ["state", "square"], ["next"]),
    ], "body", [value("i", T.INT64, []), value("go", T.BOOL, []), value("state", T.FLOAT, None)],
        [value("go_on", T.BOOL, []), value("next", T.FLOAT, None)], [weight("square", np.eye(2))])
    save("hanging", net() + [h.make_node("Loop", ["trips", "", "scores"], ["looped"], name="loop", body=body)] + head("looped"),
         [X], two, weights() + [weight("trips", np.int64(2**62))])
    save("contrib", [
        h.make_node("Gemm", ["x", "w1", "b1"], ["pre"], name="first"),
        h.make_node("Gelu", ["pre"], ["hidden"], name="gelu", domain="com.microsoft"),
        h.make_node("Gemm", ["hidden", "w2", "b2"], ["scores"], name="second"),
    ] + head("scores"), [X], two, weights(), opsets=OPSET + [h.make_opsetid("com.microsoft", 1)])
    # Probabilities as scikit-learn exports them where the classes are words.
    save("zipmap_words", net() + [
        h.make_node("Softmax", ["scores"], ["table"], name="softmax", axis=1),
        h.make_node("ArgMax", ["scores"], ["index"], name="argmax", axis=1, keepdims=0),
        h.make_node("LabelEncoder", ["index"], ["label"], name="names", domain="ai.onnx.ml", keys_int64s=[0, 1], values_strings=["no", "yes"]),
        h.make_node("ZipMap", ["table"], ["probabilities"], name="zipmap", domain="ai.onnx.ml", classlabels_strings=["no", "yes"]),
    ], [X], [value("label", T.STRING, ["batch"]), h.make_value_info("probabilities", h.make_sequence_type_proto(
        h.make_map_type_proto(T.STRING, h.make_tensor_type_proto(T.FLOAT, None))))], weights(), opsets=OPSET + [h.make_opsetid("ai.onnx.ml", 3)])


def scikit():
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC
    import pandas as pd

    labels = truth(ROWS)

    def write(name, model):
        model.ir_version = 8
        with open(os.path.join(HERE, name + ".onnx"), "wb") as f:
            f.write(model.SerializeToString(deterministic=True))

    def plain(name, estimator, **options):
        estimator.fit(ROWS, labels)
        write(name, to_onnx(estimator, ROWS[:1], target_opset={"": 17, "ai.onnx.ml": 3}, options=options.get("options")))

    plain("zipmap", LogisticRegression())
    plain("forest", RandomForestClassifier(n_estimators=5, max_depth=4, random_state=0), options={"zipmap": False})
    plain("svm", SVC(probability=False, random_state=0), options={"zipmap": False})
    plain("linear_regression", LinearRegression())

    frame = pd.DataFrame({"colour": np.where(ROWS[:, 0] > 0, "red", "blue"), "size": ROWS[:, 1], "weight": ROWS[:, 2]})
    pipeline = make_pipeline(
        ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), ["colour"]), ("numbers", StandardScaler(), ["size", "weight"])]),
        LogisticRegression())
    pipeline.fit(frame, labels)
    types = [("colour", StringTensorType([None, 1])), ("size", FloatTensorType([None, 1])), ("weight", FloatTensorType([None, 1]))]
    write("columns", to_onnx(pipeline, initial_types=types, target_opset={"": 17, "ai.onnx.ml": 3}, options={"zipmap": False}))


def external_weights():
    """The model "good" as onnx.save_model writes it with its weights in other files, and a subgraph's weights, too."""
    for name, source, options in [
        ("one_file", "good", dict(all_tensors_to_one_file=True, location="one_file.onnx.data")),
        ("file_each", "good", dict(all_tensors_to_one_file=False)),
        ("folder", "good", dict(all_tensors_to_one_file=True, location="weights/all.bin")),
        ("attributes", "subgraph", dict(all_tensors_to_one_file=True, location="attributes.data", convert_attribute=True)),
        ("constants", "constants", dict(all_tensors_to_one_file=True, location="constants.data", convert_attribute=True)),
    ]:
        folder = os.path.join(HERE, "external", name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(os.path.join(folder, "weights"))
        model = onnx.load(os.path.join(HERE, source + ".onnx"))
        onnx.save_model(model, os.path.join(folder, "model.onnx"), save_as_external_data=True, size_threshold=0, **options)
        if not os.listdir(os.path.join(folder, "weights")):
            os.rmdir(os.path.join(folder, "weights"))


rows_csv()
classifiers()
encodings()
odd_interfaces()
hostile()
external_weights()
scikit()
