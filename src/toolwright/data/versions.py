"""The frozen versions of the data, each by the hash of all its files. Any change of the data is another version, and an entry in CHANGELOG.md."""

from __future__ import annotations

VERSIONS = {"1.0": "0288ec356a615d0ce1c58f65e11ad33e9d240d94ec16215e18327e7d4e699ecc"}
NEWEST = "1.0"
UNFROZEN = "unfrozen"


def version_of(sha256: str) -> str:
    """The version with this hash; `unfrozen` for data of other domains, sizes or another seed."""
    return next((version for version, digest in VERSIONS.items() if digest == sha256), UNFROZEN)
