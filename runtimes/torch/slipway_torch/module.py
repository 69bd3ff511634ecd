"""A PyTorch module as a Slipway model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from slipway_runtime import Model, Signature, Tensor
from slipway_runtime.tensor import text

from .convert import from_torch, to_torch


class TorchModel(Model):
    """Calls a module with its inputs in the order of the signature.

    A tensor comes as the torch.Tensor of its datatype, BYTES as a list of str. The module answers a
    tensor, a tuple or list of them in the order of the signature's outputs, or a dict by their names.
    """

    def __init__(self, module: torch.nn.Module, signature: Signature, device: torch.device, platform: str) -> None:
        self.inputs, self.outputs = signature.inputs, signature.outputs
        self.platform = platform
        self._module, self._device = module, device

    def infer(self, inputs: list[Tensor]) -> list[Tensor]:
        arguments = [[text(s) for s in t.strings] if t.datatype == "BYTES" else to_torch(t, self._device) for t in inputs]
        with torch.inference_mode():
            answer = self._module(*arguments)
            return [from_torch(spec, value) for spec, value in zip(self.outputs, self._in_order(answer))]

    def _in_order(self, answer: Any) -> list[Any]:
        if isinstance(answer, Mapping):
            missing = [spec.name for spec in self.outputs if spec.name not in answer]
            if missing:
                raise ValueError(f"the model answers {', '.join(map(str, answer))}, its signature has {', '.join(missing)} too")
            return [answer[spec.name] for spec in self.outputs]
        values = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        if len(values) != len(self.outputs):
            raise ValueError(f"the model answers {len(values)} tensors, its signature has {len(self.outputs)} outputs")
        return values
