"""`croissant.json`: the dataset for machines (Croissant 1.0, mlcommons.org/croissant/1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pix2cap.formats.captions_parquet import SCHEMA
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


def croissant(about: DatasetAbout, tally: Tally, *, files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The description; the same for the same content.

    Args:
        about: Name, licence and language.
        tally: Counts.
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
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": about.name,
        "description": f"{tally.captioned} captions of panoptic segments in {tally.images} images.",
        "inLanguage": about.language,
        "license": about.license,
        "version": "1.0.0",
        "distribution": [*objects, *sets],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "segments",
                "name": "segments",
                "description": "One record a segment.",
                "field": [_field(column) for column in SCHEMA],
            }
        ],
    }


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
