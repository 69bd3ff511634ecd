"""A small convolutional network for the digits of the mnist example: 784 pixels a row, 0 to 255."""

from typing import Tuple

import torch
from torch import Tensor


class MnistCNN(torch.nn.Module):
    """Two convolutions and a linear layer; answers label and probabilities."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.second = torch.nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
        self.output = torch.nn.Linear(2 * channels * 7 * 7, 10)

    def logits(self, pixels: Tensor) -> Tensor:
        image = (pixels / 255.0).reshape(-1, 1, 28, 28)
        features = torch.relu(self.second(torch.relu(self.first(image))))
        return self.output(features.flatten(1))

    def forward(self, pixels: Tensor) -> Tuple[Tensor, Tensor]:
        probabilities = torch.softmax(self.logits(pixels), 1)
        return probabilities.argmax(1), probabilities
