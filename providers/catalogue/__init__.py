"""What can be bought: canonical services and countries, and what each provider lists of them."""

from providers.catalogue.loading import load_catalogue
from providers.catalogue.syncing import Synced, sync_offers

__all__ = ["Synced", "load_catalogue", "sync_offers"]
