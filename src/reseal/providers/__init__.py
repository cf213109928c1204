"""What makes an installation one machine: one file per provider.

A provider is a function that gets a `Session` and calls its verbs. Its declaration holds all that the
command line and the documentation say of it.
"""

from reseal.providers.computer_name import computer_name
from reseal.providers.declaration import Provider, provider
from reseal.providers.dhcp import dhcp
from reseal.providers.event_logs import event_logs
from reseal.providers.machine_guid import machine_guid
from reseal.providers.machine_sid import machine_sid
from reseal.providers.mounted_devices import mounted_devices
from reseal.providers.network_list import network_list
from reseal.providers.old_hives import old_hives
from reseal.providers.page_files import page_files
from reseal.providers.restore_points import restore_points
from reseal.providers.setup_logs import setup_logs

#: Every provider, in the order in which those without an entry point in the plan run.
PROVIDERS: tuple[Provider, ...] = (
    machine_sid,
    computer_name,
    mounted_devices,
    dhcp,
    machine_guid,
    network_list,
    event_logs,
    restore_points,
    page_files,
    old_hives,
    setup_logs,
)

__all__ = ["PROVIDERS", "Provider", "provider"]
