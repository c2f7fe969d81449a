"""Admin of tenants, host names, logins, members, customers and API keys."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.keys import issue_key
from accounts.models import ApiKey, Customer, Domain, Installation, Member, Tenant, User
from accounts.queries import customers_of, nobodys_among, people
from accounts.services import create_member, set_customer_status, set_tenant_status
from accounts.unblocking import unblock_by_staff
from portal.admin import (
    MANAGERS,
    NOBODY,
    OPERATOR,
    OPERATORS,
    OWNERS,
    SUPPORT,
    OwnRelated,
    Period,
    ReadOnlyAdmin,
    ScopedAdmin,
    role_of,
)
from portal.dialogs import dialog, go_to, show
from portal.errors import Duplicate, PortalError

STATUS_COLORS = {
    "active": "success",
    "paused": "warning",
    "disabled": "danger",
    "markedForDeletion": "danger",
    "suspended": "danger",
}


@admin.register(Installation)
class InstallationAdmin(ReadOnlyAdmin):
    """The id by which other portals know this one (accounts/hops.py)."""

    tenant_path = None
    visible_to = OPERATORS
    list_display = ["id"]
    search_fields = ["=number"]
    ordering = ["number"]


@admin.register(Tenant)
class TenantAdmin(ScopedAdmin):
    """Resellers. Owners change how theirs looks; the operator suspends them. New ones come with wallet and
    test twin from `manage.py` (billing.services.create_tenant), so there is no form for it.
    """

    tenant_path = "pk"
    changeable_by = OWNERS
    addable_by = NOBODY
    list_display = ["name", "slug", "show_status", "show_kind", "signup_open", "created_at"]
    list_filter = [("status", ChoicesDropdownFilter), "signup_open"]
    search_fields = ["slug", "name"]
    ordering = ["slug"]
    list_select_related = ["live_tenant"]
    fields = ["name", "slug", "status", "signup_open", "support_email", "brand_color", "deferred_cancel",
              "max_active", "blocked_until", "live_tenant", "created_at"]  # fmt: skip
    OPERATORS_ONLY = ("slug", "status", "max_active", "blocked_until")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = ("live_tenant", "created_at")
        return fixed if role_of(request) == OPERATOR else (*fixed, *self.OPERATORS_ONLY)

    def save_model(self, request: HttpRequest, tenant: Tenant, form: Any, change: bool) -> None:
        super().save_model(request, tenant, form, change)
        if "status" in form.changed_data:
            set_tenant_status(tenant=tenant, status=tenant.status)  # the test twin follows

    @display(description="status", label=STATUS_COLORS)
    def show_status(self, tenant: Tenant) -> str:
        return tenant.status

    @display(description="kind", label={"test": "info", "live": "success"})
    def show_kind(self, tenant: Tenant) -> str:
        return "test" if tenant.is_test else "live"


@admin.register(Domain)
class DomainAdmin(ScopedAdmin):
    """Host names. Only the operator adds them: whoever controls a name controls who may sign in there."""

    changeable_by = addable_by = deletable_by = OPERATORS
    list_display = ["host", "tenant", "is_primary", "dialect"]
    list_filter = [("dialect", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["host"]
    ordering = ["host"]
    list_select_related = ["tenant"]


@admin.register(User)
class UserAdmin(ScopedAdmin):
    """Logins. Passwords are set by their owners (reset by mail), never here."""

    visible_to = MANAGERS
    changeable_by = OWNERS
    addable_by = NOBODY
    list_display = ["email", "tenant", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff", ("tenant", OwnRelated)]
    search_fields = ["email"]
    ordering = ["email"]
    list_select_related = ["tenant"]
    fields = ["email", "tenant", "is_active", "is_staff", "last_login", "date_joined"]
    readonly_fields = ["email", "tenant", "is_staff", "last_login", "date_joined"]


class MemberForm(forms.ModelForm):
    """Refuses to leave a tenant without an owner."""

    class Meta:
        model = Member
        fields: list[str] = []

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        member = self.instance
        stays = cleaned.get("role", member.role) == Member.Role.OWNER and cleaned.get("is_active", True)
        others = Member.objects.filter(tenant=member.tenant_id, role=Member.Role.OWNER, is_active=True)
        was_owner = self.initial.get("role") == Member.Role.OWNER
        if was_owner and not stays and not others.exclude(pk=member.pk).exists():
            raise forms.ValidationError("A tenant needs an active owner: appoint another one first.")
        return cleaned


class NewMemberForm(BaseDialogForm):
    email = forms.EmailField(label="E-mail", max_length=254, widget=UnfoldAdminEmailInputWidget)
    role = forms.ChoiceField(
        choices=Member.Role.choices, initial=Member.Role.VIEWER, widget=UnfoldAdminSelectWidget
    )


@admin.register(Member)
class MemberAdmin(ScopedAdmin):
    """Who works for a tenant, and how far."""

    form = MemberForm
    visible_to = MANAGERS
    changeable_by = OWNERS
    addable_by = NOBODY  # the dialog makes the login as well
    list_display = ["user", "show_role", "is_active", "tenant"]
    list_filter = [("role", ChoicesDropdownFilter), "is_active", ("tenant", OwnRelated)]
    search_fields = ["user__email"]
    ordering = ["user__email"]
    list_select_related = ["user", "tenant"]
    fields = ["user", "tenant", "role", "is_active"]
    readonly_fields = ["user", "tenant"]
    actions_list = ["appoint"]

    @display(description="role", label={"owner": "success", "manager": "info"})
    def show_role(self, member: Member) -> str:
        return member.role

    @dialog(
        "Add a member",
        permission="change",
        form=NewMemberForm,
        text="They choose their password with “Forgot password” on the login page of this address.",
        submit="Add",
        icon="person_add",
    )
    def appoint(self, request: Any, form: NewMemberForm) -> HttpResponse:
        try:
            member = create_member(
                tenant=request.tenant, email=form.cleaned_data["email"], role=form.cleaned_data["role"]
            )
        except Duplicate:
            messages.error(request, "There is a login with this e-mail already.")
        else:
            self.log_addition(request, member, "Added.")
            messages.success(request, f"{member.user.email} may sign in as {member.role}.")
        return go_to(request, Member)


ROW_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
# One sentence for each status, in the order of the list below it.
STATUS_TEXT = (
    "Active: he may do everything. Paused: he signs in and reads, but buys nothing. Disabled: his keys and"
    " pages are closed, but for the page of his account. Marked for deletion: he buys nothing, his keys are"
    f" closed, and {settings.PURGE_AFTER_DAYS} days after the mark his login, e-mail, keys, webhooks and"
    " messages are erased for good; until then another status takes the mark back. His id, orders and money"
    " stay on record. What is open now ends normally, whatever the status; nothing is erased before."
)


class StatusForm(BaseDialogForm):
    """Begins with the status that he has."""

    status = forms.ChoiceField(choices=Customer.Status.choices, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        here = Customer.objects.filter(pk=self.object_id).values_list("status", flat=True)
        self.fields["status"].initial = here.first()


@admin.register(Customer)
class CustomerAdmin(ScopedAdmin):
    """Customers of a tenant. Money moves on the wallet's page; they sign up themselves or come by API."""

    changeable_by = SUPPORT
    addable_by = NOBODY
    list_display = ["external_id", "show_status", "email", "group", "created_at", "tenant"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("tenant", OwnRelated),
        ("created_at", Period),
    ]
    search_fields = ["external_id", "user__email"]
    search_help_text = "A customer id or an e-mail."
    ordering = ["-created_at", "-id"]
    list_select_related = ["tenant", "user"]
    fields = ["external_id", "tenant", "user", "status", "group", "max_active", "blocked_until",
              "unblocks_used", "created_at", "updated_at", "marked_at", "purged_at"]  # fmt: skip
    readonly_fields = ["external_id", "tenant", "user", "status", "unblocks_used", "created_at", "updated_at",
                       "marked_at", "purged_at", "is_internal"]  # fmt: skip
    actions_detail = ["change_status", "end_pause"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        return people(super().get_queryset(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """An account of the portal's own is in no list, but its orders and its wallet lead to its page."""
        found = super().get_object(request, object_id, from_field)
        if found is None and ROW_ID.fullmatch(object_id):
            found = super().get_queryset(request).filter(pk=object_id, is_internal=True).first()
        return found

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.fields, "is_internal"] if obj and obj.is_internal else self.fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes an account of the portal's own. Dialogs ask with an id, as the address has it."""
        row_id = str(obj.pk if isinstance(obj, Customer) else obj)
        is_nobodys = ROW_ID.fullmatch(row_id) and nobodys_among([int(row_id)])
        return super().has_change_permission(request, obj) and not is_nobodys

    @display(description="status", label=STATUS_COLORS)
    def show_status(self, customer: Customer) -> str:
        return customer.status

    @display(description="e-mail")
    def email(self, customer: Customer) -> str:
        return customer.user.email if customer.user else "–"

    @dialog(
        "Change status",
        permission="change",
        form=StatusForm,
        text=STATUS_TEXT,
        submit="Change",
    )
    def change_status(self, request: HttpRequest, form: StatusForm, object_id: str) -> HttpResponse:
        customer = self.get_queryset(request).get(pk=object_id)
        status = form.cleaned_data["status"]
        try:
            set_customer_status(tenant=customer.tenant, external_id=customer.external_id, status=status)
        except PortalError as error:
            messages.error(request, error.text)
        else:
            self.log_change(request, customer, f"Status changed to {status}.")
            messages.success(request, f"{customer.external_id} is now {status}.")
        return go_to(request, Customer, object_id)

    @dialog(
        "End the pause",
        permission="change",
        form=BaseDialogForm,
        text="The customer may order again; his success rate is counted afresh from now on.",
    )
    def end_pause(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        customer = self.get_queryset(request).get(pk=object_id)
        try:
            unblock_by_staff(customer_id=customer.pk)
        except PortalError as error:
            messages.error(request, error.text)
        else:
            self.log_change(request, customer, "Pause ended.")
            messages.success(request, f"{customer.external_id} can order again.")
        return go_to(request, Customer, object_id)


class KeyForm(BaseDialogForm):
    name = forms.CharField(max_length=80, widget=UnfoldAdminTextInputWidget)
    customer_id = forms.CharField(
        max_length=80,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="The customer the key acts for; empty: a retail key of the whole tenant.",
    )
    test = forms.BooleanField(
        required=False,
        label="Test key",
        widget=UnfoldBooleanSwitchWidget,
        help_text="Sandbox numbers, test money, test customers.",
    )


class KeySettingsForm(forms.ModelForm):
    class Meta:
        model = ApiKey
        fields: list[str] = []

    def clean_allowed_networks(self) -> list[str]:
        try:
            return [str(ip_network(network.strip())) for network in self.cleaned_data["allowed_networks"]]
        except ValueError as error:
            raise forms.ValidationError("Write addresses as 203.0.113.7/32 or 2001:db8::/48.") from error


@admin.register(ApiKey)
class ApiKeyAdmin(ScopedAdmin):
    """API keys. A key is shown once, when it is made; afterwards only its first characters are known."""

    form = KeySettingsForm
    visible_to = MANAGERS
    addable_by = NOBODY  # the dialog shows the key as well
    list_display = ["hint", "name", "customer", "state", "last_used_at", "created_at", "tenant"]
    list_filter = [("tenant", OwnRelated), ("created_at", Period)]
    search_fields = ["hint", "name", "customer__external_id"]
    search_help_text = "A name, a key's first characters or a customer id."
    ordering = ["-created_at", "-id"]
    list_select_related = ["tenant", "customer"]
    fields = ["hint", "name", "tenant", "customer", "scopes", "allowed_networks", "expires_at", "revoked_at",
              "last_used_at", "created_at"]  # fmt: skip
    readonly_fields = ["hint", "tenant", "customer", "revoked_at", "last_used_at", "created_at"]
    actions_list = ["issue"]
    actions = ["revoke"]

    @display(description="state", label={"in use": "success", "revoked": "danger", "expired": "warning"})
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "expired" if key.expires_at and key.expires_at <= timezone.now() else "in use"

    @admin.action(description="Revoke the chosen keys", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        count = keys.filter(revoked_at=None).update(revoked_at=timezone.now())
        messages.success(request, f"Keys that stop working with their next request: {count}.")

    @dialog(
        "Issue a key",
        permission="change",
        form=KeyForm,
        text="For the reseller of this address. The key is shown once, right after this.",
        submit="Issue",
        icon="key",
    )
    def issue(self, request: Any, form: KeyForm) -> HttpResponse:
        """The plaintext goes into this answer and nowhere else: messages would store it (S1)."""
        tenant = (
            Tenant.objects.filter(live_tenant=request.tenant).first() if form.cleaned_data["test"] else None
        )
        tenant = tenant or (None if form.cleaned_data["test"] else request.tenant)
        wanted = form.cleaned_data["customer_id"]
        customer = customers_of(tenant).filter(external_id=wanted).first() if tenant and wanted else None
        if tenant is None or (wanted and customer is None):
            messages.error(request, "There is no such customer." if tenant else "There is no test tenant.")
            return go_to(request, ApiKey)
        key, plaintext = issue_key(tenant=tenant, customer=customer, name=form.cleaned_data["name"])
        self.log_addition(request, key, "Issued.")
        return show(request, "admin/key_issued.html", {"key": key, "plaintext": plaintext})
