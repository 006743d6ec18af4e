from __future__ import annotations

from collections import OrderedDict

import pytest

from inspector.checks.rules import Rule, Rules, parse_rule


class Kept:
    pass


class Cache:
    pass


def test_a_line_is_a_pattern_or_a_pattern_with_a_number() -> None:
    assert parse_rule(" app.cache.* ") == Rule("app.cache.*", None)
    assert parse_rule("re.Pattern = 12") == Rule("re.Pattern", 12)


@pytest.mark.parametrize("line", ["", "=3", "two words", "re.Pattern = many", "re.Pattern = -1"])
def test_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|must follow ="):
        parse_rule(line)


def test_the_first_rule_that_matches_decides() -> None:
    expected = (Rule("*.Cache", 5), Rule(f"{__name__}.Cache", None))
    assert Rules.make(expected=expected).allowed(Cache) == 5
    assert Rules.make(expected=expected, ignore=(Cache,)).allowed(Cache) is None


def test_what_no_rule_matches_may_change_by_the_tolerance() -> None:
    assert Rules.make(tolerance=2).allowed(Cache) == 2
    assert Rules.make().allowed(Kept) == 0


def test_wanted_types_are_looked_at_and_no_others() -> None:
    rules = Rules.make(wanted=(Kept, "*.Ca*"), expected=(Rule("*", None),))
    assert rules.allowed(Kept) == 0
    assert rules.allowed(Cache) == 0
    assert rules.allowed(type("Other", (), {})) is None


def test_static_types_and_those_of_the_runner_are_never_looked_at() -> None:
    assert Rules.make().allowed(OrderedDict) is None
    assert Rules.make().allowed(pytest.Item) is None
    assert Rules.make().allowed(Rule) is None
