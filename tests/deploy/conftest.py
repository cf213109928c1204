"""Images for the tests; the volumes of the corpus are those of the tests of NTFS."""

from __future__ import annotations

from tests.ntfs.conftest import vss_volume, windows_volume

__all__ = ["vss_volume", "windows_volume"]
