from __future__ import annotations

import pytest
from yarl import URL

from pix2cap.errors import UsageError
from pix2cap.vlm.endpoint import Endpoint

BOTH = {"PIX2CAP_API_KEY": "mine", "OPENAI_API_KEY": "sk-theirs"}


@pytest.mark.parametrize(
    ("base_url", "url", "host"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions", "api.openai.com"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/chat/completions", "127.0.0.1:8000"),
        (" http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions", "[::1]:8000"),
        ("http://h/v1/chat/completions", "http://h/v1/chat/completions", "h"),
        ("http://h", "http://h/chat/completions", "h"),
        ("https://h/deploy/x?api-version=1", "https://h/deploy/x/chat/completions?api-version=1", "h"),
    ],
)
def test_base_urls(base_url, url, host):
    endpoint = Endpoint.parse(base_url, api_key="", environ={})
    assert (str(endpoint.url), endpoint.host) == (url, host)


@pytest.mark.parametrize(
    "base_url", ["", "localhost:8000", "ftp://h/v1", "http://", "http://h:port/v1", "/v1"]
)
def test_other_urls_are_refused(base_url):
    with pytest.raises(UsageError, match="--base-url"):
        Endpoint.parse(base_url, api_key="", environ={})


def test_a_password_in_the_url_is_refused_and_not_repeated():
    with pytest.raises(UsageError) as caught:
        Endpoint.parse("https://me:hunter2@h/v1", api_key="", environ={})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "environ", "key"),
    [
        ("https://api.openai.com/v1", BOTH, "mine"),
        ("https://api.openai.com/v1", {"OPENAI_API_KEY": "sk-theirs"}, "sk-theirs"),
        ("https://openrouter.example/v1", {"OPENAI_API_KEY": "sk-theirs"}, ""),
        ("https://notopenai.com/v1", {"OPENAI_API_KEY": "sk-theirs"}, ""),
        ("http://127.0.0.1:1/v1", BOTH, "mine"),
    ],
)
def test_the_openai_key_goes_to_openai_only(base_url, environ, key):
    endpoint = Endpoint.parse(base_url, api_key=None, environ=environ)
    assert endpoint.key_header == ({"Authorization": f"Bearer {key}"} if key else {})
    assert endpoint.lacks_key is False


def test_openai_needs_a_key():
    assert Endpoint.parse("https://api.openai.com/v1", api_key=None, environ={}).lacks_key


@pytest.mark.parametrize("key", ["a\nb", "a b", "schlüssel", "a\x00"])
def test_keys_that_cannot_be_headers(key):
    with pytest.raises(UsageError) as caught:
        Endpoint.parse("http://h/v1", api_key=key, environ={})
    assert key not in str(caught.value)


def test_the_key_is_in_no_repr_and_taken_out_of_messages():
    endpoint = Endpoint.parse("http://h/v1", api_key="very-secret", environ={})
    assert "very-secret" not in repr(endpoint)
    said = endpoint.redact("Incorrect API key: very-secret, or sk-proj-abc*****xyz")
    assert said == "Incorrect API key: [key], or [key]"


@pytest.mark.parametrize(
    ("base_url", "proxies", "proxy"),
    [
        ("https://h/v1", {}, None),
        ("https://h/v1", {"http": "http://p:1"}, None),
        ("https://h/v1", {"https": "http://p:1"}, "http://p:1"),
        ("https://h/v1", {"https": "p:1"}, "http://p:1"),
        ("http://h/v1", {"all": "http://p:1"}, "http://p:1"),
        ("http://h.inner.example/v1", {"http": "http://p:1", "no": "inner.example"}, None),
        ("http://localhost:8000/v1", {"http": "http://p:1"}, None),
        ("http://[::1]:8000/v1", {"http": "http://p:1"}, None),
    ],
)
def test_proxies(base_url, proxies, proxy):
    found = Endpoint.parse(base_url, api_key="", environ={}).find_proxy(proxies)
    assert (None if found is None else str(found)) == (proxy if proxy is None else str(URL(proxy)))
