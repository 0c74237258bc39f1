"""Reading lists as people and spreadsheets really write them: every line is a row or is told of, none is lost."""

import pytest

from refunds.services.bulk.amounts import BadAmountError, minor_units
from refunds.services.bulk.lines import MOST_BYTES, MOST_ROWS, BadListError, decoded, read

A, B = "pay_01jd3m00000000000000000001", "pay_01jd3m00000000000000000002"


def rows(text: str) -> list[tuple[int, str, str, str]]:
    return [(line.number, line.payment, line.amount, line.currency) for line in read(text) if not line.bad]


def bad(text: str) -> list[tuple[int, str]]:
    return [(line.number, line.bad) for line in read(text) if line.bad]


@pytest.mark.parametrize(
    "text",
    [
        f"payment id,amount\n{A},10.50\n{B},\n",
        f"\ufeffPayment ID,Amount\r\n{A},10.50\r\n{B},\r\n",
        f"paymentID;AMOUNT\r{A};10.50\r{B};\r",
        f"payment_id\tamount\n{A}\t10.50\n{B}\t\n",
        f'"payment-id","refund amount"\n"{A}","10.50"\n"{B}",""\n',
        f"customer,amount,payment\nAnna,10.50,{A}\nBert,,{B}",
        f"Order,Payment,Amount\nORDER-1,{A},10.50\nORDER-2,{B},",
        f"sep=;\nid;amount\n{A};10.50\n{B};",
        f"  {A} , 10.50 \n\n,,\n \t \n{B}",
        f"{A} 10.50\n{B}",
        f'=payment;amount\n"{A}";\u00a010.50\u00a0\n{B}',
    ],
)
def test_many_ways_to_write_the_same_list_are_read_alike(text: str) -> None:
    assert bad(text) == []
    assert [row[1:] for row in rows(text)] == [(A, "10.50", ""), (B, "", "")]


def test_rows_have_the_numbers_of_their_lines() -> None:
    assert [row[0] for row in rows(f"payment\r\n\r\n{A}\r\n\r\n{B}\r\n")] == [3, 5]


def test_an_order_reference_is_taken_where_there_is_no_payment_id() -> None:
    assert rows(f"payment id,order reference\n{A},ORDER-1\n,ORDER 2") == [(2, A, "", ""), (3, "ORDER 2", "", "")]


def test_the_order_that_stands_beside_a_payment_is_kept() -> None:
    lines = read(f"payment id,order reference\n{A},ORDER-1\n,ORDER-2\n{B},")
    assert [(line.payment, line.order) for line in lines] == [(A, "ORDER-1"), ("ORDER-2", ""), (B, "")]


def test_an_order_that_is_far_too_long_spoils_its_line() -> None:
    text = f"payment,order\n{A},{'x' * 65}"
    assert bad(text) == [(2, "The line is not a payment and an amount: a cell is far too long.")]


def test_a_pasted_reference_with_blanks_is_no_amount() -> None:
    assert rows("ORDER 12\nORDER 13") == [(1, "ORDER 12", "", ""), (2, "ORDER 13", "", "")]


def test_cells_that_look_like_formulas_are_only_data() -> None:
    text = 'order,amount\n=cmd|/C calc,1\n+49,2\n-1,3\n@SUM(A1),4\nx,"=1+1"'
    assert [row[1:3] for row in rows(text)] == [
        ("=cmd|/C calc", "1"),
        ("+49", "2"),
        ("-1", "3"),
        ("@SUM(A1)", "4"),
        ("x", "=1+1"),
    ]


def test_a_quote_that_nobody_closed_spoils_its_own_line_alone() -> None:
    text = f'payment,amount\n"{A},10.50\n{B},1.00'
    assert bad(text) == [(2, "The quotes of this line do not match.")]
    assert rows(text) == [(3, B, "1.00", "")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",10.50", "The line names no payment."),
        ("x" * 101 + ",1", "The line is not a payment and an amount: a cell is far too long."),
        (f"{A}," + "1" * 41, "The line is not a payment and an amount: a cell is far too long."),
        (f'"{A}"x,1', "The quotes of this line do not match."),
    ],
)
def test_a_bad_line_is_told_of_and_the_others_are_read(line: str, why: str) -> None:
    text = f"payment,amount\n{A},1\n{line}\n{B},2"
    assert bad(text) == [(3, why)]
    assert [row[1] for row in rows(text)] == [A, B]


def test_more_cells_than_are_known_are_refused_where_there_is_no_heading() -> None:
    assert bad(f"{A},1,USD,5.00") == [
        (1, "The line has more cells than a payment, an amount and a currency. Give the list a heading.")
    ]


def test_what_cannot_be_shown_is_made_visible() -> None:
    assert rows("order,amount\nOR\x00DER\u202e,1\x07") == [(2, "OR\ufffdDER\ufffd", "1\ufffd", "")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "The list is empty."),
        ("\n \n;;;\n", "The list is empty."),
        ("payment;amount\n", "The list has a heading and no rows."),
        ("amount,currency\n1,USD", "The heading names no column for the payment."),
        ("payment,amount,refund amount\nx,1,2", "Several columns could be the amount: “amount” and “refund amount”."),
        ("payment\n" + "x\n" * (MOST_ROWS + 1), "The list has 5,001 rows; 5,000 is the most."),
        ("x" * (MOST_BYTES + 1), "The list is larger than 1,000,000 bytes."),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_as_a_whole(text: str, why: str) -> None:
    with pytest.raises(BadListError) as refused:
        read(text)
    assert str(refused.value).startswith(why)


def test_five_thousand_rows_are_read() -> None:
    assert len(read("payment\n" + "x\n" * MOST_ROWS)) == MOST_ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_are_read_as_spreadsheets_save_them(encoding: str) -> None:
    assert decoded("order;amount\nMüller-7;1,50".encode(encoding)) == "order;amount\nMüller-7;1,50"


def test_bytes_that_are_no_text_are_bad_rows_and_no_failure() -> None:
    lines = read(decoded(bytes(range(256)) * 20))
    assert lines
    assert all(line.payment.isprintable() for line in lines)


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(BadListError):
        decoded(b"x" * (MOST_BYTES + 1))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("10.50", "USD", 1050),
        ("10,50", "USD", 1050),
        ("10", "USD", 1000),
        ("10.5 usd", "USD", 1050),
        ("USD10.5", "USD", 1050),
        ("1250", "JPY", 1250),
        ("1.250", "KWD", 1250),
        ("1,25", "KWD", 1250),
    ],
)
def test_amounts_are_exact(text: str, currency: str, minor: int) -> None:
    assert minor_units(text, "", currency) == minor


@pytest.mark.parametrize(
    ("text", "named", "currency", "why"),
    [
        ("1,234.50", "", "USD", "The amount is not a plain number such as 10.50."),
        ("1,234", "", "USD", "The amount has more than the 2 decimals that USD has."),
        ("1,234", "", "KWD", "1,234 can be read in two ways. Write the decimals after a point."),
        ("10.00", "", "JPY", "The amount has more than the 0 decimals that JPY has."),
        ("-5", "", "USD", "The amount is not a plain number such as 10.50."),
        ("+5", "", "USD", "The amount is not a plain number such as 10.50."),
        ("=5", "", "USD", "The amount is not a plain number such as 10.50."),
        ("1e3", "", "USD", "The amount is not a plain number such as 10.50."),
        ("٣", "", "USD", "The amount is not a plain number such as 10.50."),
        ("0.00", "", "USD", "The amount must be more than nothing."),
        ("5 EUR", "", "USD", "The list says EUR, but the payment is in USD."),
        ("5", "EUR", "USD", "The list says EUR, but the payment is in USD."),
        ("9" * 16, "", "USD", "The amount is too large."),
    ],
)
def test_an_amount_that_is_in_doubt_is_refused(text: str, named: str, currency: str, why: str) -> None:
    with pytest.raises(BadAmountError) as refused:
        minor_units(text, named, currency)
    assert str(refused.value) == why
