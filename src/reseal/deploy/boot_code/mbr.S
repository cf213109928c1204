# The boot code of an MBR: starts the active partition. At most 440 bytes, in front of the disk's
# signature and the partition table.
#
# Firmware loads it to 0:7C00 and starts it with the drive's number in DL. It makes room, loads the first
# sector of the active partition to 0:7C00 and starts that with the same DL, and DS:SI at the partition's
# entry. Documented: BIOS Boot Specification 1.01; Enhanced Disk Drive Specification 3.0 (INT 13h AH=42h).

        .intel_syntax noprefix
        .code16
        .globl _start

        .set TABLE, 0x1BE               # of the sector: four entries of 16 bytes
        .set LBA, 8                     # in an entry: the partition's first sector
        .set COPY, 0x0600               # where the code moves to

_start:
        cli
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7C00
        mov     ds, ax
        mov     es, ax
        sti
        cld
        mov     si, 0x7C00
        mov     di, COPY
        mov     cx, 256
        rep movsw
        .byte   0xEA                    # jmp 0:moved, in the copy
        .word   COPY + (moved - _start), 0

moved:
        mov     si, COPY + TABLE
        mov     cx, 4
1:      cmp     byte ptr [si], 0x80
        je      found
        add     si, 16
        loop    1b
        mov     si, COPY + (no_active - _start)
        jmp     fail

found:
        mov     eax, [si + LBA]
        mov     [COPY + (packet - _start) + 8], eax
        push    si
        push    dx
        mov     si, COPY + (packet - _start)
        mov     ah, 0x42
        int     0x13
        pop     dx
        pop     bp
        mov     si, COPY + (no_read - _start)
        jc      fail
        mov     si, COPY + (no_code - _start)
        cmp     word ptr ds:[0x7DFE], 0xAA55
        jne     fail
        mov     si, bp
        .byte   0xEA                    # jmp 0:7C00
        .word   0x7C00, 0

fail:   lodsb
        test    al, al
        jz      2f
        mov     ah, 0x0E
        mov     bx, 7
        int     0x10
        jmp     fail
2:      hlt
        jmp     2b

        .balign 4, 0                    # by itself each assembler fills it in its own way
packet: .byte   16, 0                   # a disk address packet: one sector to 0:7C00
        .word   1, 0x7C00, 0
        .quad   0

no_active: .asciz "reseal: no partition is active.\r\n"
no_read:   .asciz "reseal: the disk can't be read.\r\n"
no_code:   .asciz "reseal: the active partition has no boot sector.\r\n"
