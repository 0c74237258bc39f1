import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import payments.ids
import payments.models.base


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0008_decline_rules"),
    ]

    operations = [
        migrations.RenameModel("CustomerMail", "CustomerMessage"),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("payment_id", models.CharField(blank=True, max_length=34)),
                ("sequence", models.PositiveIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "On its way"), ("delivered", "Delivered"), ("failed", "Not delivered")],
                        default="pending",
                        max_length=12,
                    ),
                ),
                (
                    "note",
                    models.CharField(blank=True, help_text="Why the last try did not deliver it.", max_length=200),
                ),
                ("tries", models.PositiveIntegerField(default=0)),
                (
                    "due_at",
                    models.DateTimeField(blank=True, db_default=django.db.models.functions.datetime.Now(), null=True),
                ),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("fence", models.PositiveIntegerField(default=0)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "deliveries",
            },
        ),
        migrations.CreateModel(
            name="DeliveryTry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("url", models.CharField(max_length=500)),
                ("headers", models.JSONField(default=dict)),
                ("http_status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("answer", models.CharField(blank=True, max_length=1000)),
                ("trouble", models.CharField(blank=True, help_text="Why there was no answer.", max_length=200)),
                ("milliseconds", models.PositiveIntegerField(default=0)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                "verbose_name_plural": "delivery tries",
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    payments.models.base.PublicIdField(
                        default=payments.ids.new_event_id, max_length=34, primary_key=True, serialize=False
                    ),
                ),
                ("payment_id", models.CharField(blank=True, max_length=34)),
                ("sequence", models.PositiveIntegerField(default=0)),
                ("type", models.CharField(max_length=48)),
                ("body", models.TextField()),
                (
                    "happened_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("position", models.BigIntegerField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="GatewayEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("gateway", models.CharField(max_length=32)),
                ("event_id", models.CharField(max_length=255)),
                (
                    "type",
                    models.CharField(blank=True, help_text="Empty where the body could not be read.", max_length=100),
                ),
                ("body", models.BinaryField()),
                ("reference", models.CharField(blank=True, max_length=100)),
                ("gateway_key", models.CharField(blank=True, max_length=64)),
                ("payment_id", models.CharField(blank=True, max_length=34)),
                ("happened_at", models.DateTimeField(blank=True, help_text="By the gateway's clock.", null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("applied", "Applied"),
                            ("ignored", "Not ours or of no known type"),
                            ("parked", "About nothing we know yet"),
                            ("given_up", "Given to people"),
                        ],
                        default="received",
                        max_length=12,
                    ),
                ),
                ("note", models.CharField(blank=True, help_text="What became of it, or why it waits.", max_length=200)),
                ("tries", models.PositiveIntegerField(default=0)),
                (
                    "due_at",
                    models.DateTimeField(blank=True, db_default=django.db.models.functions.datetime.Now(), null=True),
                ),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("fence", models.PositiveIntegerField(default=0)),
                ("times_received", models.PositiveIntegerField(default=1)),
                (
                    "received_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "last_received_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=32)),
                ("key", models.CharField(max_length=128)),
                ("channel", models.CharField(choices=[("email", "E-mail"), ("webhook", "Webhook")], max_length=8)),
                ("address", models.CharField(blank=True, max_length=500)),
                (
                    "severity",
                    models.CharField(
                        choices=[("info", "Information"), ("warning", "Warning"), ("critical", "Critical")],
                        default="warning",
                        max_length=8,
                    ),
                ),
                ("subject", models.CharField(max_length=200)),
                ("text", models.TextField()),
                (
                    "path",
                    models.CharField(blank=True, help_text="Of the console's page that shows more.", max_length=200),
                ),
                (
                    "due_at",
                    models.DateTimeField(blank=True, db_default=django.db.models.functions.datetime.Now(), null=True),
                ),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("trouble", models.CharField(blank=True, max_length=200)),
                (
                    "written_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Publication",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="RefusedWebhook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("gateway", models.CharField(max_length=32)),
                ("reason", models.CharField(max_length=32)),
                ("count", models.PositiveBigIntegerField(default=0)),
                ("last_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    payments.models.base.PublicIdField(
                        default=payments.ids.new_endpoint_id, max_length=34, primary_key=True, serialize=False
                    ),
                ),
                ("url", models.CharField(max_length=500)),
                ("description", models.CharField(blank=True, max_length=100)),
                ("types", models.JSONField(blank=True, default=list)),
                ("secret", models.CharField(max_length=100)),
                ("old_secret", models.CharField(blank=True, max_length=100)),
                ("old_secret_until", models.DateTimeField(blank=True, null=True)),
                ("is_enabled", models.BooleanField(default=True)),
                ("disabled_at", models.DateTimeField(blank=True, null=True)),
                ("disabled_why", models.CharField(blank=True, max_length=200)),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="customermessage",
            name="one_mail_per_kind_and_payment",
        ),
        migrations.RenameIndex(
            model_name="customermessage",
            new_name="message_due",
            old_name="mail_due",
        ),
        migrations.AddField(
            model_name="checkoutsession",
            name="ended_at",
            field=models.DateTimeField(blank=True, help_text="When the shop was told that it is over.", null=True),
        ),
        migrations.AddField(
            model_name="client",
            name="technical_email",
            field=models.EmailField(
                blank=True, help_text="Who is told when the shop's endpoint is switched off.", max_length=254
            ),
        ),
        migrations.AddField(
            model_name="customermessage",
            name="channel",
            field=models.CharField(choices=[("email", "E-mail"), ("sms", "SMS")], default="email", max_length=8),
        ),
        migrations.AddField(
            model_name="customermessage",
            name="occurrence",
            field=models.CharField(blank=True, max_length=48),
        ),
        migrations.AddField(
            model_name="operatortask",
            name="subject",
            field=models.CharField(blank=True, db_default="", max_length=300),
        ),
        migrations.AddField(
            model_name="order",
            name="customer_language",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="Of messages to the customer: a language code such as de.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="customer_phone",
            field=models.CharField(blank=True, db_default="", help_text="E.164, for SMS.", max_length=16),
        ),
        migrations.AddField(
            model_name="payment",
            name="events_written",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="How many events shops were told about it; numbers the next one."
            ),
        ),
        migrations.AlterField(
            model_name="customermessage",
            name="address",
            field=models.CharField(help_text="An e-mail address, or a telephone number in E.164 form.", max_length=254),
        ),
        migrations.AlterField(
            model_name="customermessage",
            name="kind",
            field=models.CharField(
                choices=[
                    ("received", "Payment received"),
                    ("delayed", "Payment takes longer"),
                    ("confirm", "Bank wants the customer to confirm"),
                    ("resolved", "Delayed payment is paid"),
                    ("failed", "Payment failed, link to try again"),
                    ("resume", "Link to resume the checkout"),
                    ("refunded", "Money was given back"),
                    ("refund_failed", "Money could not be given back yet"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="customermessage",
            name="payment",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="messages",
                to="payments.payment",
            ),
        ),
        migrations.AlterField(
            model_name="customermessage",
            name="tries",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="operatortask",
            name="kind",
            field=models.CharField(
                choices=[
                    ("unknown_too_long", "Outcome unknown for too long"),
                    ("rejected", "Gateway refused our request"),
                    ("mismatch", "Gateway's answer does not fit the charge"),
                    ("contradiction", "Gateway contradicts itself"),
                    ("duplicate_charge", "Gateway charged the customer twice"),
                    ("late_success", "Gateway charged too late"),
                    ("not_given_back", "Gateway does not give the money back"),
                    ("taken_back", "A paid charge was undone at the gateway"),
                    ("dispute_received", "A customer disputes a charge"),
                    ("unmatched_event", "Gateway's event is about nothing we know"),
                    ("unreadable_event", "Gateway's event cannot be read"),
                    ("queued_too_long", "Accepted order could not be charged in time"),
                ],
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="operatortask",
            name="payment",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="operator_tasks",
                to="payments.payment",
            ),
        ),
        migrations.AddIndex(
            model_name="checkoutsession",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)), fields=["expires_at"], name="checkout_session_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="customermessage",
            constraint=models.UniqueConstraint(
                fields=("payment", "kind", "channel", "occurrence"), name="one_message_per_kind_and_occurrence"
            ),
        ),
        migrations.AddConstraint(
            model_name="operatortask",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True), ("payment__isnull", True)),
                fields=("kind", "subject"),
                name="one_open_task_per_subject",
            ),
        ),
        migrations.AddField(
            model_name="deliverytry",
            name="delivery",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="log", to="payments.delivery"
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="client",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="events", to="payments.client"
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="event",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="payments.event",
            ),
        ),
        migrations.AddIndex(
            model_name="gatewayevent",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="gateway_event_due"
            ),
        ),
        migrations.AddIndex(
            model_name="gatewayevent",
            index=models.Index(
                condition=models.Q(("payment_id", ""), _negated=True),
                fields=["payment_id"],
                name="gateway_event_of_payment",
            ),
        ),
        migrations.AddIndex(
            model_name="gatewayevent",
            index=models.Index(fields=["received_at"], name="gateway_event_received"),
        ),
        migrations.AddIndex(
            model_name="gatewayevent",
            index=models.Index(
                condition=models.Q(("state", "applied"), _negated=True),
                fields=["state", "id"],
                name="gateway_event_by_state",
            ),
        ),
        migrations.AddIndex(
            model_name="gatewayevent",
            index=models.Index(
                condition=models.Q(("due_at__isnull", True), ("state__in", ("received", "parked"))),
                fields=["id"],
                name="gateway_event_forgotten",
            ),
        ),
        migrations.AddConstraint(
            model_name="gatewayevent",
            constraint=models.UniqueConstraint(fields=("gateway", "event_id"), name="gateway_events_are_stored_once"),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="notice_due"),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(fields=("key", "channel", "address"), name="one_notice_per_occurrence"),
        ),
        migrations.AddConstraint(
            model_name="refusedwebhook",
            constraint=models.UniqueConstraint(fields=("gateway", "reason"), name="one_count_per_refusal"),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="client",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="webhook_endpoints", to="payments.client"
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="endpoint",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="payments.webhookendpoint",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("position__isnull", True)), fields=["happened_at"], name="event_unpublished"
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["client", "position"], name="event_of_client"),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(fields=("position",), name="event_positions_are_unique"),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(
                condition=models.Q(("payment_id", ""), _negated=True),
                fields=("payment_id", "sequence"),
                name="events_are_numbered",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["endpoint", "due_at"], name="delivery_due"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["endpoint", "payment_id", "sequence"],
                name="delivery_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["endpoint", "id"], name="delivery_of_endpoint"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(condition=models.Q(("state", "failed")), fields=["id"], name="delivery_failed"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("due_at__isnull", True), ("state", "pending")),
                fields=["id"],
                name="delivery_forgotten",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("event", "endpoint"), name="one_delivery_per_event_and_endpoint"
            ),
        ),
    ]
