from django.apps import AppConfig
from django.db.models.signals import post_migrate

from billing.grants import grant_to_application


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        post_migrate.connect(grant_to_application, sender=self)
