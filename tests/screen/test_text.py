from __future__ import annotations

import pytest

from inspector.screen.text import escape_text, format_count, format_duration, format_plural


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[2Jx", "\\x1b[2Jx"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),  # right-to-left override
        ("\udc80", "\\udc80"),
        ("\u2028", "\\u2028"),
        ("[bold]x[/]", "[bold]x[/]"),  # the table takes it as text
        ("módulo.Größe", "módulo.Größe"),
        ("", ""),
    ],
)
def test_what_does_not_print_is_written_as_an_escape(hostile: str, harmless: str) -> None:
    assert escape_text(hostile) == harmless
    assert escape_text(hostile).isprintable()


def test_a_huge_text_keeps_its_start_and_more_of_its_end() -> None:
    text = escape_text("a" * 500_000 + "z" * 500_000, 100)
    assert len(text) == 100
    assert text.startswith("aaa")
    assert text.endswith("z" * 66)
    assert "…" in text


def test_an_unknown_count_is_a_question_mark_and_zero_is_zero() -> None:
    assert (format_count(None), format_count(0), format_count(-98113)) == ("?", "0", "-98,113")


def test_one_of_a_thing_has_no_plural() -> None:
    assert (format_plural(1, "thread"), format_plural(0, "thread"), format_plural(2000, "id")) == (
        "1 thread",
        "0 threads",
        "2,000 ids",
    )


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0 µs"), (54_321, "54 µs"), (9_999_999, "9,999 µs"), (10_000_000, "10 ms")],
)
def test_a_pause_is_told_in_microseconds_up_to_ten_milliseconds(
    nanoseconds: int, text: str
) -> None:
    assert format_duration(nanoseconds) == text
