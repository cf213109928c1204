"""OfflineUserAccounts of an answer file, on real SAM hives."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from reseal.errors import CheckError
from reseal.sysprep.generalize import generalize
from reseal.unattend import apply as unattend
from reseal.unattend.apply import Request
from tests.answerfile.samples import SHELL, document, one
from tests.unattend.test_local_accounts import commit, nt
from tests.windows import sam

HIDDEN = base64.b64encode("geheimOfflineAdministratorPassword".encode("utf-16-le")).decode()
SECRETS = ("geheim", HIDDEN, "Tr0ub4dor")


def accounts(body: str, administrator: str = "") -> str:
    return one(
        "offlineServicing",
        SHELL,
        f"<OfflineUserAccounts>{administrator}<OfflineLocalAccounts>{body}</OfflineLocalAccounts>"
        "</OfflineUserAccounts>",
    )


def account(name: str, group: str = "Administrators", password: str = "Tr0ub4dor&amp;3") -> str:
    return (
        f'<LocalAccount wcm:action="add"><Name>{name}</Name><DisplayName>P B</DisplayName>'
        f"<Description>D</Description><Group>{group}</Group><Password><Value>{password}</Value>"
        "<PlainText>true</PlainText></Password></LocalAccount>"
    )


ADMINISTRATOR = (
    f"<OfflineAdministratorPassword><Value>{HIDDEN}</Value><PlainText>false</PlainText>"
    "</OfflineAdministratorPassword>"
)


@pytest.mark.parametrize("machine", list(sam.MACHINES))
def test_accounts_and_passwords(corpus: Path, machine: str, tmp_path: Path) -> None:
    image = sam.image(corpus, machine)
    text = accounts(account("packer", "Administrators;Users"), ADMINISTRATOR)
    outcome = unattend.apply(image, Request(document(text)))
    found = commit(image, tmp_path)
    assert found["Administrator"][2] == nt("geheim")
    assert found["packer"][2] == nt("Tr0ub4dor&3")
    assert outcome.not_applied == []
    shown = json.dumps([outcome.to_json(), [one.to_json() for one in image.changes], image.notes])
    assert "OfflineUserAccounts/OfflineAdministratorPassword/Value" in shown
    assert not [secret for secret in SECRETS if secret in shown]
    placed = image.files.read(outcome.placed or "")
    assert b'pass="offlineServicing" wasPassProcessed="true"' in placed
    assert not [secret for secret in SECRETS if secret.encode() in placed]


def test_an_account_that_exists_is_changed(corpus: Path, tmp_path: Path) -> None:
    image = sam.image(corpus, "win10-21h1")
    unattend.apply(image, Request(document(accounts(account("andrewrathbun")))))
    found = commit(image, tmp_path)
    assert found["AndrewRathbun"] == (1001, found["AndrewRathbun"][1], nt("Tr0ub4dor&3"))
    assert len(found) == 5


def test_accounts_of_an_image_that_is_generalized(corpus: Path, tmp_path: Path) -> None:
    image = sam.image(corpus, "win10-21h1")
    generalize(image, answers=Request(document(accounts(account("packer"), ADMINISTRATOR))))
    assert commit(image, tmp_path)["packer"] == (1002, commit_lm(), nt("Tr0ub4dor&3"))
    for path, data in image.installation.tree.snapshot().items():  # type: ignore[attr-defined]
        assert not [secret for secret in SECRETS if secret.encode() in (data or b"")], path


def commit_lm() -> str:
    return "aad3b435b51404eeaad3b435b51404ee"


def test_a_group_that_the_image_does_not_have(corpus: Path) -> None:
    image = sam.image(corpus, "win10-21h1")
    text = accounts(account("packer", "Wizards"))
    with pytest.raises(CheckError, match=r"unattend.xml:5:\d+: .* no local group Wizards") as error:
        unattend.apply(image, Request(document(text)))
    assert "Tr0ub4dor" not in str(vars(error.value))
