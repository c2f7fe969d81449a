"""What is told to clients of the base that retail and rentverify share, at an address that neither has."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from api.rentverify.entry import unknown as unknown_rentverify
from api.retail.entry import unknown


@csrf_exempt
def nowhere(request: HttpRequest) -> HttpResponseBase:
    """404, in the words of the dialect whose header the request has."""
    return (unknown_rentverify if "HTTP_X_API_TOKEN" in request.META else unknown)(request)
