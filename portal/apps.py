"""The portal's wiring of Django's own apps."""

from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register

from portal.secrets import unreadable_secrets


class PortalAdminConfig(AdminConfig):
    """Django's admin with the portal's site: registered first, so that its templates and permissions hold."""

    default_site = "portal.site.PortalAdminSite"

    def ready(self) -> None:
        super().ready()
        register(unreadable_secrets, Tags.database)
