"""Rentals: rented (`ordering`), made longer (`extending`, `renewing`), ended (`closing`), and what sweeps do
about them (`checking`, `lost`). Moves N1–N7 of docs/protocols/README.md 1.4 and no others.
"""

from activations.services.rentals.closing import cancel_rental, finish_rental
from activations.services.rentals.extending import extend_rental, extension_price, own_rental
from activations.services.rentals.ordering import rent_number
from activations.services.rentals.renewing import set_auto_renew

__all__ = [
    "cancel_rental",
    "extend_rental",
    "extension_price",
    "finish_rental",
    "own_rental",
    "rent_number",
    "set_auto_renew",
]
