"""Addresses of this room that are not pages."""

from django.urls import path

from activations import views

urlpatterns = [path("callbacks/<str:token>/", views.callback, name="provider_callback")]
