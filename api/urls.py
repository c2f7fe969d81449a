"""Addresses of the dialects: the live base, the test base, and their description."""

from django.urls import include, path, re_path

from api import schema
from api.retail import urls as retail
from api.retail.entry import unknown

urlpatterns = [
    path("api/v1/", include((retail.urlpatterns, "retail"), namespace="retail"), {"is_test": False}),
    path("test/api/v1/", include((retail.urlpatterns, "retail"), namespace="retail-test"), {"is_test": True}),
    path("test/api/v1/", include(retail.test_only), {"is_test": True}),
    path("api/schema/", schema.show, name="api-schema"),
    path("stubs/", include("api.handler.urls")),
    re_path(r"^(?:test/)?api/v1/", unknown),
]
