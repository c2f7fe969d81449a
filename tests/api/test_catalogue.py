"""C1–C3: the catalogue under all its addresses, with its ETag, and the icons."""

import gzip
import hashlib
import json
import struct
import zlib
from datetime import timedelta

import pytest
from django.utils import timezone

from api.publishing import publish_due
from api.retail.catalogue import write_catalogue
from providers.models import Country, Service
from tests.api.conftest import names

COUNTRIES = ["countries", "activation/countries", "retail/countries", "retail/m/countries",
             "retail/a/activation/countries"]  # fmt: skip
SERVICES = ["retail/services", "activation/services", "services", "retail/m/services",
            "retail/a/activation/services"]  # fmt: skip
POPULAR = ["retail/a/activation/services/popular", "activation/services/popular", "retail/services/popular"]


@pytest.fixture
def catalogue(db):
    Country.objects.create(
        id="uk", name="United Kingdom", iso2="GB", dial_codes=["44"], alt_names=["Britain", "Англия"]
    )
    us = Country.objects.create(id="us", name="United States", iso2="US", dial_codes=["1"])
    Country.objects.create(
        id="us_v",
        name="United States (Virtual)",
        iso2="US",
        dial_codes=["1"],
        is_virtual=True,
        parent=us,
    )
    Service.objects.create(id="7eleven", name="7-Eleven", popular_rank=2, warning="Slow today.")
    Service.objects.create(id="netflix", name="Netflix", popular_rank=1, description="Films.")
    Service.objects.create(id="bank", name="Bank", prohibited=True, alt_names=["A|B", "C"])
    Service.objects.create(id="other", name="Any other", is_other=True)


def service(service_id, name, alt_name=None, *, description=False, warning=False, prohibited=False):
    return {
        "service_id": service_id,
        "name": name,
        "alt_name": alt_name or name,
        "has_description": description,
        "has_warning": warning,
        "prohibited": prohibited,
    }


@pytest.mark.parametrize("address", COUNTRIES)
def test_countries_by_every_address(partner, catalogue, address):
    assert partner.get(address) == (200, [
        {"country_id": "uk", "name": "United Kingdom", "alt_name": "Britain|Англия", "codes": ["44"]},
        {"country_id": "us", "name": "United States", "alt_name": "United States", "codes": ["1"]},
        {"country_id": "us_v", "name": "United States (Virtual)", "alt_name": "United States (Virtual)",
         "codes": ["1"]},
    ])  # fmt: skip


@pytest.mark.parametrize("address", SERVICES)
def test_services_by_every_address(partner, catalogue, address):
    assert partner.get(address) == (200, [
        service("7eleven", "7-Eleven", warning=True),
        service("bank", "Bank", "A B|C", prohibited=True),
        service("netflix", "Netflix", description=True),
        service("other", "Any other"),
    ])  # fmt: skip


@pytest.mark.parametrize("address", POPULAR)
def test_popular_services_in_their_order(partner, catalogue, address):
    status, found = partner.get(address)
    assert (status, [one["service_id"] for one in found]) == (200, ["netflix", "7eleven"])


def test_the_etag_is_the_sha1_of_the_body_and_saves_sending_it(partner, catalogue, django_assert_num_queries):
    partner.get("countries")
    first = partner.last
    etag = hashlib.sha1(first.content, usedforsecurity=False).hexdigest()

    assert (first["X-ETag"], first["ETag"]) == (etag, f'"{etag}"')
    for known in (etag, f'"{etag}"', f'W/"{etag}"', f'"old", "{etag}"', "*"):
        with django_assert_num_queries(1):
            assert partner.get("countries", **{"If-None-Match": known}) == (304, None)
        assert (partner.last.content, partner.last["X-ETag"]) == (b"", etag)
    for other in ('"old"', etag[:-1], "x" + etag):
        assert partner.get("countries", **{"If-None-Match": other})[0] == 200


def test_gzip_is_sent_to_who_takes_it(partner, catalogue):
    partner.get("retail/services")
    plain = partner.last.content
    for accepted in ("gzip", "br, gzip;q=0.5", "*"):
        packed = partner.client.get(
            "/api/v1/services",
            headers={"X-Api-Key": partner.key, "Host": "localhost", "Accept-Encoding": accepted},
        )
        assert packed["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.content) == plain
    for refused in ("", "br", "gzip;q=0"):
        answer = partner.client.get(
            "/api/v1/services",
            headers={"X-Api-Key": partner.key, "Host": "localhost", "Accept-Encoding": refused},
        )
        assert (answer.content, "Content-Encoding" in answer) == (plain, False)


def test_t6_a_revoked_key_hears_401_though_it_names_the_etag(partner, catalogue):
    partner.get("countries")
    etag = partner.last["X-ETag"]
    assert partner.get("countries", **{"If-None-Match": etag}) == (304, None)

    partner.tenant.api_keys.update(revoked_at=timezone.now())
    assert names(partner.get("countries", **{"If-None-Match": etag})) == (401, "UnauthorizedException")


def test_a_changed_catalogue_is_written_by_the_sweep_and_not_by_requests(partner, catalogue):
    partner.get("countries")
    etag = partner.last["X-ETag"]
    Country.objects.filter(id="us").update(name="USA")

    partner.get("countries")
    assert partner.last["X-ETag"] == etag
    assert publish_due({"catalogue": write_catalogue}, now=timezone.now() + timedelta(seconds=11)) == 1
    _, found = partner.get("countries", **{"If-None-Match": etag})
    assert [one["name"] for one in found][1] == "USA"


def test_an_empty_catalogue_is_an_empty_list(partner):
    assert partner.get("retail/services") == (200, [])


def test_catalogue_refuses_other_methods_and_missing_keys(partner):
    assert names(partner.post("countries", {})) == (405, "MethodNotAllowedException")
    assert names(partner.get("services", key="")) == (401, "UnauthorizedException")


@pytest.mark.parametrize("name", ["uk", "us", "us_v", "nowhere", "a'><script>"])
def test_every_country_has_a_picture(client, name):
    response = client.get(f"/static/retail/countries/{name}.svg")
    text = response.content.decode()

    assert (response.status_code, response["Content-Type"]) == (200, "image/svg+xml")
    assert "immutable" in response["Cache-Control"]
    assert "script" not in text
    title = {"uk": "GB", "us": "US", "us_v": "US"}.get(name, "Country")
    assert f"<title>{title}</title>" in text


@pytest.mark.parametrize("name", ["netflix", "7eleven", "other", "no-such", "Ünknown"])
def test_every_service_has_a_picture(client, name):
    response = client.get(f"/static/retail/services/{name}.png")
    body = response.content

    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">LL", body[16:24]) == (64, 64)
    length = struct.unpack(">L", body[body.index(b"IDAT") - 4 : body.index(b"IDAT")])[0]
    start = body.index(b"IDAT") + 4
    assert len(zlib.decompress(body[start : start + length])) == 64 * 9


def test_catalogue_is_plain_json(partner, catalogue):
    partner.get("countries")
    assert partner.last["Content-Type"] == "application/json"
    assert json.loads(partner.last.content)
