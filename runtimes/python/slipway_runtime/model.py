"""What a runtime has to write: how a model is run."""

from __future__ import annotations

import abc
from collections.abc import Sequence

from .tensor import Tensor, TensorSpec


class Model(abc.ABC):
    """A loaded model. One call is in infer at a time."""

    #: What the protocol calls the kind of model, such as "pytorch_libtorch".
    platform: str = "python"
    #: The tensors of infer, in the model's order.
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]

    @abc.abstractmethod
    def infer(self, inputs: list[Tensor]) -> list[Tensor]:
        """Run the model once and answer every output, in order.

        The inputs are complete, in order, and fit inputs in datatype, shape and length. Raise InputError
        for values that the caller is to blame for; any other error is the model's failure.
        """
