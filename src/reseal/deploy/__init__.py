"""Bootable disks, made from a WIM or from the Windows volume of an image."""

from reseal.deploy.layout import Firmware
from reseal.deploy.resize import resize as resize_disk
from reseal.deploy.run import Options, deploy

__all__ = ["Firmware", "Options", "deploy", "resize_disk"]
