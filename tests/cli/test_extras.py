"""Commands that need an extra."""

from __future__ import annotations

import tomllib

import pytest

from pix2cap.cli.extras import _PACKAGES, need_extra
from pix2cap.errors import UsageError
from tests.cli.conftest import PROJECT


def test_nothing_is_said_where_all_is_there() -> None:
    need_extra("train", find=lambda package: package)


def test_what_is_missing_is_named_with_the_command() -> None:
    with pytest.raises(UsageError) as refused:
        need_extra("train", find=lambda package: None if package in ("torch", "accelerate") else package)
    assert str(refused.value) == (
        "this command needs torch, accelerate, not installed here; type: pip install 'pix2cap[train]'"
    )


@pytest.mark.parametrize("extra", _PACKAGES)
def test_the_packages_are_those_of_the_extra(extra: str) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]

    def names(extra: str) -> set[str]:
        found = {requirement.partition(">")[0] for requirement in extras[extra]}
        inner = {name for name in found if name.startswith("pix2cap[")}
        return (found - inner).union(*(names(name[len("pix2cap[") : -1]) for name in inner))

    assert names(extra) == set(_PACKAGES[extra])
