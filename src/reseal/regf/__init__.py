r"""Read, recover, edit and write registry hives.

hive = Hive.open(data, {"LOG1": log1, "LOG2": log2}, name="SYSTEM")
select = hive.key("Select")
hive.root.create(r"Setup\\Status").set("State", types.REG_DWORD, types.encode(types.REG_DWORD, 4))
for offset, content in hive.patches(): ...
"""

from reseal.regf import types
from reseal.regf.errors import RegfError
from reseal.regf.hive import Hive
from reseal.regf.key import Key
from reseal.regf.logs import Recovery
from reseal.regf.value import Value
from reseal.regf.verify import Violation

__all__ = ["Hive", "Key", "Recovery", "RegfError", "Value", "Violation", "types"]
