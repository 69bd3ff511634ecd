"""Makes models of every element type and form, and what they answer, for the gateway's tests.

    pip install onnx==1.23.2 onnxruntime==1.32.0 skl2onnx==1.20.0 pandas scikit-learn ml_dtypes
    python make.py

answers.json holds, for each model, requests of one row: inputs and outputs as
{name, datatype, shape, data, raw}, where raw is the protocol's binary form in base64 and data is
left out for types that have no form in JSON, and, for models of columns, what POST /predict takes
and answers. The outputs are those of the onnxruntime wheel.
"""

import base64
import ctypes
import json
import os
import struct

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

HERE = os.path.dirname(os.path.abspath(__file__))
OPSETS = [h.make_opsetid("", 17), h.make_opsetid("ai.onnx.ml", 3)]
ROWS = 6
KINDS = {
    "BOOL": (T.BOOL, np.bool_), "INT8": (T.INT8, np.int8), "INT16": (T.INT16, np.int16), "INT32": (T.INT32, np.int32),
    "INT64": (T.INT64, np.int64), "UINT8": (T.UINT8, np.uint8), "UINT16": (T.UINT16, np.uint16), "UINT32": (T.UINT32, np.uint32),
    "UINT64": (T.UINT64, np.uint64), "FP16": (T.FLOAT16, np.float16), "BF16": (T.BFLOAT16, ml_dtypes.bfloat16),
    "FP32": (T.FLOAT, np.float32), "FP64": (T.DOUBLE, np.float64), "BYTES": (T.STRING, np.object_),
}
NAMES = {np.dtype(numpy).name: name for name, (_, numpy) in KINDS.items()}


def value(name, kind, shape):
    return h.make_tensor_value_info(name, KINDS[kind][0], shape)


def save(name, model):
    model.ir_version = 8
    onnx.checker.check_model(model)
    text = model.SerializeToString(deterministic=True)
    with open(os.path.join(HERE, name + ".onnx"), "wb") as f:
        f.write(text)
    return text


def build(name, nodes, inputs, outputs, weights=()):
    return save(name, h.make_model(h.make_graph(nodes, name, inputs, outputs, weights), opset_imports=OPSETS))


def raw(array):
    if array.dtype == object:
        return b"".join(struct.pack("<I", len(s.encode())) + s.encode() for s in array.reshape(-1))
    return array.astype(array.dtype.newbyteorder("<") if array.dtype.byteorder == ">" else array.dtype).tobytes()


def tensor(name, array):
    out = {"name": name, "datatype": NAMES[array.dtype.name], "shape": list(array.shape), "raw": base64.b64encode(raw(array)).decode()}
    if out["datatype"] not in ("FP16", "BF16"):
        out["data"] = array.reshape(-1).tolist()
    return out


def bfloats(v):
    """An OrtValue of bfloat16, which numpy() does not take, by its memory."""
    shape = v.shape()
    bits = np.array((ctypes.c_uint16 * int(np.prod(shape))).from_address(v.data_ptr()))
    return bits.reshape(shape).view(ml_dtypes.bfloat16)


def run(text, feeds):
    """The answer to one row; a sequence of maps as the matrix of its scores."""
    session = onnxruntime.InferenceSession(text, providers=["CPUExecutionProvider"])
    if any(a.dtype == ml_dtypes.bfloat16 for a in feeds.values()):  # numpy has none: by way of OrtValue
        values = {
            n: onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(a.view(np.uint16), T.BFLOAT16) if a.dtype == ml_dtypes.bfloat16
            else onnxruntime.OrtValue.ortvalue_from_numpy(a) for n, a in feeds.items()
        }
        answers = session.run_with_ort_values([o.name for o in session.get_outputs()], values)
        arrays = []
        for o, v in zip(session.get_outputs(), answers):
            arrays.append(bfloats(v) if "bfloat16" in o.type else v.numpy())
    else:
        arrays = session.run(None, feeds)
    out = []
    for o, a in zip(session.get_outputs(), arrays):
        if isinstance(a, list):
            a = np.array([[row[k] for k in sorted(row)] for row in a], np.float32)
        if a.dtype.kind in "US":
            a = a.astype(object)
        out.append((o.name, a))
    return out


def cases(text, rows):
    return [{"inputs": [tensor(n, a) for n, a in row.items()], "outputs": [tensor(n, a) for n, a in run(text, row)]} for row in rows]


def every():
    """Each type as it came, but for numbers: those are added to themselves where ONNX can."""
    names = [k.lower() for k in KINDS]
    nodes = [h.make_node("Identity", [n], [n + "_out"]) for n in names]
    text = build("every", nodes, [value(n, k, ["batch", 2]) for n, k in zip(names, KINDS)], [value(n + "_out", k, ["batch", 2]) for n, k in zip(names, KINDS)])
    rows = []
    for i in range(ROWS):
        row = {}
        for name, (kind, (_, numpy)) in zip(names, KINDS.items()):
            if kind == "BOOL":
                array = [i % 2 == 0, i > 2]
            elif kind == "BYTES":
                array = ["row %d" % i, "größer\n☃" if i % 2 else ""]
            elif kind in ("FP16", "BF16", "FP32", "FP64"):
                array = [i + 0.1, -(10.0 ** (i - 3))]
            else:
                limits = np.iinfo(numpy)
                array = [limits.min + i, min(limits.max, 2**63 - 1) - i]
            row[name] = np.array([array], dtype=numpy)
        rows.append(row)
    # The wheel's run() knows no bfloat16 among strings and bools in OrtValues: what comes out is what went in.
    return [{"inputs": [tensor(n, a) for n, a in row.items()], "outputs": [tensor(n + "_out", a) for n, a in row.items()]} for row in rows]


def half():
    """A product in float16 and one in bfloat16."""
    w = np.array([[0.5, -1], [2, 0.25], [1, 3]], np.float16)
    text = build("half", [
        h.make_node("MatMul", ["x", "w"], ["y"]),
        h.make_node("Cast", ["b"], ["wide"], to=T.FLOAT),
        h.make_node("Mul", ["wide", "three"], ["tripled"]),
        h.make_node("Cast", ["tripled"], ["z"], to=T.BFLOAT16),
    ], [value("x", "FP16", ["batch", 3]), value("b", "BF16", ["batch", 2])], [value("y", "FP16", ["batch", 2]), value("z", "BF16", ["batch", 2])],
        [nh.from_array(w, "w"), nh.from_array(np.array([3], np.float32), "three")])
    return cases(text, [{
        "x": np.array([[i + 0.1, -i, 0.001 * i]], np.float16), "b": np.array([[i / 7, -1000.5 * i]], ml_dtypes.bfloat16),
    } for i in range(ROWS)])


def half_matrix():
    """A classifier of a float16 matrix, as exporters write for accelerators."""
    w = np.array([[1, -1], [0.5, 2], [-2, 0.5]], np.float16)
    text = build("half_matrix", [
        h.make_node("MatMul", ["x", "w"], ["scores"]),
        h.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        h.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ], [value("x", "FP16", ["batch", 3])], [value("label", "INT64", ["batch"]), value("probabilities", "FP16", ["batch", 2])], [nh.from_array(w, "w")])
    rows = [np.array([[0.5 * i, 1 - i, 0.25 * i * i]], np.float16) for i in range(ROWS)]
    out = cases(text, [{"x": row} for row in rows])
    for case, row in zip(out, rows):
        answer = dict(run(text, {"x": row}))
        case["predict"] = {"input": row[0].tolist(), "prediction": int(answer["label"][0]), "probabilities": answer["probabilities"][0].tolist()}
    return out


def mixed():
    """Words, flags and numbers of different widths in; numbers, flags and words out."""
    text = build("mixed", [
        h.make_node("LabelEncoder", ["words"], ["codes"], domain="ai.onnx.ml", keys_strings=["a", "b", "ü"], values_int64s=[1, 2, 3], default_int64=-1),
        h.make_node("Not", ["flags"], ["not_flags"]),
        h.make_node("Cast", ["counts"], ["texts"], to=T.STRING),
        h.make_node("ReduceSum", ["counts", "axis"], ["total"], keepdims=1),
    ], [value("words", "BYTES", ["batch", 1]), value("flags", "BOOL", ["batch", 2]), value("counts", "INT32", ["batch", 3])],
        [value("codes", "INT64", ["batch", 1]), value("not_flags", "BOOL", ["batch", 2]), value("texts", "BYTES", ["batch", 3]), value("total", "INT32", ["batch", 1])],
        [nh.from_array(np.array([1]), "axis")])
    return cases(text, [{
        "words": np.array([[["a", "b", "ü", "?"][i % 4]]], object), "flags": np.array([[i % 2 == 0, i % 3 == 0]]),
        "counts": np.array([[i, -i, 100 * i]], np.int32),
    } for i in range(ROWS)])


def pipeline():
    """A scikit-learn pipeline as skl2onnx writes it: columns in, words and a sequence of maps out."""
    import pandas as pd
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"colour": rng.choice(["red", "green", "blue"], 300), "size": rng.normal(size=300).astype(np.float32), "count": rng.integers(0, 9, 300)})
    score = frame["size"] + 0.3 * frame["count"] + (frame["colour"] == "red")
    labels = np.where(score > 2.2, "large", np.where(score > 1, "medium", "small"))
    model = make_pipeline(
        ColumnTransformer([("words", OneHotEncoder(handle_unknown="error"), ["colour"]), ("numbers", StandardScaler(), ["size", "count"])]), LogisticRegression())
    model.fit(frame, labels)
    types = [("colour", StringTensorType([None, 1])), ("size", FloatTensorType([None, 1])), ("count", Int64TensorType([None, 1]))]
    text = save("pipeline", to_onnx(model, initial_types=types, target_opset={"": 17, "ai.onnx.ml": 3}))
    rows = [{"colour": np.array([[frame["colour"][i]]], object), "size": np.array([[frame["size"][i]]], np.float32), "count": np.array([[frame["count"][i]]])} for i in range(ROWS)]
    out = cases(text, rows)
    expected = model.predict_proba(frame[:ROWS])
    for i, case in enumerate(out):
        case["predict"] = {
            "input": {n: a.reshape(-1)[0].item() if a.dtype != object else a[0][0] for n, a in rows[i].items()},
            "prediction": str(model.predict(frame[i : i + 1])[0]), "probabilities": expected[i].tolist(),
        }
    return out


def regression():
    """A regression in double precision."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(6)
    x = rng.normal(size=(50, 4))
    model = LinearRegression().fit(x, x @ [1, 2, -3, 0.5] + 7)
    text = save("regression", to_onnx(model, initial_types=[("x", DoubleTensorType([None, 4]))], target_opset={"": 17, "ai.onnx.ml": 3}))
    out = cases(text, [{"x": x[i : i + 1]} for i in range(ROWS)])
    for i, case in enumerate(out):
        case["predict"] = {"input": x[i].tolist(), "prediction": float(model.predict(x[i : i + 1])[0])}
    return out


def main():
    answers = {f.__name__: f() for f in (every, half, half_matrix, mixed, pipeline, regression)}
    with open(os.path.join(HERE, "answers.json"), "w", newline="\n", encoding="utf-8") as f:
        lines = (f"  {json.dumps(name)}: [\n" + ",\n".join("    " + json.dumps(c, ensure_ascii=False) for c in all) + "\n  ]" for name, all in answers.items())
        f.write("{\n" + ",\n".join(lines) + "\n}\n")  # a line a case


if __name__ == "__main__":
    main()
