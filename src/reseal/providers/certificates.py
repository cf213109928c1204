"""Deleting a certificate of the machine with its private key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.errors import ResealError
from reseal.providers.places import files_below
from reseal.windows import certificates

if TYPE_CHECKING:
    from reseal.session import Session

CRYPTO = r"ProgramData\Microsoft\Crypto"
_DEPTH = 3
#: No file of a key is larger; a hostile image may hold any number of files of any size.
_MAX_FILE, _MAX_FILES = 64 << 10, 5_000


class Keys:
    """The files of the machine's private keys."""

    def __init__(self, session: Session) -> None:
        self._session = session
        found = files_below(session, CRYPTO, _DEPTH)
        self._files = [path for path, _ in zip(found, range(_MAX_FILES), strict=False)]
        self._others: dict[str, set[str]] = {}

    def delete(self, store: str, thumbprint: str) -> bool:
        """Delete a certificate, and its private key if no other certificate of the store uses it.

        Returns:
            Whether the certificate existed.
        """
        registry = self._session.registry
        names = certificates.containers(certificates.blob(registry, store, thumbprint))
        found = self._session.delete_key(certificates.certificate_key(store, thumbprint))
        if not found:
            return False
        shared = self._of_others(store, thumbprint)
        for name in names:
            if name in shared:
                self._session.note(
                    f"The private key of the certificate {thumbprint} stays: another certificate uses it."
                )
            else:
                for path in self._of(name):
                    self._session.delete_file(path)
        return True

    def _of(self, container: str) -> list[str]:
        """Return the files of a key, by name or by the container's name in them."""
        names = (certificates.key_file_name(container), container[:32].lower())
        texts = (container.encode("utf-16-le"), container.encode("ascii", "replace"))
        found = []
        for path in self._files:
            name = path.rpartition("\\")[2].lower()
            if name.startswith(names) or self._holds(path, texts):
                found.append(path)
        return found

    def _holds(self, path: str, texts: tuple[bytes, ...]) -> bool:
        stat = self._session.files.stat(path)
        if stat is None or stat.size > _MAX_FILE:
            return False
        try:
            data = self._session.files.read(path)
        except ResealError:
            return False
        return any(text in data for text in texts)

    def _of_others(self, store: str, thumbprint: str) -> set[str]:
        registry = self._session.registry
        folder = certificates.certificate_key(store, "").rstrip("\\")
        used: set[str] = set()
        for key in registry.subkeys(folder):
            if key.name.upper() != thumbprint.upper():
                used.update(certificates.containers(certificates.blob(registry, store, key.name)))
        return used
