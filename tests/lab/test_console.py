"""Tables on narrow terminals: every number stands on one line, nothing is lost, no line is too long."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from lab.cli import console

WORDS = st.sampled_from(
    ["mmlm", "of its own sentences", "tasks-toy/mmlm-tlm-101", "星期六有16头绿色的狮子在市场睡觉", "en→fr"]
)
NUMBERS = st.one_of(
    st.integers(0, 10**9).map("{:,}".format),
    st.floats(-99, 99).map("{:.3f}".format),
    st.tuples(st.floats(0, 1), st.floats(0, 1)).map("{0[0]:.3f} [{0[0]:.3f}, {0[1]:.3f}]".format),
)
CELLS = st.one_of(WORDS, NUMBERS, st.just(""))


def printed(columns, rows, width):
    before = console.out.width
    console.out.width = width
    try:
        with console.out.capture() as capture:
            console.table("", columns, rows)
        return capture.get()
    finally:
        console.out.width = before


@st.composite
def tables(draw):
    count = draw(st.integers(1, 9))
    columns = [["task", "at least", "bound [95 %]", "attainable"][place % 4] for place in range(count)]
    return columns, draw(st.lists(st.lists(CELLS, min_size=count, max_size=count), max_size=4))


@given(tables(), st.integers(40, 200))
@settings(max_examples=100, deadline=None)
def test_a_table_breaks_no_number_and_is_no_wider_than_the_terminal(drawn, width):
    columns, rows = drawn
    text = printed(columns, rows, width)
    numbers = re.compile(r"\d[\d.,]*\d|\d")
    expected = Counter(number for row in rows for cell in row for number in numbers.findall(cell))
    heads = Counter(numbers.findall(" ".join(columns)))
    # a heading stands once, or once a row where each row is a table of its own
    assert Counter(numbers.findall(text)) in [
        expected + Counter({number: count * times for number, count in heads.items()})
        for times in {1, len(rows)}
    ]
    assert max(map(cell_len, text.splitlines()), default=0) <= width


def test_a_row_of_many_numbers_stands_upright_where_the_terminal_is_too_narrow_for_it():
    columns = [f"column {letter}" for letter in "abcdefgh"]
    lines = printed(columns, [[f"{n}.123456" for n in range(8)]], 40).splitlines()
    assert [line.split("│")[0].strip() for line in lines if "│" in line] == columns
    assert [line.split("│")[1].strip() for line in lines if "│" in line] == [f"{n}.123456" for n in range(8)]


@pytest.mark.parametrize("width", [24, 80])
def test_columns_of_numbers_stand_right_negative_ones_and_gaps_among_them(width):
    lines = printed(["a", "difference"], [["x", "-0.5"], ["y", "12.25"], ["z", ""]], width).splitlines()
    assert [line[-5:] for line in lines if line[:1] in ("x", "y")] == [" -0.5", "12.25"]
