"""A thin client for any endpoint that speaks the OpenAI chat API: aiohttp and orjson on the hot path."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NoReturn

import aiohttp
import stamina
from aiohttp.abc import AbstractStreamWriter

from pix2cap import __version__
from pix2cap.errors import ModelRejected, ModelUnavailable, UsageError
from pix2cap.vlm.chat_body import Detail, Dialect, JsonMode, adapt, chat_body, encode_pictures
from pix2cap.vlm.chat_reply import ApiError, read_error, read_reply
from pix2cap.vlm.endpoint import Endpoint
from pix2cap.vlm.model import CaptionRequest, Reply, Usage
from pix2cap.vlm.patience import Patience
from pix2cap.vlm.pricing import estimate_request_tokens
from pix2cap.vlm.rate_limit import RateLimit
from pix2cap.vlm.retry import Backoff, PassingError, retry_after_s

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

OPENAI_URL: Final = "https://api.openai.com/v1"
KEY_HEADER: Final = "X-Pix2Cap-Key"
_ADAPTABLE = frozenset({400, 404, 422, 501})
_PASSING = frozenset({408, 409, 425, 429})
_FINAL_5XX = frozenset({501, 505})
_PATIENCE_S = 5.0
_CHUNK = 256 * 1024


class OpenAICompatible:
    """A `CaptionModel` behind an OpenAI-compatible chat-completions endpoint.

    A passing fault (408, 409, 429, 5xx, reset, time-out) is tried again at once in the same worker. A reply
    with HTTP 200 that was read to its end is never asked for again, whatever is in it: it is paid for. What
    an endpoint refuses (strict schemas, `seed`, `max_tokens`, ...) is found out by one request while the
    others wait, and remembered.

    Args:
        model: The endpoint's name for the model.
        base_url: Up to and including `/v1`; a query (`?api-version=...`) is kept.
        api_key: Sent as a bearer token. None takes `PIX2CAP_API_KEY`, and for openai.com also
            `OPENAI_API_KEY`; that one goes nowhere else. "" sends none.
        concurrency: Requests in flight at most.
        requests_per_minute: None for no limit.
        tokens_per_minute: Input and output tokens together, None for no limit.
        timeout_s: From the first byte sent to the last one read, at most (see `Patience`); connecting alone
            may take 10 s.
        max_tries: HTTP requests for one answer at most, those that find out what the endpoint takes aside.
        json_mode: `auto` asks for a strict schema and steps down to JSON mode and plain text where the
            endpoint refuses; the other values fix it.
        detail: Resolution hint of the OpenAI API, None to leave it out.
        wait_initial_s: First wait before another try; it doubles each time, with jitter.
        wait_max_s: Longest such wait.
        retry_after_cap_s: Longest wait that a `Retry-After` header can impose.
        rate_limit: Replaces the two quotas, for clients that share one.
        proxies: Scheme to proxy URL, None for those of the environment; loopback goes without.

    Raises:
        UsageError: `base_url` is no http(s) URL, a number is out of range, or the key cannot be a header.
    """

    reads_pictures = True

    def __init__(
        self,
        model: str,
        *,
        base_url: str = OPENAI_URL,
        api_key: str | None = None,
        concurrency: int = 32,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        timeout_s: float = 120.0,
        max_tries: int = 6,
        json_mode: JsonMode = "auto",
        detail: Detail | None = None,
        wait_initial_s: float = 0.5,
        wait_max_s: float = 30.0,
        retry_after_cap_s: float = 60.0,
        rate_limit: RateLimit | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        if concurrency < 1 or max_tries < 1 or not timeout_s > 0:
            raise UsageError(
                f"expected concurrency and tries of at least 1 and a time-out above 0 s, got {concurrency},"
                f" {max_tries} and {timeout_s}"
            )
        self._model = model
        self._endpoint = Endpoint.parse(base_url, api_key=api_key, environ=os.environ)
        self._concurrency = concurrency
        self._patience = Patience(timeout_s)
        self._max_tries = max_tries
        self._detail = detail
        self._proxies = proxies
        self._waits_s = (wait_initial_s, wait_max_s, retry_after_cap_s)
        self._rate = rate_limit or RateLimit(requests_per_minute, tokens_per_minute)
        # openai.com refuses max_tokens for its newer models and takes the other name for all.
        limit_field = "max_completion_tokens" if self._endpoint.is_openai else "max_tokens"
        reply_format = "schema" if json_mode == "auto" else json_mode
        self._dialect = Dialect(reply_format, limit_field, may_fall_back=json_mode == "auto")
        self._settled = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"OpenAICompatible({self._model!r}, base_url={self._endpoint.shown_url!r})"

    @property
    def name(self) -> str:
        """`openai:MODEL`."""
        return f"openai:{self._model}"

    @property
    def host(self) -> str:
        """Host, and port where it is not the scheme's own."""
        return self._endpoint.host

    @property
    def dialect(self) -> Dialect:
        """The form of request in use, after what the endpoint has refused so far."""
        return self._dialect

    async def ask(self, request: CaptionRequest) -> Reply:
        """Answer one request.

        Raises:
            ModelUnavailable: All tries met passing faults; `reason` has the last one.
            ModelRejected: The endpoint refused for good, with its own message and what to do.
        """
        if self._endpoint.lacks_key:
            raise ModelRejected(
                f"expected an API key for {self.host}, found none: set OPENAI_API_KEY or PIX2CAP_API_KEY"
            )
        self._open()
        async with self._slots:
            exchange = _Exchange(self, request)
            try:
                return await self._try(exchange)
            except PassingError as error:
                fault = error
            try:
                return await self._try_again(exchange, fault)
            except PassingError as error:
                fault = error
            # Raised out here, so that no aiohttp exception with its request headers hangs on to it.
            raise self._unavailable(fault, exchange.tries)

    async def aclose(self) -> None:
        """Close the connections; the client opens new ones when it is asked again."""
        session, self._session, self._loop = self._session, None, None
        if session is not None:
            await session.close()

    def _open(self) -> None:
        """Bind session and locks to the running loop: a notebook may ask from one loop after another."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        self._loop = loop
        self._slots = asyncio.Semaphore(self._concurrency)
        self._probe = asyncio.Lock()
        headers = {"Content-Type": "application/json", "User-Agent": f"pix2cap/{__version__}"}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._concurrency),
            timeout=self._timeout(),
            headers=headers | self._endpoint.key_header,
            cookie_jar=aiohttp.DummyCookieJar(),
            # Proxies are looked up once below; trust_env would read the environment for every request and
            # send passwords from ~/.netrc to model hosts.
            trust_env=False,
        )
        self._proxy = self._endpoint.find_proxy(self._proxies)

    async def _try_again(self, exchange: _Exchange, first: PassingError) -> Reply:
        """Retries after a first fault; stamina meets that fault as its own first attempt.

        So the many requests that succeed at once do without the loop's set-up, a tenth of their CPU time.
        """
        wait_initial_s, wait_max_s, cap_s = self._waits_s
        pending: PassingError | None = first
        async for attempt in stamina.retry_context(
            on=Backoff(retry_after_cap_s=cap_s, jitter_s=wait_initial_s),
            attempts=self._max_tries,
            timeout=None,
            wait_initial=wait_initial_s,
            wait_max=wait_max_s,
            wait_jitter=4 * wait_initial_s,
        ):
            with attempt:
                if pending is not None:
                    fault, pending = pending, None
                    raise fault
                return await self._try(exchange)
        raise first

    async def _try(self, exchange: _Exchange) -> Reply:
        """One delivery; until the endpoint has taken a request, one at a time.

        A refusal comes at once and a caption takes seconds, so who has waited a while for the first request's
        verdict goes ahead.
        """
        if self._settled.is_set():
            return await self._deliver(exchange)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._probe.acquire()
        except TimeoutError:
            return await self._deliver(exchange)
        if self._settled.is_set():
            self._probe.release()
            return await self._deliver(exchange)
        try:
            return await self._deliver(exchange)
        finally:
            self._probe.release()

    async def _deliver(self, exchange: _Exchange) -> Reply:
        while True:
            dialect = self._dialect
            tokens = exchange.token_estimate if self._rate.counts_tokens else 0.0
            await self._rate.take(tokens)
            status, headers, data = await self._post(exchange, exchange.body(dialect))
            if 200 <= status < 300:
                self._settled.set()
                reply = read_reply(data, request_id=headers.get("x-request-id"), tries=exchange.tries)
                self._rate.settle(_tokens_used(reply.usage, tokens) - tokens)
                return reply
            self._rate.settle(-tokens)
            error = read_error(data, status)
            if error.is_filtered:
                # One picture met a filter; the endpoint itself is well.
                return Reply(error.message, finish_reason="refusal", tries=exchange.tries)
            if status in _ADAPTABLE:
                if self._dialect is not dialect:
                    continue  # another request has learnt meanwhile
                if (lower := adapt(dialect, error, exchange.request)) is not None:
                    self._dialect = lower
                    continue
            self._refuse(status, headers, error)

    async def _post(self, exchange: _Exchange, body: bytes) -> tuple[int, CIMultiDictProxy[str], bytes]:
        """Send and read to the end.

        Raises:
            PassingError: Nothing, or not all of it, came back.
            ModelRejected: The server's certificate is not trusted.
        """
        assert self._session is not None
        exchange.tries += 1
        began = time.monotonic()
        try:
            async with self._session.post(
                self._endpoint.url,
                data=_Body(body),
                timeout=self._timeout(),
                headers={KEY_HEADER: exchange.request.key},
                proxy=self._proxy,
                allow_redirects=False,
            ) as response:
                answer = response.status, response.headers, await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            fault = self._as_fault(error)
        else:
            if answer[0] == 200:
                self._patience.note(time.monotonic() - began)
            return answer
        raise fault

    def _timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._patience.seconds, sock_connect=10)

    def _as_fault(self, error: Exception) -> PassingError | ModelRejected:
        host = self.host
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ServerFingerprintMismatch):
            return ModelRejected(f"the certificate of {host} is not trusted: {type(error).__name__}")
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return PassingError(f"{host} took no connection within 10 s", reason="time-out", unreachable=True)
        if isinstance(error, TimeoutError):
            return PassingError(
                f"{host} did not answer within {self._patience.seconds:g} s", reason="time-out"
            )
        if isinstance(error, aiohttp.ClientConnectorError):
            why = error.os_error.strerror or type(error.os_error).__name__
            return PassingError(f"cannot reach {host}: {why}", reason="connection", unreachable=True)
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return PassingError(f"the proxy answered HTTP {error.status} for {host}", reason="connection")
        return PassingError(f"the connection to {host} broke ({type(error).__name__})", reason="connection")

    def _refuse(self, status: int, headers: Mapping[str, str], error: ApiError) -> NoReturn:
        message = self._endpoint.redact(error.message)
        said = f"{self.host} answered HTTP {status} for model {self._model!r}: {message}"
        if (status in _PASSING or status >= 500) and status not in _FINAL_5XX and not error.is_out_of_quota:
            raise PassingError(said, reason=f"http {status}", retry_after_s=retry_after_s(headers))
        raise ModelRejected(f"{said.rstrip('.')}. {_next_step(status, error, self._endpoint)}", status=status)

    def _unavailable(self, fault: PassingError, tries: int) -> ModelUnavailable:
        times = "once" if tries == 1 else f"{tries} times"
        advice = (
            "is it running, and is --base-url right?" if fault.unreachable else "run the command again later"
        )
        return ModelUnavailable(
            f"asked {times}, no reply: {fault}; {advice}", reason=fault.reason, unreachable=fault.unreachable
        )


class _Exchange:
    """One request on its way: what is made once and used by every try."""

    def __init__(self, client: OpenAICompatible, request: CaptionRequest) -> None:
        self.request = request
        self.tries = 0
        self._model = client._model
        self._detail = client._detail
        self._encoded = encode_pictures(request.pictures)
        self._body: tuple[Dialect, bytes] | None = None
        self._tokens: float | None = None

    def body(self, dialect: Dialect) -> bytes:
        if self._body is None or self._body[0] is not dialect:
            body = chat_body(self._model, self.request, self._encoded, dialect=dialect, detail=self._detail)
            self._body = dialect, body
        return self._body[1]

    @property
    def token_estimate(self) -> float:
        if self._tokens is None:
            self._tokens = estimate_request_tokens(self.request, model_name=self._model)
        return self._tokens


class _Body(aiohttp.payload.Payload):
    """A body of any size in a few writes.

    aiohttp warns of plain bytes above 1 MiB, and writes file objects in many small chunks.
    """

    _value: bytes

    def __init__(self, value: bytes) -> None:
        super().__init__(value, content_type="application/json")
        self._size = len(value)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        view = memoryview(self._value)
        for start in range(0, len(view), _CHUNK):
            await writer.write(view[start : start + _CHUNK])


def _tokens_used(usage: Usage, estimate: float) -> float:
    if usage.input_tokens is None and usage.output_tokens is None:
        return estimate
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)


def _next_step(status: int, error: ApiError, endpoint: Endpoint) -> str:
    if error.is_out_of_quota or status == 402:
        return "The account has no credit left: top it up, then run the same command to go on."
    if status == 401:
        return f"Set {endpoint.key_variables} to a valid key."
    if status == 403:
        return f"The key in {endpoint.key_variables} may not use this model."
    if status == 404:
        return "Check the model's name and --base-url, which should end in /v1."
    if 300 <= status < 400:
        return "Redirects are not followed, so that pictures go only where you say: mend --base-url."
    if status == 413:
        return "The pictures are too large for this endpoint."
    return "Does this model take pictures? Check its name and the endpoint's limits."
