"""The rows of payments; each model in a file of its own."""

from payments.models.allowance import Allowance
from payments.models.attempt import Attempt
from payments.models.audit import AuditEntry
from payments.models.checkout_session import CheckoutSession
from payments.models.circuit import Circuit, CircuitChange, GatewayHealth
from payments.models.client import SCOPES, ApiKey, Client
from payments.models.customer_message import CustomerMessage
from payments.models.customer_standing import CustomerStanding
from payments.models.decline_rule import DeclineRule, DeclineRuleChange, UnmappedDecline
from payments.models.event import Delivery, DeliveryTry, Event, Publication, WebhookEndpoint
from payments.models.gateway_event import GatewayEvent, RefusedWebhook
from payments.models.gateway_watch import GatewayWatch
from payments.models.idempotency import IdempotencyRecord
from payments.models.ledger import LedgerPosting
from payments.models.notice import Notice
from payments.models.operator_task import OperatorTask
from payments.models.order import Order
from payments.models.payment import Payment
from payments.models.recovery_run import RecoveryRun
from payments.models.settle_loop import SettleLoop
from payments.models.surplus_charge import SurplusCharge

__all__ = [
    "SCOPES",
    "Allowance",
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "CheckoutSession",
    "Circuit",
    "CircuitChange",
    "Client",
    "CustomerMessage",
    "CustomerStanding",
    "DeclineRule",
    "DeclineRuleChange",
    "Delivery",
    "DeliveryTry",
    "Event",
    "GatewayEvent",
    "GatewayHealth",
    "GatewayWatch",
    "IdempotencyRecord",
    "LedgerPosting",
    "Notice",
    "OperatorTask",
    "Order",
    "Payment",
    "Publication",
    "RecoveryRun",
    "RefusedWebhook",
    "SettleLoop",
    "SurplusCharge",
    "UnmappedDecline",
    "WebhookEndpoint",
]
