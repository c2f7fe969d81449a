"""Reading catalogue, prices and balance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from providers.adapters.handler.answers import answer_of, lines_of, refusal, shown
from providers.adapters.reading import all_readable, micros_of, unit_of
from providers.contract import Account, CatalogueItem, ListedOffer, Reply

PROVIDER, TIER = "provider:", "tier:"  # what an offer's reference begins with


def read_balance(account: Account, reply: Reply) -> int:
    answer = answer_of(reply)
    if answer.word != "ACCESS_BALANCE":
        raise refusal(answer, account, reply)
    return micros_of(answer.rest, unit_micros=unit_of(account))


# --- catalogue ---


def read_countries(account: Account, reply: Reply) -> Sequence[CatalogueItem]:
    """An object keyed by id, or a list."""
    return all_readable(_country, lines_of(_content(account, reply)))


def read_services(account: Account, reply: Reply) -> Sequence[CatalogueItem]:
    content = _content(account, reply)
    return [
        CatalogueItem("service", shown(line["code"]), shown(line.get("name")))
        for _, line in lines_of(content["services"])
    ]


def read_operators(account: Account, reply: Reply) -> Sequence[CatalogueItem]:
    """Names that may come for several countries, each once."""
    answer = answer_of(reply)
    if answer.word == "OPERATORS_NOT_FOUND":
        return []
    if answer.word:
        raise refusal(answer, account, reply)
    countries = lines_of(answer.object()["countryOperators"])
    names = {shown(name): None for _, line in countries for _, name in lines_of(line)}
    return [CatalogueItem("operator", name, name) for name in names if name]


def _country(key: str, line: Mapping[str, Any]) -> CatalogueItem:
    names = (shown(line.get(member)) for member in ("eng", "rus", "chn"))
    return CatalogueItem("country", shown(line.get("id")) or key, next(filter(None, names), ""))


def _content(account: Account, reply: Reply) -> Any:
    answer = answer_of(reply)
    if answer.word:
        raise refusal(answer, account, reply)
    return answer.content


# --- prices ---


def read_prices(account: Account, reply: Reply) -> Sequence[ListedOffer]:
    """The three forms of getPrices, told apart by their leaves; hero puts them in a list."""
    content, unit = _content(account, reply), unit_of(account)
    parts = [content] if isinstance(content, dict) else [part for _, part in lines_of(content)]
    return all_readable(
        _offer,
        (
            (unit, service, country, *line)
            for part in parts
            for country, services in lines_of(part)
            for service, node in lines_of(services)
            for line in _lines(node)
        ),
    )


def _lines(node: Any) -> Iterator[tuple[str, Any, Any, Any]]:
    """(reference, price, count, physical count) of one service in one country."""
    if isinstance(node, dict) and ("cost" in node or "price" in node):
        yield "", node.get("cost", node.get("price")), node.get("count"), node.get("physicalCount")
        return
    for key, leaf in lines_of(node):
        if isinstance(leaf, dict):
            number = shown(leaf.get("provider_id")) or key
            price = leaf.get("price", leaf.get("cost"))
            yield PROVIDER + number, price, leaf.get("count"), leaf.get("physicalCount")
        else:
            yield TIER + key, key, leaf, None


def _offer(
    unit: Decimal, service: str, country: str, reference: str, price: Any, count: Any, physical: Any
) -> ListedOffer:
    return ListedOffer(
        service=service,
        country=country,
        cost_micros=micros_of(price, unit_micros=unit),
        count=int(count),
        upstream_ref=reference,
        physical_count=None if physical is None else int(physical),
    )
