"""The messages of the inference protocol and of gRPC's health checks.

They are made at start of messages.binpb, the descriptors of these messages. Python code that protoc
generates works with few versions of protobuf; descriptors work with all of them, from 3.21 on, which
Debian 12 has. The file is written from Slipway's own inference.proto by

    go test ./internal/oip/inferencepb -run Python -update

and without -update the same test tells when the file is old.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def _read_pool() -> descriptor_pool.DescriptorPool:
    """A pool of its own: another package of the process may hold files of the same name."""
    files = descriptor_pb2.FileDescriptorSet.FromString(Path(__file__).with_name("messages.binpb").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_pool = _read_pool()


def _message(name: str) -> Any:
    descriptor = _pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and newer
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool).GetPrototype(descriptor)


ServerLiveRequest = _message("inference.ServerLiveRequest")
ServerLiveResponse = _message("inference.ServerLiveResponse")
ServerReadyRequest = _message("inference.ServerReadyRequest")
ServerReadyResponse = _message("inference.ServerReadyResponse")
ModelReadyRequest = _message("inference.ModelReadyRequest")
ModelReadyResponse = _message("inference.ModelReadyResponse")
ServerMetadataRequest = _message("inference.ServerMetadataRequest")
ServerMetadataResponse = _message("inference.ServerMetadataResponse")
ModelMetadataRequest = _message("inference.ModelMetadataRequest")
ModelMetadataResponse = _message("inference.ModelMetadataResponse")
ModelConfigRequest = _message("inference.ModelConfigRequest")
ModelConfigResponse = _message("inference.ModelConfigResponse")
ModelInferRequest = _message("inference.ModelInferRequest")
ModelInferResponse = _message("inference.ModelInferResponse")
HealthCheckRequest = _message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = _message("grpc.health.v1.HealthCheckResponse")
