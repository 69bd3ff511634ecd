"""The server that people write first: Flask in front of ONNX Runtime, a request at a time.

Run by gunicorn; MODEL names the ONNX file. POST /predict takes {"inputs": {name: rows}} and answers {output: rows}.
"""

import os

import numpy as np
import onnxruntime
from flask import Flask, jsonify, request

TYPES = {"tensor(float)": np.float32, "tensor(string)": object}

app = Flask(__name__)
session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
inputs = {i.name: TYPES[i.type] for i in session.get_inputs()}
outputs = [o.name for o in session.get_outputs()]


@app.post("/predict")
def predict():
    rows = request.get_json()["inputs"]
    answer = session.run(outputs, {name: np.array(rows[name], dtype=kind) for name, kind in inputs.items()})
    return jsonify({name: value.tolist() for name, value in zip(outputs, answer)})


@app.get("/health")
def health():
    return jsonify(status="ok")
