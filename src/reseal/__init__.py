"""reseal: Sysprep for powered-off Windows images."""

__version__ = "0.1.0"
