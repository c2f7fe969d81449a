"""Admin of the words that nobody has mapped: what they may mean, and buttons that decide it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from portal.admin import MANAGERS, OPERATOR, OPERATORS, OwnRelated, ReadOnlyAdmin, role_of
from portal.dialogs import dialog, go_to
from portal.errors import ValidationError
from providers.models import UnmappedCode
from providers.queries import names_to_suggest, unmapped_word
from providers.services.mapping import create_services, ignore_words, map_words
from providers.suggestions import Names, Suggestion

BUTTON = (
    '<button type="submit" formmethod="post" formaction="{}" class="cursor-pointer font-medium mr-3 '
    'text-primary-600 dark:text-primary-500" title="{} % alike">{}</button>'
)
KIND_COLORS = {"service": "info", "country": "success", "operator": "warning"}


class StateFilter(admin.SimpleListFilter):
    """Words that wait for a decision, unless others are asked for."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("ignored", "Ignored"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        waiting, *others = super().choices(changelist)
        yield {**waiting, "display": "Waiting"}
        yield from others

    def queryset(self, request: HttpRequest, words: QuerySet[UnmappedCode]) -> QuerySet[UnmappedCode]:
        match self.value():
            case "ignored":
                return words.filter(is_ignored=True)
            case "all":
                return words
            case _:
                return words.filter(is_ignored=False)


class MapForm(BaseDialogForm):
    """What one word means; the names that look like it come first."""

    canonical_id = forms.CharField(label="Means", max_length=30, widget=UnfoldAdminTextInputWidget)
    for_protocol = forms.BooleanField(
        label="For every account that speaks the same protocol",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        word = unmapped_word(self.object_id or 0)
        if role_of(self.request) != OPERATOR:
            del self.fields["for_protocol"]
        if word is not None and word.kind != UnmappedCode.Kind.OPERATOR:
            named = names_to_suggest(word.kind)
            alike = [(one.id, f"{one.name} ({one.id})") for one in Names(named).like(word.name, word.code)]
            everything = [(one, f"{names[0]} ({one})") for one, names in named]
            self.fields["canonical_id"] = forms.ChoiceField(
                label="Means",
                choices=[("", "–"), *([("Looks alike", alike)] if alike else []), ("All", everything)],
                widget=UnfoldAdminSelectWidget,
            )


@admin.register(UnmappedCode)
class UnmappedCodeAdmin(ReadOnlyAdmin):
    """Words of price lists that no code map names. Nothing is guessed: a click decides. Members decide for
    their own accounts.
    """

    tenant_path = "provider__tenant"
    visible_to = MANAGERS
    list_display = ["show_word", "show_kind", "provider", "lines", "suggestions", "seen_at"]
    list_filter = [StateFilter, ("kind", ChoicesDropdownFilter), ("provider", OwnRelated)]
    search_fields = ["code", "name"]
    ordering = ["-lines", "-id"]
    list_select_related = ["provider"]
    fields = ["provider", "kind", "code", "name", "lines", "suggestions", "is_ignored", "seen_at"]
    readonly_fields = ["suggestions"]
    actions = ["map_to_suggestion", "create_service", "ignore", "unignore"]
    actions_row = actions_detail = ["map_to"]

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request, MANAGERS)

    def has_create_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request, OPERATORS)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With suggestions for all words of the page, from one reading of the names."""
        page = super().get_changelist_instance(request)
        found = likely(page.result_list)
        for word in page.result_list:
            word.likely = found[word.pk]
        return page

    def get_urls(self) -> list[URLPattern]:
        one_click = path(
            "<path:object_id>/mean/<str:canonical_id>/",
            self.admin_site.admin_view(self.mean),
            name="providers_unmappedcode_mean",
        )
        return [one_click, *super().get_urls()]

    @display(description="word", ordering="code")
    def show_word(self, word: UnmappedCode) -> str:
        return f"{word.code} · {word.name}" if word.name else word.code

    @display(description="kind", label=KIND_COLORS)
    def show_kind(self, word: UnmappedCode) -> str:
        return word.kind

    @display(description="map to")
    def suggestions(self, word: UnmappedCode) -> str:
        found = getattr(word, "likely", None)
        if found is None:
            found = likely([word])[word.pk]
        buttons = (
            (
                reverse("admin:providers_unmappedcode_mean", args=[word.pk, one.id]),
                round(one.likeness * 100),
                one.name,
            )
            for one in found
        )
        return format_html_join("", BUTTON, buttons) or "–"

    def mean(self, request: HttpRequest, object_id: str, canonical_id: str) -> HttpResponse:
        """The button of a suggestion."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if self.get_object(request, object_id) is None:
            raise Http404(self.opts.verbose_name)
        if not self.has_decide_permission(request):
            raise PermissionDenied
        return self._map(request, object_id, canonical_id)

    @dialog("Map to…", permission="decide", form=MapForm, submit="Map")
    def map_to(self, request: HttpRequest, form: MapForm, object_id: str) -> HttpResponse:
        chosen = form.cleaned_data
        for_protocol = bool(chosen.get("for_protocol"))
        return self._map(request, object_id, chosen["canonical_id"], for_protocol=for_protocol)

    def _map(
        self, request: HttpRequest, object_id: str, canonical_id: str, *, for_protocol: bool = False
    ) -> HttpResponse:
        word = self.get_queryset(request).select_related("provider").get(pk=object_id)
        try:
            map_words(words=[(word, canonical_id)], for_protocol=for_protocol, now=timezone.now())
        except ValidationError as error:
            messages.error(request, error.details["canonical_id"])
        else:
            self.log_change(request, word, f"Mapped to {canonical_id}.")
            messages.success(request, f"{word} is {canonical_id} from now on; its offers appear in a moment.")
        return go_to(request, UnmappedCode)

    @admin.action(description="Map each ticked word to its first suggestion", permissions=["decide"])
    def map_to_suggestion(self, request: HttpRequest, words: QuerySet[UnmappedCode]) -> None:
        """Of the page that a person looked at, not of thousands behind it: nothing is guessed."""
        ticked = list(words.select_related("provider")[: self.list_per_page + 1])
        if len(ticked) > self.list_per_page:
            messages.error(request, "Tick the words of one page: suggestions are to be looked at.")
            return
        found = likely(ticked)
        pairs = [(word, found[word.pk][0].id) for word in ticked if found[word.pk]]
        map_words(words=pairs, now=timezone.now())
        messages.success(request, f"Mapped: {len(pairs)}. Without a suggestion: {len(ticked) - len(pairs)}.")

    @admin.action(description="Create a service of each", permissions=["create"])
    def create_service(self, request: HttpRequest, words: QuerySet[UnmappedCode]) -> None:
        created = create_services(words=list(words.select_related("provider")), now=timezone.now())
        messages.success(request, f"Services created: {created.services}.")
        if created.left:
            named = ", ".join(created.left[:10])
            messages.warning(
                request, f"{len(created.left)} stay: no service, or the name is taken ({named})."
            )

    @admin.action(description="Ignore", permissions=["decide"])
    def ignore(self, request: HttpRequest, words: QuerySet[UnmappedCode]) -> None:
        count = ignore_words(ids=list(words.values_list("pk", flat=True)))
        messages.success(request, f"Words that stay unmapped: {count}.")

    @admin.action(description="Do not ignore", permissions=["decide"])
    def unignore(self, request: HttpRequest, words: QuerySet[UnmappedCode]) -> None:
        count = ignore_words(ids=list(words.values_list("pk", flat=True)), ignore=False)
        messages.success(request, f"Words that wait again: {count}.")


def likely(words: Iterable[UnmappedCode]) -> dict[int, list[Suggestion]]:
    """The suggestions of each word by its number; the names of a kind are read once."""
    named: dict[str, Names] = {}
    found = {}
    for word in words:
        if word.kind not in named:
            named[word.kind] = Names(names_to_suggest(word.kind))
        found[word.pk] = named[word.kind].like(word.name, word.code)
    return found
