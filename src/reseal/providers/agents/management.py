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

        Clones with one id are one device for the site. `SMSCFG.ini` in the Windows folder holds the id,
        the certificate store `SMS` what the client signs with; both go, and the client makes new ones.
        The trusted root key stays, as for clones in one hierarchy. Certificates that a company issued,
        in the store Personal, have to be removed in the reference machine.""",
        mark=Mark.DOCUMENTED,
        source="Microsoft, How to deploy clients to Windows computers, Prepare the client computer for "
        "imaging: SMSCFG.INI and certificates are deleted; key of the store: reported by several "
        "administrators",
        default=True,
        files=(r"{windows}\SMSCFG.ini",),
        subkeys=(r"HKLM\SOFTWARE\Microsoft\SystemCertificates\SMS\Certificates",),
    ),
    Agent(
        id="salt",
        title="Delete the Salt minion's keys and cached id",
        about=r"""The key pair by which the master knows the minion.

        `minion.pem`, `minion.pub` and `minion_id` below `conf` go, in both places where the minion was
        installed over time; the minion makes a new pair and takes the machine's name at its next start.
        The master's key and an `id` in the configuration stay.""",
        mark=Mark.REPORTED,
        source="places: seen in logs of minions on Windows; deleting these files for clones: reported "
        "by several administrators",
        files=tuple(rf"{folder}\{name}" for folder in _SALT for name in _SALT_FILES),
    ),
    Agent(
        id="puppet",
        title="Delete the Puppet agent's keys and certificates",
        about=r"""The certificate by which the server knows the agent.

        The content of `ProgramData\PuppetLabs\puppet\etc\ssl` goes; the agent makes new keys and asks
        for a new certificate at its next start. A `certname` in `puppet.conf` stays.""",
        mark=Mark.DOCUMENTED,
        source="Puppet documentation, Regenerating certificates: the agent's SSL directory is emptied "
        "and the agent makes new keys; the place on Windows stands there too",
        emptied=(r"ProgramData\PuppetLabs\puppet\etc\ssl",),
    ),
    Agent(
        id="chef",
        title="Delete the Chef client's key",
        about=r"""The key by which the server knows the node.

        `client.pem` in `C:\chef` goes, and the client registers again at its next run, for which it
        needs its validation key. A `node_name` in `client.rb` stays.""",
        mark=Mark.SEEN,
        source="log of a Chef client on Windows: the client key is not present - registering",
        files=(r"chef\client.pem",),
    ),
    Agent(
        id="zabbix",
        title="Let the Zabbix agent take the machine's new name",
        about="""The name under which the server knows the agent.

        The installer writes it into the configuration, as `Hostname`. The line goes, and the agent uses
        the system's host name. What else stands there, keys included, stays.""",
        mark=Mark.DOCUMENTED,
        source="comments of zabbix_agentd.conf: Hostname has to be unique, and where it is not defined, "
        "HostnameItem (system.hostname) is used",
        lines=tuple(
            Line(path, "Hostname")
            for name in (r"Zabbix Agent\zabbix_agentd.conf", r"Zabbix Agent 2\zabbix_agent2.conf")
            for path in program_folders(name)
        ),
    ),
    Agent(
        id="splunk",
        title="Delete the identity of the Splunk universal forwarder",
        about="""The GUID and the name under which indexers know the forwarder.

        `instance.cfg` holds the GUID, `server.conf` and `inputs.conf` the machine's name. The file and
        the two lines go, as with the product's own `clone-prep-clear-config`; the forwarder makes them
        anew at its next start.""",
        mark=Mark.REPORTED,
        source="Splunk documentation, Integrate a universal forwarder onto a system image: identity is "
        "cleared before imaging; which file and lines: scripts of several administrators",
        default=True,
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
        about="""The id under which the server knows the client.

        `RegistrationCount` goes and `ComputerID` becomes 0; the server gives the client a new id when it
        registers.""",
        mark=Mark.REPORTED,
        source="BIS-F (Base Image Script Framework), preparation of the Tanium client",
        values=((_TANIUM, ("RegistrationCount",)),),
        numbers=((_TANIUM, "ComputerID", 0),),
    ),
    Agent(
        id="wazuh",
        title="Delete the Wazuh agent's key",
        about="""The id and the key under which the manager knows the agent.

        `client.keys` goes, and the agent enrolls again where its configuration lets it.""",
        mark=Mark.REPORTED,
        source="a maintainer in wazuh/wazuh#15565: clear or delete client.keys before a machine is "
        "copied; place on Windows: Wazuh documentation",
        files=tuple(program_folders(r"ossec-agent\client.keys")),
    ),
)
