"""The program around a service: it listens, loads, serves, and ends when it is told to."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import NoReturn

import grpc

from .errors import LoadError
from .model import Model
from .service import Service
from .settings import Settings, SettingsError

log = logging.getLogger("slipway")

#: Calls that are served at once, and how many of them may be inferences: the others are left for questions of health.
_CALLS, _INFERENCES = 64, 56


def serve(load: Callable[[Settings], Model]) -> NoReturn:
    """Load a model and serve it until SIGTERM or SIGINT; then answer what has been accepted, and exit.

    The program's arguments are those of _arguments. Exit codes: 0 told to end, 1 the model cannot be
    served, 2 wrong arguments or environment.
    """
    arguments = _arguments()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.exit(_say(2, error))
    told = threading.Event()
    loading = True

    def end(_signal: int, _frame: FrameType | None) -> None:
        told.set()
        if loading:  # a framework may be deep in its own code for long
            os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)

    service = Service(settings, _INFERENCES)
    most = arguments.max_message_mb << 20
    server = grpc.server(
        ThreadPoolExecutor(_CALLS, thread_name_prefix="call"),
        handlers=service.handlers(),
        options=[("grpc.max_receive_message_length", most), ("grpc.max_send_message_length", most), ("grpc.so_reuseport", 0)],
        maximum_concurrent_rpcs=_CALLS,
    )
    try:
        if not server.add_insecure_port(f"unix:{settings.socket}"):
            raise RuntimeError("the socket cannot be bound")
    except RuntimeError as error:
        sys.exit(_say(1, f"listen on {settings.socket}: {error}"))
    server.start()
    try:
        model = load(settings)
    except LoadError as error:
        server.stop(None)
        sys.exit(_say(1, f"load {settings.name} {settings.version}: {error}"))
    service.open(model)
    loading = False
    log.info("serving %s %s (%s) on %s", settings.name, settings.version, model.platform, settings.device)
    told.wait()
    service.close()
    server.stop(arguments.drain_seconds).wait()
    sys.exit(0)


def _say(code: int, text: object) -> int:
    log.error("%s", text)
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serves one model over the Open Inference Protocol, started by Slipway (docs/runtimes.md).")
    parser.add_argument("--max-message-mb", type=int, default=256, help="largest request and answer in MiB (default 256)")
    parser.add_argument("--drain-seconds", type=float, default=4, help="how long accepted requests may take once the program is told to end (default 4; Slipway kills after 5)")
    arguments = parser.parse_args()
    if arguments.max_message_mb < 1 or arguments.max_message_mb > 2047 or arguments.drain_seconds < 0:
        parser.error("--max-message-mb is 1 to 2047, --drain-seconds 0 or more")
    return arguments
