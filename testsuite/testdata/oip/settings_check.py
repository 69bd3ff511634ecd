"""Trace and log settings by the stock tritonclient, unchanged, against a gateway that traces.

    python settings_check.py HTTP_ADDRESS GRPC_ADDRESS MODEL TOKEN

MODEL is served; TOKEN is the operator's. All settings are left as they were.
"""

import sys

import tritonclient.grpc as grpc
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

HTTP, GRPC, MODEL, TOKEN = sys.argv[1:5]
auth = {"headers": {"authorization": f"Bearer {TOKEN}"}}


def refused(what, call, words):
    try:
        call()
    except InferenceServerException as e:
        assert words in e.message(), (what, e.message())
        return
    raise AssertionError(f"{what}: was not refused")


def traces(answer):
    """The settings by name, each a list of strings, as gRPC has them."""
    if isinstance(answer, dict):
        return {name: value if isinstance(value, list) else [value] for name, value in answer.items()}
    return {name: list(v.value) for name, v in answer.settings.items()}


def log(answer):
    if isinstance(answer, dict):
        return answer
    return {name: getattr(v, v.WhichOneof("parameter_choice")) for name, v in answer.settings.items()}


for client in (http.InferenceServerClient(HTTP), grpc.InferenceServerClient(GRPC)):
    metadata = client.get_server_metadata(**auth)
    extensions = metadata["extensions"] if isinstance(metadata, dict) else metadata.extensions
    assert "trace" in extensions and "logging" in extensions, extensions

    first = traces(client.get_trace_settings(**auth))
    assert first["trace_level"] == ["TIMESTAMPS"] and first["trace_rate"] == ["1"], first
    refused("no token", lambda: client.update_trace_settings(settings={"trace_rate": "2"}), "operator's")
    set_ = traces(client.update_trace_settings(settings={"trace_level": ["OFF"], "trace_rate": "100"}, **auth))
    assert set_["trace_level"] == ["OFF"] and set_["trace_rate"] == ["100"], set_
    own = traces(client.update_trace_settings(MODEL, settings={"trace_level": ["TIMESTAMPS"]}, **auth))
    assert own["trace_level"] == ["TIMESTAMPS"] and own["trace_rate"] == ["100"], own
    assert traces(client.get_trace_settings(MODEL, **auth)) == own
    assert traces(client.get_trace_settings(**auth)) == set_
    cleared = traces(client.update_trace_settings(MODEL, settings={"trace_level": None}, **auth))
    assert cleared == set_, cleared
    assert traces(client.update_trace_settings(settings={"trace_level": None, "trace_rate": None}, **auth)) == first
    refused("a file", lambda: client.update_trace_settings(settings={"trace_file": "/tmp/t"}, **auth), "trace_file")
    refused("unknown model", lambda: client.get_trace_settings("nobody", **auth), "unknown model")

    before = log(client.get_log_settings(**auth))
    refused("no token", lambda: client.update_log_settings({"log_info": False}), "operator's")
    quiet = log(client.update_log_settings({"log_info": False, "log_verbose_level": 1}, **auth))
    assert quiet["log_info"] is False and quiet["log_verbose_level"] == 1 and quiet["log_error"] is True, quiet
    refused("a file", lambda: client.update_log_settings({"log_file": "/tmp/l"}, **auth), "log_file")
    assert log(client.get_log_settings(**auth)) == quiet
    assert log(client.update_log_settings(before, **auth)) == before
    client.close()
print("all clients ok")
