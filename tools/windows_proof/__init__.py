"""The proof that needs Windows: for a person with KVM and an evaluation ISO of one's own.

    python -m tools.windows_proof --iso Win11_Eval.iso --work /var/tmp/proof

It installs Windows unattended, shuts it down, generalizes it offline, boots it, reads back what it became,
makes two clones, boots them, and compares their identities. A second copy is generalized by Windows' own
Sysprep, and what both did to the registry is written side by side into `report.md`.

**It was not run.** Nobody who made reseal had a machine that can run Windows. Tests check what can be
checked without: the answer files, that QEMU takes the command lines and starts, and the comparison, on the
sample image. Expect to repair it; please say what you found.
"""
