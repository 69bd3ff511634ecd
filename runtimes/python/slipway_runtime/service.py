"""The inference protocol's service over one model."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from . import messages as pb
from .errors import InputError, brief
from .model import Model
from .settings import Settings
from .tensor import WIDTH, Tensor, count, decode, encode, form

log = logging.getLogger("slipway")

#: Numbers of the enum DataType.
_CONFIG_TYPES = {
    "BOOL": 1, "UINT8": 2, "UINT16": 3, "UINT32": 4, "UINT64": 5, "INT8": 6, "INT16": 7, "INT32": 8, "INT64": 9,
    "FP16": 10, "FP32": 11, "FP64": 12, "BYTES": 13, "BF16": 14,
}  # fmt: skip
_SERVING, _NOT_SERVING = 1, 2  # of grpc.health.v1


class ModelError(Exception):
    """The model failed, or answered what its signature does not say."""


class Service:
    """Answers for one model. It is not ready until it is given the model, nor after close."""

    def __init__(self, settings: Settings, waiting: int) -> None:
        """At most waiting inferences are accepted at once, the running one among them."""
        self._settings = settings
        self._places = threading.Semaphore(waiting)
        self._model: Model | None = None
        self._turn = threading.Lock()  # one inference at a time: frameworks use all their threads for one
        self._probe: list[Tensor] | None = None  # a row that the model has answered

    def open(self, model: Model) -> None:
        """Serve the model from now on. It answers a made-up row of zeros first; if it can, health checks run that row again."""
        try:
            zeros = [_zeros(spec) for spec in model.inputs]
            self._run(model, zeros)
            self._probe = zeros
        except Exception as error:  # whatever a model raises
            log.warning("the model does not answer a row of zeros, so a health check tells only that this process answers: %s", brief(error))
        self._model = model

    def close(self) -> None:
        """Take no more requests."""
        self._model = None

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """The methods, for grpc.Server."""

        def method(call: Callable[[Any, grpc.ServicerContext], Any], request: Any) -> grpc.RpcMethodHandler:
            return grpc.unary_unary_rpc_method_handler(
                call, request_deserializer=request.FromString, response_serializer=lambda answer: answer.SerializeToString()
            )

        inference = {
            "ServerLive": method(lambda _r, _c: pb.ServerLiveResponse(live=True), pb.ServerLiveRequest),
            "ServerReady": method(lambda _r, _c: pb.ServerReadyResponse(ready=self._model is not None), pb.ServerReadyRequest),
            "ServerMetadata": method(self._server_metadata, pb.ServerMetadataRequest),
            "ModelReady": method(self._model_ready, pb.ModelReadyRequest),
            "ModelMetadata": method(self._model_metadata, pb.ModelMetadataRequest),
            "ModelConfig": method(self._model_config, pb.ModelConfigRequest),
            "ModelInfer": method(self._model_infer, pb.ModelInferRequest),
        }
        return [
            grpc.method_handlers_generic_handler("inference.GRPCInferenceService", inference),
            grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": method(self._health, pb.HealthCheckRequest)}),
        ]

    def _server_metadata(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return pb.ServerMetadataResponse(name="slipway-runtime", version="2", extensions=["model_configuration"])

    def _model_ready(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._known(request.name, request.version, context)
        return pb.ModelReadyResponse(ready=self._model is not None)

    def _model_metadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        model = self._open(request.name, request.version, context)
        answer = pb.ModelMetadataResponse(name=self._settings.name, versions=[self._settings.version], platform=model.platform)
        for specs, entries in ((model.inputs, answer.inputs), (model.outputs, answer.outputs)):
            for spec in specs:
                entries.add(name=spec.name, datatype=spec.datatype, shape=spec.shape or ())
        return answer

    def _model_config(self, request: Any, context: grpc.ServicerContext) -> Any:
        model = self._open(request.name, request.version, context)
        answer = pb.ModelConfigResponse()
        answer.config.name, answer.config.platform, answer.config.backend = self._settings.name, model.platform, "python"
        for specs, entries in ((model.inputs, answer.config.input), (model.outputs, answer.config.output)):
            for spec in specs:
                entries.add(name=spec.name, data_type=_CONFIG_TYPES[spec.datatype], dims=spec.shape or ())
        return answer

    def _model_infer(self, request: Any, context: grpc.ServicerContext) -> Any:
        model = self._open(request.model_name, request.model_version, context)
        with _answered(context), self._place(context):
            inputs = decode(request, model.inputs)
            names = [output.name for output in request.outputs] or [spec.name for spec in model.outputs]
            if unknown := set(names) - {spec.name for spec in model.outputs}:
                raise InputError(f"the model has no output {', '.join(sorted(repr(n[:64]) for n in unknown))}; it has {', '.join(map(str, model.outputs))}")
            with self._turn:
                if not context.is_active():  # the caller has left while others had their turn
                    context.abort(grpc.StatusCode.CANCELLED, "nobody waits for the answer any more")
                outputs = {tensor.name: tensor for tensor in self._run(model, inputs)}
            answer = pb.ModelInferResponse(model_name=self._settings.name, model_version=self._settings.version, id=request.id)
            encode(answer, [outputs[name] for name in names])
            return answer

    @contextlib.contextmanager
    def _place(self, context: grpc.ServicerContext) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many requests wait for the model")
        try:
            yield
        finally:
            self._places.release()

    def _health(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Runs the model: on a row that it has answered before."""
        if request.service not in ("", "inference.GRPCInferenceService"):
            context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service[:64]!r}")
        model = self._model
        if model is None:
            return pb.HealthCheckResponse(status=_NOT_SERVING)
        if self._probe is not None:
            try:
                with self._turn:
                    self._run(model, self._probe)
            except Exception as error:  # whatever a model raises
                log.error("health: the model fails on a row that it has answered before: %s", brief(error))
                return pb.HealthCheckResponse(status=_NOT_SERVING)
        return pb.HealthCheckResponse(status=_SERVING)

    def _known(self, name: str, version: str, context: grpc.ServicerContext) -> None:
        if name != self._settings.name or version not in ("", self._settings.version):
            context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: {name[:64]!r} version {version[:64]!r} is not found")

    def _open(self, name: str, version: str, context: grpc.ServicerContext) -> Model:
        self._known(name, version, context)
        model = self._model
        if model is None:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the model is being loaded, or the program is ending")
        return model

    @staticmethod
    def _run(model: Model, inputs: list[Tensor]) -> list[Tensor]:
        outputs = model.infer(inputs)
        if [tensor.name for tensor in outputs] != [spec.name for spec in model.outputs]:
            raise ModelError(f"the model answered {len(outputs)} tensors, its signature has {', '.join(map(str, model.outputs))}")
        for tensor, spec in zip(outputs, model.outputs):
            if tensor.datatype != spec.datatype or not spec.fits(tensor.shape):
                raise ModelError(f"output {spec.name} is {form(tensor.datatype, tensor.shape)}, its signature has {spec}")
        return outputs


@contextlib.contextmanager
def _answered(context: grpc.ServicerContext) -> Iterator[None]:
    """Turns errors into the protocol's: the caller's or the model's."""
    try:
        yield
    except InputError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except MemoryError as error:
        log.error("the model needs more memory than there is: %s", brief(error))
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the model needs more memory for this request than there is")
    except Exception as error:
        if context.code() is not None:  # an abort of our own
            raise
        log.error("the model failed", exc_info=True)
        context.abort(grpc.StatusCode.INTERNAL, brief(error))


def _zeros(spec: Any) -> Tensor:
    """One row of zeros, or of empty strings."""
    if spec.shape is None:
        raise ValueError(f"{spec.name} states no shape, so no row can be made up")
    shape = tuple(1 if d < 0 else d for d in spec.shape)
    n = count(shape)
    if spec.datatype == "BYTES":
        return Tensor(spec.name, spec.datatype, shape, strings=[b""] * n)
    return Tensor(spec.name, spec.datatype, shape, bytes(n * WIDTH[spec.datatype]))
