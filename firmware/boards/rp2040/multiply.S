@ mbedTLS's inner loop, d += s * b, for a core whose multiplier gives the low 32 bits alone (Cortex-M0+). Takes the place
@ of the library's own (mbedtls_config.h). The time depends on the lengths alone.
@
@   mbedtls_mpi_uint mbedtls_mpi_core_mla(d, d_len, s, s_len, b): the carry out of d

    .syntax unified
    .cpu cortex-m0plus
    .thumb

@ One limb: the word at [r1, at] becomes the low word of itself + [r0, at] * b + carry_in, the high word goes to carry_out.
@ b's halves are in r3 (low) and r8 (high). With a = ah:al and b = bh:bl, the product is
@   ah*bh << 32  +  (al*bh + ah*bl) << 16  +  al*bl,
@ whose middle sum has 33 bits. Neither word added afterwards can carry out of the high word.
.macro limb carry_in, carry_out, at
    ldr     r5, [r0, #\at]
    lsrs    r6, r5, #16
    uxth    r5, r5
    mov     r7, r8
    muls    r7, r5
    muls    r5, r3
    mov     \carry_out, r8
    muls    \carry_out, r6
    muls    r6, r3
    adds    r6, r6, r7
    movs    r7, #0
    adcs    r7, r7
    lsls    r7, r7, #16
    adds    \carry_out, \carry_out, r7
    lsls    r7, r6, #16
    lsrs    r6, r6, #16
    adds    r5, r5, r7
    adcs    \carry_out, r6
    ldr     r7, [r1, #\at]
    adds    \carry_in, \carry_in, r7
    movs    r7, #0
    adcs    \carry_out, r7
    adds    r5, r5, \carry_in
    adcs    \carry_out, r7
    str     r5, [r1, #\at]
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
2:  limb    r2, r4, 0
    limb    r4, r2, 4
    limb    r2, r4, 8
    limb    r4, r2, 12
    adds    r0, #16
    adds    r1, #16
    again   2b
3:  mov     r7, r9
    movs    r6, #3
    ands    r7, r6
    beq     5f
    mov     ip, r7
4:  limb    r2, r4, 0
    movs    r2, r4
    adds    r0, #4
    adds    r1, #4
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
