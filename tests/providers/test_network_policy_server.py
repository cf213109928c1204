from __future__ import annotations

import pytest

from reseal.testing.machine import Machine
from tests.builders import effect

IAS = r"Windows\System32\ias\ias.xml"
#: In the form of published exports.
CONFIGURATION = """<?xml version="1.0"?>
<Root xmlns:dt="urn:schemas-microsoft-com:datatypes"><Version dt:dt="int">4</Version>
<Children><Microsoft_Internet_Authentication_Service name="Microsoft Internet Authentication Service">
<Children>
  <Protocols name="Protocols"><Children>
    <Microsoft_Radius_Protocol name="Microsoft Radius Protocol"><Children>
      <Vendors name="Vendors"><Children><Cisco name='Cisco'/></Children></Vendors>
      <Clients name="Clients"><Children>{clients}</Children></Clients>
    </Children></Microsoft_Radius_Protocol>
  </Children></Protocols>
  <NetworkPolicy name="NetworkPolicy"><Children><Clients name="no client"/></Children></NetworkPolicy>
  <RADIUS_Server_Groups name="RADIUS Server Groups"><Children>{groups}</Children></RADIUS_Server_Groups>
</Children></Microsoft_Internet_Authentication_Service></Children></Root>
"""
CLIENTS = (
    '<Switch_1 name="Switch 1"><Properties><Shared_Secret dt:dt="string">s3cret&amp;</Shared_Secret>'
    "</Properties></Switch_1>\r\n<AP name='AP'/>"
)
GROUPS = (
    '<Hub name="Hub"><Children><a name="a"><Properties><Shared_Secret dt:dt="string">x</Shared_Secret>'
    "</Properties></a></Children></Hub>"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_clients_and_groups_are_cut_out_and_all_else_stays_to_the_byte(encoding: str) -> None:
    full = CONFIGURATION.format(clients=CLIENTS, groups=GROUPS).encode(encoding)
    machine = Machine(files={"Windows": {"System32": {"ias": {"ias.xml": full}}}})
    done = effect("network-policy-server", machine)
    assert done.changes == {rf"*{IAS}"}
    assert done.read(IAS) == CONFIGURATION.format(clients="\r\n", groups="").encode(encoding)
    assert "3 RADIUS" in done.session.notes[0]


def test_a_server_without_any_is_left_alone() -> None:
    data = CONFIGURATION.format(clients="", groups="").encode()
    machine = Machine(files={"Windows": {"System32": {"ias": {"ias.xml": data}}}})
    assert effect("network-policy-server", machine).changes == set()


@pytest.mark.parametrize(
    "data",
    [
        b"<Root><Children>",
        b'<!DOCTYPE Root [<!ENTITY a "b">]><Root>&a;</Root>',
        b"<a>" * 500,
        b'<?xml version="1.0" encoding="rot13"?><Root/>',
        bytes(1000),
    ],
)
def test_what_can_t_be_read_is_left_alone_and_said(data: bytes) -> None:
    machine = Machine(files={"Windows": {"System32": {"ias": {"ias.xml": data}}}})
    done = effect("network-policy-server", machine)
    assert done.changes == set()
    assert IAS in done.session.notes[0]
