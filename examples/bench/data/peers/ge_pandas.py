"""The checks of schema.yaml with Great Expectations on pandas: ge_pandas.py TABLE.parquet."""

import datetime
import sys

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

from outcome import report

TYPES = {
    "id": "int64", "user": "int64", "age": "int64",
    # With nulls, integers of Parquet are floats in pandas.
    "visits": "float64",
    "score": "float64", "amount": "float64", "price": "float64", "ratio": "float64", "lat": "float64", "lon": "float64",
    "country": "str", "plan": "str", "channel": "str", "code": "str", "email": "str", "city": "str",
    "active": "bool", "trial": "bool", "created": "datetime64", "updated": "datetime64",
}  # fmt: skip
NULLABLE = {"visits", "lon", "city"}


def expectations() -> list:
    between, matches = gxe.ExpectColumnValuesToBeBetween, gxe.ExpectColumnValuesToMatchRegex
    return [
        gxe.ExpectTableColumnsToMatchSet(column_set=list(TYPES), exact_match=True),
        *(gxe.ExpectColumnValuesToNotBeNull(column=c) for c in TYPES if c not in NULLABLE),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        between(column="user", min_value=0),
        between(column="age", min_value=0, max_value=120),
        between(column="visits", max_value=100000),
        gxe.ExpectColumnMeanToBeBetween(column="score", min_value=-1, max_value=1),
        between(column="amount", min_value=0),
        gxe.ExpectColumnQuantileValuesToBeBetween(
            column="amount", quantile_ranges={"quantiles": [0.99], "value_ranges": [[None, 1000000]]}
        ),
        gxe.ExpectColumnStdevToBeBetween(column="price", max_value=1000),
        between(column="ratio", min_value=0, max_value=1, strict_max=True),
        between(column="lat", min_value=-90, max_value=90),
        between(column="lon", min_value=-180, max_value=180),
        gxe.ExpectColumnValuesToBeInSet(
            column="country", value_set=["de", "fr", "us", "gb", "it", "es", "pl", "nl", "se", "at"]
        ),
        gxe.ExpectColumnValuesToNotBeInSet(column="plan", value_set=["legacy"]),
        matches(column="channel", regex=r"^[a-z]+$"),
        gxe.ExpectColumnValueLengthsToEqual(column="code", value=8),
        matches(column="email", regex=r"^[a-z0-9]+@example\.com$"),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="city", max_value=1000),
        between(column="created", min_value=datetime.datetime(2020, 1, 1)),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="updated", column_B="created", or_equal=True),
        # It has no expressions over columns on pandas; this asks the same of the rows where it matters.
        between(column="age", min_value=18, mostly=0.5, row_condition="active == True", condition_parser="pandas"),
    ]


def check() -> tuple[bool, str]:
    table = pd.read_parquet(sys.argv[1])
    wrong = {c: str(t) for c, t in table.dtypes.items() if not str(t).startswith(TYPES.get(c, "no such column"))}
    if wrong:  # one look for each column, in place of an expectation: the names of pandas' types differ between versions
        return False, f"types: {wrong}"
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": table})
    result = batch.validate(gx.ExpectationSuite(name="table", expectations=expectations()))
    return bool(result.success), "" if result.success else str([r.to_json_dict() for r in result.results if not r.success])


report(check)
