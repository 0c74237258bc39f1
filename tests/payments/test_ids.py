import re
import time

from payments.ids import ID_LENGTH, new_checkout_token, new_id


def test_an_id_is_its_prefix_and_128_bits() -> None:
    assert re.fullmatch(r"pay_[0-9a-hjkmnp-tv-z]{26}", new_id("pay"))
    assert len(new_id("pay")) <= ID_LENGTH


def test_later_ids_sort_later() -> None:
    first = new_id("pay")
    time.sleep(0.002)
    assert new_id("pay") > first


def test_no_two_ids_are_equal() -> None:
    assert len({new_id("pay") for _ in range(10_000)}) == 10_000


def test_a_checkout_token_has_192_random_bits() -> None:
    assert re.fullmatch(r"chk_[A-Za-z0-9_-]{32}", new_checkout_token())
