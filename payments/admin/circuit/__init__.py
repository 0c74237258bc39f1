"""Gateways in the console: their circuit breakers, what became of them, and what an operator may do about them."""

from payments.admin.circuit.admin import CircuitAdmin

__all__ = ["CircuitAdmin"]
