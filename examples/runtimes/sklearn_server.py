"""A runtime for scikit-learn classifiers in a pickle: all that a runtime has to write.

    runtimes:
      - {name: sklearn, command: [/path/to/python3, ./sklearn_server.py], read: [./, ../../runtimes/python, /path/to/environment]}

A pickle runs code when it is read; Slipway's sandbox is what holds it.
"""

import pickle
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "runtimes" / "python"))

from slipway_runtime import LoadError, Model, Settings, Tensor, TensorSpec, serve  # noqa: E402


class Classifier(Model):
    platform = "sklearn"

    def __init__(self, estimator) -> None:
        self.estimator = estimator
        self.inputs = (TensorSpec("features", "FP64", (-1, estimator.n_features_in_)),)
        self.outputs = (TensorSpec("label", "INT64", (-1,)), TensorSpec("probabilities", "FP64", (-1, len(estimator.classes_))))

    def infer(self, inputs: list[Tensor]) -> list[Tensor]:
        rows = inputs[0].numpy()
        return [Tensor.of("label", "INT64", self.estimator.predict(rows)), Tensor.of("probabilities", "FP64", self.estimator.predict_proba(rows))]


def load(settings: Settings) -> Model:
    try:
        return Classifier(pickle.loads(settings.model.read_bytes()))
    except Exception as error:  # whatever a pickle raises
        raise LoadError(f"not the pickle of a classifier: {error}") from None


if __name__ == "__main__":
    serve(load)
