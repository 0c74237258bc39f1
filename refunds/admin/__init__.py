"""Refunds in the operator console (requirements D1-D6, G4). Importing this package registers all of it."""

from payments.admin import mentions, sentences
from payments.admin.overview import queues as overview
from payments.admin.payment import parts
from refunds.admin import bulk, complaint, of_payment, queues, refund, words

__all__ = ["bulk", "complaint", "of_payment", "queues", "refund", "words"]

_WORDS = sentences.Words(of_entry=words.of_entry, why=words.why, colours=words.COLOURS)
for _kind in ("refund", "refund_attempt", "complaint"):
    sentences.register(_kind, _WORDS)
for _queue in queues.QUEUES:
    overview.register(_queue)
parts.register("refunds", of_payment.part)
mentions.register("rf", "Refund", "admin:refunds_refund_change")
mentions.register("cmp", "Complaint", "admin:refunds_complaint_change")
