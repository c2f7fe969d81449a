"""Where each room's pages begin. Rooms list their own paths in their own urls.py."""

from django.contrib import admin
from django.urls import include, path

from accounts.views import admin_login
from api.urls import urlpatterns as dialects
from portal import brand, icons, retail_icons

urlpatterns = [
    *dialects,  # not include(""): each nested list of addresses costs a poll 4 %
    path("admin/login/", admin_login),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("", include("activations.urls")),
    path("account/", include("accounts.page_urls")),
    path("account/api/", include("api.page_urls")),
    path("webhooks/", include("webhooks.page_urls")),
    path("providers/", include("providers.page_urls")),
    path("brand/<str:colour>.css", brand.brand_css, name="brand_css"),
    path("brand/<str:colour>/<slug:letter>.svg", brand.brand_icon, name="brand_icon"),
    path("icons/<str:name>.svg", icons.service_icon, name="service_icon"),
    path("static/retail/countries/<str:name>.svg", retail_icons.country_icon),
    path("static/retail/services/<str:name>.png", retail_icons.service_icon),
    path("favicon.ico", brand.favicon),
    path("robots.txt", brand.robots),
    path("", include("activations.page_urls")),
]

handler400 = "portal.pages.bad_request"
handler403 = "portal.pages.forbidden"
handler404 = "portal.pages.not_found"
handler429 = "portal.pages.too_many_requests"  # read by allauth
handler500 = "portal.pages.server_error"
