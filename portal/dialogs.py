"""Actions of admin pages that ask first: the link opens a dialog, only its POST changes anything (B10)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from unfold.decorators import action
from unfold.forms import BaseDialogForm


def dialog(
    title: str,
    *,
    permission: str,
    form: type[BaseDialogForm],
    text: str = "",
    submit: str = "",
    icon: str = "",
) -> Callable[[Callable[..., HttpResponse]], Any]:
    """Make a method `(self, request, form[, object_id])` an action of a table or of one row.

    `permission` names the admin's `has_<permission>_permission`. A row that the person cannot see is a 404,
    also for the dialog itself.
    """

    def decorate(method: Callable[..., HttpResponse]) -> Any:
        asked = action(
            description=title,
            permissions=[permission],
            icon=icon or None,
            dialog={
                "title": title,
                "description": text,
                "form_class": form,
                "form_submit_text": submit or title,
            },
        )(method)

        @wraps(asked)
        def guarded(self: Any, request: HttpRequest, **ids: str) -> HttpResponse:
            if "object_id" in ids and self.get_object(request, ids["object_id"]) is None:
                raise Http404(self.opts.verbose_name)
            return asked(self, request, **ids)  # type: ignore[no-any-return]

        return guarded

    return decorate


def go_to(request: Any, model: Any, object_id: object = None) -> HttpResponse:
    """The page a dialog leads to; htmx, which would not see a redirect, is told by a header."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    where = reverse(f"{name}_change", args=[object_id]) if object_id else reverse(f"{name}_changelist")
    return HttpResponse(headers={"HX-Redirect": where}) if request.htmx else redirect(where)


def show(request: Any, template: str, context: dict[str, Any]) -> HttpResponse:
    """Answer the dialog's POST with a page of its own: what must be seen once and be stored nowhere."""
    response = render(request, template, context)
    response["HX-Retarget"], response["HX-Reselect"], response["HX-Reswap"] = (
        "#dialog",
        "#dialog",
        "outerHTML",
    )
    return response
