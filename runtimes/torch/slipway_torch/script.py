"""TorchScript: a model as torch.jit.save writes it.

Its signature stands in slipway.json among the archive's extra files. Without it, names are those of
forward's arguments, every tensor counts as FP32 of a shape that is not stated, and what comes out is
called output, or output_0 and so on.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from slipway_runtime import LoadError, Signature, TensorSpec, read_signature
from slipway_runtime.errors import brief
from slipway_runtime.signature import write_signature

from .signature_file import SIGNATURE_FILE

_HINT = f"state the signature: torch.jit.save(model, path, _extra_files={{'{SIGNATURE_FILE}': …}}), see docs/runtimes.md"


def save_torchscript(path: Path, module: torch.jit.ScriptModule, signature: Signature) -> None:
    """Write a scripted or traced module with its signature."""
    torch.jit.save(module, str(path), _extra_files={SIGNATURE_FILE: json.dumps(write_signature(signature))})


def read_torchscript(path: Path, device: torch.device) -> tuple[torch.nn.Module, Signature]:
    """The module on its device."""
    extra = {SIGNATURE_FILE: ""}
    try:
        module = torch.jit.load(str(path), map_location=device, _extra_files=extra)
    except (RuntimeError, ValueError) as error:
        raise LoadError(f"torch {torch.__version__} cannot load the TorchScript: {brief(error)}") from None
    if extra[SIGNATURE_FILE]:
        return module, read_signature(extra[SIGNATURE_FILE], SIGNATURE_FILE)
    return module, _of_graph(module)


def _of_graph(module: torch.jit.ScriptModule) -> Signature:
    try:
        schema = module.forward.schema
    except (AttributeError, RuntimeError):
        raise LoadError("the TorchScript has no method forward") from None
    inputs = []
    for argument in schema.arguments[1:]:  # the first is self
        if argument.has_default_value():
            continue
        if str(argument.type) == "Tensor":
            inputs.append(TensorSpec(argument.name, "FP32", None))
        elif str(argument.type) == "List[str]":
            inputs.append(TensorSpec(argument.name, "BYTES", None))
        else:
            raise LoadError(f"forward takes {argument.name} as {argument.type}: tensors, and List[str] for BYTES, are served; {_HINT}")
    answer = schema.returns[0].type
    elements = answer.elements() if answer.kind() == "TupleType" else [answer]
    if not inputs or not elements or any(str(element) != "Tensor" for element in elements):
        raise LoadError(f"forward takes {len(inputs)} tensors and answers {answer}: what the outputs are cannot be told; {_HINT}")
    names = ["output"] if len(elements) == 1 else [f"output_{i}" for i in range(len(elements))]
    return Signature(tuple(inputs), tuple(TensorSpec(name, "FP32", None) for name in names))
