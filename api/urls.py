"""Addresses of the dialects: the live base, the test base, and their description."""

from django.urls import include, path, re_path

from api import docs, schema, wellknown
from api.nowhere import nowhere
from api.ping.entry import unknown as unknown_ping
from api.rentverify.entry import unknown as unknown_rentverify
from api.retail import urls as retail

urlpatterns = [
    path("api/v1/", include((retail.urlpatterns, "retail"), namespace="retail"), {"is_test": False}),
    path("test/api/v1/", include((retail.urlpatterns, "retail"), namespace="retail-test"), {"is_test": True}),
    path("test/api/v1/", include(retail.test_only), {"is_test": True}),
    path(".well-known/number-portal", wellknown.show, name="number-portal"),
    path("api/schema/", schema.show, name="api-schema"),
    path("api/docs/", docs.show, name="api-docs"),
    path("api/docs/console/", docs.console, name="api-console"),
    path("stubs/", include("api.handler.urls")),
    path("api/v1/", include("api.rentverify.urls")),
    path("rentverify/api/v1/", include("api.rentverify.urls")),
    re_path(r"^rentverify/", unknown_rentverify),
    path("v1/nonvoip/", include("api.ping.urls")),
    re_path(r"^v1/nonvoip/", unknown_ping),
    path("onlinesim/", include("api.onlinesim.urls")),
    re_path(r"^(?:test/)?api/v1/", nowhere),
]
