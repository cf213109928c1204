from __future__ import annotations

from typing import Any

import pytest

from reseal.providers import Provider
from reseal.providers.agents import AGENTS
from reseal.providers.identities import find
from reseal.providers.plugins import own
from reseal.testing.machine import Machine
from tests.builders import effect, session, state

FALCON = (
    r"CrowdStrike\{9b03c1d9-3138-44ed-9fae-d9f4c034b88d}"
    r"\{16e0423f-7058-48c9-a204-725362b67639}\Default"
)
EPO = r"Network Associates\ePolicy Orchestrator\Agent"
SYLINK = r"Symantec\Symantec Endpoint Protection\SMC\SYLINK\SyLink"
CERTIFICATES = r"Microsoft\SystemCertificates\SMS\Certificates"
CLOUDBASE = r"Cloudbase Solutions\Cloudbase-Init"
SPLUNK = r"Program Files\SplunkUniversalForwarder\etc"
PRTG = r"Paessler\PRTG Network Monitor\Probe"
BIGFIX = r"BigFix\EnterpriseClient\GlobalOptions"
NINJA = r"NinjaRMM LLC\NinjaRMMAgent\Agent"
RUSTDESK = r"Windows\ServiceProfiles\LocalService\AppData\Roaming\RustDesk\config"
DATADOG_YAML = b"api_key: x\r\nhostname: PC1\r\n# hostname: y\r\nproxy:\r\n  hostname: keep\r\n"
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


def service(name: str, program: str) -> dict[str, Any]:
    """A part of SYSTEM."""
    return {"ControlSet001": {"Services": {name: {"ImagePath": program, "Start": 2, "Type": 16}}}}


#: id, what the machine has of the agent, and every change that is expected.
AGENT_CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "openssh": (
        {"files": files(
            r"ProgramData\ssh\ssh_host_rsa_key", r"ProgramData\ssh\ssh_host_rsa_key.pub",
            r"ProgramData\ssh\ssh_host_ed25519_key", r"ProgramData\ssh\sshd_config",
            r"ProgramData\ssh\administrators_authorized_keys",
        ), "system": service("sshd", r"%SystemRoot%\System32\OpenSSH\sshd.exe")},
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
    "elastic-agent": (
        {"files": files(r"Program Files\Elastic\Agent\fleet.enc",
                        r"Program Files\Elastic\Agent\elastic-agent.yml")},
        {r"-Program Files\Elastic\Agent\fleet.enc"},
    ),
    "beats": (
        {"files": files(
            r"ProgramData\filebeat\meta.json", r"ProgramData\filebeat\registry\filebeat\log.json",
            r"Tools\winlogbeat\data\meta.json", r"Tools\winlogbeat\winlogbeat.yml",
        ), "system": service("winlogbeat", r'"C:\Tools\winlogbeat\winlogbeat.exe" -c x.yml')},
        {r"-ProgramData\filebeat\meta.json", r"-Tools\winlogbeat\data\meta.json"},
    ),
    "datadog": (
        {"files": nested(r"ProgramData\Datadog\datadog.yaml", DATADOG_YAML)},
        {r"*ProgramData\Datadog\datadog.yaml"},
    ),
    "osquery": (
        {"files": files(r"Program Files\osquery\osquery.db\CURRENT", r"Program Files\osquery\osquery.conf")},
        {r"-Program Files\osquery\osquery.db", r"-Program Files\osquery\osquery.db\CURRENT"},
    ),
    "velociraptor": (
        {"files": files(*(rf"Program Files\Velociraptor\{name}" for name in (
            "velociraptor.writeback.yaml", "velociraptor.writeback.yaml.bak", "client.config.yaml")))},
        {r"-Program Files\Velociraptor\velociraptor.writeback.yaml",
         r"-Program Files\Velociraptor\velociraptor.writeback.yaml.bak"},
    ),
    "grafana-alloy": (
        {"files": files(r"ProgramData\GrafanaLabs\Alloy\data\alloy_seed.json",
                        r"ProgramData\GrafanaLabs\Alloy\data\positions.yml")},
        {r"-ProgramData\GrafanaLabs\Alloy\data\alloy_seed.json"},
    ),
    "glpi-agent": (
        {"files": files(r"Program Files\GLPI-Agent\var\GLPI-Agent.dump",
                        r"Program Files\GLPI-Agent\etc\agent.cfg",
                        r"Program Files (x86)\FusionInventory-Agent\var\FusionInventory-Agent.dump")},
        {r"-Program Files\GLPI-Agent\var\GLPI-Agent.dump",
         r"-Program Files (x86)\FusionInventory-Agent\var\FusionInventory-Agent.dump"},
    ),
    "ocs-inventory": (
        {"files": files(*(rf"ProgramData\OCS Inventory NG\Agent\ocsinventory.{kind}"
                          for kind in ("dat", "ini")))},
        {r"-ProgramData\OCS Inventory NG\Agent\ocsinventory.dat"},
    ),
    "prtg-probe": (
        {"software": {"WOW6432Node": nested(PRTG, {
            "GId": "{1}", "Id": 7, "Name": "Probe on PC1", "Server": "prtg", "Password": 5})}},
        {rf"SOFTWARE\WOW6432Node\{PRTG}\{name}" for name in ("GId", "Id", "Name")},
    ),
    "bigfix": (
        {"software": {"WOW6432Node": nested(BIGFIX, {
            "ComputerID": 12345, "RegCount": 3, "ReportSequenceNumber": 8, "StoragePath": "x"})}},
        {rf"SOFTWARE\WOW6432Node\{BIGFIX}\{name}"
         for name in ("ComputerID", "RegCount", "ReportSequenceNumber")},
    ),
    "anydesk": (
        {"files": files(r"ProgramData\AnyDesk\service.conf", r"ProgramData\AnyDesk\system.conf",
                        r"ProgramData\AnyDesk\user.conf",
                        r"Users\Alice\AppData\Roaming\AnyDesk\service.conf",
                        r"Users\Alice\AppData\Roaming\AnyDesk\user.conf")},
        {r"-ProgramData\AnyDesk\service.conf", r"-ProgramData\AnyDesk\system.conf",
         r"-Users\Alice\AppData\Roaming\AnyDesk\service.conf"},
    ),
    "rustdesk": (
        {"files": files(rf"{RUSTDESK}\RustDesk.toml", rf"{RUSTDESK}\RustDesk2.toml")},
        {rf"-{RUSTDESK}\RustDesk.toml"},
    ),
    "teamviewer": (
        {"software": {"WOW6432Node": nested("TeamViewer", {
            "ClientID": 123456789, "MIDInitiativeGUID": "{1}", "Version": "15"})}},
        {rf"SOFTWARE\WOW6432Node\TeamViewer\{name}" for name in ("ClientID", "MIDInitiativeGUID")},
    ),
    "tailscale": (
        {"files": files(
            r"ProgramData\Tailscale\server-state.conf", r"ProgramData\Tailscale\Logs\a.txt",
            r"Windows\System32\config\systemprofile\AppData\Local\Tailscale\server-state.conf",
        )},
        {r"-ProgramData\Tailscale\server-state.conf",
         r"-Windows\System32\config\systemprofile\AppData\Local\Tailscale\server-state.conf"},
    ),
    "zerotier": (
        {"files": files(*(rf"ProgramData\ZeroTier\One\{name}" for name in (
            "identity.secret", "identity.public", r"networks.d\1.conf")))},
        {r"-ProgramData\ZeroTier\One\identity.secret", r"-ProgramData\ZeroTier\One\identity.public"},
    ),
    "meshcentral": (
        {"files": files(r"Program Files\Mesh Agent\MeshAgent.db",
                        r"Program Files\Mesh Agent\MeshAgent.msh")},
        {r"-Program Files\Mesh Agent\MeshAgent.db"},
    ),
    "ninjaone": (
        {"software": {"WOW6432Node": nested(NINJA, {"MachineId": "a", "NodeId": 7, "Uid": "x"})}},
        {rf"SOFTWARE\WOW6432Node\{NINJA}\{name}" for name in ("MachineId", "NodeId")},
    ),
    "github-runner": (
        {"files": files(
            r"actions-runner\.runner", r"actions-runner\.credentials", r"actions-runner\run.cmd",
            r"ci\runner\.credentials_rsaparams", r"ci\runner\bin\RunnerService.exe",
        ), "system": service("actions.runner.org.PC1", r'"C:\ci\runner\bin\RunnerService.exe"')},
        {r"-actions-runner\.runner", r"-actions-runner\.credentials",
         r"-ci\runner\.credentials_rsaparams"},
    ),
    "azure-pipelines-agent": (
        {"files": files(r"agent\.agent", r"agent\.credentials", r"agent\bin\AgentService.exe"),
         "system": service("vstsagent.org.pool.PC1", r"C:\agent\bin\AgentService.exe")},
        {r"-agent\.agent", r"-agent\.credentials"},
    ),
    "gitlab-runner": (
        {"files": files(r"GitLab-Runner\.runner_system_id", r"GitLab-Runner\config.toml"),
         "system": service("gitlab-runner", r"C:\GitLab-Runner\gitlab-runner.exe run --service x")},
        {r"-GitLab-Runner\.runner_system_id"},
    ),
    "ivanti-automation": (
        {"software": nested(r"RES\AutomationManager", {
            "Agent": {"CommunicationID": "1", "Site": "x"}, "Preferences": {"WUID": "2"}})},
        {r"SOFTWARE\RES\AutomationManager\Agent\CommunicationID",
         r"SOFTWARE\RES\AutomationManager\Preferences\WUID"},
    ),
    "zenworks": (
        {"files": files(*(rf"Program Files (x86)\Novell\ZENworks\conf\{name}"
                          for name in ("DeviceGUID", "a.sav", "initial-web-service"))),
         "software": {"WOW6432Node": nested(r"Novell\ZCM\PreAgent", {"GUID": "1", "Keep": "x"})}},
        {r"-Program Files (x86)\Novell\ZENworks\conf\DeviceGUID",
         r"-Program Files (x86)\Novell\ZENworks\conf\a.sav",
         r"SOFTWARE\WOW6432Node\Novell\ZCM\PreAgent\GUID"},
    ),
    "altiris": (
        {"software": nested("Altiris", {
            "Altiris Agent": {"MachineGuid": "{1}", "InstallDir": "x"},
            "eXpress": {"MachineGuid": "{1}", "NS Client": {"MachineGuid": "{1}"}}})},
        {rf"SOFTWARE\Altiris\{path}\MachineGuid"
         for path in ("Altiris Agent", "eXpress", r"eXpress\NS Client")},
    ),
    "cylance": (
        {"software": nested(r"Cylance\Desktop", {"FP": b"1", "FPVersion": 2, "Path": "x"})},
        {r"SOFTWARE\Cylance\Desktop\FP", r"SOFTWARE\Cylance\Desktop\FPVersion"},
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
    done = effect("datadog", Machine(**AGENT_CASES["datadog"][0]))
    conf = done.read(r"ProgramData\Datadog\datadog.yaml")
    assert conf == DATADOG_YAML.replace(b"hostname: PC1\r\n", b"", 1)


def test_numbers_are_set_only_where_the_agent_was_found() -> None:
    parameters = nested(r"Microsoft\MSMQ\Parameters", {"StoreLogPath": "x"})
    assert effect("msmq", Machine(software=parameters)).changes == set()


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.id)
def test_every_row_says_whose_service_it_is_and_what_makes_a_new_identity(agent: Any) -> None:
    assert agent.services
    assert bool(agent.identity) == bool(agent.renewal)
    assert not agent.renewal or agent.renewal.endswith(".")


def test_most_rows_have_an_address_that_describes_the_reset() -> None:
    assert len([one for one in AGENTS if "https://" in one.source]) >= 15


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.id)
def test_looking_finds_the_same_and_changes_nothing(agent: Any) -> None:
    machine, expected = AGENT_CASES[agent.id]
    one = session(Machine(**machine))
    before = state(one)
    found = [each for each in find(one.installation) if each.provider.id == agent.id]
    assert bool(found) == bool(agent.identity)
    assert state(one) == before
    assert one.edited_hives == []
    doing = session(Machine(**machine))
    next(each for each in own() if each.id == agent.id)(doing)
    assert [each.changes for each in found] == ([tuple(doing.changes)] if agent.identity else [])
    assert expected


MICROSOFT = r"%SystemRoot%\System32\OpenSSH\sshd.exe"


@pytest.mark.parametrize(
    ("program", "config", "reason"),
    [
        (MICROSOFT, b"#HostKey __PROGRAMDATA__/ssh/ssh_host_rsa_key\nPort 22\n", None),
        (r'"C:\Program Files\OpenSSH\sshd.exe" -d', b"", None),
        (MICROSOFT, b"Port 22\r\n  hostkey C:/keys/mine\r\n", "hostkey"),
        (MICROSOFT, b"HostCertificate C:/keys/mine-cert.pub", "HostCertificate"),
        (MICROSOFT, b"\xef\xbb\xbfHostKey C:/keys/mine\n", "HostKey"),
        (MICROSOFT, b"Include sshd_config.d/*.conf\n", "Include"),
        (rf"{MICROSOFT} -f D:\sshd_config", b"", "arguments"),
        (rf'"{MICROSOFT}" -e -h D:\key', b"", "arguments"),
        (r"C:\cygwin64\usr\sbin\sshd.exe", b"", "not Microsoft's"),
        (r"C:\Evil\Program Files\OpenSSH\sshd.exe", b"", "not Microsoft's"),
        (None, b"", "not Microsoft's"),
    ],
)
def test_ssh_host_keys_go_only_where_new_ones_come(
    program: str | None, config: bytes, reason: str | None
) -> None:
    machine = Machine(
        files=nested(r"ProgramData\ssh", {"ssh_host_rsa_key": b"k", "sshd_config": config}),
        system=service("sshd", program) if program else {},
    )
    done = effect("openssh", machine)
    gone = {r"-ProgramData\ssh\ssh_host_rsa_key"}
    assert done.changes == (set() if reason else gone)
    (note,) = done.session.notes
    assert (reason or "Clients that know the old ones will warn") in note
    assert ("--enable openssh" in note) == bool(reason)
    assert effect("openssh", machine, switches=frozenset({"enable:openssh"})).changes == gone
