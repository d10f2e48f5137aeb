"""Where requests go and with which key; the key stays inside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from pix2cap.errors import UsageError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LOOKS_LIKE_KEY = re.compile(r"\bsk-[\w*.-]{6,}")


@dataclass(frozen=True)
class Endpoint:
    """One chat-completions endpoint.

    Args:
        url: Of the completions call.
        shown_url: The base URL without its query, for messages.
        api_key: Never shown; "" for none.
    """

    url: URL
    shown_url: str
    api_key: str = field(repr=False)

    @classmethod
    def parse(cls, base_url: str, *, api_key: str | None, environ: Mapping[str, str]) -> Endpoint:
        """Read the URL and find the key.

        Args:
            base_url: `http(s)://host[:port]/v1`; the full path to `/chat/completions` does as well.
            api_key: None to look in `environ`.
            environ: `PIX2CAP_API_KEY` is sent to any host, `OPENAI_API_KEY` to openai.com only.

        Raises:
            UsageError: The URL or the key cannot be used.
        """
        try:
            url = URL(base_url.strip())
            has_port = url.port is not None
        except (ValueError, TypeError):
            url, has_port = URL(), False
        if url.scheme not in ("http", "https") or not url.host or not has_port:
            raise UsageError(f"expected --base-url of the form http(s)://HOST[:PORT]/v1, got {base_url!r}")
        if url.user is not None or url.password is not None:
            raise UsageError(
                f"expected --base-url without a password, got one for {url.host}: put it into PIX2CAP_API_KEY"
            )
        path = url.path.rstrip("/").removesuffix("/chat/completions")
        base = url.with_path(path, keep_query=False)
        if api_key is None:
            api_key = environ.get("PIX2CAP_API_KEY") or ""
            if not api_key and _is_openai(url.host):
                api_key = environ.get("OPENAI_API_KEY", "")
        api_key = api_key.strip()
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise UsageError("expected an API key of printable ASCII characters without spaces")
        return cls(url.with_path(f"{path}/chat/completions", keep_query=True), str(base), api_key)

    @property
    def host(self) -> str:
        """Host, and port where it is not the scheme's own."""
        return self.url.host_port_subcomponent or ""

    @property
    def is_openai(self) -> bool:
        """True for openai.com itself."""
        return _is_openai(self.url.host)

    @property
    def lacks_key(self) -> bool:
        """True where a key is needed for sure and none is there."""
        return self.is_openai and not self.api_key

    @property
    def key_variables(self) -> str:
        """The environment variables from which the key may come."""
        return "OPENAI_API_KEY or PIX2CAP_API_KEY" if self.is_openai else "PIX2CAP_API_KEY"

    @property
    def key_header(self) -> dict[str, str]:
        """The header with the key; empty without one."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def redact(self, text: str) -> str:
        """The text without the key, should a server have echoed it."""
        if self.api_key:
            text = text.replace(self.api_key, "[key]")
        return _LOOKS_LIKE_KEY.sub("[key]", text)

    def find_proxy(self, proxies: Mapping[str, str] | None = None) -> URL | None:
        """The proxy for this host; none for the machine itself.

        Args:
            proxies: Scheme to proxy URL, `no` to the hosts without one, as `urllib.request.getproxies` has
                them; None takes them from the environment (`HTTPS_PROXY`, `NO_PROXY`, ...).
        """
        host = self.url.host or ""
        if host in _LOOPBACK:
            return None
        if proxies is None:
            proxies = getproxies()
            bypasses = proxy_bypass(host)
        else:
            bypasses = _is_listed(host, proxies.get("no", ""))
        if bypasses:
            return None
        named = proxies.get(self.url.scheme) or proxies.get("all")
        if not named:
            return None
        return URL(named if "://" in named else f"http://{named}")


def _is_listed(host: str, no_proxy: str) -> bool:
    entries = [entry.strip().lower().lstrip(".") for entry in no_proxy.split(",")]
    return any(entry and (entry == "*" or host == entry or host.endswith(f".{entry}")) for entry in entries)


def _is_openai(host: str | None) -> bool:
    return host is not None and (host == "openai.com" or host.endswith(".openai.com"))
