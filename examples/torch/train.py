"""Train the two networks on the data of the examples beside this one, and write each as TorchScript and as a bundle.

    /usr/bin/python3 train.py            # Debian's python3-torch, half a minute

Writes models/credit-risk.pt, models/credit-risk.zip, models/mnist.pt, models/mnist.zip, and models/expected.json:
what torch itself answers to the first test rows, which the tests hold the runtime against.
"""

import csv
import json
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
RUNTIMES = HERE.parent.parent / "runtimes"
sys.path[:0] = [str(RUNTIMES / "torch"), str(RUNTIMES / "python")]

from credit_risk import CreditRisk  # noqa: E402 - the folders come first
from mnist_cnn import MnistCNN  # noqa: E402
from slipway_runtime import Signature, TensorSpec  # noqa: E402
from slipway_torch import save_bundle, save_torchscript  # noqa: E402

SEED = 7
EXPECTED_ROWS = 32
NUMBERS = ("age", "dependents", "residence_since", "existing_credits", "credit_amount", "duration", "installment_rate")


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def fit(network: torch.nn.Module, loss_of, steps: int, rate: float, decay: float) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of().backward()
        optimizer.step()


def save(name: str, network: torch.nn.Module, kwargs: dict, source: str, signature: Signature, first: list) -> dict:
    """Both files, and what the network answers to its first rows."""
    network.eval()
    save_torchscript(HERE / "models" / f"{name}.pt", torch.jit.script(network), signature)
    text = (HERE / source).read_text()
    save_bundle(HERE / "models" / f"{name}.zip", text, type(network).__name__, kwargs, network.state_dict(), signature)
    with torch.inference_mode():
        label, probabilities = network(*first)
    return {"label": label.tolist(), "probabilities": probabilities.tolist()}


def credit_risk() -> dict:
    data = HERE.parent / "credit-risk" / "data"
    header, train = read(data / "train.csv")
    features = header[:-1]
    texts = [c for c in features if c not in NUMBERS]
    words = [sorted({row[header.index(c)] for row in train}) for c in texts]
    kwargs = {"words": words, "numbers": len(NUMBERS), "hidden": 16}

    def arguments(rows: list[list[str]]) -> list:
        columns = {c: [row[header.index(c)] for row in rows] for c in features}
        return [torch.tensor([[float(v)] for v in columns[c]]) if c in NUMBERS else columns[c] for c in features]

    def split(rows: list[list[str]]) -> tuple[list[list[str]], torch.Tensor]:
        given = dict(zip(features, arguments(rows)))
        return [given[c] for c in texts], torch.cat([given[c] for c in NUMBERS], 1)

    torch.manual_seed(SEED)
    network = CreditRisk(**kwargs)
    known, numbers = split(train)
    network.mean.copy_(numbers.mean(0))
    network.scale.copy_(numbers.std(0))
    truth = torch.tensor([int(row[-1]) for row in train])
    fit(network, lambda: torch.nn.functional.cross_entropy(network.logits(known, numbers), truth), 200, 0.01, 0.02)

    _, test = read(data / "test.csv")
    right = (network(*arguments(test))[0] == torch.tensor([int(row[-1]) for row in test])).float().mean()
    print(f"credit-risk: accuracy {right:.3f} on {len(test)} test rows")
    inputs = tuple(TensorSpec(c, "FP32" if c in NUMBERS else "BYTES", (-1, 1)) for c in features)
    outputs = (TensorSpec("label", "INT64", (-1,)), TensorSpec("probabilities", "FP32", (-1, 2)))
    return save("credit-risk", network, kwargs, "credit_risk.py", Signature(inputs, outputs), arguments(test[:EXPECTED_ROWS]))


def mnist() -> dict:
    data = HERE.parent / "mnist" / "data"

    def tensors(name: str) -> tuple[torch.Tensor, torch.Tensor]:
        _, rows = read(data / name)
        values = torch.tensor([[float(v) for v in row] for row in rows])
        return values[:, :-1].contiguous(), values[:, -1].long()

    torch.manual_seed(SEED)
    network = MnistCNN(channels=8)
    pixels, digits = tensors("train.csv")
    fit(network, lambda: torch.nn.functional.cross_entropy(network.logits(pixels), digits), 120, 0.01, 1e-4)
    test, truth = tensors("test.csv")
    print(f"mnist: accuracy {(network(test)[0] == truth).float().mean():.3f} on {len(truth)} test rows")
    signature = Signature(
        (TensorSpec("pixels", "FP32", (-1, 784)),), (TensorSpec("label", "INT64", (-1,)), TensorSpec("probabilities", "FP32", (-1, 10)))
    )
    return save("mnist", network, {"channels": 8}, "mnist_cnn.py", signature, [test[:EXPECTED_ROWS]])


def main() -> None:
    torch.set_num_threads(1)
    (HERE / "models").mkdir(exist_ok=True)
    expected = {"torch": torch.__version__, "credit-risk": credit_risk(), "mnist": mnist()}
    (HERE / "models" / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
