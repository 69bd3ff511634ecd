"""The checks of schema.yaml with pandera on polars: pandera_polars.py TABLE.parquet."""

import datetime
import sys

import pandera.polars as pa
import polars as pl
from pandera.polars import Check, Column

from outcome import report


def whole(condition):
    """A check of one figure of the whole column."""
    return Check(lambda data: data.lazyframe.select(condition(pl.col(data.key))))


SCHEMA = pa.DataFrameSchema(
    {
        "id": Column(pl.Int64, unique=True),
        "user": Column(pl.Int64, Check.ge(0)),
        "age": Column(pl.Int64, Check.in_range(0, 120)),
        "visits": Column(pl.Int64, Check.le(100000), nullable=True),
        "score": Column(pl.Float64, whole(lambda c: c.mean().is_between(-1, 1))),
        "amount": Column(pl.Float64, [Check.ge(0), whole(lambda c: c.quantile(0.99) <= 1000000)]),
        "price": Column(pl.Float64, whole(lambda c: c.std() <= 1000)),
        "ratio": Column(pl.Float64, Check.in_range(0, 1, include_max=False)),
        "lat": Column(pl.Float64, Check.in_range(-90, 90)),
        "lon": Column(pl.Float64, Check.in_range(-180, 180), nullable=True),
        "country": Column(pl.String, Check.isin(["de", "fr", "us", "gb", "it", "es", "pl", "nl", "se", "at"])),
        "plan": Column(pl.String, Check.notin(["legacy"])),
        "channel": Column(pl.String, Check.str_matches(r"^[a-z]+$")),
        "code": Column(pl.String, Check.str_length(8, 8)),
        "email": Column(pl.String, Check.str_matches(r"^[a-z0-9]+@example\.com$")),
        "city": Column(pl.String, whole(lambda c: c.n_unique() <= 1000), nullable=True),
        "active": Column(pl.Boolean),
        "trial": Column(pl.Boolean),
        "created": Column(pl.Datetime("us"), Check.ge(datetime.datetime(2020, 1, 1))),
        "updated": Column(pl.Datetime("us")),
    },
    checks=[
        Check(lambda data: data.lazyframe.select(pl.col("updated") >= pl.col("created"))),
        Check(lambda data: data.lazyframe.select(((pl.col("age") >= 18) | ~pl.col("active")).mean() >= 0.5)),
    ],
    strict=True,
)


def check() -> tuple[bool, str]:
    table = pl.read_parquet(sys.argv[1])
    try:
        SCHEMA.validate(table, lazy=True)
    except pa.errors.SchemaErrors as err:
        return False, str(err)
    return True, ""


report(check)
