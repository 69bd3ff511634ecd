"""Train a small scikit-learn classifier, pickle it, and print rows and its own answers to them as JSON."""

import json
import pickle
import sys

import numpy
from sklearn.linear_model import LogisticRegression

draw = numpy.random.default_rng(7)
rows = draw.normal(size=(200, 4))
model = LogisticRegression().fit(rows, (rows.sum(1) > 0).astype(int) + (rows[:, 0] > 1))
with open(sys.argv[1], "wb") as file:
    pickle.dump(model, file)
some = rows[:16]
print(json.dumps({
    "rows": some.ravel().tolist(), "width": 4, "label": model.predict(some).tolist(), "probabilities": model.predict_proba(some).ravel().tolist(),
}))
