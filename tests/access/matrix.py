"""Who gets what at every address of the portal, when its objects are reseller A's.

One line per address and method. Letters: k answered, m moved elsewhere (3xx), L to the login page, U 401,
F 403, N 404, M 405, B 400 or 422 (understood, refused for its content), C 409, Z 503.
Groups, in the order of ROLES: nobody · customer of A, of B · viewer, support, manager, owner of A, owner of B ·
operator · a tenant's key of A, of B · a customer's key of A, of B.
Every method that has no line answers 405.
"""

# ruff: noqa: E501
from __future__ import annotations

ROLES = [
    "nobody", "customer_a", "customer_b", "viewer", "support", "manager", "owner_a", "owner_b", "operator",
    "key_a", "key_b", "customer_key_a", "customer_key_b",
]  # fmt: skip

# Under /api/v1/ with live keys and objects, and under /test/api/v1/ with those of the test twin.
RETAIL = [
    ("retail/m/customer", "POST", "U UU UUUUU U BB UU"),
    ("retail/m/customer/<customer_id>", "PUT", "U UU UUUUU U BN UU"),
    ("retail/m/customers", "GET", "U UU UUUUU U kk UU"),
    ("retail/m/customers/activation/history", "GET", "U UU UUUUU U kk UU"),
    ("retail/m/customers/transactions", "GET", "U UU UUUUU U kk UU"),
    ("retail/m/customer/<customer_id>/transaction", "POST", "U UU UUUUU U BN UU"),
    ("retail/a/customer/<customer_id>/activation", "POST", "U UU UUUUU U BN UU"),
    ("retail/a/customer/<customer_id>/activations", "GET", "U UU UUUUU U kN UU"),
    ("retail/a/customer/<customer_id>/activation/history", "GET", "U UU UUUUU U kN UU"),
    ("retail/a/customer/<customer_id>/activation/<activation_id>", "GET", "U UU UUUUU U kN UU"),
    ("retail/a/customer/<customer_id>/activation/<activation_id>/retry", "PUT", "U UU UUUUU U CN UU"),
    (
        "retail/a/customer/<customer_id>/activation/<activation_id>/cancel",
        "PUT",
        "U UU UUUUU U CN UU",
    ),
    (
        "retail/a/customer/<customer_id>/activation/<activation_id>/finalize",
        "PUT",
        "U UU UUUUU U kN UU",
    ),
    ("retail/a/customer/<customer_id>/activation/reports", "GET", "U UU UUUUU U kN UU"),
    (
        "retail/a/customer/<customer_id>/activation/<activation_id>/report/reasons",
        "GET",
        "U UU UUUUU U kN UU",
    ),
    ("retail/a/customer/<customer_id>/activation/<activation_id>/report", "GET", "U UU UUUUU U kN UU"),
    ("retail/a/customer/<customer_id>/activation/<activation_id>/report", "POST", "U UU UUUUU U BN UU"),
    ("retail/a/customer/<customer_id>", "GET", "U UU UUUUU U kN UU"),
    ("retail/a/customer/<customer_id>/balance", "GET", "U UU UUUUU U kN UU"),
    ("retail/a/customer/<customer_id>/transactions", "GET", "U UU UUUUU U kN UU"),
    ("retail/a/<customer_id>/activation", "POST", "U UU UUUUU U BN UU"),
    ("user/balance", "GET", "U UU UUUUU U kk UU"),
    ("countries", "GET", "U UU UUUUU U kk UU"),
    ("activation/countries", "GET", "U UU UUUUU U kk UU"),
    ("retail/countries", "GET", "U UU UUUUU U kk UU"),
    ("retail/m/countries", "GET", "U UU UUUUU U kk UU"),
    ("retail/a/activation/countries", "GET", "U UU UUUUU U kk UU"),
    ("retail/services", "GET", "U UU UUUUU U kk UU"),
    ("activation/services", "GET", "U UU UUUUU U kk UU"),
    ("services", "GET", "U UU UUUUU U kk UU"),
    ("retail/m/services", "GET", "U UU UUUUU U kk UU"),
    ("retail/a/activation/services", "GET", "U UU UUUUU U kk UU"),
    ("retail/a/activation/services/popular", "GET", "U UU UUUUU U kk UU"),
    ("activation/services/popular", "GET", "U UU UUUUU U kk UU"),
    ("retail/services/popular", "GET", "U UU UUUUU U kk UU"),
    ("activation/prices/services/<service_id>/countries/<country_id>", "GET", "U UU UUUUU U kk UU"),
    ("retail/m/prices/services/<service_id>/countries/<country_id>", "GET", "U UU UUUUU U kk UU"),
    ("retail/m/prices/countries", "GET", "U UU UUUUU U kk UU"),
    ("activation/prices/countries", "GET", "U UU UUUUU U kk UU"),
    ("retial/m/prices/countries", "GET", "U UU UUUUU U kk UU"),
    ("activation/prices/services", "GET", "U UU UUUUU U kk UU"),
    ("retail/m/prices/services", "GET", "U UU UUUUU U kk UU"),
]

OTHERS = [
    ("api/schema/", "GET", "k kk kkkkk k kk kk"),
    ("api/docs/", "GET", "k kk kkkkk k kk kk"),
    ("api/docs/console/", "GET", "k kk kkkkk k kk kk"),
    ("^(?:test/)?api/v1/", "GET", "N NN NNNNN N NN NN"),
    ("^(?:test/)?api/v1/", "POST", "N NN NNNNN N NN NN"),
    ("admin/login/", "GET", "L FF mmmmm m LL LL"),
    ("admin/login/", "POST", "L FF mmmmm m LL LL"),
    ("admin/search/", "GET", "L LL kkkkk k LL LL"),
    ("admin/search/", "POST", "L LL kkkkk k LL LL"),
    ("admin/", "GET", "L LL kkkkk k LL LL"),
    ("admin/", "POST", "L LL kkkkk k LL LL"),
    ("admin/logout/", "GET", "m mm MMMMM M mm mm"),
    ("admin/logout/", "POST", "m mm kkkkk k mm mm"),
    ("admin/password_change/", "GET", "L LL mmmmm m LL LL"),
    ("admin/password_change/", "POST", "L LL mmmmm m LL LL"),
    ("admin/password_change/done/", "GET", "L LL mmmmm m LL LL"),
    ("admin/password_change/done/", "POST", "L LL mmmmm m LL LL"),
    ("admin/autocomplete/", "GET", "L LL FFFFF F LL LL"),
    ("admin/autocomplete/", "POST", "L LL MMMMM M LL LL"),
    ("admin/jsi18n/", "GET", "L LL kkkkk k LL LL"),
    ("admin/jsi18n/", "POST", "L LL MMMMM M LL LL"),
    (
        "admin/^(?P<app_label>accounts|webhooks|billing|providers|activations|api)/$",
        "GET",
        "L LL kkkkk k LL LL",
    ),
    (
        "admin/^(?P<app_label>accounts|webhooks|billing|providers|activations|api)/$",
        "POST",
        "L LL kkkkk k LL LL",
    ),
    ("admin/(?P<url>.*)$", "GET", "L LL NNNNN N LL LL"),
    ("admin/(?P<url>.*)$", "POST", "L LL NNNNN N LL LL"),
    ("accounts/login/", "GET", "k mm mmmmm m kk kk"),
    ("accounts/login/", "POST", "k mm mmmmm m kk kk"),
    ("accounts/logout/", "GET", "m kk kkkkk k mm mm"),
    ("accounts/logout/", "POST", "m mm mmmmm m mm mm"),
    ("accounts/inactive/", "GET", "k kk kkkkk k kk kk"),
    ("accounts/signup/", "GET", "k mm mmmmm m kk kk"),
    ("accounts/signup/", "POST", "k mm mmmmm m kk kk"),
    ("accounts/reauthenticate/", "GET", "L kk kkkkk k LL LL"),
    ("accounts/reauthenticate/", "POST", "L kk kkkkk k LL LL"),
    ("accounts/confirm-email/", "GET", "k kk kkkkk k kk kk"),
    ("accounts/password/change/", "GET", "L kk kkkkk k LL LL"),
    ("accounts/password/change/", "POST", "L kk kkkkk k LL LL"),
    ("accounts/password/set/", "GET", "L mm mmmmm m LL LL"),
    ("accounts/password/set/", "POST", "L mm mmmmm m LL LL"),
    ("accounts/password/reset/", "GET", "k kk kkkkk k kk kk"),
    ("accounts/password/reset/", "POST", "k kk kkkkk k kk kk"),
    (r"accounts/^confirm-email/(?P<key>[-:\w]+)/$", "GET", "k kk kkkkk k kk kk"),
    (r"accounts/^confirm-email/(?P<key>[-:\w]+)/$", "POST", "N NN NNNNN N NN NN"),
    ("accounts/password/reset/key/done/", "GET", "k kk kkkkk k kk kk"),
    ("accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$", "GET", "k kk kkkkk k kk kk"),
    ("accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$", "POST", "k kk kkkkk k kk kk"),
    ("accounts/password/reset/done/", "GET", "k kk kkkkk k kk kk"),
    ("accounts/2fa/", "GET", "L kk kkkkk k LL LL"),
    ("accounts/2fa/", "POST", "L MM MMMMM M LL LL"),
    ("accounts/2fa/authenticate/", "GET", "L mm mmmmm m LL LL"),
    ("accounts/2fa/authenticate/", "POST", "L mm mmmmm m LL LL"),
    ("accounts/2fa/reauthenticate/", "GET", "L mm mmmmm m LL LL"),
    ("accounts/2fa/reauthenticate/", "POST", "L mm mmmmm m LL LL"),
    ("accounts/2fa/totp/activate/", "GET", "L mm mmmmm m LL LL"),
    ("accounts/2fa/totp/activate/", "POST", "L mm mmmmm m LL LL"),
    ("accounts/2fa/totp/deactivate/", "GET", "L NN NNNNN N LL LL"),
    ("accounts/2fa/totp/deactivate/", "POST", "L NN NNNNN N LL LL"),
    ("accounts/2fa/recovery-codes/", "GET", "L NN NNNNN N LL LL"),
    ("accounts/2fa/recovery-codes/", "POST", "L MM MMMMM M LL LL"),
    ("accounts/2fa/recovery-codes/generate/", "GET", "L mm mmmmm m LL LL"),
    ("accounts/2fa/recovery-codes/generate/", "POST", "L mm mmmmm m LL LL"),
    ("accounts/2fa/recovery-codes/download/", "GET", "L NN NNNNN N LL LL"),
    ("accounts/2fa/recovery-codes/download/", "POST", "L NN NNNNN N LL LL"),
    # Refusals of the text protocol are HTTP 200 and a word.
    ("stubs/handler_api.php", "GET", "k kk kkkkk k kk kk"),
    ("stubs/handler_api.php", "POST", "k kk kkkkk k kk kk"),
    ("stubs/handler_api", "GET", "k kk kkkkk k kk kk"),
    ("stubs/handler_api", "POST", "k kk kkkkk k kk kk"),
    ("stubs/handler_api.php/", "GET", "k kk kkkkk k kk kk"),
    ("stubs/handler_api.php/", "POST", "k kk kkkkk k kk kk"),
    ("callbacks/<token>/", "POST", "U UU UUUUU U UU UU"),
    ("account/", "GET", "L kk FFFFF F LL LL"),
    ("account/close/", "POST", "L BB FFFFF F LL LL"),
    ("webhooks/", "GET", "L kk kkkkk F LL LL"),
    ("webhooks/new/", "POST", "L BB FFBBB F LL LL"),
    ("webhooks/<endpoint_id>/", "GET", "L NN kkkkN F LL LL"),
    ("webhooks/<endpoint_id>/change/", "POST", "L NN FFBBN F LL LL"),
    ("webhooks/<endpoint_id>/rotate/", "POST", "L NN FFkkN F LL LL"),
    ("webhooks/<endpoint_id>/on/", "POST", "L NN FFmmN F LL LL"),
    ("webhooks/<endpoint_id>/off/", "POST", "L NN FFmmN F LL LL"),
    ("webhooks/<endpoint_id>/delete/", "POST", "L NN FFmmN F LL LL"),
    ("webhooks/<endpoint_id>/sample/", "POST", "L NN FFBBN F LL LL"),
    ("webhooks/<endpoint_id>/replay/", "POST", "L NN FFBBN F LL LL"),
    ("webhooks/<endpoint_id>/verify/", "POST", "L NN BBBBN F LL LL"),
    ("webhooks/<endpoint_id>/<delivery_id>/", "GET", "L NN kkkkN F LL LL"),
    ("webhooks/<endpoint_id>/<delivery_id>/resend/", "POST", "L NN FFmmN F LL LL"),
    ("brand/<colour>.css", "GET", "k kk kkkkk k kk kk"),
    ("brand/<colour>.css", "POST", "k kk kkkkk k kk kk"),
    ("brand/<colour>/<letter>.svg", "GET", "k kk kkkkk k kk kk"),
    ("brand/<colour>/<letter>.svg", "POST", "k kk kkkkk k kk kk"),
    ("icons/<name>.svg", "GET", "k kk kkkkk k kk kk"),
    ("icons/<name>.svg", "POST", "k kk kkkkk k kk kk"),
    ("static/retail/countries/<name>.svg", "GET", "k kk kkkkk k kk kk"),
    ("static/retail/countries/<name>.svg", "POST", "k kk kkkkk k kk kk"),
    ("static/retail/services/<name>.png", "GET", "k kk kkkkk k kk kk"),
    ("static/retail/services/<name>.png", "POST", "k kk kkkkk k kk kk"),
    ("", "GET", "k mm mmmmm m kk kk"),
    ("buy/", "GET", "L kk FFFFF F LL LL"),
    ("buy/<service_id>/", "GET", "L kk FFFFF F LL LL"),
    ("buy/<service_id>/<country_id>/", "POST", "L BB FFFFF F LL LL"),
    ("numbers/", "GET", "L kk FFFFF F LL LL"),
    ("numbers/<hex_id>/", "GET", "L kN FFFFF F LL LL"),
    ("numbers/<hex_id>/card/", "GET", "L kN FFFFF F LL LL"),
    ("numbers/<hex_id>/report/", "GET", "L kN FFFFF F LL LL"),
    ("numbers/<hex_id>/report/", "POST", "L BN FFFFF F LL LL"),
    ("numbers/<hex_id>/evidence/", "GET", "L kN FFFFF F LL LL"),
    ("numbers/<hex_id>/<action>/", "POST", "L mN FFFFF F LL LL"),
    ("pause/", "GET", "L kk FFFFF F LL LL"),
    ("pause/", "POST", "L mm FFFFF F LL LL"),
    ("history/", "GET", "L kk FFFFF F LL LL"),
    ("wallet/", "GET", "L kk FFFFF F LL LL"),
    ("operator/sandbox/", "GET", "L FF Fkkkk k LL LL"),
    ("operator/sandbox/", "POST", "L FF Fkkkk k LL LL"),
    ("test/api/v1/sandbox/sms", "POST", "U UU UUUUU U BB UU"),
]

# Table of the admin: the least role that sees it, changes, adds, deletes; "-": nobody.
TABLES = {
    "accounts.tenant": "viewer owner - -",
    "accounts.domain": "viewer operator operator operator",
    "accounts.user": "manager owner - -",
    "accounts.member": "manager owner - -",
    "accounts.customer": "viewer support - -",
    "accounts.apikey": "manager manager - -",
    "webhooks.event": "viewer - - -",
    "webhooks.endpoint": "viewer - - -",
    "webhooks.delivery": "viewer - - -",
    "webhooks.deliveryattempt": "viewer - - -",
    "webhooks.inboxmessage": "manager - - -",
    "billing.wallet": "viewer - - -",
    "billing.hold": "viewer - - -",
    "billing.transaction": "viewer - - -",
    "billing.entry": "viewer - - -",
    "billing.pricerule": "viewer manager manager manager",
    "providers.service": "viewer operator operator -",
    "providers.country": "viewer operator operator -",
    "providers.codemap": "operator operator operator operator",
    "providers.provider": "manager owner operator -",
    "providers.providerhealth": "manager - - -",
    "providers.offer": "manager - - -",
    "providers.routingpolicy": "manager manager manager operator",
    "providers.routingrule": "manager - - -",
    "providers.providerspend": "operator - - -",
    "providers.routequality": "manager - - -",
    "providers.routeoutcome": "manager - - -",
    "providers.routesheet": "operator - - -",
    "providers.routemark": "operator - - -",
    "activations.activation": "viewer - - -",
    "activations.attempt": "viewer - - -",
    "activations.message": "viewer - - -",
    "activations.report": "viewer - - -",
    "activations.check": "viewer - - -",
    "activations.listcheck": "manager - - -",
    "activations.requestkey": "manager - - -",
    "activations.pricetoken": "manager - - -",
    "activations.moneyatrisk": "viewer - - -",
    "activations.rental": "viewer - - -",
    "activations.rentalterm": "viewer - - -",
    "activations.rentalattempt": "viewer - - -",
    "activations.rentalmessage": "viewer - - -",
    "activations.rentaldue": "viewer - - -",
    "activations.historymark": "manager - - -",
    "activations.historycount": "manager - - -",
    "providers.cataloguechange": "manager - - -",
    "providers.cataloguesync": "manager - - -",
    "providers.offerday": "manager - - -",
    "providers.unmappedcode": "manager - - -",
    "api.publication": "manager - - -",
    "api.publishedlist": "manager - - -",
    "api.dialectsettings": "manager owner owner owner",
}
EVERYBODYS = {"providers.service", "providers.country"}  # rows of no tenant
WITHOUT_PAGE = {"activations.pricetoken"}  # its key is a credential, so no address has it

# Dialogs of the admin: who may open and send them.
DIALOGS = [
    ("admin/providers/provider/<object_id>/try_out/", "GET", "L LL NNFkN k LL LL"),
    ("admin/providers/provider/<object_id>/try_out/", "POST", "L LL NNFkN k LL LL"),
    ("admin/providers/provider/<object_id>/new_key/", "GET", "L LL NNFkN k LL LL"),
    ("admin/providers/provider/<object_id>/new_key/", "POST", "L LL NNFkN k LL LL"),
    ("admin/providers/provider/<object_id>/drain/", "GET", "L LL NNFkN k LL LL"),
    ("admin/providers/provider/<object_id>/drain/", "POST", "L LL NNFkN k LL LL"),
    ("admin/providers/provider/<object_id>/resume/", "GET", "L LL NNFkN k LL LL"),
    ("admin/providers/provider/<object_id>/resume/", "POST", "L LL NNFkN k LL LL"),
    ("admin/providers/unmappedcode/<object_id>/map_to/", "GET", "L LL NNkkN k LL LL"),
    ("admin/providers/unmappedcode/<object_id>/map_to/", "POST", "L LL NNkkN k LL LL"),
    ("admin/providers/unmappedcode/<object_id>/mean/<canonical_id>/", "GET", "L LL MMMMM M LL LL"),
    ("admin/providers/unmappedcode/<object_id>/mean/<canonical_id>/", "POST", "L LL NNmmN m LL LL"),
    ("admin/accounts/member/appoint/", "GET", "L LL FFFkk k LL LL"),
    ("admin/accounts/member/appoint/", "POST", "L LL FFFkk k LL LL"),
    ("admin/accounts/apikey/issue/", "GET", "L LL FFkkk k LL LL"),
    ("admin/accounts/apikey/issue/", "POST", "L LL FFkkk k LL LL"),
    ("admin/accounts/customer/<object_id>/change_status/", "GET", "L LL FkkkN k LL LL"),
    ("admin/accounts/customer/<object_id>/change_status/", "POST", "L LL FkkkN k LL LL"),
    ("admin/accounts/customer/<object_id>/end_pause/", "GET", "L LL FkkkN k LL LL"),
    ("admin/accounts/customer/<object_id>/end_pause/", "POST", "L LL FkkkN k LL LL"),
    ("admin/webhooks/endpoint/<object_id>/turn_off/", "GET", "L LL FFFFN k LL LL"),
    ("admin/webhooks/endpoint/<object_id>/turn_off/", "POST", "L LL FFFFN k LL LL"),
    ("admin/webhooks/endpoint/<object_id>/turn_on/", "GET", "L LL FFFFN k LL LL"),
    ("admin/webhooks/endpoint/<object_id>/turn_on/", "POST", "L LL FFFFN k LL LL"),
    ("admin/billing/wallet/<object_id>/move/", "GET", "L LL FFkkN k LL LL"),
    ("admin/billing/wallet/<object_id>/move/", "POST", "L LL FFkkN k LL LL"),
    ("admin/activations/moneyatrisk/<object_id>/claim/", "GET", "L LL FFkkN k LL LL"),
    ("admin/activations/moneyatrisk/<object_id>/claim/", "POST", "L LL FFkkN k LL LL"),
    ("admin/activations/moneyatrisk/<object_id>/recover/", "GET", "L LL FFkkN k LL LL"),
    ("admin/activations/moneyatrisk/<object_id>/recover/", "POST", "L LL FFkkN k LL LL"),
    ("admin/activations/moneyatrisk/<object_id>/write_off/", "GET", "L LL FFkkN k LL LL"),
    ("admin/activations/moneyatrisk/<object_id>/write_off/", "POST", "L LL FFkkN k LL LL"),
    ("admin/providers/provider/<object_id>/pause/", "GET", "L LL NNFkN k LL LL"),
    ("admin/providers/provider/<object_id>/pause/", "POST", "L LL NNFkN k LL LL"),
    ("admin/activations/report/<object_id>/evidence/", "GET", "L LL kkkkN k LL LL"),
    ("admin/activations/report/<object_id>/evidence/", "POST", "L LL kkkkN k LL LL"),
    ("admin/activations/report/<object_id>/approve/", "GET", "L LL FkkkN k LL LL"),
    ("admin/activations/report/<object_id>/approve/", "POST", "L LL FkkkN k LL LL"),
    ("admin/activations/report/<object_id>/decline/", "GET", "L LL FkkkN k LL LL"),
    ("admin/activations/report/<object_id>/decline/", "POST", "L LL FkkkN k LL LL"),
    ("admin/activations/activation/<object_id>/give_back/", "GET", "L LL FFkkN k LL LL"),
    ("admin/activations/activation/<object_id>/give_back/", "POST", "L LL FFkkN k LL LL"),
]

RANKS = ["viewer", "support", "manager", "owner", "operator", "-"]
STAFF = {"viewer": 0, "support": 1, "manager": 2, "owner_a": 3, "owner_b": 3, "operator": 4}


def rows() -> list[tuple[str, str, str]]:
    """Every line as (address, method, thirteen letters)."""
    twice = [(base + path, *rest) for base in ("api/v1/", "test/api/v1/") for path, *rest in RETAIL]
    lines = [*twice, *OTHERS, *DIALOGS, *(row for table in TABLES for row in _table_rows(table))]
    return [(address, method, letters.replace(" ", "")) for address, method, letters in lines]


def _table_rows(table: str) -> list[tuple[str, str, str]]:
    """A table's pages. B's owner finds no row of A's, whatever his role."""
    view, change, add, delete = (RANKS.index(role) for role in TABLES[table].split())
    base, one = f"admin/{table.replace('.', '/')}/", f"admin/{table.replace('.', '/')}/<object_id>/"

    def letters(may: int, *, row: bool = False, found_first: bool = False) -> str:
        who = (_letter(table, role, may, row, view if found_first else -1) for role in STAFF)
        return "LLL" + "".join(who) + "LLLL"

    return [
        (base, "GET", letters(view)),
        (base, "POST", letters(view)),
        (f"{base}add/", "GET", letters(add)),
        (f"{base}add/", "POST", letters(add)),
        (f"{one}history/", "GET", letters(view, row=True, found_first=True)),
        (f"{one}delete/", "GET", letters(delete, row=True)),
        (f"{one}delete/", "POST", letters(delete, row=True)),
        (f"{one}change/", "GET", letters(view, row=True)),
        (f"{one}change/", "POST", letters(change, row=True)),
        (one, "GET", "LLLmmmmmmLLLL"),
    ]


def _letter(table: str, role: str, may: int, is_row: bool, found_from: int) -> str:
    """`found_from`: the rank below which the row is not found, before anybody asks what may be done with it."""
    rank, is_foreign = STAFF[role], role == "owner_b" and table not in EVERYBODYS
    if is_row and rank < found_from:
        return "N"
    if rank < may and found_from < 0:
        return "F"
    return "N" if is_row and (is_foreign or table in WITHOUT_PAGE) else "k"
