"""PyTorch models for Slipway: how they are written, read and run."""

from .artifact import load, save_bundle, save_torchscript

__all__ = ["load", "save_bundle", "save_torchscript"]
