"""Train a network on the packaged MNIST digits and write it as ONNX, with an extract of the digits.

Reads build/digits (see fetch.sh). Writes data/train.csv, data/test.csv, models/1.0.0.onnx and
models/metrics.json. Seeds are fixed: the same versions of the packages on the same kind of machine
write the same bytes.
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

SEED = 42
PIXELS = 28 * 28
TEST_ROWS = 500
EXTRACT_ROWS = 1500  # of the training digits; all of them would be 18 MB of CSV


def read_digits(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [n, 784], row by row from the top left, and digits int64 [n].

    The package stores each pixel as a share of 255, rounded to three places, so rounding restores it.
    """
    pixels, digits = [], []
    for digit in range(10):
        flat = json.loads((folder / f"{digit}.json").read_text())["data"]
        images = np.rint(np.array(flat).reshape(-1, PIXELS) * 255).astype(np.uint8)
        pixels.append(images)
        digits.append(np.full(len(images), digit, np.int64))
    return np.concatenate(pixels), np.concatenate(digits)


def export(network: MLPClassifier) -> onnx.ModelProto:
    """The network as ONNX.

    Input: pixels float32 [-1, 784], 0 to 255. Outputs: label int64 [-1] and probabilities
    float32 [-1, 10]. Written node by node: six operators say more than a converter's twenty.
    """
    def constant(name: str, value: np.ndarray) -> onnx.TensorProto:
        return numpy_helper.from_array(value.astype(np.float32), name)

    graph = helper.make_graph(
        [
            helper.make_node("Div", ["pixels", "scale"], ["scaled"]),
            helper.make_node("Gemm", ["scaled", "hidden.weight", "hidden.bias"], ["hidden"]),
            helper.make_node("Relu", ["hidden"], ["active"]),
            helper.make_node("Gemm", ["active", "output.weight", "output.bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        ],
        "mnist",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [None, PIXELS])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 10]),
        ],
        [
            constant("scale", np.array(255.0)),
            constant("hidden.weight", network.coefs_[0]),
            constant("hidden.bias", network.intercepts_[0]),
            constant("output.weight", network.coefs_[1]),
            constant("output.bias", network.intercepts_[1]),
        ],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="train.py")
    helper.set_model_props(model, {"version": "1.0.0"})
    onnx.checker.check_model(model, full_check=True)
    return model


def write_csv(path: pathlib.Path, pixels: np.ndarray, digits: np.ndarray) -> None:
    table = pd.DataFrame(pixels, columns=[f"p{i}" for i in range(PIXELS)])
    table["digit"] = digits
    table.to_csv(path, index=False, lineterminator="\n")
    print(f"wrote {path} ({len(table)} rows)")


def measure(path: pathlib.Path, pixels: np.ndarray, digits: np.ndarray) -> dict:
    """Metrics of the ONNX file; raises where a digit alone is not answered as in the batch."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    batch = pixels.astype(np.float32)
    label, probabilities = session.run(["label", "probabilities"], {"pixels": batch})
    alone = np.concatenate([
        session.run(["probabilities"], {"pixels": batch[i:i + 1]})[0] for i in range(len(batch))])
    difference = float(np.abs(alone - probabilities).max())
    if difference > 1e-6:
        raise ValueError(f"a digit alone and in the batch differ by {difference}")
    truth = np.clip(probabilities[np.arange(len(digits)), digits], 1e-12, 1)
    return {
        "test_data": "data/test.csv",
        "rows": len(digits),
        "accuracy": round(float((label == digits).mean()), 4),
        "log_loss": round(float(-np.log(truth).mean()), 4),
    }


def main() -> None:
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=pathlib.Path, default=here / "build" / "digits",
                        help="folder of 0.json to 9.json (default: build/digits beside this script)")
    parser.add_argument("--out", type=pathlib.Path, default=here,
                        help="folder to write into (default: the folder of this script)")
    args = parser.parse_args()
    if not (args.digits / "0.json").exists():
        parser.error(f"no digits in {args.digits}: run fetch.sh first")
    for folder in ("data", "models"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)

    pixels, digits = read_digits(args.digits)
    train_pixels, test_pixels, train_digits, test_digits = train_test_split(
        pixels, digits, test_size=TEST_ROWS, random_state=SEED, stratify=digits)
    write_csv(args.out / "data" / "train.csv", train_pixels[:EXTRACT_ROWS], train_digits[:EXTRACT_ROWS])
    write_csv(args.out / "data" / "test.csv", test_pixels, test_digits)

    network = MLPClassifier((64,), alpha=0.01, max_iter=200, early_stopping=True, random_state=SEED)
    network.fit(train_pixels / 255.0, train_digits)
    path = args.out / "models" / "1.0.0.onnx"
    path.write_bytes(export(network).SerializeToString(deterministic=True))
    print(f"wrote {path} ({path.stat().st_size} bytes, trained on {len(train_digits)} digits)")

    metrics = {"versions": {"1.0.0": measure(path, test_pixels, test_digits)}}
    path = args.out / "models" / "metrics.json"
    path.write_text(json.dumps(metrics, indent=2) + "\n")
    print(f"wrote {path} (accuracy {metrics['versions']['1.0.0']['accuracy']})")


if __name__ == "__main__":
    main()
