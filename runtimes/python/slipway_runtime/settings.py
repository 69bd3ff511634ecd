"""What Slipway tells a program that it starts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(Exception):
    """The environment is not the one that Slipway starts a runtime with."""


@dataclass(frozen=True)
class Settings:
    """The launch contract, one field a variable. See docs/runtimes.md."""

    socket: Path  # SLIPWAY_SOCKET: where to listen
    model: Path  # SLIPWAY_MODEL: the model's file, to read
    name: str  # SLIPWAY_MODEL_NAME
    version: str  # SLIPWAY_MODEL_VERSION
    device: str  # SLIPWAY_DEVICE: "cpu", "cuda" or "cuda:N"
    threads: int  # SLIPWAY_THREADS: threads of one inference; 0: the runtime decides

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """The settings; a SettingsError names all variables that are missing or wrong."""
        wrong = []

        def get(name: str, default: str = "") -> str:
            value = environment.get(name, default)
            if not value:
                wrong.append(f"{name} is missing")
            return value

        socket, model, name = get("SLIPWAY_SOCKET"), get("SLIPWAY_MODEL"), get("SLIPWAY_MODEL_NAME")
        version, device, threads = get("SLIPWAY_MODEL_VERSION"), get("SLIPWAY_DEVICE", "cpu"), get("SLIPWAY_THREADS", "0")
        if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", device):
            wrong.append(f"SLIPWAY_DEVICE is {device!r}, want cpu, cuda or cuda:N")
        if not threads.isdecimal() or int(threads) > 1024:
            wrong.append(f"SLIPWAY_THREADS is {threads!r}, want a number from 0 to 1024")
        if wrong:
            raise SettingsError("; ".join(wrong) + ". A runtime is started by Slipway: see docs/runtimes.md")
        return cls(Path(socket), Path(model), name, version, device, int(threads))
