"""Logs and registers an ONNX model as a trainer would, and prints its run's id.

Run as: python source.py URI MODEL.onnx NAME [raw]

With raw the weights are stored as bytes, as PyTorch's exporter stores them: MLflow then keeps the large ones in a
file beside the model.
"""

import sys

import mlflow
import onnx
from onnx import numpy_helper

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("source")
model = onnx.load(sys.argv[2])
if "raw" in sys.argv[4:]:
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
with mlflow.start_run() as run:
    mlflow.onnx.log_model(model, name="exported", registered_model_name=sys.argv[3])
mlflow.MlflowClient().set_registered_model_alias(sys.argv[3], "champion", "1")
print(run.info.run_id)
