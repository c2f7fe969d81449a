"""What `make run` prints when the portal answers: where it is and who can sign in."""

import json
from pathlib import Path
from typing import Any


def announce(state: Path, address: str) -> None:
    """Print addresses and the demo's logins."""
    print(f"\nThe portal runs at {address} (Ctrl-C stops it; logs are in .state/logs/)")
    demo = state / "demo.json"
    if demo.exists():
        for line in _logins(json.loads(demo.read_text())):
            print(line)
        print("Keys and all logins: .state/demo.json")
    print(flush=True)


def _logins(demo: dict[str, Any]) -> list[str]:
    operator = demo["admin"]
    lines = [_line("operator", operator["url"], operator)]
    for tenant in demo["tenants"]:
        slug, address = tenant["slug"], tenant["base_url"]
        lines.append(_line(f"{slug}, owner", address, tenant["owner"]))
        lines += [_line(f"{slug}, customer", address, customer) for customer in tenant["customers"][:1]]
    return lines


def _line(who: str, address: str, login: dict[str, str]) -> str:
    return f"  {who:<18} {address:<36} {login['email']:<32} {login['password']}"
