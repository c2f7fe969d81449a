"""The one address of the handler dialect: reads `action`, lets the key in, answers in its style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from accounts.identity import Buyer
from api.answering import answered
from api.auth import Caller, Extra
from api.door import Pass, let_in, read_first, setting
from api.handler.errors import write_error
from api.handler.reading import read_params
from api.handler.wire import Style
from api.words import Params
from portal.errors import PortalError, UnknownPath

DIALECT = "handler"
STYLE = setting("handler_style")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: who asks, in which words, and what the route's SELECT found along with him."""

    request: HttpRequest
    caller: Caller
    buyer: Buyer
    params: Params
    style: Style
    found: tuple[object, ...]


Answer = Callable[[Asked], HttpResponse]


@dataclass(frozen=True)
class Action:
    """What an action asks of its caller and who answers it. `reads` gives the parameters of its SELECT."""

    route: Pass
    answer: Answer
    reads: Callable[[Params], dict[str, str | int]] = lambda params: {}
    write_error: Callable[[PortalError, Style], HttpResponse] = write_error


def action(
    rate: str,
    *,
    scope: str = "read",
    extra: Extra | None = None,
    reads: Callable[[Params], dict[str, str | int]] = lambda params: {},
    touches: bool = True,
    write_error: Callable[[PortalError, Style], HttpResponse] = write_error,
) -> Callable[[Answer], Action]:
    """Make a function the answer of an action; the SELECT brings the tenant's style first. `write_error`: how
    the action says no.
    """
    columns = f"{STYLE}, {extra.columns}" if extra and extra.columns else STYLE
    whole = Extra(columns, extra.joins if extra else "")

    def decorate(answer: Answer) -> Action:
        return Action(Pass(rate, scope, whole, touches), answer, reads, write_error)

    return decorate


def _unknown(asked: Asked) -> HttpResponse:
    raise UnknownPath("There is no such action.")


def called(actions: dict[str, Action]) -> dict[str, Action]:
    """The actions, knowing their names."""
    return {name: replace(one, route=replace(one.route, called=name)) for name, one in actions.items()}


[NO_SUCH_ACTION] = called({"an unknown action": action("catalogue")(_unknown)}).values()


def entry_of(actions: dict[str, Action]) -> Callable[[HttpRequest], HttpResponseBase]:
    """The view that serves these actions."""

    @csrf_exempt
    def entry(request: HttpRequest) -> HttpResponseBase:
        style, wanted = Style.BOWER, NO_SUCH_ACTION

        def run() -> HttpResponse:
            nonlocal style, wanted
            params = read_params(request)
            wanted = actions.get(params.get("action", ""), NO_SUCH_ACTION)
            refusal, read = read_first(lambda: wanted.reads(params))
            caller, buyer = let_in(
                request,
                params.get("api_key", ""),
                wanted.route if refusal is None else NO_SUCH_ACTION.route,
                dialect=DIALECT,
                rates=settings.HANDLER_RATES,
                **read,
            )
            style = Style(caller.rest[0] or Style.BOWER)
            if refusal is not None:
                raise refusal
            return wanted.answer(Asked(request, caller, buyer, params, style, caller.rest[1:]))

        return answered(request, run, lambda error: wanted.write_error(error, style))

    return entry
