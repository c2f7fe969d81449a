"""What marketplaces ask of us: stock, a number, a number for rent, the end of an operation."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import orjson
from django.http import HttpResponse
from django.utils import timezone

from activations.marketplace_queries import ANY, RENT_SERVICE, Stock, Terms, codes_of, is_selling, stock_of
from activations.services.marketplace.finishing import finish_sale
from activations.services.marketplace.issuing import Ask, issue_number, issue_rental
from api.input import read_fields
from api.limits import per_second
from api.onlinesim import DIALECT
from api.onlinesim.entry import RENT, Asked
from api.onlinesim.reading import FINISH, NUMBER, RENTAL
from api.shelf import remembered
from api.wire import json_response
from providers.spellings import spellings

NUMBERS_PER_SECOND = 20  # of one contract (section 11)


def get_services(asked: Asked) -> HttpResponse:
    """Numbers for services, and those for rent beside them; at the rent address the latter alone."""
    terms, now = asked.caller.terms, timezone.now()
    if not is_selling(terms, now=now):
        return json_response({"countryList": [], "status": "SUCCESS"})

    def listed() -> bytes:
        countries = _countries(terms, only_rent=asked.is_rent, now=now)
        return orjson.dumps({"countryList": countries, "status": "SUCCESS"})

    return json_response(remembered("stock", terms.buyer.tenant_id, terms.id, asked.is_rent, make=listed))


def _countries(terms: Terms, *, only_rent: bool, now: datetime) -> list[dict[str, Any]]:
    own, common = codes_of(terms), spellings(DIALECT)
    operators: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    stock: list[Stock] = [] if only_rent else stock_of(terms, rentals=False, now=now)
    for one in [*stock, *stock_of(terms, rentals=True, now=now)]:
        of_country = operators[one.country_id]
        service = RENT if one.service_id == RENT_SERVICE else one.service_id
        if service != RENT:
            service = own["service"].get(service) or common.services.get(service, service)
        if terms.lists_any or not one.by_operator:
            of_country[ANY][service] = one.total
        for operator, count in one.by_operator.items():
            of_country[operator][service] = count
    return [
        {
            "country": own["country"].get(country) or common.countries.get(country, country),
            "operatorMap": of_country,
        }
        for country, of_country in sorted(operators.items())
    ]


def get_number(asked: Asked) -> HttpResponse:
    """One number, for a service or for rent."""
    terms = asked.caller.terms
    fields = read_fields(asked.body, RENTAL if asked.is_rent else NUMBER)
    per_second.spend(f"{DIALECT}:number", f"c{terms.id}", limit=NUMBERS_PER_SECOND)
    ask = Ask(
        service_id=asked.caller.service_id,
        country_id=asked.caller.country_id if fields["country"] else "",
        sum=fields["sum"],
        currency=fields["currency"] or terms.currency,
        operator=fields["operator"],
        exclude_prefixes=fields["exceptionPhoneSet"],
    )
    issue = issue_rental if asked.is_rent else issue_number
    sale = issue(terms, ask, channel=DIALECT)
    return json_response({"number": int(sale.phone), "activationId": sale.number, "status": "SUCCESS"})


def finish(asked: Asked) -> HttpResponse:
    """The end of an operation; asked again, the same answer."""
    fields = read_fields(asked.body, FINISH)
    finish_sale(asked.caller.terms, number=fields["activationId"], ending=fields["status"], sum=fields["sum"])
    return json_response({"status": "SUCCESS"})
