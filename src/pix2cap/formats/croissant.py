"""`croissant.json`: the dataset for machines (Croissant 1.0, mlcommons.org/croissant/1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pix2cap.formats.captions_parquet import SCHEMA
from pix2cap.formats.hub_parquet import FIELDS as SHARD_SCHEMA
from pix2cap.formats.manifest import DatasetAbout, Tally

_TERMS = (
    "citeAs column conformsTo data dataType equivalentProperty examples extract field fileObject fileProperty"
    " fileSet format includes isLiveDataset jsonPath key md5 parentField path recordSet references regex"
    " repeated replace samplingRate separator source subField transform"
)
_TYPED = {"data": "@json", "examples": "@json", "dataType": "@vocab"}


def _context() -> dict[str, Any]:
    context: dict[str, Any] = {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "dct": "http://purl.org/dc/terms/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "sc": "https://schema.org/",
    }
    for term in _TERMS.split():
        name = f"{'dct' if term == 'conformsTo' else 'cr'}:{term}"
        context[term] = {"@id": name, "@type": _TYPED[term]} if term in _TYPED else name
    return context


def croissant(
    about: DatasetAbout,
    tally: Tally,
    *,
    files: Mapping[str, Mapping[str, Any]],
    date: str | None = None,
    cite: str | None = None,
) -> dict[str, Any]:
    """The description of a dataset folder; the same for the same content.

    Args:
        about: Name, licence and language.
        tally: Counts.
        date: The day of publication, ISO 8601; None leaves it out.
        cite: How to cite the dataset; None leaves it out.
        files: Name to `{"bytes", "sha256"}` of the JSON files. `captions.parquet` and the masks are file
            sets instead, which carry no hash: request ids are in the one, and both are in the manifest.
    """
    objects = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "contentSize": f"{entry['bytes']} B",
            "encodingFormat": "application/json",
            "sha256": entry["sha256"],
        }
        for name, entry in files.items()
    ]
    sets = [
        _file_set("captions", "captions.parquet", "application/x-parquet"),
        _file_set("masks", "panoptic/**/*.png", "image/png"),
    ]
    fields = [_field(column) for column in SCHEMA]
    records = _records("segments", "One record a segment.", fields)
    return _dataset(about, tally, [*objects, *sets], records, date, cite)


def shard_croissant(
    about: DatasetAbout, tally: Tally, *, date: str | None = None, cite: str | None = None
) -> dict[str, Any]:
    """The description of Parquet shards, by their pattern: an image a record, its segments within.

    Args:
        about: Name, licence and language.
        tally: Counts.
        date: The day of publication, ISO 8601; None leaves it out.
        cite: How to cite the dataset; None leaves it out.
    """
    fields = [_shard_field(column) for column in SHARD_SCHEMA]
    sets = [_file_set("shards", "data/*.parquet", "application/x-parquet")]
    records = _records("images", "One record an image, with a list of its segments.", fields)
    return _dataset(about, tally, sets, records, date, cite)


def _dataset(
    about: DatasetAbout,
    tally: Tally,
    distribution: list[dict[str, Any]],
    records: dict[str, Any],
    date: str | None,
    cite: str | None,
) -> dict[str, Any]:
    told = {"datePublished": date, "citeAs": cite}
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": about.name,
        "description": f"{tally.captioned} captions of panoptic segments in {tally.images} images.",
        "inLanguage": about.language,
        "license": about.license,
        "version": "1.0.0",
        **{key: value for key, value in told.items() if value is not None},
        "distribution": distribution,
        "recordSet": [records],
    }


def _records(name: str, description: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "description": description, "field": fields}


def _shard_field(column: pa.Field) -> dict[str, Any]:
    where = f"images/{column.name}"
    source = {"fileSet": {"@id": "shards"}, "extract": {"column": column.name}}
    field: dict[str, Any] = {"@type": "cr:Field", "@id": where, "name": column.name}
    if pa.types.is_struct(column.type):
        # As dataset hubs do it: the struct's bytes are the picture.
        return field | {"dataType": "sc:ImageObject", "source": source | {"transform": {"jsonPath": "bytes"}}}
    if not pa.types.is_list(column.type):
        return field | {"dataType": _data_type(column.type), "source": source}
    members = [
        {
            "@type": "cr:Field",
            "@id": f"{where}/{member.name}",
            "name": member.name,
            "dataType": _data_type(_inner(member.type)),
            "source": source | {"transform": {"jsonPath": member.name}},
        }
        for member in column.type.value_type
    ]
    return field | {"repeated": True, "subField": members}


def _inner(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) else kind


def _file_set(name: str, includes: str, encoding: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": encoding,
        "includes": includes,
    }


def _field(column: pa.Field) -> dict[str, Any]:
    repeated = pa.types.is_list(column.type)
    kind = column.type.value_type if repeated else column.type
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"segments/{column.name}",
        "name": column.name,
        "dataType": _data_type(kind),
        "source": {"fileSet": {"@id": "captions"}, "extract": {"column": column.name}},
    }
    return field | ({"repeated": True} if repeated else {})


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Boolean" if pa.types.is_boolean(kind) else "sc:Text"
