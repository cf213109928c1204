"""What makes an installation one machine: one file per provider.

A provider is a function that gets a `Session` and calls its verbs. Its declaration holds all that the
command line and the documentation say of it. Agents that Sysprep does not know are rows of a table,
in `reseal.providers.agents`.
"""

from reseal.providers.agents import AGENTS
from reseal.providers.bcd import bcd
from reseal.providers.computer_name import computer_name
from reseal.providers.declaration import Provider, provider
from reseal.providers.defender import defender
from reseal.providers.dhcp import dhcp
from reseal.providers.diagnostic_data import diagnostic_data
from reseal.providers.domain_leave import domain_leave
from reseal.providers.error_reporting import error_reporting
from reseal.providers.event_logs import event_logs
from reseal.providers.licensing import licensing
from reseal.providers.machine_guid import machine_guid
from reseal.providers.machine_sid import machine_sid
from reseal.providers.mobile_hotspot import mobile_hotspot
from reseal.providers.mounted_devices import mounted_devices
from reseal.providers.msdtc import msdtc
from reseal.providers.network import network
from reseal.providers.network_list import network_list
from reseal.providers.network_policy_server import network_policy_server
from reseal.providers.old_answer_files import old_answer_files
from reseal.providers.old_hives import old_hives
from reseal.providers.page_files import page_files
from reseal.providers.pnp import pnp
from reseal.providers.prefetch import prefetch
from reseal.providers.rdp_certificate import rdp_certificate
from reseal.providers.rdp_licenses import rdp_licenses
from reseal.providers.recycle_bins import recycle_bins
from reseal.providers.restore_points import restore_points
from reseal.providers.rng_seed import rng_seed
from reseal.providers.setup_logs import setup_logs
from reseal.providers.smb_server import smb_server
from reseal.providers.telemetry import telemetry
from reseal.providers.temporary_files import temporary_files
from reseal.providers.terminal_services import terminal_services
from reseal.providers.user_access_logging import user_access_logging
from reseal.providers.wifi_profiles import wifi_profiles
from reseal.providers.windows_search import windows_search
from reseal.providers.windows_update import windows_update
from reseal.providers.winsat import winsat

#: Every provider, in the order in which those without an entry point in the plan run.
PROVIDERS: tuple[Provider, ...] = (
    machine_sid,
    computer_name,
    domain_leave,
    pnp,
    network,
    wifi_profiles,
    mounted_devices,
    bcd,
    dhcp,
    machine_guid,
    rdp_certificate,
    rdp_licenses,
    terminal_services,
    rng_seed,
    smb_server,
    network_list,
    mobile_hotspot,
    event_logs,
    restore_points,
    windows_update,
    defender,
    telemetry,
    diagnostic_data,
    error_reporting,
    windows_search,
    prefetch,
    winsat,
    msdtc,
    user_access_logging,
    licensing,
    page_files,
    old_hives,
    setup_logs,
    old_answer_files,
    temporary_files,
    recycle_bins,
    network_policy_server,
    *(agent.provider() for agent in AGENTS),
)

__all__ = ["PROVIDERS", "Provider", "provider"]
