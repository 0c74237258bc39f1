"""Events of gateways in the console (requirements E1, G7)."""

from payments.admin.gateway_event import admin, refused

__all__ = ["admin", "refused"]
