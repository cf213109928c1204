"""NTFS volumes inside a device, through libntfs-3g."""
