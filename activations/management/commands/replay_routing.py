"""`manage.py replay_routing --days 7 --quality-factor 20 --weight 3=10`: past orders under other weights."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from activations.services.replaying import Comparison, past_orders, replay
from portal.admin import dollars


class Command(BaseCommand):
    help = (
        "Recompute past orders under other weights: cost, margin and success, as it was and as it would be."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=7, help="how far back, 1 to 90 (7)")
        parser.add_argument("--quality-factor", type=float, help="for all orders, 0 (cheapest) to 100 (best)")
        parser.add_argument("--weight", action="append", default=[], metavar="NUMBER=PERCENT",
                            help="boost of a provider, -50 to 50; may be repeated")  # fmt: skip
        parser.add_argument("--tenant", help="short name of one reseller; everybody's orders without it")

    def handle(self, *args: Any, **options: Any) -> None:
        days, factor = options["days"], options["quality_factor"]
        if not 1 <= days <= 90:
            raise CommandError("--days: from 1 to 90.")
        if factor is not None and not 0 <= factor <= 100:
            raise CommandError("--quality-factor: from 0 to 100.")
        boosts = dict(_boost(text) for text in options["weight"])
        tenant = _tenant(options["tenant"])
        since = timezone.now() - timedelta(days=days)
        orders = past_orders(since=since, tenant_id=tenant.pk if tenant else None)
        for line in _report(replay(orders, quality_factor=factor, boosts=boosts)):
            self.stdout.write(line)


def _boost(text: str) -> tuple[int, float]:
    number, _, percent = text.partition("=")
    try:
        provider, points = int(number), float(percent)
    except ValueError:
        provider, points = 0, 99.0
    if not -50 <= points <= 50:
        raise CommandError(f"--weight {text}: a provider's number, =, and -50 to 50.")
    return provider, points / 100


def _tenant(slug: str | None) -> Tenant | None:
    if slug is None:
        return None
    try:
        return Tenant.objects.get(slug=slug)
    except Tenant.DoesNotExist:
        raise CommandError(f"--tenant: there is no reseller {slug}.") from None


def _report(result: Comparison) -> list[str]:
    was, would = result.was, result.would_be
    counted = (result.orders - result.skipped) or 1
    rows = [
        ("codes", f"{was.codes:.0f}", f"{would.codes:.1f}", f"{would.codes - was.codes:+.1f}"),
        ("success", f"{was.codes / counted:.1%}", f"{would.codes / counted:.1%}",
         f"{100 * (would.codes - was.codes) / counted:+.1f} points"),
        *(
            (name, dollars(round(a)), dollars(round(b)), dollars(round(b - a)))
            for name, a, b in (
                ("cost", was.cost_micros, would.cost_micros),
                ("tenants pay", was.price_micros, would.price_micros),
                ("margin", was.margin_micros, would.margin_micros),
            )
        ),
    ]  # fmt: skip
    return [
        f"Orders: {result.orders}; chosen otherwise: {result.changed}; not told enough of: {result.skipped}.",
        f"{'':12}{'was':>18}{'would be':>18}{'difference':>18}",
        *(f"{name:12}{a:>18}{b:>18}{c:>18}" for name, a, b, c in rows),
    ]
