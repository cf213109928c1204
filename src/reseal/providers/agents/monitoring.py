"""Agents that send logs, metrics and inventories."""

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent, Line
from reseal.providers.places import program_folders

_BEATS = ("auditbeat", "filebeat", "heartbeat", "metricbeat", "packetbeat", "winlogbeat")
_BIGFIX = r"HKLM\SOFTWARE\BigFix\EnterpriseClient\GlobalOptions"
_PRTG = r"HKLM\SOFTWARE\Paessler\PRTG Network Monitor\Probe"

MONITORING = (
    Agent(
        id="elastic-agent",
        title="Delete the enrollment of the Elastic Agent",
        about=r"""The agent's id and its key for Fleet.

        Clones of an enrolled agent check in with one id, and Fleet shows whichever came last.
        `fleet.enc` holds the enrollment, encrypted. It is deleted; the configuration stays.""",
        identity="the enrollment of the Elastic Agent",
        renewal="Run `elastic-agent enroll` in the clone: each enrollment gets an id of its own. The "
        "option --delay-enroll of its installer avoids the enrollment in the image.",
        mark=Mark.INFERRED,
        source="https://www.elastic.co/docs/reference/fleet/installation-layout (place: documented); "
        "https://github.com/elastic/kibana/issues/270107 (clones share the id: reported); "
        "https://github.com/elastic/kibana/issues/177049 (an enrollment gives a new id: reported); that "
        "deleting the file is enough: inferred",
        services=("Elastic Agent",),
        files=(r"Program Files\Elastic\Agent\fleet.enc",),
    ),
    Agent(
        id="beats",
        title="Delete the ids of Elastic Beats",
        about=r"""The UUID by which events tell the machines apart, as `agent.id`.

        Each Beat writes it to `meta.json` in its data folder at its first run, which is `ProgramData\<beat>`
        where it is installed as a service. The files are deleted; the registry of files that were read
        stays.""",
        identity="the ids of Elastic Beats",
        renewal="A Beat generates a new UUID at its next start.",
        mark=Mark.REPORTED,
        source="https://github.com/elastic/beats/issues/26225 and /21847 (Elastic's developers: images "
        "with meta.json share one id); https://github.com/elastic/beats/issues/8558 (without the file a "
        "Beat starts and generates it)",
        services=_BEATS,
        files=tuple(
            path
            for beat in _BEATS
            for path in (
                rf"ProgramData\{beat}\meta.json",
                rf"{{service:{beat}}}\data\meta.json",
            )
        ),
    ),
    Agent(
        id="datadog",
        title="Make the Datadog Agent use the machine's new name",
        about=r"""The host name under which the agent reports.

        Host names must be unique in an account, or metrics of several machines mix. Where `hostname` is
        set in `datadog.yaml`, every clone reports under it. The line is deleted; the API key stays.""",
        identity="the fixed host name of the Datadog Agent",
        renewal="The agent uses the name of the machine, or the instance id of the cloud.",
        mark=Mark.DOCUMENTED,
        source="https://docs.datadoghq.com/agent/faq/how-datadog-agent-determines-the-hostname/; "
        "https://github.com/DataDog/documentation/pull/1928 (names must be unique)",
        services=("datadogagent",),
        lines=(Line(r"ProgramData\Datadog\datadog.yaml", "hostname", sign=":"),),
    ),
    Agent(
        id="osquery",
        title="Delete the database of osquery",
        about=r"""The host's UUID, the instance id and the node key.

        osquery stores them in `osquery.db` at its first start, and servers take clones for one host. The
        database is deleted with all results that were not sent.""",
        identity="the host identifiers and the node key of osquery",
        renewal="osquery generates the ids at its next start and enrolls again.",
        mark=Mark.REPORTED,
        source="https://github.com/osquery/osquery/issues/7038 (VMs from one image share the UUID in the "
        "database); https://github.com/osquery/osquery/pull/2944 (another database, another instance id)",
        services=("osqueryd",),
        trees=tuple(program_folders(r"osquery\osquery.db")),
    ),
    Agent(
        id="velociraptor",
        title="Delete the identity of the Velociraptor client",
        about=r"""The key from which the client id is derived.

        The server refuses a second client with the same id. The key is in `velociraptor.writeback.yaml`
        beside the program, with a backup copy. Both are deleted; the configuration stays.""",
        identity="the key of the Velociraptor client",
        renewal="The client generates a new key at its next start, and so a new id.",
        mark=Mark.DOCUMENTED,
        source="https://docs.velociraptor.app/docs/deployment/clients/ (Client upgrades: the identity is "
        "the certificate in the writeback file); https://github.com/Velocidex/velociraptor/issues/1593 "
        "(clones conflict)",
        services=("Velociraptor",),
        files=(r"Program Files\Velociraptor\velociraptor.writeback.yaml*",),
    ),
    Agent(
        id="grafana-alloy",
        title="Delete the id of Grafana Alloy",
        about=r"""The anonymous id under which the collector reports.

        It is in `alloy_seed.json` in the storage folder, which is deleted if it is in its default place.""",
        identity="the id of Grafana Alloy",
        renewal="Alloy generates a new id at its next start.",
        mark=Mark.DOCUMENTED,
        source="https://grafana.com/docs/alloy/latest/reference/config-blocks/remotecfg/ (a random id is "
        "generated and stored); place on Windows: inferred from the default storage path",
        services=("Alloy",),
        files=(r"ProgramData\GrafanaLabs\Alloy\data\alloy_seed.json",),
    ),
    Agent(
        id="glpi-agent",
        title="Delete the device id of the GLPI and FusionInventory agents",
        about=r"""The id that the inventory server knows the machine by.

        It holds the old machine's name, and clones overwrite each other's inventory. It is in a `.dump`
        file below `var`. The file is deleted.""",
        identity="the device id of the GLPI agent",
        renewal="The agent generates a new id with the machine's name at its next start.",
        mark=Mark.REPORTED,
        source="https://github.com/glpi-project/glpi-inventory-plugin/issues/483 (a maintainer: remove "
        "this file, it is generated again)",
        services=("GLPI-Agent", "FusionInventory-Agent"),
        files=(
            *program_folders(r"GLPI-Agent\var\GLPI-Agent.dump"),
            *program_folders(r"FusionInventory-Agent\var\FusionInventory-Agent.dump"),
        ),
    ),
    Agent(
        id="ocs-inventory",
        title="Delete the device id of the OCS Inventory agent",
        about=r"""The id that the inventory server knows the machine by.

        `ocsinventory.dat` holds the device id, made of the name and the time, and the MAC address. It is
        deleted; `ocsinventory.ini` stays.""",
        identity="the device id of the OCS Inventory agent",
        renewal="The agent generates a new id at its next inventory.",
        mark=Mark.SEEN,
        source="https://github.com/OCSInventory-NG/WindowsAgent (its installer: the folder; its log: the "
        "agent goes on without the file and generates an id)",
        services=("OCS Inventory Service",),
        files=(r"ProgramData\OCS Inventory NG\Agent\ocsinventory.dat",),
    ),
    Agent(
        id="prtg-probe",
        title="Delete the GID of the PRTG remote probe",
        about=r"""The id by which the PRTG server tells probes apart.

        Clones of a probe share `GId` and are refused. `Id`, `GId` and `Name` are deleted; server and
        access key stay.""",
        identity="the GID of the PRTG remote probe",
        renewal="The probe generates a GID at its next start and has to be approved.",
        mark=Mark.REPORTED,
        source="https://github.com/lordmilko/PrtgDocker (images of the probe: these three values are "
        "removed); place: the same",
        services=("PRTGProbeService",),
        values=((_PRTG, ("Id", "GId", "Name")),),
    ),
    Agent(
        id="bigfix",
        title="Delete the computer id of the BigFix client",
        about=r"""The number by which the server knows the client.

        Clones that share `ComputerID` reset each other. It and the counters of registrations and reports
        are deleted.""",
        identity="the computer id of the BigFix client",
        renewal="The server assigns an id when the client registers.",
        mark=Mark.REPORTED,
        source="https://developer.bigfix.com/relevance/reference/bes-computer.html (the id is unique to "
        "a computer: documented); that ComputerID is deleted in images: scripts of several administrators",
        services=("BESClient",),
        values=((_BIGFIX, ("ComputerID", "ComputerIDHigh", "RegCount", "ReportSequenceNumber")),),
    ),
)
