"""The checks of schema.yaml with pandera on pandas: pandera_pandas.py TABLE.parquet."""

import sys

import pandas as pd
import pandera.pandas as pa
from pandera.pandas import Check, Column

from outcome import report

SCHEMA = pa.DataFrameSchema(
    {
        "id": Column("int64", unique=True),
        "user": Column("int64", Check.ge(0)),
        "age": Column("int64", Check.in_range(0, 120)),
        # With nulls, integers of Parquet are floats in pandas.
        "visits": Column("float64", Check.le(100000), nullable=True),
        "score": Column("float64", Check(lambda s: -1 <= s.mean() <= 1)),
        "amount": Column("float64", [Check.ge(0), Check(lambda s: s.quantile(0.99) <= 1000000)]),
        "price": Column("float64", Check(lambda s: s.std() <= 1000)),
        "ratio": Column("float64", Check.in_range(0, 1, include_max=False)),
        "lat": Column("float64", Check.in_range(-90, 90)),
        "lon": Column("float64", Check.in_range(-180, 180), nullable=True),
        "country": Column("str", Check.isin(["de", "fr", "us", "gb", "it", "es", "pl", "nl", "se", "at"])),
        "plan": Column("str", Check.notin(["legacy"])),
        "channel": Column("str", Check.str_matches(r"^[a-z]+$")),
        "code": Column("str", Check.str_length(8, 8)),
        "email": Column("str", Check.str_matches(r"^[a-z0-9]+@example\.com$")),
        "city": Column("str", Check(lambda s: s.nunique() <= 1000), nullable=True),
        "active": Column("bool"),
        "trial": Column("bool"),
        "created": Column("datetime64[us]", Check.ge(pd.Timestamp("2020-01-01"))),
        "updated": Column("datetime64[us]"),
    },
    checks=[
        Check(lambda t: t["updated"] >= t["created"]),
        Check(lambda t: ((t["age"] >= 18) | ~t["active"]).mean() >= 0.5),
    ],
    strict=True,
)


def check() -> tuple[bool, str]:
    table = pd.read_parquet(sys.argv[1])
    try:
        SCHEMA.validate(table, lazy=True)
    except pa.errors.SchemaErrors as err:
        return False, str(err)
    return True, ""


report(check)
