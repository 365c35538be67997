@ mbedTLS's inner loop, d += s * b, for a core whose multiplier gives the low 32 bits alone (Cortex-M0+). Takes the place
@ of the library's own (mbedtls_config.h). The time depends on the lengths alone.
@
@   mbedtls_mpi_uint mbedtls_mpi_core_mla(d, d_len, s, s_len, b): the carry out of d

    .syntax unified
    .cpu cortex-m0plus
    .thumb

@ One limb: the word at [r1] becomes the low word of itself + [r0] * b + carry_in, the high word goes to carry_out; r0 and r1 go
@ on. b's halves are in r3 (low) and r8 (high). With a = ah:al and b = bh:bl, the product is
@   ah*bh << 32  +  al*bh << 16  +  ah*bl << 16  +  al*bl.
@ No sum of a part of it and the words added afterwards can carry out of the high word. MULS leaves the carry flag alone.
.macro limb carry_in, carry_out
    ldmia   r0!, {r5}
    lsrs    r6, r5, #16
    uxth    r5, r5
    mov     r7, r8
    muls    r7, r5
    muls    r5, r3
    lsls    \carry_out, r7, #16
    lsrs    r7, r7, #16
    adds    r5, r5, \carry_out
    mov     \carry_out, r8
    muls    \carry_out, r6
    adcs    \carry_out, r7
    muls    r6, r3
    lsls    r7, r6, #16
    lsrs    r6, r6, #16
    adds    r5, r5, r7
    adcs    \carry_out, r6
    ldr     r7, [r1]
    adds    \carry_in, \carry_in, r7
    movs    r7, #0
    adcs    \carry_out, r7
    adds    r5, r5, \carry_in
    adcs    \carry_out, r7
    stmia   r1!, {r5}
.endm

@ Counts ip down, and goes round.
.macro again loop
    mov     r7, ip
    subs    r7, #1
    mov     ip, r7
    bne     \loop
.endm

    .section .text.mbedtls_mpi_core_mla, "ax", %progbits
    .global mbedtls_mpi_core_mla
    .type mbedtls_mpi_core_mla, %function
    .thumb_func
mbedtls_mpi_core_mla:
    push    {r4-r7, lr}
    mov     r4, r8
    mov     r5, r9
    mov     r6, r10
    push    {r4-r6}
    cmp     r1, r3
    bhs     1f
    movs    r3, r1              @ against the rules; no more than d holds
1:  subs    r4, r1, r3
    mov     r10, r4             @ words of d above the product
    mov     r9, r3              @ limbs of s
    movs    r1, r0
    movs    r0, r2
    ldr     r3, [sp, #32]       @ b
    lsrs    r4, r3, #16
    mov     r8, r4
    uxth    r3, r3
    movs    r2, #0              @ carry
    mov     r7, r9
    lsrs    r7, r7, #2
    beq     3f
    mov     ip, r7
2:  limb    r2, r4
    limb    r4, r2
    limb    r2, r4
    limb    r4, r2
    again   2b
3:  mov     r7, r9
    movs    r6, #3
    ands    r7, r6
    beq     5f
    mov     ip, r7
4:  limb    r2, r4
    movs    r2, r4
    again   4b
5:  mov     r7, r10
    cmp     r7, #0
    beq     7f
6:  ldr     r5, [r1]
    adds    r5, r5, r2
    str     r5, [r1]
    movs    r2, #0
    adcs    r2, r2
    adds    r1, #4
    subs    r7, #1
    bne     6b
7:  movs    r0, r2
    pop     {r4-r6}
    mov     r8, r4
    mov     r9, r5
    mov     r10, r6
    pop     {r4-r7, pc}
    .size mbedtls_mpi_core_mla, . - mbedtls_mpi_core_mla
