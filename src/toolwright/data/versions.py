"""The frozen versions of the data, each by the hash of all its files. Any change of the data is another version, and an entry in CHANGELOG.md."""

from __future__ import annotations

VERSIONS = {"1.0": "47566975373dde75d7c0bbf01fee255a38405823535e26a56c4575b495f7aeda"}
NEWEST = "1.0"
UNFROZEN = "unfrozen"


def version_of(sha256: str) -> str:
    """The version with this hash; `unfrozen` for data of other domains, sizes or another seed."""
    return next((version for version, digest in VERSIONS.items() if digest == sha256), UNFROZEN)
