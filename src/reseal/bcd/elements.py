r"""The elements of objects: their numbers, formats and names.

An element's number has a class (highest four bits: 1 library, 2 application, 3 device options, 4
setup template), a format (the next four) and a subtype (documented: Microsoft, BCD Reference,
BcdElementType). The meaning of an application element depends on the type of its application.

Numbers: documented (BcdLibraryElementTypes, BcdOSLoaderElementTypes, BcdBootMgrElementTypes,
BcdDeviceObjectElementTypes, BcdMemDiagElementTypes); numbers that the reference lacks are reported
(Geoff Chappell, BCD Elements; System Informer, phnt, ntbcd.h). Names are bcdedit's (documented for the
common ones: `bcdedit /set`; reported for the others, same sources).
"""

from __future__ import annotations

import re
from enum import IntEnum

from reseal.bcd import objects
from reseal.bcd.errors import BcdUsageError


class Format(IntEnum):
    """The format of an element's data."""

    DEVICE = 1
    STRING = 2
    OBJECT = 3
    OBJECT_LIST = 4
    INTEGER = 5
    BOOLEAN = 6
    INTEGER_LIST = 7


LIBRARY = 1
APPLICATION = 2
DEVICE = 3
TEMPLATE = 4

APPLICATION_DEVICE = 0x11000001
APPLICATION_PATH = 0x12000002
DESCRIPTION = 0x12000004
INHERIT = 0x14000006
OS_DEVICE = 0x21000001
SYSTEM_ROOT = 0x22000002
ASSOCIATED_RESUME = 0x23000003
DETECT_HAL = 0x26000010
HIBERNATION_FILE_DEVICE = 0x21000001
HIBERNATION_FILE_PATH = 0x22000002
DISPLAY_ORDER = 0x24000001
DEFAULT_OBJECT = 0x23000003
BOOT_MANAGER_RESUME = 0x23000006
TOOLS_DISPLAY_ORDER = 0x24000010
TEMPLATE_DEVICE_TYPE = 0x45000001
TEMPLATE_RELATIVE_PATH = 0x42000002

_ROW = re.compile(r"([0-9a-f]{8}) ([a-z0-9]+)")


def _table(rows: str) -> dict[int, str]:
    return {int(number, 16): name for number, name in _ROW.findall(rows)}


_LIBRARY = _table("""
    11000001 device                  12000002 path                    12000004 description
    12000005 locale                  14000006 inherit                 15000007 truncatememory
    14000008 recoverysequence        16000009 recoveryenabled         1700000a badmemorylist
    1600000b badmemoryaccess         1500000c firstmegabytepolicy     1500000d relocatephysical
    1500000e avoidlowmemory          1600000f traditionalkseg         16000010 bootdebug
    15000011 debugtype               15000012 debugaddress            15000013 debugport
    15000014 baudrate                15000015 channel                 12000016 targetname
    16000017 noumex                  15000018 debugstart              12000019 busparams
    1500001a hostip                  1500001b port                    1600001c dhcp
    1200001d key                     1600001e vm                      1200001f hostipv6
    16000020 bootems                 15000022 emsport                 15000023 emsbaudrate
    12000030 loadoptions             16000031 attemptnonbcdstart      16000040 advancedoptions
    16000041 optionsedit             15000042 keyringaddress          11000043 bsdlogdevice
    12000044 bsdlogpath              16000045 bsdpreservelog          16000046 graphicsmodedisabled
    15000047 configaccesspolicy      16000048 nointegritychecks       16000049 testsigning
    1200004a fontpath                1500004b integrityservices       1500004c volumebandid
    16000050 extendedinput           15000051 initialconsoleinput     15000052 graphicsresolution
    16000053 restartonfailure        16000054 highestmode             16000060 isolatedcontext
    15000065 displaymessage          15000066 displaymessageoverride  16000067 nobootuxlogo
    16000068 nobootuxtext            16000069 nobootuxprogress        1600006a nobootuxfade
    1600006b bootuxreservepooldebug  1600006c bootuxdisabled          1500006d bootuxfadeframes
    1600006e bootuxdumpstats         1600006f bootuxshowstats         16000071 multibootsystem
    16000072 nokeyboard              15000073 aliaswindowskey         16000074 bootshutdowndisabled
    15000075 performancefrequency    15000076 securebootrawpolicy     17000077 allowedinmemorysettings
    15000079 bootuxtransitiontime    1600007a mobilegraphics          1600007b forcefipscrypto
    1500007d booterrorux             1600007e flightsigning           1500007f measurementlogformat
    15000080 displayrotation         15000081 logcontrol              16000082 nofirmwaresync
    11000084 windowssyspart          16000087 numlock                 12000088 additionalcipolicy
""")

_BOOT_MANAGER = _table("""
    24000001 displayorder            24000002 bootsequence            23000003 default
    25000004 timeout                 26000005 resume                  23000006 resumeobject
    24000007 startupsequence         24000010 toolsdisplayorder       26000020 displaybootmenu
    26000021 noerrordisplay          21000022 bcddevice               22000023 bcdfilepath
    26000024 hormenabled             26000025 hiberboot               22000026 passwordoverride
    22000027 pinpassphraseoverride   26000028 processcustomactionsfirst
    27000030 customactions           26000031 persistbootsequence     26000032 skipstartupsequence
""")

_OS_LOADER = _table("""
    21000001 osdevice                22000002 systemroot              23000003 resumeobject
    26000004 stampdisks              26000010 detecthal               22000011 kernel
    22000012 hal                     22000013 dbgtransport            25000020 nx
    25000021 pae                     26000022 winpe                   26000024 nocrashautoreboot
    26000025 lastknowngood           26000026 oslnointegritychecks    26000027 osltestsigning
    26000030 nolowmem                25000031 removememory            25000032 increaseuserva
    25000033 perfmem                 26000040 vga                     26000041 quietboot
    26000042 novesa                  26000043 novga                   25000050 clustermodeaddressing
    26000051 usephysicaldestination  25000052 restrictapiccluster     22000053 evstore
    26000054 uselegacyapicmode       25000055 x2apicpolicy            26000060 onecpu
    25000061 numproc                 26000062 maxproc                 25000063 configflags
    26000064 maxgroup                26000065 groupaware              25000066 groupsize
    26000070 usefirmwarepcisettings  25000071 msi                     25000072 pciexpress
    25000080 safeboot                26000081 safebootalternateshell  26000090 bootlog
    26000091 sos                     260000a0 debug                   260000a1 halbreakpoint
    260000a2 useplatformclock        260000a3 forcelegacyplatform     260000a4 useplatformtick
    260000a5 disabledynamictick      250000a6 tscsyncpolicy           260000b0 ems
    250000c0 forcefailure            250000c1 driverloadfailurepolicy 250000c2 bootmenupolicy
    260000c3 onetimeadvancedoptions  260000c4 onetimeoptionsedit      250000e0 bootstatuspolicy
    260000e1 disableelamdrivers      250000f0 hypervisorlaunchtype    220000f1 hypervisorpath
    260000f2 hypervisordebug         250000f3 hypervisordebugtype     250000f4 hypervisordebugport
    250000f5 hypervisorbaudrate      250000f6 hypervisorchannel       250000f7 bootux
    220000f8 hypervisordisableslat   220000f9 hypervisorbusparams     250000fa hypervisornumproc
    250000fb hypervisorrootprocpernode                                260000fc hypervisoruselargevtlb
    250000fd hypervisorhostip        250000fe hypervisorhostport      250000ff hypervisordebugpages
    25000100 tpmbootentropy          22000110 hypervisorusekey        22000112 hypervisorproductskutype
    22000113 hypervisorrootproc      26000114 hypervisordhcp          25000115 hypervisoriommupolicy
    26000116 hypervisorusevapic      22000117 hypervisorloadoptions   25000118 hypervisormsrfilterpolicy
    25000119 hypervisormmionxpolicy  2500011a hypervisorschedulertype
    2200011b hypervisorrootprocnumanodes                              2500011c hypervisorperfmon
    2500011d hypervisorrootprocpercore                                2200011e hypervisorrootprocnumanodelps
    25000120 xsavepolicy             25000121 xsaveaddfeature0        25000122 xsaveaddfeature1
    25000123 xsaveaddfeature2        25000124 xsaveaddfeature3        25000125 xsaveaddfeature4
    25000126 xsaveaddfeature5        25000127 xsaveaddfeature6        25000128 xsaveaddfeature7
    25000129 xsaveremovefeature      2500012a xsaveprocessorsmask     2500012b xsavedisable
    2500012c kerneldebugtype         2200012d kernelbusparams         2500012e kerneldebugaddress
    2500012f kerneldebugport         25000130 claimedtpmcounter       25000131 kernelchannel
    22000132 kerneltargetname        25000133 kernelhostip            25000134 kernelport
    26000135 kerneldhcp              22000136 kernelkey               22000137 imchivename
    21000138 imcdevice               25000139 kernelbaudrate          22000140 mfgmode
    26000141 event                   25000142 vsmlaunchtype           25000144 hypervisorenforcedcodeintegrity
    21000150 systemdatadevice        21000151 osarcdevice             21000153 osdatadevice
    21000154 bspdevice               21000155 bspfilepath             22000156 kernelhostipv6
    22000161 hypervisorhostipv6
""")

_RESUME = _table("""
    21000001 filedevice              22000002 filepath                26000003 customsettings
    26000004 pae                     21000005 associatedosdevice      26000006 debugoptionenabled
    25000007 bootux                  25000008 bootmenupolicy          26000024 hormenabled
""")

_MEMORY_TESTER = _table("""
    25000001 passcount               25000002 testmix                 25000003 failurecount
    26000003 cacheenable
""")

_BOOT_SECTOR = _table("22000001 bpbstring")
_STARTUP_MODULE = _table("26000001 pxesoftreboot 22000002 applicationname")

_DEVICE_OPTIONS = _table("""
    35000001 ramdiskimageoffset      35000002 ramdisktftpclientport   31000003 ramdisksdidevice
    32000004 ramdisksdipath          35000005 ramdiskimagelength      36000006 exportascd
    35000007 ramdisktftpblocksize    35000008 ramdisktftpwindowsize   36000009 ramdiskmcenabled
    3600000a ramdiskmctftpfallback   3600000b ramdisktftpvarwindow
""")

#: By the lowest 20 bits of an application's type; settings objects for loaders use the same bits.
_BY_APPLICATION: dict[int, dict[int, str]] = {
    objects.FIRMWARE_BOOT_MANAGER & objects.KIND_MASK: _BOOT_MANAGER,
    objects.BOOT_MANAGER & objects.KIND_MASK: _BOOT_MANAGER,
    objects.OS_LOADER & objects.KIND_MASK: _OS_LOADER,
    objects.RESUME & objects.KIND_MASK: _RESUME,
    objects.MEMORY_TESTER & objects.KIND_MASK: _MEMORY_TESTER,
    objects.LEGACY_LOADER & objects.KIND_MASK: _BOOT_SECTOR,
    objects.SETUP_LOADER & objects.KIND_MASK: _BOOT_SECTOR,
    objects.BOOT_SECTOR & objects.KIND_MASK: _BOOT_SECTOR,
    objects.STARTUP_MODULE & objects.KIND_MASK: _STARTUP_MODULE,
}

_CUSTOM = re.compile(r"(?:custom:)?(?:0x)?([0-9a-f]{8})", re.IGNORECASE)


def _names(kind: int) -> dict[int, str]:
    """The names of the elements of an object of this type, by number."""
    if kind >> 28 == objects.DEVICE:
        return _LIBRARY | _DEVICE_OPTIONS
    return _LIBRARY | _BY_APPLICATION.get(kind & objects.KIND_MASK, {})


def format_of(number: int) -> int:
    """The format of an element: a `Format`, or an unknown number."""
    return number >> 24 & 0xF


def name(number: int, kind: int) -> str:
    """The bcdedit name of an element of an object of type `kind`; `custom:NNNNNNNN` if unknown."""
    return _names(kind).get(number) or f"custom:{number:08x}"


def number(text: str, kind: int) -> int:
    """Return the number of an element from its name or hexadecimal number.

    Raises:
        BcdUsageError: objects of this type don't have an element with this name.
    """
    for found, known in _names(kind).items():
        if known == text.lower():
            return found
    custom = _CUSTOM.fullmatch(text)
    if custom:
        return int(custom.group(1), 16)
    msg = f"{text} is not the name of an element of this type of object."
    raise BcdUsageError(
        msg, "Use bcdedit's name, or the element's number, such as custom:26000010."
    )
