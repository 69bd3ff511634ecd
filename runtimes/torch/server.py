#!/usr/bin/python3
"""Serves one PyTorch model: TorchScript, or a bundle of a state dict and its model class.

Slipway starts it; docs/runtimes.md says how, and what the files hold. Needs torch 1.13 or newer.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "python")]

from slipway_runtime import serve  # noqa: E402 - the folders come first
from slipway_torch import load  # noqa: E402

if __name__ == "__main__":
    serve(load)
