"""Add a wireless network that Windows knows from its first boot.

No setting of answer files takes a profile. Commands of the pass specialize write one (documented: WLAN
profile schema) and hand it to Windows (documented: netsh wlan add profile). Such a
command contains the password in plain text, so protect the file.
"""

from __future__ import annotations

from reseal.answerfile.answers import WirelessNetwork
from reseal.answerfile.markup import escaped

_FILE = r"%SystemRoot%\Temp\wlan.xml"
_NAMESPACE = "http://www.microsoft.com/networking/WLAN/profile/v1"


def profile_commands(network: WirelessNetwork | None) -> list[str]:
    """Return the commands that make Windows know a network; none for none."""
    if network is None:
        return []
    delete = f'cmd.exe /c del /q "{_FILE}"'
    lines = map(_for_cmd, _lines(network))
    return [
        delete,
        *(f'cmd.exe /c >>"{_FILE}" echo {line}' for line in lines),
        f'netsh.exe wlan add profile filename="{_FILE}" user=all',
        delete,
    ]


def _lines(network: WirelessNetwork) -> list[str]:
    """Return the profile in short lines; the name of the network is given by its bytes."""
    kind, encryption, key = "open", "none", []
    if network.password:
        kind, encryption = "WPA2PSK", "AES"
        key = [
            "<sharedKey><keyType>passPhrase</keyType><protected>false</protected>",
            f"<keyMaterial>{escaped(network.password.reveal())}</keyMaterial></sharedKey>",
        ]
    return [
        f'<WLANProfile xmlns="{_NAMESPACE}">',
        f"<name>{escaped(network.name)}</name>",
        f"<SSIDConfig><SSID><hex>{network.name.encode().hex().upper()}</hex></SSID></SSIDConfig>",
        "<connectionType>ESS</connectionType><connectionMode>auto</connectionMode>",
        f"<MSM><security><authEncryption><authentication>{kind}</authentication>",
        f"<encryption>{encryption}</encryption><useOneX>false</useOneX></authEncryption>",
        *key,
        "</security></MSM></WLANProfile>",
    ]


def _for_cmd(line: str) -> str:
    """Return a line as cmd's echo takes it: special characters behind carets.

    Quotes are among them, since cmd takes what stands between two quotes as it is, carets too.
    """
    return "".join(f"^{sign}" if sign in '^&<>|()"' else sign for sign in line)
