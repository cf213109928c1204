"""Move the blob of an offline domain join to where Windows applies it automatically.

Documented (Unattended Windows Setup Reference, UnattendedJoin): AccountData is in offlineServicing under
OfflineIdentification, where DISM applies it to an image, or in specialize under Identification, where
Windows applies it at the first boot. How an image keeps the blob between the two is not known, so reseal
uses specialize.
"""

from __future__ import annotations

from reseal.answerfile.building import Item, answer_file, component
from reseal.answerfile.components import JOIN
from reseal.answerfile.document import AnswerFile, Setting
from reseal.answerfile.merge import merge
from reseal.answerfile.passes import Pass
from reseal.answerfile.requested import settings_at
from reseal.answerfile.secrets import DELETED

OFFLINE = "OfflineIdentification/Provisioning/AccountData"


def offline_blob(document: AnswerFile, architecture: str = "") -> Setting | None:
    """Return the blob of an offline join in the pass offlineServicing, if there is one."""
    found = settings_at(document, Pass.OFFLINE_SERVICING, JOIN, OFFLINE, architecture)
    return next((one for one in found if one.text not in {"", DELETED}), None)


def joined_at_specialize(document: AnswerFile, architecture: str) -> AnswerFile:
    """Return a document whose offline join is applied in specialize; the same where it has none.

    What specialize says of joining is replaced: a provisioned account wins over credentials
    (documented: Provisioning).

    Args:
        document: the answer file.
        architecture: of the image.
    """
    blob = offline_blob(document, architecture)
    if blob is None:
        return document
    join = Item("Identification", Item("Provisioning", Item("AccountData", blob.text)))
    return merge(
        document,
        answer_file({Pass.SPECIALIZE: component(JOIN, [join], architecture)}, document.name),
    )
