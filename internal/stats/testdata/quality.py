"""Writes quality.json, the reference values for the metrics of a model's quality.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install -r requirements.txt
    /tmp/golden/bin/python quality.py

Values come from scikit-learn and SciPy. DeLong's variance, the mid-p-value and the parts of the Brier
score, which neither has, are written out from their definitions.
"""

import json
import pathlib
import warnings

import numpy as np
from scipy import optimize, stats
from sklearn import linear_model, metrics
from sklearn.calibration import calibration_curve
from sklearn.preprocessing import label_binarize

warnings.simplefilter("ignore")


def scores(t, y, average):
    p, r, f, _ = metrics.precision_recall_fscore_support(t, y, average=average, zero_division=0)
    return {"precision": p, "recall": r, "f1": f}


def delong(t, s):
    """The area and its variance from all pairs."""
    x, y = s[t == 1], s[t == 0]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return psi.mean(), psi.mean(1).var(ddof=1) / len(x) + psi.mean(0).var(ddof=1) / len(y)


def logit_interval(auc, variance, alpha):
    half = stats.norm.isf(alpha / 2) * np.sqrt(variance) / (auc * (1 - auc))
    logit = np.log(auc / (1 - auc))
    return [1 / (1 + np.exp(half - logit)), 1 / (1 + np.exp(-half - logit))]


def binary(rng):
    t = rng.integers(0, 2, 150)
    s = np.clip(t * 0.25 + rng.random(150) * 0.75, 0, 1)
    rare = (rng.random(200) < 0.05).astype(int)
    w = np.clip(rare * 0.2 + rng.beta(2, 5, 200), 0, 1)
    cases = {
        "ordinary": (t, (s > 0.5) * 1, s),
        "ties": (t, (s > 0.5) * 1, np.round(s, 1)),
        "rare": (rare, (w > 0.5) * 1, w),
        "never positive": (t, t * 0, s),
        "always right": (t, t, s),
        "always wrong": (t, 1 - t, 1 - s),
        "constant score": (t, t * 0 + 1, s * 0 + 0.5),
    }
    out = []
    for name, (t, y, s) in cases.items():
        auc, variance = delong(t, s)
        weights = rng.integers(0, 4, len(t))
        out.append({
            "name": name, "truth": t.tolist(), "pred": y.tolist(), "proba": s.tolist(),
            "positive": scores(t, y, "binary"), "balanced": metrics.balanced_accuracy_score(t, y),
            "mcc": metrics.matthews_corrcoef(t, y), "ap": metrics.average_precision_score(t, s),
            "auc": metrics.roc_auc_score(t, s), "brier": metrics.brier_score_loss(t, s),
            "variance": variance, "interval": logit_interval(auc, variance, 0.05) if 0 < auc < 1 else None,
            "weights": weights.tolist(),
            "weighted": {"auc": metrics.roc_auc_score(t, s, sample_weight=weights),
                         "ap": metrics.average_precision_score(t, s, sample_weight=weights),
                         "mcc": metrics.matthews_corrcoef(t, y, sample_weight=weights),
                         "balanced": metrics.balanced_accuracy_score(t, y, sample_weight=weights)},
        })
    return out


def curves(rng):
    """All points but where nothing, by roc_curve, and where everything beyond them, by precision_recall_curve, is called positive."""
    t = rng.integers(0, 2, 60)
    s = np.clip(t * 0.3 + rng.random(60) * 0.7, 0, 1)
    rare = np.arange(50) % 17 == 3
    cases = {"ordinary": (t, s), "ties": (t, np.round(s, 1)), "rare": (rare * 1, rng.random(50)), "constant": (t, t * 0 + 0.5),
             "perfect": (t, t * 0.5 + 0.1 + s / 10), "reversed": (t, 1 - t * 0.5 - s / 10)}
    out = []
    for name, (t, s) in cases.items():
        fpr, tpr, thresholds = metrics.roc_curve(t, s, drop_intermediate=False)
        precision, recall, cuts = metrics.precision_recall_curve(t, s)
        assert np.array_equal(cuts[::-1], thresholds[1:])
        out.append({"name": name, "truth": t.tolist(), "proba": s.tolist(), "fpr": fpr[1:].tolist(), "tpr": tpr[1:].tolist(),
                    "thresholds": thresholds[1:].tolist(), "precision": precision[:-1][::-1].tolist(), "recall": recall[:-1][::-1].tolist()})
    return out


def ridge(rng):
    x = rng.normal(size=(40, 4)) * [1, 10, 0.1, 1] + [0, 100, 0, 0]
    x[:, 3] = x[:, 0] + 0.01 * x[:, 3]  # nearly the same column
    y = x @ [1, 0.2, 3, -1] + rng.normal(size=40)
    wide = rng.normal(size=(6, 9))
    out = []
    for name, x, y, penalty in [("ordinary", x, y, 1.0), ("least squares", x, y, 0.0), ("strong", x, y, 100.0), ("more columns than rows", wide, wide @ np.arange(9), 1.0)]:
        m = linear_model.Ridge(alpha=penalty, solver="cholesky" if penalty else "svd", tol=1e-12).fit(x, y)
        out.append({"name": name, "x": x.tolist(), "y": y.tolist(), "penalty": penalty, "intercept": m.intercept_, "weights": m.coef_.tolist()})
    return out


def logistic(rng):
    x = rng.normal(size=(80, 3))
    two = (x @ [1, -2, 0] + rng.logistic(size=80) > 0.5).astype(int)
    three = (x @ [2, 0, 1] + rng.logistic(size=80)).argsort().argsort() * 3 // 80
    split = (x[:, 0] > 0).astype(int)  # separable: the penalty alone keeps the weights finite
    out = []
    for name, y, penalty in [("two classes", two, 1.0), ("weak penalty", two, 0.01), ("three classes", three, 1.0), ("separable", split, 1.0)]:
        m = linear_model.LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(x, y)
        out.append({"name": name, "x": x.tolist(), "y": y.tolist(), "classes": len(m.classes_), "penalty": penalty,
                    "intercepts": m.intercept_.tolist(), "weights": m.coef_.tolist(), "proba": m.predict_proba(x).tolist()})
    return out


def heavy(x, n):
    """The posterior of the mean of what x was drawn from, whose n largest values have a generalised Pareto tail, on the grid of tailmean.go."""
    x = np.sort(x)
    body, start, beyond = x[:-n], x[-n - 1], x[-n:] - x[-n - 1]
    share, k, median = n / len(x), np.arange(120), beyond[n // 2]
    shapes = -0.4 + 0.02 * (k + 0.5)
    steps = 7 / np.sqrt(n) * (2 * (np.arange(21) + 0.5) / 21 - 1)
    scales = (median * shapes / (2 ** shapes - 1))[:, None] * np.exp(steps)
    prior = 1 / ((1 + shapes) * np.sqrt(1 + 2 * shapes))  # Jeffreys', flat in the logarithm of the scale
    log = np.array([[stats.genpareto.logpdf(beyond, c, scale=s).sum() + np.log(s) for s in row] for c, row in zip(shapes, scales)])
    weight = np.exp(log - log.max()) * prior[:, None] / scales
    mean = (1 - share) * body.mean() + share * (start + scales / (1 - shapes[:, None]))
    deviation = np.sqrt((1 - share) * body.var() / len(x) + share * (1 - share) / len(x) * (start + scales / (1 - shapes[:, None]) - body.mean()) ** 2)
    has = shapes < 0.98
    w = weight[has] / weight[has].sum()
    above = lambda v: (w * stats.norm.sf((v - mean[has]) / deviation[has])).sum()
    return {"rows": n, "shape": (w.sum(1) * shapes[has]).sum(), "any": (weight.sum(1) * shapes).sum() / weight.sum(), "meanless": weight[~has].sum() / weight.sum(),
            "quantiles": [optimize.brentq(lambda v: above(v) - p, x.min(), 1e6 * x.max(), xtol=1e-12, rtol=1e-14) for p in (0.05, 0.5, 0.95)]}


def tails(rng):
    out = []
    for name, x in {"squares of t3": stats.t.rvs(3, size=300, random_state=rng) ** 2, "exponential": rng.exponential(size=200),
                    "uniform": rng.random(120), "squares of t2": stats.t.rvs(2, size=250, random_state=rng) ** 2}.items():
        x = x.round(6)
        out.append({"name": name, "x": x.tolist(), **heavy(x, min(len(x) // 5, int(3 * np.sqrt(len(x)))))})
    return out


def smooth(rng):
    """Functions of means, with standard errors by derivatives that are taken numerically."""
    y = rng.normal(5, 2, 60)
    a, b = stats.t.rvs(3, size=60, random_state=rng) ** 2, rng.normal(size=60) ** 2
    columns = {"log mean": ([a], lambda m: np.log(m[0])), "mean difference": ([a, b], lambda m: m[0] - m[1]),
               "root mean difference": ([a, b], lambda m: np.sqrt(m[0]) - np.sqrt(m[1])),
               "log unexplained": ([a, y, y ** 2], lambda m: np.log(m[0] / (m[2] - m[1] ** 2))),
               "explained difference": ([a, b, y, y ** 2], lambda m: (m[1] - m[0]) / (m[3] - m[2] ** 2))}
    out = []
    for name, (x, f) in columns.items():
        x = np.array(x)
        m, h = x.mean(1), 1e-5
        gradient = np.array([(f(m + h * e) - f(m - h * e)) / (2 * h) for e in np.eye(len(m))])
        out.append({"name": name, "estimate": f(m), "error": np.sqrt(gradient @ np.atleast_2d(np.cov(x)) @ gradient / x.shape[1])})
    return {"truth": y.tolist(), "a": a.tolist(), "b": b.tolist(), "cases": out}


def normality(rng):
    x = stats.t.rvs(4, size=80, random_state=rng)
    return {"x": x.tolist(), "normal": stats.norm.ppf((np.arange(80) + 0.5) / 80).tolist(), "residual": np.sort((x - x.mean()) / x.std(ddof=1)).tolist()}


def multiclass(rng):
    t = rng.choice(4, 200, p=[0.5, 0.3, 0.15, 0.05])
    p = rng.dirichlet(np.ones(4), 200) * 0.6 + np.eye(4)[t] * 0.4
    three = rng.integers(0, 3, 90)
    q = rng.dirichlet(np.ones(3), 90)
    cases = {"four classes": (t, p.argmax(1), p, 4), "noise": (three, q.argmax(1), q, 3),
             "a class never called": (three, np.minimum(q.argmax(1), 1), q, 3)}
    out = []
    for name, (t, y, p, k) in cases.items():
        hot = label_binarize(t, classes=range(k))
        out.append({
            "name": name, "truth": t.tolist(), "pred": y.tolist(), "proba": p.tolist(), "classes": k,
            "macro": scores(t, y, "macro"), "weighted": scores(t, y, "weighted"), "micro": scores(t, y, "micro"),
            "balanced": metrics.balanced_accuracy_score(t, y), "mcc": metrics.matthews_corrcoef(t, y),
            "auc": metrics.roc_auc_score(t, p, multi_class="ovr", average="macro"),
            "ap": metrics.average_precision_score(hot, p, average="macro"),
            "brier": metrics.brier_score_loss(t, p, labels=range(k)),
        })
    return out


def reliability(rng):
    """The curves of scikit-learn; the parts of the Brier score by Murphy's formulas over its bins."""
    out = []
    for name, p in {"uniform": rng.random(300), "sharp": rng.beta(0.4, 0.4, 300), "narrow": rng.beta(20, 30, 300)}.items():
        y = (rng.random(len(p)) < p ** 1.3).astype(int)
        for bins in [5, 10]:
            observed, predicted = calibration_curve(y, p, n_bins=bins, strategy="uniform")
            ids = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], p)
            counts = np.bincount(ids, minlength=bins)
            counts = counts[counts > 0]
            w = counts / len(p)
            base = y.mean()
            rank = np.argsort(np.argsort(p))
            equal = rank * bins // len(p)
            ece = sum(abs(p[equal == b].mean() - y[equal == b].mean()) * (equal == b).mean() for b in range(bins))
            out.append({
                "name": name, "bins": bins, "proba": p.tolist(), "events": y.astype(bool).tolist(),
                "rows": counts.tolist(), "predicted": predicted.tolist(), "observed": observed.tolist(),
                "eceWidth": np.sum(w * np.abs(predicted - observed)), "ece": ece,
                "reliability": np.sum(w * (predicted - observed) ** 2), "resolution": np.sum(w * (observed - base) ** 2),
                "uncertainty": base * (1 - base), "brier": metrics.brier_score_loss(y, p),
            })
    return out


def midp():
    out = []
    for b, c in [(0, 0), (1, 0), (0, 1), (3, 3), (10, 2), (2, 10), (121, 59), (1000, 900)]:
        p = stats.binom.sf(b, b + c, 0.5) + 0.5 * stats.binom.pmf(b, b + c, 0.5)
        out.append({"b": b, "c": c, "p": p})
    return out


def bca(rng):
    """SciPy's own BCa intervals with very many resamples: the limit of ours."""
    samples = {"exponential": rng.exponential(size=40), "bernoulli": (rng.random(60) < 0.3) * 1.0,
               "normal": rng.normal(5, 2, 50)}
    out = []
    for name, x in samples.items():
        for what, f in {"mean": np.mean, "deviation": np.std}.items():
            r = stats.bootstrap((x,), f, n_resamples=200_000, batch=1000, method="BCa", confidence_level=0.9, rng=rng)
            out.append({"name": f"{what}, {name}", "what": what, "x": x.tolist(),
                        "lo": r.confidence_interval.low, "hi": r.confidence_interval.high})
    return out


def regression(rng):
    t = rng.normal(10, 3, 80)
    y = t + rng.normal(size=80)
    zero = np.array([0.0, 1.0, -2.0])
    cases = {"ordinary": (t, y), "even": (t[:4], y[:4]), "a zero": (zero, zero + 0.5)}
    return [{"name": name, "truth": t.tolist(), "pred": y.tolist(),
             "mape": metrics.mean_absolute_percentage_error(t, y), "medianAE": metrics.median_absolute_error(t, y)}
            for name, (t, y) in cases.items()]


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


rng = np.random.default_rng(7)
golden = {"binary": binary(rng), "multiclass": multiclass(rng), "reliability": reliability(rng), "midp": midp(),
          "bca": bca(rng), "regression": regression(rng), "curves": curves(np.random.default_rng(8)),
          "ridge": ridge(np.random.default_rng(9)), "logistic": logistic(np.random.default_rng(10)),
          "tails": tails(np.random.default_rng(11)),
          "smooth": smooth(np.random.default_rng(12)), "normality": normality(np.random.default_rng(13))}
sections = ",\n".join(f"{json.dumps(k)}: {json.dumps(plain(v), allow_nan=False)}" for k, v in golden.items())
pathlib.Path(__file__).with_name("quality.json").write_text("{\n" + sections + "\n}\n")
