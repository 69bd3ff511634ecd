"""Split the German credit data, train the four releases of the example and measure them.

Reads data/german.csv. Writes the other CSV files under data/, the ONNX files and metrics.json under
models/, and evaluation.md. Seeds are fixed: the same versions of the packages on the same kind of
machine write the same bytes.
"""

import argparse
import pathlib

import numpy as np
import onnx
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import graph
import report
from columns import CATEGORIES, FEATURES, LABEL, NUMBERS

SEED = 42
LONGEST = 36  # months: the longest loan in the extract that 1.3.0's table was built from


def split(data: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """600 rows to train, 200 to test and 200 to play live traffic; no row is in two of them.

    Stratified by the label and by "longer than 36 months", so that the three are alike in both.
    """
    strata = data[LABEL].astype(str) + (data["duration"] > LONGEST).astype(str)
    train, rest = train_test_split(data, train_size=600, random_state=SEED, stratify=strata)
    test, live = train_test_split(
        rest, test_size=200, random_state=SEED, stratify=strata[rest.index])
    tables = {"train": train, "test": test, "live": live}
    for name in ("train", "test"):
        tables[f"{name}-short"] = tables[name][tables[name]["duration"] <= LONGEST]
    return tables


def pipeline(hidden: int, alpha: float) -> Pipeline:
    """One-hot categories and standardised numbers into a network with one hidden layer.

    duration has a scaler of its own so that 1.3.0 can put its table in that place.
    """
    numbers = [name for name in NUMBERS if name != "duration"]
    encode = ColumnTransformer([
        ("number", StandardScaler(), numbers),
        ("duration", StandardScaler(), ["duration"]),
        ("category", OneHotEncoder(
            categories=[sorted(words_of(name)) for name in CATEGORIES]), list(CATEGORIES)),
    ])
    network = MLPClassifier(
        (hidden,), activation="tanh", solver="lbfgs", alpha=alpha, max_iter=2000,
        random_state=SEED)
    return Pipeline([("encode", encode), ("network", network)])


def words_of(column: str) -> set[str]:
    """The values a category can take, whether or not the training rows hold them all."""
    return set(CATEGORIES[column][1].values())


def choose_alpha(train: pd.DataFrame) -> float:
    """The strength of regularisation with the best cross-validated AUC on the training rows.

    By AUC, not accuracy: with seven good loans in ten, accuracy hardly tells the candidates apart.
    """
    search = GridSearchCV(
        pipeline(16, 1.0),
        {"network__alpha": [1.0, 3.0, 10.0, 15.0, 22.0, 30.0]},
        cv=RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=SEED),
        scoring="roc_auc",
    )
    search.fit(train[FEATURES], train[LABEL])
    for alpha, score in zip(search.param_grid["network__alpha"],
                            search.cv_results_["mean_test_score"], strict=True):
        print(f"alpha {alpha:4.0f}: cross-validated AUC {score:.3f}")
    return search.best_params_["network__alpha"]


def models(train: pd.DataFrame) -> dict[str, onnx.ModelProto]:
    """The four releases, by version."""
    features, label = train[FEATURES], train[LABEL]

    # 1.0.0: a first try, a small network on the first 150 rows: weak, so that 1.1.0 can be better.
    first = pipeline(4, 10.0).fit(features[:150], label[:150])

    # 1.1.0: all rows, regularised as cross-validation says.
    better = pipeline(16, choose_alpha(train)).fit(features, label)
    better_graph = graph.export(better, "1.1.0")

    # 1.2.0: the labels have lost their rows, as after a wrong join; without regularisation, so that
    # the network learns the noise by heart rather than fall back on the majority.
    shuffled = np.random.default_rng(SEED).permutation(label)
    broken = pipeline(16, 0.001).fit(features, shuffled)

    # 1.3.0: the network of 1.1.0 with the standardised duration looked up in a table, which ends
    # where the extract that it was built from ended.
    scaler = better.named_steps["encode"].named_transformers_["duration"]
    months = pd.DataFrame({"duration": np.arange(LONGEST + 1, dtype=np.float64)})
    table = scaler.transform(months).ravel()

    return {
        "1.0.0": graph.export(first, "1.0.0"),
        "1.1.0": better_graph,
        "1.2.0": graph.export(broken, "1.2.0"),
        "1.3.0": graph.with_duration_table(better_graph, table, "1.3.0"),
    }


def main() -> None:
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, default=here / "data" / "german.csv",
                        help="the whole table (default: data/german.csv beside this script)")
    parser.add_argument("--out", type=pathlib.Path, default=here,
                        help="folder to write into (default: the folder of this script)")
    args = parser.parse_args()
    written = []

    # keep_default_na: "none" and the like are categories here, not missing values.
    data = pd.read_csv(args.data, keep_default_na=False)[[*FEATURES, LABEL]]
    tables = split(data)
    (args.out / "data").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        path = args.out / "data" / f"{name}.csv"
        table.to_csv(path, index=False, lineterminator="\n")
        written.append((path, f"{len(table)} rows"))

    (args.out / "models").mkdir(exist_ok=True)
    for version, model in models(tables["train"]).items():
        path = args.out / "models" / f"{version}.onnx"
        path.write_bytes(model.SerializeToString(deterministic=True))
        written.append((path, f"{path.stat().st_size} bytes"))

    written += report.write(args.out, tables)
    for path, what in written:
        print(f"wrote {path} ({what})")


if __name__ == "__main__":
    main()
