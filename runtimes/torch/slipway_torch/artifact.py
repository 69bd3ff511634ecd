"""The files that hold a PyTorch model, told apart by their content; all are zip archives.

- TorchScript, as torch.jit.save writes it, best with slipway.json among its extra files;
- a bundle: slipway.json, model.py (and other modules) and weights.pt, see bundle.py.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch

from slipway_runtime import LoadError, Model, Settings

from .bundle import read_bundle, save_bundle
from .module import TorchModel
from .script import read_torchscript, save_torchscript
from .signature_file import SIGNATURE_FILE

__all__ = ["load", "save_bundle", "save_torchscript"]

_LEAST = (1, 13)


def load(settings: Settings) -> Model:
    """Read the model's file and put the model on its device. A LoadError says what is wrong with the file."""
    if tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2]) < _LEAST:
        raise LoadError(f"torch {torch.__version__} is too old: 1.13 or newer is needed")
    if settings.device != "cpu" and not torch.cuda.is_available():
        raise LoadError(f"SLIPWAY_DEVICE is {settings.device}, but torch {torch.__version__} finds no CUDA device")
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = torch.device(settings.device)
    kind = _kind(settings.model)
    module, signature = (read_bundle if kind == "bundle" else read_torchscript)(settings.model, device)
    module.eval()
    return TorchModel(module, signature, device, "pytorch_libtorch" if kind == "torchscript" else "pytorch")


def _kind(path: Path) -> str:
    """bundle or torchscript; a LoadError for what is neither."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        raise LoadError("the file is neither TorchScript nor a bundle: both are zip archives. Save it with torch.jit.save, or see docs/runtimes.md") from None
    if SIGNATURE_FILE in names:
        return "bundle"
    ends = {name.partition("/")[2] for name in names}
    if "constants.pkl" in ends:
        return "torchscript"
    if "data.pkl" in ends:
        raise LoadError("the file is what torch.save writes: weights without the class that runs them. Make a bundle of both, see docs/runtimes.md")
    raise LoadError(f"the archive is neither TorchScript nor a bundle: a bundle has {SIGNATURE_FILE}, see docs/runtimes.md")
