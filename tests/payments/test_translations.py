"""Messages to customers are whole in every language: nothing untranslated, and compiled from what is written (G7)."""

import gettext
import re
from pathlib import Path

import pytest
from django.template.base import Template
from django.template.loader import get_template
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

from payments.checkout.languages import LANGUAGES
from payments.services import letter

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "payments" / "locale"
PLACES = re.compile(r"%\((\w+)\)s")


def texts_of_templates() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "templates" / "mail").iterdir():
        template = get_template(f"mail/{path.name}").template  # type: ignore[attr-defined]
        assert isinstance(template, Template)
        for node in template.nodelist.get_nodes_by_type(TranslateNode):
            assert isinstance(node, TranslateNode)
            found.add(str(node.filter_expression.var.literal))
        for node in template.nodelist.get_nodes_by_type(BlockTranslateNode):
            assert isinstance(node, BlockTranslateNode)
            found.add(node.render_token_list(node.singular)[0])
    return found


def texts_of_subjects() -> set[str]:
    return {str(text) for text in (*letter._SUBJECTS.values(), letter._CHECKING)}


def written(language: str) -> dict[str, str]:
    """Return what django.po says: pairs of one-line texts, as this project writes them."""
    text = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', text, re.MULTILINE)
    assert len(pairs) == len(re.findall(r"^msgid", text, re.MULTILINE)) - 1, "a text stands on several lines"
    return {name.replace('\\"', '"'): said.replace('\\"', '"') for name, said in pairs}


def compiled(language: str) -> dict[str, str]:
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    return {str(name): str(said) for name, said in catalogue._catalog.items() if name}  # type: ignore[attr-defined]


@pytest.fixture(params=[language for language in LANGUAGES if language != "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_language_that_is_offered_has_a_catalogue() -> None:
    assert {"en", *(path.name for path in LOCALE.iterdir() if path.is_dir())} == set(LANGUAGES)


def test_every_text_of_the_messages_is_translated(language: str) -> None:
    texts = texts_of_templates() | texts_of_subjects()
    assert "You were not charged." in texts
    assert texts == written(language).keys()
    assert [name for name, said in written(language).items() if not said] == []


def test_every_translation_has_the_same_places_to_fill(language: str) -> None:
    for name, said in written(language).items():
        assert sorted(PLACES.findall(said)) == sorted(PLACES.findall(name)), name


def test_the_compiled_catalogue_is_what_is_written(language: str) -> None:
    assert compiled(language) == written(language)
