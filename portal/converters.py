"""Shapes of ids in the pages' addresses: what does not fit is no address at all (404)."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class CanonicalId(StringConverter):
    """A service or country of the catalogue."""

    regex = r"[a-z0-9][a-z0-9_.-]{0,29}"


class HexId(StringConverter):
    """The public id of an activation."""

    regex = r"[0-9a-f]{24}"


class RentalId(StringConverter):
    """The public id of a rental."""

    regex = r"rnt_[0-9a-z]{12}"


class EndpointId(StringConverter):
    """The public id of a webhook endpoint."""

    regex = r"wh_[0-9a-z]{12}"


register_converter(CanonicalId, "canonical")
register_converter(HexId, "hex_id")
register_converter(RentalId, "rental_id")
register_converter(EndpointId, "endpoint")
