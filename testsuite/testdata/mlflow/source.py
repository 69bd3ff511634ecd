"""Logs and registers an ONNX model as a trainer would, and prints its run's id.

Run as: python source.py URI MODEL.onnx NAME
"""

import sys

import mlflow
import onnx

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("source")
with mlflow.start_run() as run:
    mlflow.onnx.log_model(onnx.load(sys.argv[2]), name="exported", registered_model_name=sys.argv[3])
mlflow.MlflowClient().set_registered_model_alias(sys.argv[3], "champion", "1")
print(run.info.run_id)
