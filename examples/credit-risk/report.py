"""Measure the released ONNX files on their test data; write models/metrics.json and evaluation.md.

The ONNX files are measured, not the scikit-learn objects: the numbers are those of what is served.
"""

import json
import pathlib

import numpy as np
import onnxruntime
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from columns import FEATURES, LABEL, NUMBERS

BASE = "1.1.0"
TEST_SETS = {"1.0.0": "test", "1.1.0": "test", "1.2.0": "test", "1.3.0": "test-short"}


def session(path: pathlib.Path) -> onnxruntime.InferenceSession:
    """The model on the CPU; ONNX Runtime prints nothing, errors still raise."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feed(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Rows as the models take them: one [n, 1] array per feature."""
    return {
        name: rows[[name]].to_numpy(np.float32 if name in NUMBERS else object)
        for name in FEATURES
    }


def predict(model: onnxruntime.InferenceSession, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Labels [n] and probabilities [n, 2]."""
    label, probabilities = model.run(["label", "probabilities"], feed(rows))
    return label, probabilities


def mcnemar(right: np.ndarray, base_right: np.ndarray) -> float:
    """Two-sided exact p of McNemar's test that both models are right equally often.

    McNemar 1947; exact: the disagreements follow a binomial distribution with p = 1/2.
    """
    only, base_only = int((right & ~base_right).sum()), int((~right & base_right).sum())
    return binomtest(only, only + base_only).pvalue if only + base_only else 1.0


def measure(version: str, models: dict, tables: dict[str, pd.DataFrame]) -> dict:
    """The metrics of one version on its own test set; the p value compares it with BASE there."""
    rows = tables[TEST_SETS[version]]
    truth = rows[LABEL].to_numpy()
    label, probabilities = predict(models[version], rows)
    base_label, _ = predict(models[BASE], rows)
    right, base_right = label == truth, base_label == truth
    return {
        "test_data": f"data/{TEST_SETS[version]}.csv",
        "rows": len(rows),
        "accuracy": round(float(right.mean()), 4),
        "precision": round(float(precision_score(truth, label)), 4),
        "recall": round(float(recall_score(truth, label)), 4),
        "f1": round(float(f1_score(truth, label)), 4),
        "auc": round(float(roc_auc_score(truth, probabilities[:, 1])), 4),
        f"accuracy_of_{BASE}": round(float(base_right.mean()), 4),
        f"mcnemar_p_against_{BASE}": float(f"{mcnemar(right, base_right):.4g}"),
    }


def groups(model: onnxruntime.InferenceSession, rows: pd.DataFrame) -> list[dict]:
    """Accuracy and share of favourable answers (label 1) by sex and by age."""
    label, _ = predict(model, rows)
    masks = {
        "sex male": rows["sex"] == "male",
        "sex female": rows["sex"] == "female",
        "age under 26": rows["age"] < 26,
        "age 26 and over": rows["age"] >= 26,
    }
    return [
        {
            "group": name,
            "rows": int(mask.sum()),
            "truly_good": round(float(rows[LABEL][mask].mean()), 4),
            "called_good": round(float(label[mask].mean()), 4),
            "accuracy": round(float((label == rows[LABEL])[mask].mean()), 4),
        }
        for name, mask in masks.items()
    ]


def evaluation(metrics: dict, majority: float) -> str:
    """The evaluation report in Markdown."""
    lines = [
        "# Evaluation",
        "",
        "Written by `train.py` from the ONNX files it made; `models/metrics.json` holds the same numbers.",
        f"Always answering \"good\" would be right on {majority:.1%} of `data/test.csv`.",
        "",
        f"| version | test data | rows | accuracy | AUC | accuracy of {BASE} on it | McNemar p against {BASE} |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for version, m in metrics["versions"].items():
        p = "" if version == BASE else f"{m[f'mcnemar_p_against_{BASE}']:.2g}"
        lines.append(
            f"| {version} | `{m['test_data']}` | {m['rows']} | {m['accuracy']:.3f} | {m['auc']:.3f} "
            f"| {m[f'accuracy_of_{BASE}']:.3f} | {p} |")
    lines += [
        "",
        "With 200 rows, the standard error of an accuracy near 0.75 is about 0.03.",
        "",
        f"## Groups, version {BASE} on `data/test.csv`",
        "",
        "| group | rows | truly good | called good | accuracy |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {g['group']} | {g['rows']} | {g['truly_good']:.3f} | {g['called_good']:.3f} | {g['accuracy']:.3f} |"
        for g in metrics["groups"]
    ]
    return "\n".join(lines) + "\n"


def write(out: pathlib.Path, tables: dict[str, pd.DataFrame]) -> list[tuple[pathlib.Path, str]]:
    """Write both reports under out; answers what was written."""
    models = {version: session(out / "models" / f"{version}.onnx") for version in TEST_SETS}
    metrics = {
        "versions": {version: measure(version, models, tables) for version in TEST_SETS},
        "groups": groups(models[BASE], tables["test"]),
        "live_share_over_36_months": float((tables["live"]["duration"] > 36).mean()),
    }
    json_path, md_path = out / "models" / "metrics.json", out / "evaluation.md"
    json_path.write_text(json.dumps(metrics, indent=2) + "\n")
    md_path.write_text(evaluation(metrics, float(tables["test"][LABEL].mean())))
    for version, m in metrics["versions"].items():
        print(f"{version}: accuracy {m['accuracy']:.3f}, AUC {m['auc']:.3f} on {m['test_data']}")
    return [(json_path, "metrics"), (md_path, "report")]
