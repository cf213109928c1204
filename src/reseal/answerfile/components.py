"""Names of the components and settings that reseal itself deals with.

Documented: Unattended Windows Setup Reference. A path runs from the component down.
"""

SHELL = "Microsoft-Windows-Shell-Setup"
SETUP = "Microsoft-Windows-Setup"
DEPLOYMENT = "Microsoft-Windows-Deployment"
INTERNATIONAL = "Microsoft-Windows-International-Core"
INTERNATIONAL_WINPE = "Microsoft-Windows-International-Core-WinPE"
JOIN = "Microsoft-Windows-UnattendedJoin"
TCPIP = "Microsoft-Windows-TCPIP"
DNS = "Microsoft-Windows-DNS-Client"
NETBT = "Microsoft-Windows-NetBT"
PNP_SYSPREP = "Microsoft-Windows-PnpSysprep"
LICENSING = "Microsoft-Windows-Security-SPP"
LUA = "Microsoft-Windows-LUA-Settings"
REMOTE_DESKTOP = "Microsoft-Windows-TerminalServices-LocalSessionManager"
REMOTE_DESKTOP_STATION = "Microsoft-Windows-TerminalServices-RDP-WinStationExtensions"
DRIVERS = "Microsoft-Windows-PnpCustomizationsNonWinPE"
FIREWALL = "Networking-MPSSVC-Svc"
INTERNET_EXPLORER = "Microsoft-Windows-IE-InternetExplorer"

#: Where commands stand: component, path of the item, and the setting with the command itself.
COMMANDS = (
    (SETUP, "RunSynchronous/RunSynchronousCommand", "Path"),
    (SETUP, "RunAsynchronous/RunAsynchronousCommand", "Path"),
    (DEPLOYMENT, "RunSynchronous/RunSynchronousCommand", "Path"),
    (DEPLOYMENT, "RunAsynchronous/RunAsynchronousCommand", "Path"),
    (SHELL, "FirstLogonCommands/SynchronousCommand", "CommandLine"),
    (SHELL, "LogonCommands/AsynchronousCommand", "CommandLine"),
)

#: Where local accounts stand.
ACCOUNTS = (
    "UserAccounts/LocalAccounts/LocalAccount",
    "OfflineUserAccounts/OfflineLocalAccounts/LocalAccount",
)
