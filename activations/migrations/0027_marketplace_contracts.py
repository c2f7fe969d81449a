from decimal import Decimal

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import activations.marketplace_models


class Migration(migrations.Migration):
    """What is agreed with marketplaces, what was sold to them, and the messages passed on."""

    dependencies = [
        ("accounts", "0002_deferred_cancel"),
        ("activations", "0026_tell_ready"),
        ("providers", "0018_policies_in_lists"),
    ]

    operations = [
        migrations.CreateModel(
            name="Contract",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                (
                    "token",
                    models.CharField(
                        default=activations.marketplace_models.new_token,
                        editable=False,
                        max_length=40,
                        unique=True,
                    ),
                ),
                (
                    "key_digest",
                    models.BinaryField(help_text="SHA-256 of the key it calls with.", max_length=32),
                ),
                ("push_key_encrypted", models.BinaryField(blank=True, default=b"")),
                (
                    "push_url",
                    models.CharField(blank=True, max_length=500, verbose_name="address for messages"),
                ),
                (
                    "rent_push_url",
                    models.CharField(
                        blank=True,
                        help_text="Empty: the one above.",
                        max_length=500,
                        verbose_name="address for messages of rentals",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Off: nothing new is sold. Open operations go on and are settled.",
                    ),
                ),
                (
                    "currency",
                    models.CharField(choices=[("RUB", "Rub"), ("USD", "Usd")], default="RUB", max_length=3),
                ),
                (
                    "rub_per_usd",
                    models.DecimalField(
                        decimal_places=4,
                        max_digits=10,
                        validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                        verbose_name="roubles per dollar",
                    ),
                ),
                (
                    "least_margin_micros",
                    models.BigIntegerField(
                        default=0,
                        help_text="What a sale must bring beyond the number's cost.",
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "daily_cap",
                    models.PositiveIntegerField(
                        blank=True, help_text="Operations per day (UTC); empty: no cap.", null=True
                    ),
                ),
                (
                    "countries",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=9),
                        blank=True,
                        default=list,
                        help_text="Empty: every country.",
                        size=None,
                    ),
                ),
                (
                    "stock_percent",
                    models.PositiveSmallIntegerField(
                        default=100,
                        help_text="Percent. Empty promises are punished by marketplaces.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="share of the stock that is shown",
                    ),
                ),
                (
                    "stock_most",
                    models.PositiveSmallIntegerField(
                        default=10,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="most numbers shown per line",
                    ),
                ),
                (
                    "lists_any",
                    models.BooleanField(
                        default=True,
                        help_text="Show the sum of all operators too; some marketplaces want it left out.",
                        verbose_name="“any” beside operators",
                    ),
                ),
                (
                    "phone_shape",
                    models.CharField(
                        choices=[("text", "Text"), ("number", "Number")],
                        default="text",
                        max_length=6,
                        verbose_name="phones in messages are",
                    ),
                ),
                (
                    "rent_hours",
                    models.PositiveIntegerField(
                        default=24,
                        help_text="Renewed by as much until the marketplace ends the rental; 0: no rentals are sold.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(720),
                        ],
                        verbose_name="hours rented at a time",
                    ),
                ),
                (
                    "blocked_senders",
                    models.TextField(
                        blank=True,
                        default="Sberbank\nSber\nTinkoff\nT-Bank\nAlfabank\nAlfa-Bank\nVTB\nRaiffeisen\nGazprombank\nRosbank\nSovcombank\nPayPal\nPayoneer\nRevolut\nWise\nWestern Union\nMoneyGram\nQiwi\nYooMoney\nWebMoney\nSkrill\nNeteller\nStripe\nKlarna\nVisa\nMastercard\nBank\nCredit\n",
                        help_text="One name per line: their messages are never passed on.",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "customer",
                    models.OneToOneField(
                        help_text="The account its orders are placed with.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contract",
                        to="accounts.customer",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contracts",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "marketplace contract",
            },
        ),
        migrations.CreateModel(
            name="ContractCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(choices=[("service", "Service"), ("country", "Country")], max_length=7),
                ),
                ("code", models.CharField(help_text="The marketplace's word.", max_length=60)),
                (
                    "canonical_id",
                    models.CharField(
                        help_text="Our id of the service or country.", max_length=30, verbose_name="means"
                    ),
                ),
                (
                    "contract",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="codes",
                        to="activations.contract",
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
                "verbose_name": "spelling",
            },
        ),
        migrations.CreateModel(
            name="ContractPrice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "least_sum",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="In the contract's currency.",
                        max_digits=14,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "contract",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="prices",
                        to="activations.contract",
                    ),
                ),
                (
                    "country",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        help_text="Empty: every country.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.country",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        help_text="Empty: every service. Rentals are the service of any sender.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.service",
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
                "verbose_name": "price",
            },
        ),
        migrations.CreateModel(
            name="NumberRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone", models.CharField(max_length=20)),
                (
                    "is_excluded",
                    models.BooleanField(default=False, help_text="Not wanted there for this service."),
                ),
                (
                    "offers_left",
                    models.PositiveSmallIntegerField(
                        help_text="How often it may be offered again; empty: it was never cancelled there.",
                        null=True,
                    ),
                ),
                (
                    "silent_rents",
                    models.PositiveSmallIntegerField(default=0, help_text="In a row, without a message."),
                ),
                ("silent_at", models.DateTimeField(help_text="When the latest of them ended.", null=True)),
                ("hidden_until", models.DateTimeField(null=True)),
                (
                    "contract",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="numbers",
                        to="activations.contract",
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
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "number at a marketplace",
                "verbose_name_plural": "numbers at marketplaces",
            },
        ),
        migrations.CreateModel(
            name="Sale",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "number",
                    models.BigIntegerField(
                        help_text="The order's: what the marketplace knows it by.", unique=True
                    ),
                ),
                ("phone", models.CharField(max_length=20)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("issued", "Issued"),
                            ("receiving", "receiving: a message was accepted"),
                            ("finished", "Finished"),
                            ("canceled", "Canceled"),
                            ("refunded", "Refunded"),
                        ],
                        default="issued",
                        max_length=9,
                    ),
                ),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("unwanted", "not wanted for this service"),
                            ("sold", "Sold"),
                            ("canceled", "nothing was delivered"),
                            ("refunded", "Refunded"),
                            ("late", "we were too late"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
                (
                    "sum",
                    models.DecimalField(
                        decimal_places=4, help_text="Promised when it was issued.", max_digits=14
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("rub_per_usd", models.DecimalField(decimal_places=4, max_digits=10)),
                ("expected_micros", models.BigIntegerField(help_text="The same in micro-USD.")),
                (
                    "paid_sum",
                    models.DecimalField(
                        decimal_places=4, help_text="Named when it was sold.", max_digits=14, null=True
                    ),
                ),
                ("income_micros", models.BigIntegerField(default=0, help_text="Booked when it was sold.")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(help_text="Empty: open.", null=True)),
                (
                    "lease_due_at",
                    models.DateTimeField(help_text="When something is due at the provider.", null=True),
                ),
                (
                    "flagged_at",
                    models.DateTimeField(help_text="Open for too long; a person should look.", null=True),
                ),
                (
                    "activation",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sale",
                        to="activations.activation",
                    ),
                ),
                (
                    "contract",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sales",
                        to="activations.contract",
                    ),
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
                    "rental",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sale",
                        to="activations.rental",
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
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "marketplace sale",
            },
        ),
        migrations.CreateModel(
            name="Push",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("accepted", "Accepted"),
                            ("refused", "not wanted there"),
                            ("blocked", "of a sender that is never passed on"),
                            ("given_up", "Given Up"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("deliver_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("last_status", models.PositiveSmallIntegerField(null=True)),
                ("last_word", models.CharField(blank=True, default="", max_length=80)),
                (
                    "contract",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="activations.contract",
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="push",
                        to="activations.message",
                    ),
                ),
                (
                    "rental_message",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="push",
                        to="activations.rentalmessage",
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
                    "sale",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pushes",
                        to="activations.sale",
                    ),
                ),
            ],
            options={
                "verbose_name": "marketplace message",
            },
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.UniqueConstraint(fields=("tenant", "name"), name="contract_name_once"),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(("rub_per_usd__gt", 0)), name="contract_rate_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(("least_margin_micros__gte", 0)), name="contract_margin_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="contractcode",
            constraint=models.UniqueConstraint(
                fields=("contract", "kind", "code"), name="contract_code_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="contractcode",
            constraint=models.UniqueConstraint(
                fields=("contract", "kind", "canonical_id"), name="contract_word_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="contractprice",
            constraint=models.UniqueConstraint(
                fields=("contract", "service", "country"), name="contract_price_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="contractprice",
            constraint=models.CheckConstraint(
                condition=models.Q(("least_sum__gte", 0)), name="contract_price_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="numberrecord",
            constraint=models.UniqueConstraint(
                fields=("contract", "phone", "service"), name="number_record_once"
            ),
        ),
        migrations.AddIndex(
            model_name="sale",
            index=models.Index(
                models.F("contract"),
                models.OrderBy(models.F("created_at"), descending=True),
                name="sale_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="sale",
            index=models.Index(
                condition=models.Q(("lease_due_at__isnull", False)),
                fields=["lease_due_at"],
                name="sale_lease_due",
            ),
        ),
        migrations.AddIndex(
            model_name="sale",
            index=models.Index(
                condition=models.Q(("ended_at", None), ("flagged_at", None)),
                fields=["created_at"],
                name="sale_open_unflagged",
            ),
        ),
        migrations.AddIndex(
            model_name="sale",
            index=models.Index(condition=models.Q(("ended_at", None)), fields=["id"], name="sale_open"),
        ),
        migrations.AddConstraint(
            model_name="sale",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("activation", None), ("rental__isnull", False)),
                    models.Q(("activation__isnull", False), ("rental", None)),
                    _connector="OR",
                ),
                name="sale_is_of_one_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="sale",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("ending", ""), ("state__in", ["issued", "receiving"])),
                    models.Q(
                        models.Q(("state__in", ["issued", "receiving"]), _negated=True),
                        models.Q(("ending", ""), _negated=True),
                        ("ended_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="sale_is_open_or_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="sale",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["finished", "refunded"]), ("income_micros", 0), _connector="OR"
                ),
                name="sale_only_sold_ones_earn",
            ),
        ),
        migrations.AddConstraint(
            model_name="sale",
            constraint=models.CheckConstraint(
                condition=models.Q(("income_micros__gte", 0)), name="sale_income_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="sale",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("contract", "phone"),
                name="number_in_one_operation",
            ),
        ),
        migrations.AddIndex(
            model_name="push",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["contract", "deliver_at"], name="push_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="push",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("message", None), ("rental_message__isnull", False)),
                    models.Q(("message__isnull", False), ("rental_message", None)),
                    _connector="OR",
                ),
                name="push_is_of_one_message",
            ),
        ),
        migrations.AddConstraint(
            model_name="push",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("state", "pending")),
                    models.Q(models.Q(("state", "pending"), _negated=True), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="push_is_pending_or_ended",
            ),
        ),
    ]
