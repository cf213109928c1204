"""Public product keys: the KMS client keys that Microsoft publishes, each for one edition.

They choose the edition and activate against a KMS host only. Nothing here is a secret
(`product_keys.json`, with its source).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

#: The first build of each version (documented: Windows release information).
_CLIENTS = ((7600, "7"), (9200, "8"), (9600, "8.1"), (10240, "10"), (22000, "11"))
_SERVERS = (
    (6001, "2008"),
    (7600, "2008 R2"),
    (9200, "2012"),
    (9600, "2012 R2"),
    (14393, "2016"),
    (17763, "2019"),
    (20348, "2022"),
    (26100, "2025"),
)
#: Until this build the long-term channel is called a branch.
_LAST_LTSB = 14393
_VERSION = re.compile(
    r"(?i)\bwindows\s+(?:(?P<server>server)\s+(?P<year>20\d\d(?:\s*R2)?)|(?P<client>7|8\.1|8|10|11))\b"
)
#: What says nothing of the edition: how it is installed, and when its channel began.
_BESIDES = re.compile(
    r"(?i)\(.*?\)|\b(?:windows|server\s+core|core\s+installation|full\s+installation|core|19|20\d\d"
    r"|with\s+update|x64|x86|64-bit|32-bit|vl)\b"
)
_WORD = re.compile(r"[a-z]+")
#: Other names of the same edition: names of images, and EditionID in the registry.
_SAME = {
    "professional": "pro",
    "serverstandard": "standard",
    "serverdatacenter": "datacenter",
    "serverenterprise": "enterprise",
    "serverstandardcore": "standard",
    "serverdatacentercore": "datacenter",
    "serverenterprisecore": "enterprise",
    "serverweb": "web",
    "serverwebcore": "web",
    "serversolution": "essentials",
    "edition": "",
}
#: EditionID in the registry, as words (seen: hives; documented: Windows 10 edition upgrade).
_EDITION_IDS = {
    "professional": "pro",
    "professionaln": "pro n",
    "professionalworkstation": "pro for workstations",
    "professionalworkstationn": "pro for workstations n",
    "professionaleducation": "pro education",
    "professionaleducationn": "pro education n",
    "education": "education",
    "educationn": "education n",
    "enterprise": "enterprise",
    "enterprisen": "enterprise n",
    "enterpriseg": "enterprise g",
    "enterprisegn": "enterprise g n",
    "enterprises": "enterprise ltsc",
    "enterprisesn": "enterprise n ltsc",
    "iotenterprises": "iot enterprise ltsc",
    "serverstandard": "standard",
    "serverstandardcor": "standard",
    "serverdatacenter": "datacenter",
    "serverdatacentercor": "datacenter",
    "serverturbine": "datacenter azure",
    "serversolution": "essentials",
    "core": "home",
    "coren": "home n",
    "coresinglelanguage": "home single language",
    "corecountryspecific": "home china",
}


@dataclass(frozen=True, slots=True)
class Product:
    """A version of Windows and its edition, as words that can be compared."""

    server: bool
    version: str
    edition: frozenset[str]


@cache
def keys() -> dict[str, str]:
    """Return the public keys by the name of the product."""
    data = json.loads((files(__package__) / "product_keys.json").read_text("utf-8"))
    found: dict[str, str] = data["keys"]
    return found


def products_of(key: str) -> tuple[str, ...]:
    """Return the products that a key is for; none where the key is not public."""
    return tuple(name for name, one in keys().items() if one == key.upper())


def product(name: str) -> Product | None:
    """Return what the name of an image or of a product says; None where that is not clear.

    Evaluations are None: they take keys of their own.
    """
    match = _VERSION.search(name)
    if match is None or "eval" in name.casefold():
        return None
    server = match.group("server") is not None
    version = " ".join((match.group("year") or match.group("client")).upper().split())
    words = _words(name[match.end() :])
    return Product(server, version, words) if words else None


def installed(edition_id: str, build: int) -> Product | None:
    """Return the product of an image by EditionID and build; None where that is not clear."""
    words = _EDITION_IDS.get(edition_id.casefold())
    table = _SERVERS if edition_id.casefold().startswith("server") else _CLIENTS
    versions = [version for first, version in table if first <= build]
    if words and build <= _LAST_LTSB:
        words = words.replace("ltsc", "ltsb")
    if words is None or not versions:
        return None
    return Product(table is _SERVERS, versions[-1], _words(words))


def fits(key: str, wanted: Product) -> bool | None:
    """Whether a public key is for a product; None where the key is not public."""
    known = [one for name in products_of(key) if (one := product(name))]
    return wanted in known if known else None


def key_for(wanted: Product) -> str:
    """Return the public key of a product; empty where there is none, or more than one fits.

    The two releases of Enterprise LTSB have the same edition and version, and keys of their own.
    """
    found = {key for name, key in keys().items() if product(name) == wanted}
    return found.pop() if len(found) == 1 else ""


def _words(text: str) -> frozenset[str]:
    plain = _BESIDES.sub(" ", text.casefold().replace("ltsb", "ltsb "))
    return frozenset(_SAME.get(word, word) for word in _WORD.findall(plain)) - {"", "for"}
