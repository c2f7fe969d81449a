import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):
    """Rentals with their terms, attempts, messages and due work; request keys and money at risk of terms."""

    dependencies = [
        ("accounts", "0001_initial"),
        ("activations", "0014_measure_routes"),
        ("providers", "0009_rentals"),
    ]

    operations = [
        migrations.AlterField(
            model_name="moneyatrisk",
            name="activation",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="money_at_risk",
                to="activations.activation",
            ),
        ),
        migrations.CreateModel(
            name="Rental",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=models.Func(function="uuidv7"),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "num_id",
                    models.BigIntegerField(
                        db_default=models.Func(models.Value("activations_num_id_seq"), function="nextval"),
                        editable=False,
                        unique=True,
                    ),
                ),
                ("rnt_id", models.CharField(editable=False, max_length=16)),
                (
                    "channel",
                    models.CharField(
                        help_text="The dialect it was ordered through, or portal.", max_length=12
                    ),
                ),
                ("operator", models.CharField(db_default="any", default="any", max_length=40)),
                ("phone", models.CharField(blank=True, db_default="", default="", max_length=20)),
                ("formatted", models.CharField(blank=True, db_default="", default="", max_length=40)),
                (
                    "lease_state",
                    models.CharField(
                        choices=[("ordering", "Ordering"), ("leased", "Leased"), ("unsold", "Unsold")],
                        db_default="ordering",
                        default="ordering",
                        max_length=8,
                    ),
                ),
                (
                    "rental_status",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("finished", "Finished"),
                            ("expired", "Expired"),
                            ("canceled", "Canceled"),
                        ],
                        db_default="active",
                        default="active",
                        max_length=8,
                    ),
                ),
                (
                    "billing_status",
                    models.CharField(
                        choices=[
                            ("reserved", "Reserved"),
                            ("released", "Released"),
                            ("billed", "Billed"),
                            ("refunded", "Refunded"),
                        ],
                        db_default="reserved",
                        default="reserved",
                        max_length=8,
                    ),
                ),
                (
                    "cancel_requested_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Cancel was sent upstream and its outcome is not known yet.",
                        null=True,
                    ),
                ),
                (
                    "extending",
                    models.UUIDField(
                        blank=True,
                        help_text="The term that the upstream is being asked for; no end meanwhile.",
                        null=True,
                    ),
                ),
                ("hours", models.PositiveIntegerField(help_text="All terms together.")),
                ("cost_micros", models.BigIntegerField(help_text="What the provider charges.")),
                ("price_micros", models.BigIntegerField(help_text="What the tenant pays.")),
                ("customer_price_micros", models.BigIntegerField(help_text="What the customer pays.")),
                (
                    "day_price_micros",
                    models.BigIntegerField(help_text="What the customer pays for a day of the first term."),
                ),
                ("cost_refund_micros", models.BigIntegerField(db_default=0, default=0)),
                (
                    "refund_micros",
                    models.BigIntegerField(db_default=0, default=0, help_text="What the tenant got back."),
                ),
                ("customer_refund_micros", models.BigIntegerField(db_default=0, default=0)),
                (
                    "refund_days",
                    models.PositiveIntegerField(db_default=0, default=0, help_text="Unused days paid back."),
                ),
                ("can_cancel", models.BooleanField(db_default=False, default=False)),
                ("can_extend", models.BooleanField(db_default=False, default=False)),
                (
                    "guard_until",
                    models.DateTimeField(
                        blank=True,
                        help_text="Cancelled before that and without a message: everything back.",
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                (
                    "ends_at",
                    models.DateTimeField(blank=True, help_text="Empty: until its buyer ends it.", null=True),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "messages_count",
                    models.PositiveIntegerField(db_default=0, default=0, help_text="Late ones left out."),
                ),
                ("last_message_at", models.DateTimeField(blank=True, null=True)),
                ("auto_renew", models.BooleanField(db_default=False, default=False)),
                ("renew_hours", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "renew_max_price_micros",
                    models.BigIntegerField(
                        blank=True,
                        help_text="What the customer agreed to pay at most for each renewal.",
                        null=True,
                    ),
                ),
                (
                    "renew_refusal",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Why the last renewal failed.",
                        max_length=40,
                    ),
                ),
                ("upstream_ref", models.CharField(blank=True, db_default="", default="", max_length=80)),
                ("upstream_state", models.CharField(blank=True, db_default="", default="", max_length=16)),
                (
                    "refusal",
                    models.CharField(
                        blank=True, db_default="", default="", help_text="Why it was not sold.", max_length=40
                    ),
                ),
                ("routing", models.JSONField(blank=True, default=dict, help_text="The router's decision.")),
                (
                    "erased_at",
                    models.DateTimeField(blank=True, help_text="When its texts were erased.", null=True),
                ),
                (
                    "country",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.country",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rentals",
                        to="accounts.customer",
                    ),
                ),
                (
                    "offer",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="providers.offer",
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rentals",
                        to="providers.provider",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.service",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rentals",
                        to="accounts.tenant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RentalDue",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("status", "ask for state and messages"),
                            ("reconcile", "find out whether it was rented"),
                            ("extension", "find out whether it was extended"),
                            ("expire", "end it"),
                            ("guard", "end it if nothing came"),
                            ("remind", "tell that its end is near"),
                            ("renew", "Renew"),
                        ],
                        max_length=9,
                    ),
                ),
                ("due_at", models.DateTimeField()),
                (
                    "tries",
                    models.PositiveSmallIntegerField(db_default=0, default=0, help_text="Failures in a row."),
                ),
                ("parked_reason", models.CharField(blank=True, db_default="", default="", max_length=200)),
                (
                    "provider",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.provider",
                    ),
                ),
                (
                    "rental",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="due_rows",
                        to="activations.rental",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "rental due work",
            },
        ),
        migrations.CreateModel(
            name="RentalMessage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("msg_id", models.CharField(max_length=16)),
                ("kind", models.CharField(db_default="sms", default="sms", max_length=5)),
                ("sender", models.CharField(blank=True, db_default="", default="", max_length=80)),
                ("text", models.TextField(blank=True, db_default="", default="")),
                ("code", models.CharField(max_length=40, null=True)),
                (
                    "is_cut",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Was longer than we store, or had bytes replaced.",
                    ),
                ),
                (
                    "visible",
                    models.BooleanField(
                        db_default=True, default=True, help_text="No: it came after the end."
                    ),
                ),
                (
                    "upstream_ref",
                    models.CharField(
                        help_text="The upstream's id, or a digest of the content.", max_length=80
                    ),
                ),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("erased_at", models.DateTimeField(null=True)),
                (
                    "rental",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="activations.rental",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RentalTerm",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        db_default=models.Func(function="uuidv7"),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("billed", "Billed"), ("released", "Released")],
                        db_default="pending",
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("is_renewal", models.BooleanField(db_default=False, default=False)),
                ("hours", models.PositiveIntegerField()),
                ("cost_micros", models.BigIntegerField()),
                ("price_micros", models.BigIntegerField()),
                ("customer_price_micros", models.BigIntegerField()),
                ("refund_micros", models.BigIntegerField(db_default=0, default=0)),
                ("customer_refund_micros", models.BigIntegerField(db_default=0, default=0)),
                (
                    "extends_from",
                    models.DateTimeField(help_text="The end before; empty for the first term.", null=True),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "rental",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="terms",
                        to="activations.rental",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RentalAttempt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("offer_id", models.BigIntegerField(null=True)),
                ("our_ref", models.CharField(help_text="The reference that we send along.", max_length=40)),
                (
                    "upstream_ref",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="A lease that must be cancelled there.",
                        max_length=80,
                    ),
                ),
                ("ceiling_micros", models.BigIntegerField(help_text="In cost.")),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("leased", "Leased"),
                            ("refused", "Refused"),
                            ("unreachable", "Unreachable"),
                            ("unknown", "Unknown"),
                            ("released", "unknown, then proven empty or cancelled upstream"),
                        ],
                        db_default="",
                        default="",
                        max_length=11,
                    ),
                ),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=80)),
                (
                    "empty_lists",
                    models.PositiveSmallIntegerField(
                        db_default=0, default=0, help_text="Upstream answers that did not show it."
                    ),
                ),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "provider",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.provider",
                    ),
                ),
                (
                    "rental",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts",
                        to="activations.rental",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
                (
                    "term",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts",
                        to="activations.rentalterm",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="moneyatrisk",
            name="term",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="money_at_risk",
                to="activations.rentalterm",
            ),
        ),
        migrations.AddField(
            model_name="requestkey",
            name="term",
            field=models.ForeignKey(
                db_index=False,
                help_text="Of a rental: what the key rented, or by what it made it longer.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="request_keys",
                to="activations.rentalterm",
            ),
        ),
        migrations.AddIndex(
            model_name="requestkey",
            index=models.Index(
                condition=models.Q(("term__isnull", False)), fields=["term"], name="request_key_of_term"
            ),
        ),
        migrations.AddConstraint(
            model_name="moneyatrisk",
            constraint=models.UniqueConstraint(
                condition=models.Q(("term__isnull", False)),
                fields=("term", "kind"),
                name="risk_once_per_kind_of_term",
            ),
        ),
        migrations.AddConstraint(
            model_name="moneyatrisk",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("activation__isnull", False), ("term", None)),
                    models.Q(("activation", None), ("term__isnull", False)),
                    _connector="OR",
                ),
                name="risk_is_of_one_order",
            ),
        ),
        migrations.AddIndex(
            model_name="rental",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                include=("lease_state",),
                name="rental_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="rental",
            index=models.Index(
                models.F("tenant"),
                models.F("customer"),
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                include=("lease_state",),
                name="rental_of_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="rental",
            index=models.Index(
                condition=models.Q(("rental_status", "active")),
                fields=["tenant", "customer"],
                name="rental_open_of_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="rental",
            index=models.Index(
                condition=models.Q(("rental_status", "active")),
                fields=["provider"],
                name="rental_open_at_provider",
            ),
        ),
        migrations.AddIndex(
            model_name="rental",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", False), ("erased_at", None)),
                fields=["ended_at"],
                name="rental_to_erase",
            ),
        ),
        migrations.AddConstraint(
            model_name="rental",
            constraint=models.UniqueConstraint(fields=("rnt_id",), name="rental_rnt_id"),
        ),
        migrations.AddConstraint(
            model_name="rental",
            constraint=models.UniqueConstraint(
                condition=models.Q(("upstream_ref", ""), _negated=True),
                fields=("provider", "upstream_ref"),
                name="upstream_rental_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="rental",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.Regex(
                    models.Func(
                        models.F("lease_state"),
                        models.Value(" "),
                        models.F("rental_status"),
                        models.Value(" "),
                        models.F("billing_status"),
                        arg_joiner=" || ",
                        output_field=models.TextField(),
                        template="(%(expressions)s)",
                    ),
                    "^(ordering active reserved|unsold canceled released|leased (active|finished|expired|canceled) billed|leased canceled refunded)$",
                ),
                name="rental_state_is_legal",
            ),
        ),
        migrations.AddConstraint(
            model_name="rental",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lease_state", "leased"), _negated=True),
                    models.Q(("upstream_ref", ""), _negated=True),
                    _connector="OR",
                ),
                name="rental_has_a_reference",
            ),
        ),
        migrations.AddConstraint(
            model_name="rental",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("extending", None),
                    models.Q(("lease_state", "leased"), ("rental_status", "active")),
                    _connector="OR",
                ),
                name="only_a_running_rental_is_extended",
            ),
        ),
        migrations.AddConstraint(
            model_name="rental",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cost_micros__gte", 0), ("customer_price_micros__gte", 0), ("price_micros__gte", 0)
                ),
                name="rental_amounts_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="rental",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("customer_refund_micros__gte", 0),
                    ("customer_refund_micros__lte", models.F("customer_price_micros")),
                    ("refund_micros__gte", 0),
                    ("refund_micros__lte", models.F("price_micros")),
                ),
                name="rental_refund_at_most_paid",
            ),
        ),
        migrations.AddConstraint(
            model_name="rental",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("auto_renew", False),
                    models.Q(("renew_hours__isnull", False), ("renew_max_price_micros__isnull", False)),
                    _connector="OR",
                ),
                name="renewal_has_a_term_and_a_cap",
            ),
        ),
        migrations.AddIndex(
            model_name="rentaldue",
            index=models.Index(
                condition=models.Q(("parked_reason", "")), fields=["kind", "due_at"], name="rental_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="rentaldue",
            constraint=models.UniqueConstraint(fields=("rental", "kind"), name="due_once_per_kind"),
        ),
        migrations.AddIndex(
            model_name="rentalmessage",
            index=models.Index(
                models.F("rental"),
                models.OrderBy(models.F("received_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="rental_message_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="rentalmessage",
            index=models.Index(
                condition=models.Q(("erased_at", None)),
                fields=["received_at"],
                name="rental_message_to_erase",
            ),
        ),
        migrations.AddConstraint(
            model_name="rentalmessage",
            constraint=models.UniqueConstraint(fields=("rental", "upstream_ref"), name="rental_message_once"),
        ),
        migrations.AddConstraint(
            model_name="rentalmessage",
            constraint=models.UniqueConstraint(fields=("msg_id",), name="rental_message_public_id"),
        ),
        migrations.AddConstraint(
            model_name="rentalterm",
            constraint=models.UniqueConstraint(fields=("rental", "number"), name="term_once_per_number"),
        ),
        migrations.AddConstraint(
            model_name="rentalterm",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    models.Q(("state", "released"), _negated=True), ("extends_from__isnull", False)
                ),
                fields=("rental", "extends_from"),
                name="end_extended_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="rentalattempt",
            constraint=models.UniqueConstraint(fields=("our_ref",), name="rental_attempt_reference_once"),
        ),
    ]
