from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"

    def ready(self) -> None:
        """Webhooks speak retail. The import waits for the models, which it needs."""
        from api.retail.webhooks import DIALECT  # noqa: PLC0415
        from webhooks.payloads import register  # noqa: PLC0415

        register(DIALECT)
