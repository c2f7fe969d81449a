"""The login pages: allauth's, without those that the portal does not offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps

from allauth.account import urls as account
from allauth.mfa import urls as mfa
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.http import require_http_methods

from accounts.access import not_stored
from accounts.forms import button_only

# A login has exactly one e-mail, unique in its tenant; codes by mail are not in use.
NOT_OFFERED = {"account_email", "account_confirm_login_code"}
# Pages of allauth's that have no form, only a button.
BUTTONS = {"account_logout"}

Page = URLPattern | URLResolver
read_or_send = require_http_methods(["GET", "HEAD", "POST"])


def forms_only(pages: Iterable[Page]) -> Iterator[Page]:
    """The same pages, answering 405 to methods that no form has and 400 to fields of none (B12), and kept by
    no cache: who is signed in sees his balance on them (T5).
    """
    for page in pages:
        if isinstance(page, URLResolver):
            within = list(forms_only(page.url_patterns))
            yield URLResolver(page.pattern, within, page.default_kwargs, page.app_name, page.namespace)
        elif page.name not in NOT_OFFERED:
            view = page.callback
            if page.name in BUTTONS:
                view = button_only(view)
            elif page.name == "mfa_authenticate":
                view = _with_code(view)
            view = _never_kept(read_or_send(view))
            yield URLPattern(page.pattern, view, page.default_args, page.name)


def _with_code(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A form without a code is taken as one with an empty code. allauth takes it for that of a passkey, which
    nobody has here, and answers with a page that has no field any more.
    """

    @wraps(view)
    def checked(request: HttpRequest, /, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method == "POST" and "code" not in request.POST:
            request.POST = request.POST.copy()  # type: ignore[assignment]
            request.POST["code"] = ""
        return view(request, *args, **kwargs)

    return checked


def _never_kept(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def answered(request: HttpRequest, /, *args: object, **kwargs: object) -> HttpResponseBase:
        return not_stored(view(request, *args, **kwargs))

    return answered


urlpatterns = [
    *forms_only(account.urlpatterns),
    path("2fa/", include(list(forms_only(mfa.urlpatterns)))),
]
