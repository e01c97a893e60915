"""Numbers that are printed by the column are printed as they are one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tailsvc.segments.columns import Number
from tailsvc.segments.printing import print_numbers

tenths = st.integers(-20, 12_000).map(lambda number: number / 10)
reals = st.lists(tenths | st.just(-0.0), min_size=1) | st.lists(
    st.floats(allow_nan=False, allow_infinity=False), min_size=1
)
wholes = st.lists(st.integers(-3, 1_200), min_size=1) | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1)


@given(reals)
def test_reals_are_printed_as_python_does(numbers: list[float]) -> None:
    column = Number(np.array(numbers, np.float64))
    assert print_numbers(column, "r") == [*map(repr, numbers)]
    assert print_numbers(column, "d") == [str(int(number)) for number in numbers]


@given(wholes)
def test_whole_numbers_are_printed_as_python_does(numbers: list[int]) -> None:
    assert print_numbers(Number(np.array(numbers, np.int64)), "d") == [*map(str, numbers)]
