"""The proof that needs Windows, KVM and an evaluation ISO.

    python -m tools.windows_proof --iso Win11_Eval.iso --work /var/tmp/proof

It installs Windows unattended, shuts it down, generalizes it offline, boots it and reads back its state.
Then it boots two plain copies of the generalized image and two clones, and compares their identities:
`identities.md` answers whether plain copies get a SID and a MachineGuid of their own. Windows' Sysprep
generalizes another copy; `report.md` compares the registry changes of both.

**It was not run.** The authors of reseal had no machine that can run Windows. Tests check the parts that do
not need Windows: the answer files, the command lines of QEMU and its start, and the comparison on the sample
image. Expect to have to fix it; please report what you find.

`settle.cmd` needs no KVM: it collects, in any Windows in a virtual machine, what answers the open questions
about Sysprep, and `python -m tools.windows_proof settle settle.zip` prints the answers.
"""
