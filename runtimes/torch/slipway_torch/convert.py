"""The protocol's tensors as torch's, and back.

torch has no full set of unsigned integers: a model gets UINT16 as int32, UINT32 and UINT64 as int64,
and may answer these types so.
"""

from __future__ import annotations

from typing import Any

import torch

from slipway_runtime import InputError, Tensor, TensorSpec
from slipway_runtime.tensor import WIDTH

_TORCH = {
    "INT8": torch.int8, "UINT8": torch.uint8, "INT16": torch.int16, "INT32": torch.int32, "INT64": torch.int64,
    "FP16": torch.float16, "BF16": torch.bfloat16, "FP32": torch.float32, "FP64": torch.float64,
}  # fmt: skip
#: An unsigned type: the signed one of its width, and the one that models see.
_UNSIGNED = {"UINT16": (torch.int16, torch.int32), "UINT32": (torch.int32, torch.int64), "UINT64": (torch.int64, torch.int64)}
_DATATYPE = {dtype: name for name, dtype in _TORCH.items()} | {torch.bool: "BOOL"}


def to_torch(tensor: Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on a device."""
    signed, seen = _UNSIGNED.get(tensor.datatype, (None, None))
    dtype = torch.uint8 if tensor.datatype == "BOOL" else signed or _TORCH[tensor.datatype]
    if not tensor.data:
        out = torch.empty(0, dtype=dtype)
    else:
        out = torch.frombuffer(bytearray(tensor.data), dtype=dtype)  # torch wants a buffer that can be written to
    if tensor.datatype == "BOOL":
        out = out != 0
    elif tensor.datatype == "UINT64":
        if bool((out < 0).any()):
            raise InputError(f"input {tensor.name!r}: a UINT64 above {2**63 - 1} is not served")
    elif seen is not None:
        out = out.to(seen) & (2 ** (8 * WIDTH[tensor.datatype]) - 1)
    return out.reshape(tensor.shape).to(device)


def from_torch(spec: TensorSpec, value: Any) -> Tensor:
    """What a module answered, as the signature calls it; a ValueError if it is something else."""
    if spec.datatype == "BYTES":
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
            raise ValueError(f"output {spec.name} is BYTES in the signature, the model answers {type(value).__name__}; want a list of str")
        return Tensor(spec.name, "BYTES", (len(value),), strings=[v.encode() for v in value])
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_quantized:
        raise ValueError(f"output {spec.name} is {type(value).__name__}, want a dense tensor")
    value = value.detach().cpu().contiguous()
    shape = tuple(value.shape)
    if spec.datatype in _UNSIGNED and value.dtype == _UNSIGNED[spec.datatype][1]:
        if bool((value < 0).any()) or (spec.datatype != "UINT64" and bool((value >> (8 * WIDTH[spec.datatype])).any())):
            raise ValueError(f"output {spec.name}: a value is out of the range of {spec.datatype}")
        return Tensor(spec.name, spec.datatype, shape, _narrow(value, WIDTH[spec.datatype]))
    datatype = _DATATYPE.get(value.dtype)
    if datatype != spec.datatype:
        raise ValueError(f"output {spec.name} is {value.dtype}, its signature has {spec.datatype}")
    if value.dtype == torch.bfloat16:  # numpy, which makes the bytes, has no such type
        value = value.view(torch.int16)
    return Tensor(spec.name, datatype, shape, value.numpy().tobytes())


def _narrow(value: torch.Tensor, width: int) -> bytes:
    """The low bytes of integers that are not negative."""
    raw = value.numpy()
    return raw.astype(f"<u{width}").tobytes()
