"""From an upstream's codes to canonical ids, and learning them by name (docs/protocols/README.md, 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import Q

from providers.contract import CatalogueItem
from providers.models import CodeMap, Country, Provider, Service

Codes = Mapping[str, str]
CODE_LENGTH = 60
NAMED: Mapping[str, type[Service] | type[Country]] = {"service": Service, "country": Country}


def is_storable(text: str, length: int = CODE_LENGTH) -> bool:
    """Whether a column can take it: neither too long nor with characters that PostgreSQL has no place for."""
    return len(text) <= length and text.isprintable()


def scheme_of(provider: Provider) -> str:
    """The scheme of codes that hold for one account only."""
    return f"provider:{provider.public_no}"


def schemes_of(provider: Provider) -> list[str]:
    """The schemes that hold for an account: its own, then its protocol's."""
    return [scheme_of(provider), provider.protocol]


def known_codes(provider: Provider) -> Mapping[str, Codes]:
    """Upstream code → canonical id, by kind; the account's own codes come first. A code that leads to no
    service or country that there is counts as unmapped.
    """
    own = scheme_of(provider)
    lines = (
        CodeMap.objects.filter(scheme__in=schemes_of(provider))
        .filter(
            Q(kind=CodeMap.Kind.OPERATOR)
            | Q(kind=CodeMap.Kind.SERVICE, canonical_id__in=Service.objects.values("id"))
            | Q(kind=CodeMap.Kind.COUNTRY, canonical_id__in=Country.objects.values("id"))
        )
        .values_list("scheme", "kind", "code", "canonical_id")
    )
    maps: dict[str, dict[str, str]] = {"service": {}, "country": {}, "operator": {}}
    for _scheme, kind, code, canonical_id in sorted(lines, key=lambda line: line[0] == own):
        maps[kind][code] = canonical_id
    return maps


def leads_somewhere(kind: str, canonical_id: str) -> bool:
    """Whether there is such a service or country; an operator is what it is called."""
    return kind not in NAMED or NAMED[kind].objects.filter(pk=canonical_id).exists()


def code_of(scheme: str, kind: str, canonical_id: str) -> str:
    """How a dialect spells a service or country; the canonical id where it has no word for it."""
    found = CodeMap.objects.filter(scheme=scheme, kind=kind, canonical_id=canonical_id).order_by("id")
    return found.values_list("code", flat=True).first() or canonical_id


def learn_codes(provider: Provider, items: Sequence[CatalogueItem]) -> int:
    """Map codes that nobody has mapped yet by their exact name or another name; how many were learnt.

    A name that fits two canonical ids, or none, is left to the operator.
    """
    known = known_codes(provider)
    new = {
        (item.kind, item.code): item
        for item in items
        if item.kind in NAMED and item.code not in known[item.kind] and is_storable(item.code)
    }
    if not new:
        return 0
    names = {kind: names_of(model) for kind, model in NAMED.items()}
    found = []
    for item in new.values():
        fits = {
            canonical_id
            for name in (item.name, *item.alt_names)
            for canonical_id in names[item.kind].get(name.casefold(), ())
        }
        if len(fits) == 1:
            found.append(
                CodeMap(
                    scheme=scheme_of(provider),
                    kind=item.kind,
                    code=item.code,
                    canonical_id=fits.pop(),
                    source=CodeMap.Source.SYNC,
                )
            )
    CodeMap.objects.bulk_create(found, ignore_conflicts=True)
    return len(found)


def names_of(model: type[Service] | type[Country]) -> Mapping[str, set[str]]:
    """Every name and other name in small letters → the canonical ids that have it."""
    names: dict[str, set[str]] = {}
    for canonical_id, name, alt_names in model.objects.values_list("id", "name", "alt_names"):
        for each in (name, *alt_names):
            names.setdefault(each.casefold(), set()).add(canonical_id)
    return names
