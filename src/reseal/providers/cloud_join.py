"""Microsoft Entra join, workplace join, and enrollment in device management."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.certificates import Keys
from reseal.providers.declaration import provider
from reseal.tree import join
from reseal.windows import certificates, cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.session import Session

#: After machine-guid, which renames the files of keys.
_AFTER = 80
#: Where Windows keeps the settings of an enrollment, each in a key named by its GUID.
_OF_ENROLLMENT = (
    cloud.ENROLLMENTS,
    *(rf"{cloud.ENROLLMENTS}\{name}" for name in ("Context", "Ownership", "Status")),
    r"HKLM\SOFTWARE\Microsoft\EnterpriseResourceManager\Tracked",
    r"HKLM\SOFTWARE\Microsoft\PolicyManager\AdmxInstalled",
    r"HKLM\SOFTWARE\Microsoft\PolicyManager\Providers",
    *(
        rf"HKLM\SOFTWARE\Microsoft\Provisioning\OMADM\{name}"
        for name in ("Accounts", "Logger", "Sessions")
    ),
)
TASKS = r"Microsoft\Windows\EnterpriseMgmt"
TASK_CACHE = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache"
#: Where TaskCache lists tasks by their Id (seen).
_TASK_LISTS = ("Tasks", "Boot", "Logon", "Plain", "Maintenance")
#: A user's certificates are files in the profile.
_USERS_STORE = r"AppData\Roaming\Microsoft\SystemCertificates\My\Certificates"


@provider(
    "cloud-join",
    "Leave Microsoft Entra and device management",
    mark=Mark.REPORTED,
    source="places of the join and of enrollments: reported by many administrators and by published tools "
    "(https://call4cloud.nl/2021/12/married-with-systemboards-976-tpm/, "
    "https://github.com/EUCweb/BIS-F/issues/84 and /296); that copies of a joined device share its "
    "identity: the same; that removing all this leaves Windows unjoined: inferred",
    default=False,
    beyond=True,
    identity="the Microsoft Entra join, the workplace joins and the MDM enrollments",
    renewal="Join and enroll each clone, in OOBE, by a provisioning package or by Autopilot.",
    order=_AFTER,
)
def cloud_join(session: Session) -> None:
    r"""The device's identity in Microsoft Entra, and its enrollment in Intune or another service.

    A joined device proves itself with the certificate `MS-Organization-Access`, whose thumbprint is in
    `Control\CloudDomainJoin`. Copies of it are one device to the directory: they take each other's
    registration away, and management sends policies to whichever asks. Microsoft does not support Sysprep
    on such a device.

    reseal deletes the joins of the machine and of users (workplace join), the device certificates with
    the files of their keys, the enrollments with their certificates, settings and scheduled tasks. The
    device objects in the directory and in the service stay and can be deleted there. Settings that
    policies of the service made stay, and so does the Intune Management Extension.

    The key of a user's workplace join stays in the profile, without its certificate. Keys that the TPM
    keeps (`Crypto\PCPKSP`) and Windows Hello belong to the provider windows-hello.
    """
    registry = session.registry
    keys = Keys(session)
    joins, enrollments = cloud.joins(registry), cloud.enrollments(registry)
    for thumbprint in sorted(_device_certificates(session, joins, enrollments)):
        keys.delete(certificates.MY, thumbprint)
    for one in joins:
        if one.account is not None:
            session.delete_key(one.key)
            profile = registry.profiles[one.account]
            session.delete_file(join(profile, _USERS_STORE, one.thumbprint))
    for control_set in registry.control_sets:
        for folder in (cloud.JOINS, cloud.TENANTS):
            path = folder.replace("CurrentControlSet", control_set)
            for name in [key.name for key in registry.subkeys(path)]:
                session.delete_key(rf"{path}\{name}")
    for enrollment in enrollments:
        for folder in _OF_ENROLLMENT:
            session.delete_key(rf"{folder}\{enrollment.name}")
        _delete_tasks(session, enrollment.name)


def _device_certificates(
    session: Session, joins: list[cloud.Join], enrollments: list[cloud.Enrollment]
) -> set[str]:
    """Return the thumbprints of the machine's certificates that the directory and the service issued."""
    named = {one.thumbprint for one in joins if one.account is None}
    named |= {one.thumbprint.upper() for one in enrollments if one.thumbprint}
    folder = certificates.certificate_key(certificates.MY, "").rstrip("\\")
    for key in session.registry.subkeys(folder):
        data = certificates.blob(session.registry, certificates.MY, key.name)
        if any(issuer in data for issuer in cloud.ISSUERS):
            named.add(key.name.upper())
    return named


def _delete_tasks(session: Session, enrollment: str) -> None:
    session.delete_tree(session.installation.path(r"System32\Tasks", TASKS, enrollment))
    tree = rf"{TASK_CACHE}\Tree\{TASKS}\{enrollment}"
    for number in list(_task_numbers(session, tree)):
        for name in _TASK_LISTS:
            session.delete_key(rf"{TASK_CACHE}\{name}\{number}")
    session.delete_key(tree)


def _task_numbers(session: Session, tree: str) -> Iterator[str]:
    for key in [tree, *(rf"{tree}\{one.name}" for one in session.registry.subkeys(tree))]:
        number = session.registry.text(key, "Id")
        if number and cloud.GUID.fullmatch(number):
            yield number
