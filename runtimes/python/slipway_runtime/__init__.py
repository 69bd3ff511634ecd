"""What a Python runtime of Slipway needs beside its framework.

A runtime loads one model and answers the Open Inference Protocol (version 2, gRPC) on a Unix socket:

    from slipway_runtime import Model, Settings, serve

    class MyModel(Model):
        platform = "my_framework"
        ...

    def load(settings: Settings) -> Model:
        return MyModel(settings.model)

    if __name__ == "__main__":
        serve(load)

Slipway starts the program, tells it by environment variables what to load and where to listen, and
keeps it in a sandbox; docs/runtimes.md has the whole contract. Needs Python 3.9, grpcio 1.51 and
protobuf 3.21, or newer.
"""

from .errors import InputError, LoadError
from .model import Model
from .server import serve
from .settings import Settings
from .signature import Signature, read_signature
from .tensor import Tensor, TensorSpec

__all__ = ["InputError", "LoadError", "Model", "Settings", "Signature", "Tensor", "TensorSpec", "read_signature", "serve"]
