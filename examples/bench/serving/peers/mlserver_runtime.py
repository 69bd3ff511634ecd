"""ONNX Runtime as an MLServer runtime; adaptive batching is MLServer's own, set in model-settings.json."""

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxModel(MLModel):
    async def load(self) -> bool:
        self._session = onnxruntime.InferenceSession(self.settings.parameters.uri, providers=["CPUExecutionProvider"])
        self._outputs = [o.name for o in self._session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feed = {}
        for tensor in payload.inputs:
            if tensor.datatype == "BYTES":
                feed[tensor.name] = np.array(StringCodec.decode_input(tensor), dtype=object).reshape(tensor.shape)
            else:
                feed[tensor.name] = NumpyCodec.decode_input(tensor)
        answer = self._session.run(self._outputs, feed)
        return InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output(name, value) for name, value in zip(self._outputs, answer)],
        )
