"""The stages of the boot, a module each."""
