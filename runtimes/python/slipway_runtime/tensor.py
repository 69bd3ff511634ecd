"""Tensors as the protocol carries them, and their way from and to messages."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    import numpy

#: Bytes of one element. BYTES has elements of any length.
WIDTH = {
    "BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "FP16": 2, "BF16": 2,
    "INT32": 4, "UINT32": 4, "FP32": 4, "INT64": 8, "UINT64": 8, "FP64": 8,
}  # fmt: skip
DATATYPES = (*WIDTH, "BYTES")

#: numpy's name of an element type; numpy has no BF16.
_NUMPY = {
    "BOOL": "?", "INT8": "<i1", "UINT8": "<u1", "INT16": "<i2", "UINT16": "<u2", "FP16": "<f2",
    "INT32": "<i4", "UINT32": "<u4", "FP32": "<f4", "INT64": "<i8", "UINT64": "<u8", "FP64": "<f8",
}  # fmt: skip

#: The field of InferTensorContents that holds a datatype, and struct's letter for it.
_CONTENTS = {
    "BOOL": ("bool_contents", "?"), "INT8": ("int_contents", "b"), "INT16": ("int_contents", "h"), "INT32": ("int_contents", "i"),
    "INT64": ("int64_contents", "q"), "UINT8": ("uint_contents", "B"), "UINT16": ("uint_contents", "H"), "UINT32": ("uint_contents", "I"),
    "UINT64": ("uint64_contents", "Q"), "FP32": ("fp32_contents", "f"), "FP64": ("fp64_contents", "d"),
}  # fmt: skip


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model. A shape holds -1 where any size may stand; None is a model that states no shape."""

    name: str
    datatype: str
    shape: tuple[int, ...] | None

    def __str__(self) -> str:
        return f"{self.name} {form(self.datatype, self.shape)}"

    def fits(self, shape: Sequence[int]) -> bool:
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(want in (-1, got) for want, got in zip(self.shape, shape))


@dataclass
class Tensor:
    """An array, row-major. data holds its elements as little-endian bytes; of BYTES it is empty and strings holds them."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes = b""
    strings: list[bytes] = field(default_factory=list)

    def numpy(self) -> numpy.ndarray:
        """The tensor as an array; BYTES is an array of str objects. BF16, which numpy lacks, is a TypeError."""
        import numpy

        if self.datatype == "BYTES":
            return numpy.array([text(s) for s in self.strings], dtype=object).reshape(self.shape)
        if self.datatype not in _NUMPY:
            raise TypeError(f"{self.name}: numpy has no {self.datatype}")
        return numpy.frombuffer(self.data, dtype=_NUMPY[self.datatype]).reshape(self.shape)

    @classmethod
    def of(cls, name: str, datatype: str, array: Any) -> Tensor:
        """A tensor of anything that numpy takes for an array, converted to the datatype."""
        import numpy

        if datatype == "BYTES":
            array = numpy.asarray(array, dtype=object)
            return cls(name, datatype, array.shape, strings=[str(v).encode() for v in array.ravel()])
        array = numpy.ascontiguousarray(array, dtype=_NUMPY[datatype])
        return cls(name, datatype, array.shape, array.tobytes())


def form(datatype: str, shape: Sequence[int] | None) -> str:
    """A datatype and a shape for people: FP32[?,4]."""
    if shape is None:
        return datatype
    return f"{datatype}[{','.join('?' if d < 0 else str(d) for d in shape)}]"


def text(value: bytes) -> str:
    """A string of the protocol, which has to be UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InputError("a string is not UTF-8") from None


def count(shape: Sequence[int]) -> int:
    """How many elements a shape has. Python's integers do not overflow."""
    n = 1
    for d in shape:
        n *= d
    return n


def decode(request: Any, specs: Sequence[TensorSpec]) -> list[Tensor]:
    """The inputs of a ModelInferRequest in the model's order; an InputError names what does not fit.

    A length that a shape announces is compared with the bytes that have arrived before anything is
    made of it.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InputError(f"raw_input_contents has {len(raw)} entries for {len(request.inputs)} inputs")
    given: dict[str, Tensor] = {}
    known = {spec.name: spec for spec in specs}
    for i, message in enumerate(request.inputs):
        name = message.name
        spec = known.get(name)
        if spec is None:
            raise InputError(f"{name[:64]!r} is no input of the model; it has {', '.join(map(str, specs))}")
        if name in given:
            raise InputError(f"input {name!r} is given twice")
        if message.datatype != spec.datatype or not spec.fits(message.shape):
            raise InputError(f"input {name!r} is {form(message.datatype[:16], message.shape)}, the model wants {spec}")
        if raw and message.HasField("contents"):
            raise InputError(f"input {name!r} has contents although the request has raw_input_contents")
        tensor = Tensor(name, spec.datatype, tuple(message.shape))
        if any(d < 0 for d in tensor.shape):
            raise InputError(f"input {name!r}: a size is negative")
        if raw:
            _from_raw(tensor, raw[i])
        else:
            _from_contents(tensor, message.contents)
        given[name] = tensor
    missing = [str(spec) for spec in specs if spec.name not in given]
    if missing:
        raise InputError(f"missing: {', '.join(missing)}")
    return [given[spec.name] for spec in specs]


def _from_raw(tensor: Tensor, raw: bytes) -> None:
    elements = count(tensor.shape)
    if tensor.datatype != "BYTES":
        needed = elements * WIDTH[tensor.datatype]
        if len(raw) != needed:
            raise InputError(f"input {tensor.name!r}: {tensor.datatype}{list(tensor.shape)} needs {needed} bytes, there are {len(raw)}")
        tensor.data = raw
        return
    if elements * 4 > len(raw):  # each takes its length, four bytes, at least
        raise InputError(f"input {tensor.name!r}: {elements} strings do not fit {len(raw)} bytes")
    at = 0
    for _ in range(elements):
        end = at + 4
        if end <= len(raw):
            end += int.from_bytes(raw[at:end], "little")
        if end > len(raw):
            raise InputError(f"input {tensor.name!r}: the bytes end within a string")
        tensor.strings.append(raw[at + 4 : end])
        at = end
    if at != len(raw):
        raise InputError(f"input {tensor.name!r}: {len(raw) - at} bytes follow the last string")


def _from_contents(tensor: Tensor, contents: Any) -> None:
    elements = count(tensor.shape)
    if tensor.datatype == "BYTES":
        values = contents.bytes_contents
    elif tensor.datatype in _CONTENTS:
        name, letter = _CONTENTS[tensor.datatype]
        values = getattr(contents, name)
    else:
        raise InputError(f"input {tensor.name!r}: {tensor.datatype} has no typed form: send raw_input_contents")
    if len(values) != elements:
        raise InputError(f"input {tensor.name!r}: the shape {list(tensor.shape)} needs {elements} values, contents has {len(values)}")
    if tensor.datatype == "BYTES":
        tensor.strings = list(values)
        return
    try:
        tensor.data = struct.pack(f"<{elements}{letter}", *values)
    except struct.error:
        raise InputError(f"input {tensor.name!r}: a value is out of the range of {tensor.datatype}") from None


def encode(response: Any, tensors: Sequence[Tensor]) -> None:
    """Put tensors into a ModelInferResponse, raw."""
    for tensor in tensors:
        out = response.outputs.add()
        out.name, out.datatype = tensor.name, tensor.datatype
        out.shape.extend(tensor.shape)
        if tensor.datatype == "BYTES":
            response.raw_output_contents.append(b"".join(len(s).to_bytes(4, "little") + s for s in tensor.strings))
        else:
            response.raw_output_contents.append(bytes(tensor.data))
