"""A bundle: one zip archive with the weights of a model and the class that runs them.

    slipway.json   {"class": "Net", "kwargs": {...}, "inputs": [...], "outputs": [...]}
    model.py       defines the class; further modules beside it may be imported
    weights.pt     torch.save(model.state_dict(), ...)

The weights are read with weights_only: they hold tensors and cannot run code. model.py is code and
does run, with the rights of this process: that is what Slipway's sandbox around it is for.
"""

from __future__ import annotations

import importlib
import io
import json
import pickle
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from slipway_runtime import LoadError, Signature, read_signature
from slipway_runtime.errors import brief
from slipway_runtime.signature import write_signature

from .signature_file import SIGNATURE_FILE

MODULE, WEIGHTS = "model", "weights.pt"
_MOST_MANIFEST = 1 << 20  # bytes


def save_bundle(
    path: Path, source: str, class_name: str, kwargs: Mapping[str, Any], weights: Mapping[str, torch.Tensor], signature: Signature
) -> None:
    """Write a bundle: source is the text of model.py, kwargs are what JSON can hold."""
    manifest = {"class": class_name, "kwargs": dict(kwargs), **write_signature(signature)}
    buffer = io.BytesIO()
    torch.save(dict(weights), buffer)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in ((SIGNATURE_FILE, json.dumps(manifest, indent=1)), (f"{MODULE}.py", source), (WEIGHTS, buffer.getvalue())):
            archive.writestr(zipfile.ZipInfo(name), content)  # ZipInfo's own date: equal models are equal files


def read_bundle(path: Path, device: torch.device) -> tuple[torch.nn.Module, Signature]:
    """The model with its weights, on its device."""
    with zipfile.ZipFile(path) as archive:
        manifest = _manifest(archive)
        signature = read_signature({key: manifest.get(key) for key in ("inputs", "outputs")}, SIGNATURE_FILE)
        weights = _weights(archive, device)
    model = _class(path, manifest["class"])
    try:
        model = model(**manifest.get("kwargs", {}))
    except Exception as error:  # whatever the class raises
        raise LoadError(f"{MODULE}.py: {manifest['class']}(**kwargs) fails: {brief(error)}") from error
    if not isinstance(model, torch.nn.Module):
        raise LoadError(f"{MODULE}.py: {manifest['class']} is no torch.nn.Module")
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise LoadError(f"{WEIGHTS} does not fit {manifest['class']}: {brief(error)}") from None
    return model.to(device), signature


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    if archive.getinfo(SIGNATURE_FILE).file_size > _MOST_MANIFEST:
        raise LoadError(f"{SIGNATURE_FILE} is larger than {_MOST_MANIFEST} bytes")
    try:
        manifest = json.loads(archive.read(SIGNATURE_FILE))
    except ValueError as error:
        raise LoadError(f"{SIGNATURE_FILE} is no JSON: {error}") from None
    known = {"class", "kwargs", "inputs", "outputs"}
    if not isinstance(manifest, dict) or set(manifest) - known:
        raise LoadError(f"{SIGNATURE_FILE}: want an object with class, kwargs, inputs and outputs only")
    if not isinstance(manifest.get("class"), str) or not manifest["class"].isidentifier():
        raise LoadError(f"{SIGNATURE_FILE}: class is missing: the name of a class in {MODULE}.py")
    if not isinstance(manifest.get("kwargs", {}), dict):
        raise LoadError(f"{SIGNATURE_FILE}: kwargs is no object")
    return manifest


def _weights(archive: zipfile.ZipFile, device: torch.device) -> Mapping[str, torch.Tensor]:
    try:
        content = io.BytesIO(archive.read(WEIGHTS))
    except KeyError:
        raise LoadError(f"{WEIGHTS} is missing in the bundle") from None
    try:
        weights = torch.load(content, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise LoadError(f"{WEIGHTS} holds more than tensors, or is damaged: {brief(error)}. Write it with torch.save(model.state_dict(), …)") from None
    if not isinstance(weights, Mapping) or not all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in weights.items()):
        raise LoadError(f"{WEIGHTS} is no state dict: a mapping from names to tensors")
    return weights


def _class(path: Path, name: str) -> Any:
    sys.path.insert(0, str(path))  # Python imports from zip archives
    importlib.invalidate_caches()  # it remembers what an archive held
    try:
        module = importlib.import_module(MODULE)
    except Exception as error:  # whatever the code raises
        raise LoadError(f"{MODULE}.py cannot be imported: {brief(error)}") from error
    if not hasattr(module, name):
        raise LoadError(f"{MODULE}.py has no {name}")
    return getattr(module, name)
