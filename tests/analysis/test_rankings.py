"""Tau-a and edit distance against examples worked out by hand, and what any such measure obeys."""

import itertools

import pytest
import torch
from hypothesis import given, strategies as st

from hwsubnet.analysis.rankings import kendall_tau_a, levenshtein, ranking

scores = st.lists(st.integers(0, 5), min_size=2, max_size=9)
words = st.text("abc", max_size=7)


def tau(first, second):
    return kendall_tau_a(torch.tensor(first), torch.tensor(second))


def test_tau_a_by_hand():
    # Of the 6 pairs of 4 channels, 01 and 23 are discordant and the other four concordant.
    assert tau([4.0, 3.0, 2.0, 1.0], [3.0, 4.0, 1.0, 2.0]) == (4 - 2) / 6


def test_a_tie_counts_as_neither_but_stays_in_the_denominator():
    # 01 is tied in the first, 12 in the second; 02 is concordant. Tau-b would give 1 / 2.
    assert tau([2.0, 2.0, 1.0], [3.0, 1.0, 1.0]) == 1 / 3
    assert tau([0.0, 0.0], [0.0, 0.0]) == 0


@pytest.mark.parametrize("count", [2, 3, 10, 64])
def test_the_same_order_and_its_reverse(count):
    values = torch.arange(count, dtype=torch.float32)
    assert kendall_tau_a(values, values * 3 + 1) == 1
    assert kendall_tau_a(values, -values) == -1


@given(st.data(), scores)
def test_tau_a_is_what_counting_pairs_gives(data, first):
    second = data.draw(st.lists(st.integers(0, 5), min_size=len(first), max_size=len(first)))
    pairs = list(itertools.combinations(range(len(first)), 2))
    agreement = [(first[i] - first[j]) * (second[i] - second[j]) for i, j in pairs]
    concordant, discordant = sum(a > 0 for a in agreement), sum(a < 0 for a in agreement)
    assert tau(first, second) == (concordant - discordant) / len(pairs)
    assert tau(first, second) == tau(second, first)


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0]), ([1.0, 2.0], [1.0, 2.0, 3.0])])
def test_without_pairs_there_is_no_tau(first, second):
    with pytest.raises(ValueError, match="no pairs of channels"):
        tau(first, second)


@pytest.mark.parametrize(
    ("first", "second", "edits"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "abc", 0),
        ((0, 1, 2, 3), (1, 2, 3, 0), 2),  # the first goes to the end
        ((0, 1, 2, 3), (1, 0, 3, 2), 3),  # 0 out, 2 becomes 0, 2 in at the end
        ((0, 1, 2), (2, 1, 0), 2),
    ],
)
def test_edit_distances_by_hand(first, second, edits):
    assert levenshtein(first, second) == edits


def plainly(first, second):
    """The definition, by recursion."""
    if not first or not second:
        return len(first) + len(second)
    return min(
        plainly(first[1:], second) + 1,
        plainly(first, second[1:]) + 1,
        plainly(first[1:], second[1:]) + (first[0] != second[0]),
    )


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_edit_distance_is_what_its_definition_says(first, second):
    assert levenshtein(first, second) == plainly(first, second)


@given(words, words, words)
def test_edit_distance_is_a_metric(one, two, three):
    assert levenshtein(one, two) == levenshtein(two, one)
    assert (levenshtein(one, two) == 0) == (one == two)
    assert levenshtein(one, three) <= levenshtein(one, two) + levenshtein(two, three)


def test_channels_are_ranked_from_the_most_important_and_ties_by_index():
    assert ranking(torch.tensor([0.5, 2.0, 0.5, 3.0])) == (3, 1, 0, 2)
