"""What words for customers may not be, whoever writes them: long, marked up, revealing, or untrue (B5, F6)."""

import re
import unicodedata
from typing import Final

LONGEST: Final = 200

# A decline never charges: whoever reads these words was not charged, and nobody has promised anything yet.
_DENIED: Final = re.compile(
    r"\b(not|never|nothing|no (money|charge)|cannot|(were|was|have|has|is|did|will|could|would|do|ca|wo)nt|unable to)"
    r"( (yet|been|was|were|is|has|have|be|go))* (charged|debited|deducted|captured|taken|paid|successful|approved"
    r"|accepted|completed|through|take (your |the )?(money|payment))\b"
)
_CLAIMS: Final = re.compile(
    r"\b(charged|debited|deducted|captured|paid|refund\w*|money back|succeeded|successful(ly)?|approved|completed"
    r"|(went|gone|go|goes) through|(was|were|been|is|are|be) (taken|accepted)"
    r"|took (your |the )?(money|payment|amount))\b"
)
_REVEALS: Final = re.compile(
    r"\b(stol\w+|steal\w*|lost|theft|thie(f|ves)\w*|fraud\w*|block(ed|ing|s)?|block ?list\w*|black ?list\w*|scam\w*"
    r"|suspicio\w*|suspect\w*|pick(ed)? ?up|counterfeit\w*|forged|risk\w*|police|crim\w+|hacked|compromised|misuse\w*"
    r"|abuse\w*|(security|safety) reasons?)\b"
)
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def fault_of_words(words: str) -> str:
    """Return why customers may not read `words`, as a sentence for the operator; empty where they may."""
    if not words.strip():
        return "Write what the customer reads."
    if len(words) > LONGEST:
        return f"Write at most {LONGEST} characters."
    if fault := fault_of_text(words):
        return fault
    if found := _REVEALS.search(_plain(words)):
        return f"“{found[0]}” could tell of a suspicion of fraud, which customers never read."
    # Clause by clause, so that the "not" of one does not deny what the next one claims.
    for clause in map(_plain, re.split(r"[^\w\s'\u2019-]+", words)):
        if found := _CLAIMS.search(_DENIED.sub(" ", clause)):
            return f"“{found[0]}” would not be true: after a decline nothing was charged, and nothing is given back."
    return ""


def fault_of_text(text: str) -> str:
    """Return why `text` is not one line of plain text; empty where it is."""
    if any(unicodedata.category(letter) in _REFUSED_CATEGORIES for letter in text):
        return "Write one line without invisible characters."
    if any(mark in text for mark in "<>"):
        return "Write plain text: < and > are not for words."
    return ""


def _plain(words: str) -> str:
    """Return `words` as they are compared: letters in their simplest form, everything else one space."""
    folded = unicodedata.normalize("NFKC", words).casefold()
    return re.sub(r"[^\w]+|_+", " ", re.sub(r"['\u2019]", "", folded)).strip()
