"""Writes nan.onnx: the credit-risk network 1.1.0 with a bias that is not a number.

Run in a virtual environment with examples/credit-risk/requirements.txt.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

here = Path(__file__).parent
model = onnx.load(here / "../../examples/credit-risk/models/1.1.0.onnx")
for tensor in model.graph.initializer:
    if tensor.name == "output.bias":
        values = np.full_like(numpy_helper.to_array(tensor), np.nan)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
onnx.save(model, here / "nan.onnx")
