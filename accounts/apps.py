from django.apps import AppConfig

from accounts.checks import replace_allauths_check


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        replace_allauths_check()
