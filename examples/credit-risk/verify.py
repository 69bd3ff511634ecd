"""Check that the committed models do what README.md says; exit with the first thing that is not so.

For every version: the inputs are the feature columns with their types, the accuracy is that of
models/metrics.json, two runs agree and row i alone equals row i in the batch within 1e-6. For 1.3.0:
every live row over 36 months raises, every other one is answered as by 1.1.0.
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
import pandas as pd
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from columns import CATEGORIES, FEATURES, LABEL
from report import TEST_SETS, predict, session

TOLERANCE = 1e-6


def read(folder: pathlib.Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "data" / f"{name}.csv", keep_default_na=False)


def require(condition: bool, what: str) -> None:
    if not condition:
        raise SystemExit(f"failed: {what}")


def check_signature(path: pathlib.Path) -> str:
    """Names, types and shapes of inputs and outputs; answers the initialisers in words."""
    model = session(path)
    found = [(i.name, i.type, i.shape[1]) for i in model.get_inputs()]
    wanted = [
        (name, "tensor(string)" if name in CATEGORIES else "tensor(float)", 1)
        for name in FEATURES
    ]
    require(found == wanted, f"{path.name}: inputs are {found}")
    outputs = [(o.name, o.type, len(o.shape)) for o in model.get_outputs()]
    require(outputs == [("label", "tensor(int64)", 1), ("probabilities", "tensor(float)", 2)],
            f"{path.name}: outputs are {outputs}")
    return ", ".join(f"{t.name}{list(t.dims)}" for t in onnx.load(path).graph.initializer)


def check_answers(path: pathlib.Path, rows: pd.DataFrame, accuracy: float) -> None:
    """Accuracy, repeatability and batch invariance on rows."""
    model = session(path)
    label, probabilities = predict(model, rows)
    require(abs((label == rows[LABEL]).mean() - accuracy) < 1e-4, f"{path.name}: accuracy")
    require(np.abs(predict(model, rows)[1] - probabilities).max() <= TOLERANCE,
            f"{path.name}: two runs differ")
    alone = np.concatenate([predict(model, rows.iloc[i:i + 1])[1] for i in range(len(rows))])
    require(np.abs(alone - probabilities).max() <= TOLERANCE,
            f"{path.name}: a row alone differs from the row in a batch")


def check_table(folder: pathlib.Path) -> tuple[int, int]:
    """1.3.0 raises for exactly the live rows over 36 months; answers how many, of how many."""
    table, base = session(folder / "models" / "1.3.0.onnx"), session(folder / "models" / "1.1.0.onnx")
    live = read(folder, "live")
    raised = 0
    for i, months in enumerate(live["duration"]):
        row = live.iloc[i:i + 1]
        try:
            difference = np.abs(predict(table, row)[1] - predict(base, row)[1]).max()
            require(months <= 36, f"1.3.0 answered a loan of {months} months")
            require(difference <= TOLERANCE, f"1.3.0 differs from 1.1.0 by {difference}")
        except InvalidArgument as error:
            require("out of data bounds" in str(error), f"1.3.0 raised: {error}")
            require(months > 36, f"1.3.0 refused a loan of {months} months")
            raised += 1
    return raised, len(live)


def check_split(folder: pathlib.Path) -> None:
    """Train, test and live together are the whole table, each row once (the table has no twins)."""
    parts = pd.concat([read(folder, name) for name in ("train", "test", "live")])
    whole = read(folder, "german")
    order = list(whole.columns)
    require(not whole.duplicated().any(), "german.csv has equal rows")
    require(parts.sort_values(order).to_numpy().tolist() == whole.sort_values(order).to_numpy().tolist(),
            "train, test and live do not add up to german.csv")


def main() -> None:
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=here,
                        help="where data/ and models/ are (default: the folder of this script)")
    folder = parser.parse_args().folder
    check_split(folder)
    metrics = json.loads((folder / "models" / "metrics.json").read_text())["versions"]
    for version, test_set in TEST_SETS.items():
        path = folder / "models" / f"{version}.onnx"
        initialisers = check_signature(path)
        check_answers(path, read(folder, test_set), metrics[version]["accuracy"])
        print(f"{version}: ok; initialisers {initialisers}")
    raised, rows = check_table(folder)
    print(f"1.3.0: raises for {raised} of {rows} live rows ({raised / rows:.1%}), all over 36 months")


if __name__ == "__main__":
    main()
