"""What a decline code means: its class, what the customer reads, and what may be done next (requirement B5).

Reasons of fraud are for operators alone: customers and shops read the neutral words and the neutral code. Only declines
are looked up here; nothing in this map can say anything about an outcome that is unknown.
"""

from payments.declines.defaults import DEFAULTS
from payments.declines.meaning import (
    NEUTRAL_CODE,
    NEUTRAL_WORDS,
    UNMAPPED,
    Decline,
    DeclineClass,
)
from payments.declines.rules import code_for_clients, decline, default_of, forget, is_fraud_by_default, meaning_of
from payments.declines.wording import fault_of_words

__all__ = [
    "DEFAULTS",
    "NEUTRAL_CODE",
    "NEUTRAL_WORDS",
    "UNMAPPED",
    "Decline",
    "DeclineClass",
    "code_for_clients",
    "decline",
    "default_of",
    "fault_of_words",
    "forget",
    "is_fraud_by_default",
    "meaning_of",
]
