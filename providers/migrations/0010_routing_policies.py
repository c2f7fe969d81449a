import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What tenants want of routes and providers, daily caps, and what they are checked against."""

    dependencies = [
        ("accounts", "0001_initial"),
        ("providers", "0009_rentals"),
    ]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="daily_cap_micros",
            field=models.BigIntegerField(
                blank=True, help_text="What may be spent here in a day (UTC); empty: no cap.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="providerhealth",
            name="state",
            field=models.CharField(
                choices=[
                    ("ok", "Ok"),
                    ("degraded", "Degraded"),
                    ("out_of_funds", "Out Of Funds"),
                    ("bad_credentials", "Bad Credentials"),
                    ("banned", "Banned"),
                    ("paused", "paused by the operator"),
                    ("spent", "daily cap reached"),
                ],
                db_default="ok",
                default="ok",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="RoutingPolicy",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="routing_policy",
                        serialize=False,
                        to="accounts.tenant",
                    ),
                ),
                (
                    "quality_factor",
                    models.FloatField(
                        blank=True,
                        help_text="0: the cheapest number, 100: the best at any price. For orders that name none; empty: 50.",
                        null=True,
                    ),
                ),
                (
                    "min_success_percent",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Routes that received codes less often are left out. Routes of few orders are tried.",
                        null=True,
                    ),
                ),
                (
                    "shows_decisions",
                    models.BooleanField(
                        default=False,
                        help_text="The reseller's members see how each order was routed, providers by their numbers.",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "routing policies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("quality_factor", None),
                            models.Q(("quality_factor__gte", 0), ("quality_factor__lte", 100)),
                            _connector="OR",
                        ),
                        name="policy_quality_factor_is_percent",
                        violation_error_message="The quality factor lies between 0 and 100.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("min_success_percent", None), ("min_success_percent__lte", 100), _connector="OR"
                        ),
                        name="policy_min_success_is_percent",
                        violation_error_message="The minimum success lies between 0 and 100 percent.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderSpend",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("cost_micros", models.BigIntegerField()),
                (
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.provider",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("day", "provider", "tenant"), name="provider_spend_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="RoutingRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[("", "–"), ("allow", "allow"), ("deny", "never buy here")],
                        default="",
                        max_length=5,
                    ),
                ),
                (
                    "boost_percent",
                    models.SmallIntegerField(
                        blank=True, help_text="−50 to 50; each point improves the score by 0.01.", null=True
                    ),
                ),
                ("min_success_percent", models.PositiveSmallIntegerField(blank=True, null=True)),
                (
                    "daily_cap_micros",
                    models.BigIntegerField(
                        blank=True, help_text="What may be spent here in a day (UTC).", null=True
                    ),
                ),
                (
                    "spent_until",
                    models.DateTimeField(
                        editable=False,
                        help_text="The cap is reached; set by the sweep that adds up.",
                        null=True,
                    ),
                ),
                (
                    "country",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.country",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        db_column="tenant_id",
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rules",
                        to="providers.routingpolicy",
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: all providers.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.provider",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="providers.service",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("policy", "provider", "service", "country"),
                        name="routing_rule_once",
                        nulls_distinct=False,
                        violation_error_message="There is a rule for this provider, service and country.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("boost_percent", None),
                            models.Q(("boost_percent__gte", -50), ("boost_percent__lte", 50)),
                            _connector="OR",
                        ),
                        name="routing_rule_boost_is_bounded",
                        violation_error_message="A boost lies between −50 and 50.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("min_success_percent", None), ("min_success_percent__lte", 100), _connector="OR"
                        ),
                        name="routing_rule_min_success_is_percent",
                        violation_error_message="The minimum success lies between 0 and 100 percent.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("daily_cap_micros", None),
                            models.Q(
                                ("country", None),
                                ("daily_cap_micros__gte", 0),
                                ("provider__isnull", False),
                                ("service", None),
                            ),
                            _connector="OR",
                        ),
                        name="routing_rule_cap_is_of_a_provider",
                        violation_error_message="A daily cap is for one provider, whatever the service and country.",
                    ),
                ],
            },
        ),
    ]
