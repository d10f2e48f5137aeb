"""The cache of encoded bytes: bounded, and shared by threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from pix2cap.web.pictures import ByteCache, Encoded


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 60)), max_size=60))
def test_the_cache_never_holds_more_than_it_may(asked: list[tuple[int, int]]) -> None:
    cache = ByteCache(100)
    sizes: dict[int, int] = {}
    for key, size in asked:
        size = sizes.setdefault(key, size)
        got = cache.get((key,), lambda size=size: Encoded.of(b"x" * size, "image/png"))  # type: ignore[misc]
        assert len(got.data) == size
        assert cache.n_bytes <= 100
    assert cache.n_bytes == 0 or len(cache) > 0


def test_what_was_used_last_stays() -> None:
    cache, made = ByteCache(30), []

    def get(key: str) -> None:
        def make() -> Encoded:
            made.append(key)
            return Encoded.of(b"x" * 10, "image/png")

        cache.get((key,), make)

    for key in "abcadab":
        get(key)
    assert made == ["a", "b", "c", "d", "b"]


def test_bytes_that_do_not_fit_are_sent_and_not_kept() -> None:
    cache = ByteCache(10)
    assert len(cache.get(("a",), lambda: Encoded.of(b"x" * 11, "image/png")).data) == 11
    assert len(cache) == 0


def test_many_threads_agree_on_its_size() -> None:
    cache = ByteCache(1000)

    def ask(n: int) -> None:
        cache.get((n % 50,), lambda: Encoded.of(b"x" * (n % 50 + 1), "image/png"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(2000)))
    kept = [cache.get((n,), lambda: Encoded.of(b"", "")) for n in range(50)]
    assert cache.n_bytes <= 1000
    assert cache.n_bytes == sum(len(one.data) for one in kept)
