"""The canonical services and countries as shipped in providers/data/*.csv, without a database."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True, slots=True)
class CanonicalCountry:
    """One line of countries.csv. `dial_codes` are digits without `+`."""

    id: str
    name: str
    iso2: str
    handler_id: str
    rentverify_id: str
    onlinesim_name: str
    dial_codes: Sequence[str]
    is_virtual: bool


@dataclass(frozen=True, slots=True)
class CanonicalService:
    """One line of services.csv. `popular_rank` 1 is the most wanted; None: not ranked."""

    id: str
    name: str
    handler_code: str
    rentverify_code: str
    onlinesim_name: str
    website: str
    popular_rank: int | None


# What is rented when nobody names a service; not a brand, so it is not in services.csv.
ANY_SERVICE = CanonicalService("full", "Any service", "full", "", "rent", "", None)


@cache
def countries() -> Sequence[CanonicalCountry]:
    return tuple(
        CanonicalCountry(
            id=row["canonical_id"],
            name=row["name"],
            iso2=row["iso2"],
            handler_id=row["handler_id"],
            rentverify_id=row["rentverify_id"],
            onlinesim_name=row["onlinesim_name"],
            dial_codes=tuple(filter(None, row["dialling_code"].split("|"))),
            is_virtual=row["is_virtual"] == "1",
        )
        for row in _rows("countries.csv")
    )


@cache
def services() -> Sequence[CanonicalService]:
    return tuple(
        CanonicalService(
            id=row["canonical_id"],
            name=row["name"],
            handler_code=row["handler_code"],
            rentverify_code=row["rentverify_code"],
            onlinesim_name=row["onlinesim_name"],
            website=row["website"],
            popular_rank=int(row["popular_rank"]) if row["popular_rank"] else None,
        )
        for row in _rows("services.csv")
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
