from __future__ import annotations

from typing import Any

import pytest

from reseal.providers import Provider
from reseal.providers.agents import AGENTS
from reseal.providers.plugins import own
from reseal.testing.machine import Machine
from tests.builders import effect

FALCON = (
    r"CrowdStrike\{9b03c1d9-3138-44ed-9fae-d9f4c034b88d}"
    r"\{16e0423f-7058-48c9-a204-725362b67639}\Default"
)
EPO = r"Network Associates\ePolicy Orchestrator\Agent"
SYLINK = r"Symantec\Symantec Endpoint Protection\SMC\SYLINK\SyLink"
CERTIFICATES = r"Microsoft\SystemCertificates\SMS\Certificates"
CLOUDBASE = r"Cloudbase Solutions\Cloudbase-Init"
SPLUNK = r"Program Files\SplunkUniversalForwarder\etc"
SERVER_CONF = (
    b"[general]\r\nserverName = PC1\r\npass4SymmKey = k\r\n[sslConfig]\r\nserverName = keep\r\n"
)
INPUTS_CONF = b"[default]\nhost=PC1\n[monitor://C:\\x]\nhost = keep\n"
ZABBIX_CONF = b"# Hostname=\r\nServer=10.0.0.1\r\nHostname=PC1\r\nHostnameItem=system.hostname\r\n"


def nested(path: str, content: Any) -> dict[str, Any]:
    """A path as nested data."""
    for name in reversed(path.split("\\")):
        content = {name: content}
    assert isinstance(content, dict)
    return content


def files(*paths: str) -> dict[str, Any]:
    """Files of one byte."""
    spec: dict[str, Any] = {}
    for path in paths:
        folder, _, name = path.rpartition("\\")
        here = spec
        for part in folder.split("\\") if folder else ():
            here = here.setdefault(part, {})
        here[name] = b"x"
    return spec


#: id, what the machine has of the agent, and every change that is expected.
AGENT_CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "openssh": (
        {"files": files(
            r"ProgramData\ssh\ssh_host_rsa_key", r"ProgramData\ssh\ssh_host_rsa_key.pub",
            r"ProgramData\ssh\ssh_host_ed25519_key", r"ProgramData\ssh\sshd_config",
            r"ProgramData\ssh\administrators_authorized_keys",
        )},
        {r"-ProgramData\ssh\ssh_host_rsa_key", r"-ProgramData\ssh\ssh_host_rsa_key.pub",
         r"-ProgramData\ssh\ssh_host_ed25519_key"},
    ),
    "msmq": (
        {"software": nested(r"Microsoft\MSMQ\Parameters", {
            "MachineCache": {"QMId": bytes(16), "EnterpriseId": bytes(16)}, "StoreLogPath": "x",
        })},
        {r"SOFTWARE\Microsoft\MSMQ\Parameters\MachineCache\QMId",
         r"SOFTWARE\Microsoft\MSMQ\Parameters\SysPrep"},
    ),
    "configuration-manager": (
        {"files": files(r"Windows\SMSCFG.INI", r"Windows\CCM\x.log"),
         "software": nested(CERTIFICATES, {"0A1B": {"Blob": b"cert"}})},
        {r"-Windows\SMSCFG.INI", rf"SOFTWARE\{CERTIFICATES}\0A1B\Blob",
         f"SOFTWARE\\{CERTIFICATES}\\0A1B\\"},
    ),
    "salt": (
        {"files": files(
            *(rf"{conf}\{name}" for conf in (r"salt\conf", r"ProgramData\Salt Project\Salt\conf")
              for name in (r"pki\minion\minion.pem", r"pki\minion\minion.pub", "minion_id",
                           r"pki\minion\minion_master.pub", "minion"))
        )},
        {rf"-{conf}\{name}" for conf in (r"salt\conf", r"ProgramData\Salt Project\Salt\conf")
         for name in (r"pki\minion\minion.pem", r"pki\minion\minion.pub", "minion_id")},
    ),
    "puppet": (
        {"files": files(
            r"ProgramData\PuppetLabs\puppet\etc\ssl\private_keys\pc1.pem",
            r"ProgramData\PuppetLabs\puppet\etc\puppet.conf",
        )},
        {rf"-ProgramData\PuppetLabs\puppet\etc\ssl\private_keys{name}" for name in ("", r"\pc1.pem")},
    ),
    "chef": (
        {"files": files(r"chef\client.pem", r"chef\validation.pem", r"chef\client.rb")},
        {r"-chef\client.pem"},
    ),
    "zabbix": (
        {"files": nested(r"Program Files\Zabbix Agent 2\zabbix_agent2.conf", ZABBIX_CONF)},
        {r"*Program Files\Zabbix Agent 2\zabbix_agent2.conf"},
    ),
    "splunk": (
        {"files": nested(SPLUNK, {
            "instance.cfg": b"[general]\nguid = 1", "splunk-launch.conf": b"x",
            "system": {"local": {"server.conf": SERVER_CONF, "inputs.conf": INPUTS_CONF}},
        })},
        {rf"-{SPLUNK}\instance.cfg", rf"*{SPLUNK}\system\local\server.conf",
         rf"*{SPLUNK}\system\local\inputs.conf"},
    ),
    "tanium": (
        {"software": nested(r"WOW6432Node\Tanium\Tanium Client", {
            "ComputerID": 12345, "RegistrationCount": 3, "ServerName": "x",
        })},
        {rf"SOFTWARE\WOW6432Node\Tanium\Tanium Client\{name}"
         for name in ("ComputerID", "RegistrationCount")},
    ),
    "wazuh": (
        {"files": files(r"Program Files (x86)\ossec-agent\client.keys",
                        r"Program Files (x86)\ossec-agent\ossec.conf")},
        {r"-Program Files (x86)\ossec-agent\client.keys"},
    ),
    "crowdstrike": (
        {"control_sets": (1, 2), "system": {
            **nested(FALCON, {"AG": bytes(16), "CU": bytes(16)}),
            "ControlSet001": nested(r"Services\CSAgent\Sim", {"AG": bytes(16), "CU": b"c"}),
            "ControlSet002": nested(r"Services\CSAgent\Sim", {"AG": bytes(16), "CU": b"c"}),
        }},
        {rf"SYSTEM\{FALCON}\AG", r"SYSTEM\ControlSet001\Services\CSAgent\Sim\AG",
         r"SYSTEM\ControlSet002\Services\CSAgent\Sim\AG"},
    ),
    "trellix": (
        {"software": {**nested(EPO, {"AgentGUID": "{1}", "SiteName": "x"}),
                      "WOW6432Node": nested(EPO, {"AgentGUID": "{1}"})}},
        {rf"SOFTWARE\{EPO}\AgentGUID", rf"SOFTWARE\WOW6432Node\{EPO}\AgentGUID"},
    ),
    "symantec": (
        {"files": files(
            "sephwid.xml",
            r"ProgramData\Symantec\Symantec Endpoint Protection\PersistedData\communicator.dat",
            r"ProgramData\Symantec\Symantec Endpoint Protection\PersistedData\keep.dat",
        ), "software": nested(SYLINK, {"HardwareID": "A1", "HostGUID": "B2", "Keep": 1})},
        {"-sephwid.xml",
         r"-ProgramData\Symantec\Symantec Endpoint Protection\PersistedData\communicator.dat",
         rf"SOFTWARE\{SYLINK}\HardwareID", rf"SOFTWARE\{SYLINK}\HostGUID"},
    ),
    "nessus": (
        {"software": nested("Tenable", {"TAG": "9f", "Nessus Agent": {"x": 1}})},
        {r"SOFTWARE\Tenable\TAG"},
    ),
    "cloudbase-init": (
        {"software": nested(CLOUDBASE, {"i-1": {"Plugins": {"MTUPlugin": 1}}, "Keep": "x"}),
         "files": files(rf"Program Files\{CLOUDBASE}\conf\cloudbase-init.conf")},
        {f"SOFTWARE\\{CLOUDBASE}\\i-1\\{path}" for path in ("", "Plugins\\", r"Plugins\MTUPlugin")},
    ),
    "docker": (
        {"files": files(r"ProgramData\docker\engine-id", r"ProgramData\docker\config\key.json",
                        r"ProgramData\docker\config\daemon.json", r"ProgramData\docker\image\x")},
        {r"-ProgramData\docker\engine-id", r"-ProgramData\docker\config\key.json"},
    ),
    "ec2launch": (
        {"files": files(*(rf"ProgramData\Amazon\EC2Launch\{name}"
                          for name in (r"state\.run-once", r"state\state.json",
                                       r"config\agent-config.yml")))},
        {r"-ProgramData\Amazon\EC2Launch\state\.run-once",
         r"-ProgramData\Amazon\EC2Launch\state\state.json"},
    ),
    "azure-agent": (
        {"files": files(r"WindowsAzure\Logs\WaAppAgent.log", r"WindowsAzure\Logs\Plugins\a.log",
                        r"WindowsAzure\Packages\WaAppAgent.exe")},
        {r"-WindowsAzure\Logs\WaAppAgent.log", r"-WindowsAzure\Logs\Plugins",
         r"-WindowsAzure\Logs\Plugins\a.log"},
    ),
}  # fmt: skip


def test_every_agent_has_a_case() -> None:
    assert set(AGENT_CASES) == {one.id for one in AGENTS}


@pytest.mark.parametrize("name", AGENT_CASES)
def test_what_identifies_the_machine_goes_and_nothing_else(name: str) -> None:
    machine, expected = AGENT_CASES[name]
    assert effect(name, Machine(**machine)).changes == expected


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.id)
def test_every_row_becomes_a_provider_beyond_sysprep(agent: Any) -> None:
    [provider] = [one for one in own() if one.id == agent.id]
    assert isinstance(provider, Provider)
    assert provider.beyond
    assert provider.default is agent.default
    assert provider.entry_points == ()
    assert provider.description.startswith(agent.about.partition("\n")[0])
    assert "\n  " not in provider.description


def test_only_the_line_in_its_section_goes() -> None:
    done = effect("splunk", Machine(**AGENT_CASES["splunk"][0]))
    local = rf"{SPLUNK}\system\local"
    assert done.read(rf"{local}\server.conf") == SERVER_CONF.replace(b"serverName = PC1\r\n", b"")
    assert done.read(rf"{local}\inputs.conf") == INPUTS_CONF.replace(b"host=PC1\n", b"")
    done = effect("zabbix", Machine(**AGENT_CASES["zabbix"][0]))
    conf = done.read(r"Program Files\Zabbix Agent 2\zabbix_agent2.conf")
    assert conf == ZABBIX_CONF.replace(b"\nHostname=PC1\r", b"")


def test_numbers_are_set_only_where_the_agent_was_found() -> None:
    parameters = nested(r"Microsoft\MSMQ\Parameters", {"StoreLogPath": "x"})
    assert effect("msmq", Machine(software=parameters)).changes == set()
