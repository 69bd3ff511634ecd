"""A network for the credit-risk table that takes its columns as they are, words included.

The same class is scripted for TorchScript and is model.py of the bundle, so it uses what TorchScript knows.
"""

from typing import Dict, List, Tuple

import torch
from torch import Tensor


class CreditRisk(torch.nn.Module):
    """Two layers over one-hot words and scaled numbers; answers label and probabilities.

    words has the known words of each column of text, in the order of forward; a word that is not among
    them is all zeros. numbers is how many columns of numbers there are.
    """

    def __init__(self, words: List[List[str]], numbers: int, hidden: int) -> None:
        super().__init__()
        places: List[Dict[str, int]] = []
        width = 0
        for column in words:
            places.append({word: width + i for i, word in enumerate(column)})
            width += len(column)
        self.places, self.width = places, width
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))
        self.hidden = torch.nn.Linear(width + numbers, hidden)
        self.output = torch.nn.Linear(hidden, 2)

    def encode(self, words: List[List[str]]) -> Tensor:
        rows = len(words[0])
        at: List[int] = []
        for column, values in enumerate(words):
            places = self.places[column]
            for row, value in enumerate(values):
                place = places.get(value, -1)
                if place >= 0:
                    at.append(row * self.width + place)
        flat = torch.zeros(rows * self.width)
        flat[torch.tensor(at, dtype=torch.int64)] = 1.0
        return flat.reshape(rows, self.width)

    def logits(self, words: List[List[str]], numbers: Tensor) -> Tensor:
        scaled = (numbers - self.mean) / self.scale
        return self.output(torch.relu(self.hidden(torch.cat([self.encode(words), scaled], 1))))

    def forward(
        self, sex: List[str], age: Tensor, foreign_worker: List[str], dependents: Tensor, job: List[str], employment: List[str],
        housing: List[str], residence_since: Tensor, property: List[str], telephone: List[str], checking_account: List[str],
        saving_accounts: List[str], credit_history: List[str], existing_credits: Tensor, other_debtors: List[str],
        other_plans: List[str], purpose: List[str], credit_amount: Tensor, duration: Tensor, installment_rate: Tensor,
    ) -> Tuple[Tensor, Tensor]:  # fmt: skip
        words = [
            sex, foreign_worker, job, employment, housing, property, telephone, checking_account, saving_accounts,
            credit_history, other_debtors, other_plans, purpose,
        ]  # fmt: skip
        numbers = torch.cat([age, dependents, residence_since, existing_credits, credit_amount, duration, installment_rate], 1)
        probabilities = torch.softmax(self.logits(words, numbers), 1)
        return probabilities.argmax(1), probabilities
