"""Agents of configuration management and monitoring."""

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent, Line
from reseal.providers.places import program_folders

_SALT = (r"salt\conf", r"ProgramData\Salt Project\Salt\conf")
_SALT_FILES = (r"pki\minion\minion.pem", r"pki\minion\minion.pub", "minion_id")
_SPLUNK = program_folders(r"SplunkUniversalForwarder\etc")
_TANIUM = r"HKLM\SOFTWARE\Tanium\Tanium Client"

MANAGEMENT = (
    Agent(
        id="configuration-manager",
        title="Delete the identity of the Configuration Manager client",
        about=r"""The id and the certificates of the client (SCCM, MECM).

        A site treats clones with one id as one device. `SMSCFG.ini` in the Windows folder holds the id;
        the certificate store `SMS` holds the client's signing certificates. Both are deleted, and the
        client creates new ones. The trusted root key stays, as for clones in one hierarchy. Remove
        company certificates in the store Personal on the reference machine.""",
        identity="the id and the certificates of the Configuration Manager client",
        renewal="The client creates both at its next start.",
        mark=Mark.DOCUMENTED,
        source="Microsoft, How to deploy clients to Windows computers, Prepare the client computer for "
        "imaging: SMSCFG.INI and certificates are deleted; key of the store: reported by several "
        "administrators",
        default=True,
        services=("CcmExec",),
        files=(r"{windows}\SMSCFG.ini",),
        subkeys=(r"HKLM\SOFTWARE\Microsoft\SystemCertificates\SMS\Certificates",),
    ),
    Agent(
        id="salt",
        title="Delete the Salt minion's keys and cached id",
        about=r"""The key pair that identifies the minion to the master.

        `minion.pem`, `minion.pub` and `minion_id` below `conf` are deleted, in both folders that
        installers of the minion have used. At its next start the minion generates a new pair and takes
        the machine's name. The master's key and an `id` in the configuration stay.""",
        identity="the keys of the Salt minion",
        renewal="The minion generates a new pair at its next start; the master has to accept it.",
        mark=Mark.REPORTED,
        source="places: seen in logs of minions on Windows; deleting these files for clones: reported "
        "by several administrators",
        services=("salt-minion",),
        files=tuple(rf"{folder}\{name}" for folder in _SALT for name in _SALT_FILES),
    ),
    Agent(
        id="puppet",
        title="Delete the Puppet agent's keys and certificates",
        about=r"""The certificate that identifies the agent to the server.

        The content of `ProgramData\PuppetLabs\puppet\etc\ssl` is deleted. At its next start the agent
        generates new keys and requests a new certificate. A `certname` in `puppet.conf` stays.""",
        identity="the keys and certificates of the Puppet agent",
        renewal="The agent generates new keys at its next run; the server has to sign them.",
        mark=Mark.DOCUMENTED,
        source="Puppet documentation, Regenerating certificates: the agent's SSL directory is emptied "
        "and the agent generates new keys; the same page gives the place on Windows",
        services=("puppet",),
        emptied=(r"ProgramData\PuppetLabs\puppet\etc\ssl",),
    ),
    Agent(
        id="chef",
        title="Delete the Chef client's key",
        about=r"""The key that identifies the node to the server.

        `client.pem` in `C:\chef` is deleted. The client registers again at its next run, for which it
        needs its validation key. A `node_name` in `client.rb` stays.""",
        identity="the key of the Chef client",
        renewal="The client registers at its next run with its validation key.",
        mark=Mark.SEEN,
        source="log of a Chef client on Windows: the client key is not present - registering",
        services=("chef-client",),
        files=(r"chef\client.pem",),
    ),
    Agent(
        id="zabbix",
        title="Make the Zabbix agent use the machine's new name",
        about="""The name that identifies the agent to the server.

        The installer writes it into the configuration, as `Hostname`. The line is deleted, and the agent
        uses the system's host name. Other lines, including keys, stay.""",
        identity="the name of the Zabbix agent",
        renewal="The agent uses the system's host name.",
        mark=Mark.DOCUMENTED,
        source="comments of zabbix_agentd.conf: Hostname has to be unique, and where it is not defined, "
        "HostnameItem (system.hostname) is used",
        services=("Zabbix Agent*",),
        lines=tuple(
            Line(path, "Hostname")
            for name in (r"Zabbix Agent\zabbix_agentd.conf", r"Zabbix Agent 2\zabbix_agent2.conf")
            for path in program_folders(name)
        ),
    ),
    Agent(
        id="splunk",
        title="Delete the identity of the Splunk universal forwarder",
        about="""The GUID and the name that identify the forwarder to indexers.

        `instance.cfg` holds the GUID, `server.conf` and `inputs.conf` the machine's name. The file and the
        two lines are deleted, as the product's own `clone-prep-clear-config` does; the forwarder creates
        them again at its next start.""",
        identity="the GUID and the name of the Splunk forwarder",
        renewal="The forwarder creates both at its next start.",
        mark=Mark.REPORTED,
        source="Splunk documentation, Integrate a universal forwarder onto a system image: identity is "
        "cleared before imaging; which file and lines: scripts of several administrators",
        default=True,
        services=("SplunkForwarder",),
        files=tuple(rf"{etc}\instance.cfg" for etc in _SPLUNK),
        lines=tuple(
            Line(rf"{etc}\system\local\{name}", key, section)
            for etc in _SPLUNK
            for name, key, section in (
                ("server.conf", "serverName", "general"),
                ("inputs.conf", "host", "default"),
            )
        ),
    ),
    Agent(
        id="tanium",
        title="Delete the Tanium client's computer id",
        about="""The id that identifies the client to the server.

        `RegistrationCount` is deleted and `ComputerID` set to 0; the server assigns a new id when the
        client registers.""",
        identity="the computer id of the Tanium client",
        renewal="The server assigns an id when the client registers.",
        mark=Mark.REPORTED,
        source="BIS-F (Base Image Script Framework), preparation of the Tanium client",
        services=("Tanium Client",),
        values=((_TANIUM, ("RegistrationCount",)),),
        numbers=((_TANIUM, "ComputerID", 0),),
    ),
    Agent(
        id="wazuh",
        title="Delete the Wazuh agent's key",
        about="""The id and the key that identify the agent to the manager.

        `client.keys` is deleted, and the agent enrolls again if its configuration allows it.""",
        identity="the key of the Wazuh agent",
        renewal="The agent enrolls at its next start if its configuration allows it.",
        mark=Mark.REPORTED,
        source="a maintainer in wazuh/wazuh#15565: clear or delete client.keys before a machine is "
        "copied; place on Windows: Wazuh documentation",
        services=("WazuhSvc",),
        files=tuple(program_folders(r"ossec-agent\client.keys")),
    ),
)
