"""Where marketplaces find us: six addresses, and one for all actions (onlinesim.md 2)."""

from django.urls import path

from api.onlinesim import views
from api.onlinesim.entry import Answer, entry_of

ACTIONS: dict[str, Answer] = {
    "GET_SERVICES": views.get_services,
    "GET_NUMBER": views.get_number,
    "FINISH_ACTIVATION": views.finish,
}

urlpatterns = [
    path("<str:contract>", entry_of(ACTIONS)),
    path("<str:contract>/getServices", entry_of(ACTIONS, only="GET_SERVICES")),
    path("<str:contract>/getNumber", entry_of(ACTIONS, only="GET_NUMBER")),
    path("<str:contract>/finishActivation", entry_of(ACTIONS, only="FINISH_ACTIVATION")),
    path("<str:contract>/getServicesRent", entry_of(ACTIONS, only="GET_SERVICES", is_rent=True)),
    path("<str:contract>/getNumberRent", entry_of(ACTIONS, only="GET_NUMBER", is_rent=True)),
    path("<str:contract>/finishActivationRent", entry_of(ACTIONS, only="FINISH_ACTIVATION", is_rent=True)),
]
