"""Where the handler dialect is found, and which function answers which action (handler.md 1 and 4)."""

from django.urls import path

from api.handler import catalogue, numbers, rents
from api.handler.entry import called, entry_of

ACTIONS = called({
    "getBalance": numbers.balance,
    "getNumber": numbers.get_number,
    "getNumberV2": numbers.get_number_v2,
    "getStatus": numbers.get_status,
    "getStatusV2": numbers.get_status_v2,
    "getFullSms": numbers.get_full_sms,
    "setStatus": numbers.set_status,
    "getActiveActivations": numbers.get_active,
    "getHistory": numbers.get_history,
    "getPrices": catalogue.get_prices,
    "getPricesV2": catalogue.get_prices_v2,
    "getPricesV3": catalogue.get_prices_v3,
    "getNumbersStatus": catalogue.get_numbers_status,
    "getOperators": catalogue.get_operators,
    "getTopCountriesByService": catalogue.get_top_countries,
    "getCountries": catalogue.get_countries,
    "getServicesList": catalogue.get_services_list,
    "getRentServicesAndCountries": rents.get_rent_services,
    "getRentNumber": rents.get_rent_number,
    "getRentStatus": rents.get_rent_status,
    "getRentList": rents.get_rent_list,
    "setRentStatus": rents.set_rent_status,
    "continueRentNumber": rents.continue_rent,
    "getContinueRentPriceNumber": rents.continue_price,
    "continueRentInfo": rents.continue_info,
})  # fmt: skip
entry = entry_of(ACTIONS)

urlpatterns = [
    path("handler_api.php", entry),
    path("handler_api", entry),
    path("handler_api.php/", entry),
]
