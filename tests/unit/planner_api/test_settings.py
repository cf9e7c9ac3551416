from __future__ import annotations

import pytest

from planner_api.errors import ConfigurationError
from planner_api.settings import is_loopback, load_settings

KEY = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", ""])  # noqa: S104
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_without_keys_only_this_machine_is_served() -> None:
    with pytest.raises(ConfigurationError, match="loopback address as long as no keys"):
        load_settings(host="0.0.0.0")  # noqa: S104 - the point of the test


def test_with_keys_every_host_is_served() -> None:
    assert load_settings(host="0.0.0.0", api_keys=KEY).host == "0.0.0.0"  # noqa: S104


def test_keys_come_from_the_environment_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHARDSTREAM_API_KEYS", f"{KEY}, {KEY}x")
    keys = [key.get_secret_value() for key in load_settings().api_keys]
    assert keys == [KEY, f"{KEY}x"]


def test_keys_are_not_shown() -> None:
    assert KEY not in repr(load_settings(api_keys=KEY))


def test_short_keys_are_refused_without_showing_them() -> None:
    with pytest.raises(ConfigurationError, match="at least 16 characters") as error:
        load_settings(api_keys="secret")
    assert "secret" not in str(error.value)


def test_given_settings_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDSTREAM_PORT", "9000")
    assert load_settings(port=9001).port == 9001


def test_settings_that_are_none_are_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHARDSTREAM_PORT", "9000")
    assert load_settings(port=None).port == 9000


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"port: .* got 70000"):
        load_settings(port=70000)
