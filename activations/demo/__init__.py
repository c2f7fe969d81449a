"""What `make run` shows: two resellers with customers, money, keys and a sandbox to buy from.

Running it again changes no password and no key and adds no money; it only brings addresses up to date.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from accounts.models import Tenant
from activations.demo import market, people
from activations.demo.addresses import Addresses
from activations.demo.memory import Memory

TENANTS = {
    "acme": ("Acme Numbers", ("acme.localhost", "localhost", "127.0.0.1", "[::1]")),
    "globex": ("Globex SMS", ("globex.localhost",)),
}


def seed(*, path: Path, addresses: Addresses, sandbox_url: str, now: datetime) -> dict[str, Any]:
    """Make what is missing and write all logins and keys to `path` (mode 600); returns what was written."""
    memory = Memory.read(path)
    tenants = [people.tenant(slug, name, hosts) for slug, (name, hosts) in TENANTS.items()]
    market.price_rules(tenants)
    if sandbox_url:
        market.providers(sandbox_url, now=now)
    operator = people.operator(memory)
    written = {
        "base_url": addresses.of(tenants[0].slug),
        "admin": {"url": addresses.of(tenants[0].slug) + "/admin/", **operator},
        "tenants": [_tenant(memory, tenant, addresses, now) for tenant in tenants],
    }
    memory.write(path, written)
    return written


def _tenant(memory: Memory, tenant: Tenant, addresses: Addresses, now: datetime) -> dict[str, Any]:
    cheapest = market.cheapest(tenant, now=now)
    price_micros = cheapest["price_micros"] if cheapest else 0
    people.fill_tenant_wallets(tenant, now=now)
    members = people.members(memory, tenant)
    return {
        "slug": tenant.slug,
        "base_url": addresses.of(tenant.slug),
        "retail_key": people.key(memory, tenant),
        "retail_test_key": people.key(memory, tenant.test_tenant),
        "owner": {name: members[0][name] for name in ("email", "password")},
        "customers": [
            people.customer(memory, tenant, role, micros, now=now)
            for role, micros in people.customers_with(price_micros)
        ],
        "members": members[1:],
        "cheapest": cheapest,
    }
