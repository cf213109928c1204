"""One run on an image, or one resume, as a process of its own: to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from reseal.disk import Image, Transaction, resume
from reseal.hostfile import NetworkPath
from tests.disk.images import some_writes, write

if __name__ == "__main__":
    verb, named = sys.argv[1:3]
    path = NetworkPath(named) if NetworkPath.is_url(named) else Path(named)
    print("go", flush=True)
    if verb == "resume":
        resume(path)
    else:
        with Image.open(path, writing=True) as image, Transaction.begin(image) as transaction:
            write(image, transaction, some_writes(pieces=60))
            transaction.commit()
    print("done", flush=True)
