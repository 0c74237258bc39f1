"""Disputes in the operator console (requirements D5, G4). Importing this package registers all of it."""

from disputes.admin import admin, of_payment, queue, words
from payments.admin import mentions, sentences
from payments.admin.overview import queues as overview
from payments.admin.payment import parts

__all__ = ["admin", "of_payment", "queue", "words"]

sentences.register(
    "dispute",
    sentences.Words(of_entry=words.of_entry, why=words.why, colours=words.COLOURS, details=words.details),
)
overview.register(queue.NEED_RESPONSE)
parts.register("disputes", of_payment.part)
mentions.register("dp", "Dispute", "admin:disputes_dispute_change")
