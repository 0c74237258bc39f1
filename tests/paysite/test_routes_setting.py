"""PAYSITE_ROUTES: the rules of routing as JSON, refused with an example where they make no sense (docs/ladder.md)."""

import json

import pytest
from django.core.exceptions import ImproperlyConfigured

from paysite import environment as env

NAME = "PAYSITE_ROUTES"


@pytest.mark.parametrize("text", ["", "  ", "[]"])
def test_without_rules_there_are_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    assert env.routes(NAME) == []


def test_the_rules_come_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [
        {"currencies": ["EUR", "CHF"], "from": 0, "to": 99_999, "shares": {"primary": 90, "secondary": 10}},
        {"shares": {"secondary": 1}},
    ]
    monkeypatch.setenv(NAME, json.dumps(rules))
    assert env.routes(NAME) == rules


@pytest.mark.parametrize(
    "text",
    [
        *("primary", "{", "null", "1", '"primary"', '{"shares": {"primary": 1}}', "[[]]", "[null]", '["primary"]'),
        *("[{}]", '[{"shares": {}}]', '[{"shares": []}]', '[{"shares": "primary"}]', '[{"shares": null}]'),
        *('[{"shares": {"primary": -1}}]', '[{"shares": {"primary": 0.5}}]', '[{"shares": {"primary": "90"}}]'),
        *('[{"shares": {"primary": true}}]', '[{"shares": {"primary": NaN}}]', '[{"shares": {"primary": 1}, "a": 1}]'),
        '[{"currencies": "EUR", "shares": {"primary": 1}}]',
        '[{"currencies": [1], "shares": {"primary": 1}}]',
        '[{"currencies": null, "shares": {"primary": 1}}]',
        '[{"from": "0", "shares": {"primary": 1}}]',
        '[{"from": 0.5, "shares": {"primary": 1}}]',
        '[{"to": null, "shares": {"primary": 1}}]',
        '[{"to": true, "shares": {"primary": 1}}]',
        '[{"shares": {"primary": 1}}, {"shares": {}}]',
    ],
)
def test_nonsense_is_refused_with_an_example(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured, match=r'PAYSITE_ROUTES .* Set it like \[\{"currencies": \["EUR"\]'):
        env.routes(NAME)


def test_the_example_of_the_refusal_is_itself_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "x")
    with pytest.raises(ImproperlyConfigured) as refused:
        env.routes(NAME)
    example = str(refused.value).partition("Set it like ")[2].partition("]; amounts")[0] + "]"
    monkeypatch.setenv(NAME, example)
    assert env.routes(NAME) == json.loads(example)
