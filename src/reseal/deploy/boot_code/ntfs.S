# The boot code of an NTFS volume: finds \bootmgr in the root folder, loads it to 2000:0000 and starts it
# there, as the boot sectors of Windows Vista and later do. At most 16 sectors, the file $Boot.
#
# What bootmgr expects is what GRUB's command ntldr gives it (public source): CS:IP 2000:0000, the drive's
# number in DL, the volume's boot sector at 0:7C00, other segments zero, a stack below 7C00, the A20 line
# open. Layout of NTFS: documented by the Linux-NTFS project. INT 13h AH=42h: Enhanced Disk Drive
# Specification 3.0. INT 15h AX=2401h: opens A20, PS/2 and later.
#
# The first 0x54 bytes of the volume (jump, name, parameters) are the volume's own and stay.
#
# Memory, all below 64 KiB but for bootmgr:
#   7C00 this code   A000 a file record   B000 the record of $MFT   C000 an index block   20000 bootmgr

        .intel_syntax noprefix
        .code16
        .globl _start

        .set BASE, 0x7C00
        .set RECORD, 0xA000
        .set MFT_RECORD, 0xB000
        .set BLOCK, 0xC000
        .set TARGET, 0x20000            # where bootmgr goes, and the end of what it may take
        .set MAX_SECTORS, (0x9F000 - TARGET) / 512
        .set MAX_RECORD, 8              # sectors of the buffers for records and for an index block
        .set MAX_BLOCK, 32

        # The parameters of the volume.
        .set PER_CLUSTER, BASE + 0x0D
        .set HIDDEN, BASE + 0x1C
        .set MFT_CLUSTER, BASE + 0x30
        .set RECORD_SIZE, BASE + 0x40
        .set BLOCK_SIZE, BASE + 0x44

        # Types of attributes.
        .set DATA, 0x80
        .set INDEX_ROOT, 0x90
        .set INDEX_ALLOCATION, 0xA0
        .set BITMAP, 0xB0

_start: jmp     start
        nop
        .org    _start + 0x54

start:  cli
        xor     ax, ax
        mov     ss, ax
        mov     sp, BASE
        mov     ds, ax
        mov     es, ax
        sti
        cld
        mov     [BASE + (drive - _start)], dl
        # The other 15 sectors, behind this one.
        mov     eax, 1
        mov     cx, 15
        mov     edi, BASE + 512
1:      call    read_sector
        loop    1b
        jmp     main

# Read one sector of the volume. EAX: which; EDI: where to. Both are one further on then.
read_sector:
        pushad
        add     eax, [HIDDEN]
        mov     si, BASE + (packet - _start)
        mov     [si + 8], eax
        shr     edi, 4
        mov     [si + 6], di            # segment; the offset is zero
        mov     ah, 0x42
        mov     dl, [BASE + (drive - _start)]
        int     0x13
        popad
        jc      no_read
        inc     eax
        add     edi, 512
        ret

no_read:
        mov     si, BASE + (read_text - _start)
fail:   lodsb
        test    al, al
        jz      1f
        mov     ah, 0x0E
        mov     bx, 7
        int     0x10
        jmp     fail
1:      hlt
        jmp     1b

        .balign 4, 0                    # by itself each assembler fills it in its own way
packet: .byte   16, 0                   # a disk address packet: one sector
        .word   1, 0, 0
        .quad   0
drive:  .byte   0
read_text: .asciz "reseal: the disk can't be read.\r\n"

        .org    _start + 0x1FE
        .word   0xAA55

# The second sector and those behind it.

main:   movzx   eax, byte ptr [PER_CLUSTER]
        mov     [BASE + (per_cluster - _start)], eax
        mov     al, [RECORD_SIZE]
        call    sectors
        cmp     eax, MAX_RECORD
        ja      damaged
        mov     [BASE + (per_record - _start)], eax
        mov     al, [BLOCK_SIZE]
        call    sectors
        cmp     eax, MAX_BLOCK
        ja      damaged
        mov     [BASE + (per_block - _start)], eax

        # The record of $MFT itself, and in it where all other records are.
        mov     eax, [MFT_CLUSTER]
        mul     dword ptr [BASE + (per_cluster - _start)]
        mov     ecx, [BASE + (per_record - _start)]
        mov     edi, MFT_RECORD
1:      call    read_sector
        loop    1b
        mov     si, MFT_RECORD
        call    check_record
        mov     al, DATA
        call    find_attribute
        jc      damaged
        mov     [BASE + (mft - _start)], si

        # The root folder: what of its index is in the record.
        mov     eax, 5
        call    read_record
        mov     al, INDEX_ROOT
        call    find_attribute
        jc      damaged
        add     si, [si + 0x14]         # the value; its index header is at 0x10
        add     si, 0x10
        call    search
        jnc     found

        # The blocks of the index that are in use, in the order in which they lie there.
        mov     si, RECORD
        mov     al, BITMAP
        call    find_attribute
        jc      1f
        mov     [BASE + (in_use - _start)], si
1:      mov     si, RECORD
        mov     al, INDEX_ALLOCATION
        call    find_attribute
        jc      missing
        mov     [BASE + (blocks - _start)], si
        mov     eax, [si + 0x30]
        shr     eax, 9
        xor     edx, edx
        div     dword ptr [BASE + (per_block - _start)]
        mov     ecx, eax
        jecxz   missing
        xor     ebx, ebx
next:   call    used
        jc      2f
        push    ecx
        mov     eax, ebx
        mul     dword ptr [BASE + (per_block - _start)]
        mov     ecx, [BASE + (per_block - _start)]
        mov     edi, BLOCK
        mov     si, [BASE + (blocks - _start)]
        call    read_stream
        pop     ecx
        mov     si, BLOCK
        cmp     dword ptr [si], 0x58444E49      # INDX
        jne     2f
        call    fix
        add     si, 0x18
        call    search
        jnc     found
2:      inc     ebx
        dec     ecx
        jnz     next
missing:
        mov     si, BASE + (missing_text - _start)
        jmp     fail
damaged:
        mov     si, BASE + (damaged_text - _start)
        jmp     fail
unfit:  mov     si, BASE + (unfit_text - _start)
        jmp     fail

        # EAX: the number of bootmgr's record.
found:  call    read_record
        mov     al, DATA
        call    find_attribute
        jc      unfit
        mov     edi, TARGET
        cmp     byte ptr [si + 8], 0
        jne     3f
        # The content is in the record.
        mov     cx, [si + 0x10]
        add     si, [si + 0x14]
        mov     ax, TARGET >> 4
        mov     es, ax
        xor     di, di
        rep movsb
        jmp     run
3:      test    word ptr [si + 0x0C], 0x40FF    # compressed or encrypted
        jnz     unfit
        cmp     dword ptr [si + 0x34], 0
        jne     unfit
        mov     ecx, [si + 0x30]
        add     ecx, 511
        shr     ecx, 9
        jz      unfit
        cmp     ecx, MAX_SECTORS
        ja      unfit
        xor     eax, eax
        call    read_stream

run:    mov     ax, 0x2401
        int     0x15
        xor     ax, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        movzx   edx, byte ptr [BASE + (drive - _start)]
        mov     sp, BASE
        .byte   0xEA                    # jmp 2000:0000
        .word   0, TARGET >> 4

# Decode a size. AL: clusters, or, where negative, a power of two in bytes. Returns EAX: sectors.
sectors:
        movsx   ecx, al
        mov     eax, ecx
        test    ecx, ecx
        js      1f
        mul     dword ptr [BASE + (per_cluster - _start)]
        ret
1:      neg     ecx
        mov     eax, 1
        shl     eax, cl
        shr     eax, 9
        ret

# Read a file record. EAX: its number. Returns SI: the record, with its update sequence undone.
read_record:
        mul     dword ptr [BASE + (per_record - _start)]
        mov     ecx, [BASE + (per_record - _start)]
        mov     edi, RECORD
        mov     si, [BASE + (mft - _start)]
        call    read_stream
        mov     si, RECORD
check_record:
        cmp     dword ptr [si], 0x454C4946      # FILE
        jne     damaged
        test    byte ptr [si + 0x16], 1         # in use
        jz      damaged
# Undo the update sequence of the record or block at SI.
fix:    pusha
        mov     bx, [si + 4]
        add     bx, si
        mov     cx, [si + 6]
        dec     cx
        mov     ax, [bx]
        lea     di, [si + 0x1FE]
1:      cmp     [di], ax
        jne     damaged
        add     bx, 2
        mov     dx, [bx]
        mov     [di], dx
        add     di, 512
        loop    1b
        popa
        ret

# Find an attribute. SI: the record; AL: its type. Data must have no name. Returns SI, or the carry set.
find_attribute:
        add     si, [si + 0x14]
1:      cmp     dword ptr [si], -1
        je      3f
        cmp     [si], al
        jne     2f
        cmp     al, DATA
        jne     4f
        cmp     byte ptr [si + 9], 0
        je      4f
2:      mov     dx, [si + 4]
        test    dx, dx
        jz      damaged
        add     si, dx
        jmp     1b
3:      stc
4:      ret                             # je leaves the carry clear

# Tell whether a block of the root's index is in use. EBX: which. Returns the carry set where it is not.
used:   mov     si, [BASE + (in_use - _start)]
        test    si, si
        jz      1f
        cmp     byte ptr [si + 8], 0    # only of the largest folders is the bitmap not in the record
        jne     1f
        cmp     dword ptr [si + 0x10], 0x400
        ja      1f
        add     si, [si + 0x14]
        mov     eax, ebx
        shr     eax, 3
        add     si, ax
        mov     al, [si]
        mov     dl, cl
        mov     cl, bl
        and     cl, 7
        shr     al, cl
        mov     cl, dl
        not     al
        shr     al, 1                   # the carry is the opposite of the block's bit
        ret
1:      clc
        ret

# Look for bootmgr. SI: an index header. Returns EAX: the number of its record, or the carry set.
search: add     si, [si]                # the first entry
1:      test    byte ptr [si + 0x0C], 2 # the last one has no name
        jnz     4f
        cmp     byte ptr [si + 0x50], 7
        jne     3f
        lea     di, [si + 0x52]
        mov     bp, BASE + (name - _start)
2:      mov     ax, [di]
        or      al, 0x20                # capitals, too
        cmp     al, ds:[bp]
        jne     3f
        test    ah, ah
        jnz     3f
        add     di, 2
        inc     bp
        cmp     byte ptr ds:[bp], 0
        jne     2b
        mov     eax, [si]
        clc
        ret
3:      mov     dx, [si + 8]
        test    dx, dx
        jz      damaged
        add     si, dx
        jmp     1b
4:      stc
        ret

# Read sectors of an attribute outside its record. SI: the attribute; EAX: the first of them; ECX: how
# many; EDI: where to.
read_stream:
        push    eax
        xor     edx, edx
        div     dword ptr [BASE + (per_cluster - _start)]
        push    edx                     # the sector in its cluster
        call    cluster
        mul     dword ptr [BASE + (per_cluster - _start)]
        pop     edx
        add     eax, edx
        call    read_sector
        pop     eax
        inc     eax
        dec     ecx
        jnz     read_stream
        ret

# Find where a cluster of an attribute lies. SI: the attribute; EAX: which. Returns EAX: of the volume.
cluster:
        push    si
        push    edi
        push    ebx
        push    ecx
        cmp     byte ptr [si + 8], 0
        je      damaged
        cmp     eax, [si + 0x18]        # the last one that this part of the attribute knows
        ja      damaged
        add     si, [si + 0x20]
        xor     edi, edi                # where the run lies
1:      mov     bl, [si]
        inc     si
        test    bl, bl
        jz      damaged
        mov     cl, bl
        and     cl, 15
        call    number
        push    edx                     # clusters of the run
        mov     cl, bl
        shr     cl, 4
        jz      damaged                 # a hole
        call    number
        add     edi, edx
        pop     edx
        cmp     eax, edx
        jb      2f
        sub     eax, edx
        jmp     1b
2:      add     eax, edi
        pop     ecx
        pop     ebx
        pop     edi
        pop     si
        ret

# Read a number of CL bytes at SI, with its sign; SI is behind it then. Returns EDX, of what fits there.
number: push    eax
        xor     ch, ch
        add     si, cx
        push    si
        xor     edx, edx
        test    cx, cx
        jz      3f
        dec     si
        movsx   edx, byte ptr [si]
        dec     cx
        jz      3f
2:      dec     si
        shl     edx, 8
        mov     dl, [si]
        loop    2b
3:      pop     si
        pop     eax
        ret

        .balign 4, 0                    # by itself each assembler fills it in its own way
per_cluster: .long 0                    # sectors
per_record:  .long 0
per_block:   .long 0
mft:         .word 0                    # addresses of attributes
blocks:      .word 0
in_use:      .word 0

name:        .asciz "bootmgr"
missing_text: .asciz "reseal: bootmgr is missing.\r\n"
unfit_text:  .asciz "reseal: bootmgr is compressed or too large.\r\n"
damaged_text: .asciz "reseal: the file system is damaged.\r\n"

        .org    _start + 16 * 512
