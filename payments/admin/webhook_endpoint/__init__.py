"""Shops' webhook endpoints in the console: made, tested, switched on and off, with what was delivered to them."""

from payments.admin.webhook_endpoint.admin import WebhookEndpointAdmin

__all__ = ["WebhookEndpointAdmin"]
