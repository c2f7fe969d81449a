"""Where the ping dialect is found (ping.md 4)."""

from django.urls import path

from api.ping import account, orders, rentals, services

urlpatterns = [
    path("orders/<str:order_id>/poll", orders.poll),
    path("orders/create", orders.create),
    path("orders/<str:order_id>/cancel", orders.cancel),
    path("services", services.listing),
    path("services/<str:product_id>", services.detail),
    path("rentals/create", rentals.create),
    path("rentals/<str:rental_id>/messages", rentals.messages),
    path("rentals/<str:rental_id>/extend", rentals.extend),
    path("rentals/<str:rental_id>/cancel", rentals.cancel),
    path("balance", account.balance),
    path("orders", account.orders),
    path("rentals", account.rentals),
    path("rentals/<str:rental_id>", account.rental),
]
