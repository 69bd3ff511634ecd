"""The calls of Triton's model control examples, by the stock tritonclient, against a gateway.

    python model_control_check.py HTTP_ADDRESS GRPC_ADDRESS MODEL TOKEN

MODEL is registered and no route leads to it; TOKEN is the operator's.
"""

import sys

import tritonclient.grpc as grpc
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

HTTP, GRPC, MODEL, TOKEN = sys.argv[1:5]


def refused(what, call, words):
    try:
        call()
    except InferenceServerException as e:
        assert words in e.message(), (what, e.message())
        return
    raise AssertionError(f"{what}: was not refused")


def entries(client):
    index = client.get_model_repository_index(**auth)
    return {m["name"]: m["state"] for m in index} if isinstance(index, list) else {m.name: m.state for m in index.models}


def batch(client):
    config = client.get_model_config(MODEL, **auth)
    return config["max_batch_size"] if isinstance(config, dict) else config.config.max_batch_size


def cached(client):
    config = client.get_model_config(MODEL, **auth)
    return config["response_cache"]["enable"] if isinstance(config, dict) else config.config.response_cache.enable


auth = {"headers": {"authorization": f"Bearer {TOKEN}"}}
for client in (http.InferenceServerClient(HTTP), grpc.InferenceServerClient(GRPC)):
    assert entries(client)[MODEL] == "UNAVAILABLE"
    refused("no token", lambda: client.load_model(MODEL), "operator's")
    client.load_model(MODEL, **auth)
    assert client.is_model_ready(MODEL, **auth) and entries(client)[MODEL] == "READY"
    broken = '"parameters": {"config": {{"max_batch_size": "16"}}}'
    refused("broken configuration", lambda: client.load_model(MODEL, config=broken, **auth), "failed to load")
    before = batch(client)
    client.load_model(MODEL, config='{"max_batch_size":"16"}', **auth)
    assert before != 16 and batch(client) == 16, (before, batch(client))
    assert not cached(client)
    client.load_model(MODEL, config='{"response_cache":{"enable":true}}', **auth)
    assert cached(client)
    client.unload_model(MODEL, **auth)
    assert not client.is_model_ready(MODEL, **auth)
    files = {"file:" + "A" * 256: b"a"}
    refused("a file", lambda: client.load_model(MODEL, config="{}", files=files, **auth), "Invalid file path")
    assert client.is_server_live()
    refused("what a route names", lambda: client.unload_model("credit-risk", **auth), "release")
    refused("wrong name", lambda: client.load_model("wrong_model_name", **auth), "failed to load")
    client.close()
print("all clients ok")
