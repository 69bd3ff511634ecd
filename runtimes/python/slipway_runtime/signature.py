"""The names, datatypes and shapes of a model's tensors, as a JSON file has them.

    {"inputs":  [{"name": "pixels", "datatype": "FP32", "shape": [-1, 784]}],
     "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}]}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .errors import LoadError
from .tensor import DATATYPES, TensorSpec, count

#: No single tensor has more elements than this in the sizes that a signature fixes.
_MOST_ELEMENTS = 1 << 31


@dataclass(frozen=True)
class Signature:
    """What a model takes and answers, in its own order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def read_signature(source: str | bytes | dict[str, Any], where: str) -> Signature:
    """The signature of JSON text, or of an object that holds inputs and outputs; where names it in a LoadError."""
    if not isinstance(source, dict):
        try:
            source = json.loads(source)
        except ValueError as error:
            raise LoadError(f"{where} is no JSON: {error}") from None
        if not isinstance(source, dict):
            raise LoadError(f"{where}: want an object with inputs and outputs")
    return Signature(_specs(source, "inputs", where), _specs(source, "outputs", where))


def write_signature(signature: Signature) -> dict[str, Any]:
    """The object that read_signature reads."""
    return {
        key: [{"name": s.name, "datatype": s.datatype, "shape": list(s.shape)} for s in specs]
        for key, specs in (("inputs", signature.inputs), ("outputs", signature.outputs))
    }


def _specs(source: dict[str, Any], key: str, where: str) -> tuple[TensorSpec, ...]:
    entries = source.get(key)
    if not isinstance(entries, list) or not entries:
        raise LoadError(f"{where}: {key} is missing: want a list of {{name, datatype, shape}}")
    specs = tuple(_spec(entry, f"{where}: {key}[{i}]") for i, entry in enumerate(entries))
    names = [s.name for s in specs]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise LoadError(f"{where}: {key} names {', '.join(twice)} twice")
    return specs


def _spec(entry: Any, where: str) -> TensorSpec:
    if not isinstance(entry, dict) or sorted(entry) != ["datatype", "name", "shape"]:
        raise LoadError(f"{where}: want name, datatype and shape, no more and no less")
    name, datatype, shape = entry["name"], entry["datatype"], entry["shape"]
    if not isinstance(name, str) or not name:
        raise LoadError(f"{where}: name is no text")
    if datatype not in DATATYPES:
        raise LoadError(f"{where} ({name}): datatype {datatype!r} is none of {', '.join(DATATYPES)}")
    sizes = isinstance(shape, list) and all(type(d) is int and d >= -1 and d != 0 for d in shape)
    if not sizes or not shape or count([abs(d) for d in shape]) > _MOST_ELEMENTS:
        raise LoadError(f"{where} ({name}): shape {shape!r}: want a list of sizes, -1 for any, such as [-1, 4]")
    return TensorSpec(name, datatype, tuple(shape))
