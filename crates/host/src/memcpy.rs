//! `memcpy` and `memmove` of our own for x86-64. Those of musl copy with `rep movsq`, which takes some 40 ns to begin on
//! today's processors, whatever the length; a line of `fathom trace` consists of fifteen pieces of a few bytes.
//!
//! The linker takes these because it meets them before musl's. They are assembly because a compiler may turn a loop
//! that copies into a call of `memcpy`. Up to 64 bytes everything is read before anything is written, without a loop.
#![allow(unsafe_code, reason = "the linker is told the names, and bytes are copied by their addresses")]

use std::arch::naked_asm;

/// From so many bytes on the processor's own copying is faster than a loop.
const LONG: usize = 2048;

/// Copies `count` bytes, which must not overlap.
///
/// # Safety
/// As of C's function: both ranges are valid.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    naked_asm!("jmp {}", sym memmove)
}

/// Copies `count` bytes, which may overlap.
///
/// # Safety
/// As of C's function: both ranges are valid.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 16",
        "jb 20f",
        "cmp rdx, 32",
        "ja 30f",
        // 16 to 32: the first and the last sixteen, which meet or overlap.
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm1",
        "ret",
        "20:",
        "cmp edx, 8",
        "jb 21f",
        "mov rcx, [rsi]",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], r8",
        "ret",
        "21:",
        "cmp edx, 4",
        "jb 22f",
        "mov ecx, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], r8d",
        "ret",
        // 1 to 3: the first, the middle and the last.
        "22:",
        "test edx, edx",
        "je 23f",
        "mov r9, rdx",
        "shr r9, 1",
        "movzx ecx, byte ptr [rsi]",
        "movzx r8d, byte ptr [rsi + r9]",
        "movzx r10d, byte ptr [rsi + rdx - 1]",
        "mov [rdi], cl",
        "mov [rdi + r9], r8b",
        "mov [rdi + rdx - 1], r10b",
        "23:",
        "ret",
        "30:",
        "cmp rdx, 64",
        "ja 40f",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups xmm2, [rsi + rdx - 32]",
        "movups xmm3, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm1",
        "movups [rdi + rdx - 32], xmm2",
        "movups [rdi + rdx - 16], xmm3",
        "ret",
        // More: from the end if the target begins within the source.
        "40:",
        "mov rcx, rdi",
        "sub rcx, rsi",
        "cmp rcx, rdx",
        "jb 50f",
        "cmp rdx, {LONG}",
        "jae 60f",
        "movups xmm2, [rsi + rdx - 32]",
        "movups xmm3, [rsi + rdx - 16]",
        "lea r9, [rdi + rdx - 32]",
        "41:",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm1",
        "add rsi, 32",
        "add rdi, 32",
        "cmp rdi, r9",
        "jb 41b",
        "movups [r9], xmm2",
        "movups [r9 + 16], xmm3",
        "ret",
        "50:",
        "movups xmm2, [rsi]",
        "movups xmm3, [rsi + 16]",
        "lea r8, [rsi + rdx]",
        "lea r9, [rdi + rdx]",
        "lea r10, [rdi + 32]",
        "51:",
        "movups xmm0, [r8 - 16]",
        "movups xmm1, [r8 - 32]",
        "movups [r9 - 16], xmm0",
        "movups [r9 - 32], xmm1",
        "sub r8, 32",
        "sub r9, 32",
        "cmp r9, r10",
        "ja 51b",
        "movups [rdi], xmm2",
        "movups [rdi + 16], xmm3",
        "ret",
        "60:",
        "mov rcx, rdx",
        "rep movsb",
        "ret",
        LONG = const LONG,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every length up to a few rounds of the loops, and some around where the processor does it alone.
    fn lengths() -> impl Iterator<Item = usize> {
        (0..300).chain([LONG - 1, LONG, LONG + 1, 3 * LONG])
    }

    /// Copies within bytes that are all different from their neighbours, and compares with what is right.
    fn check(from: usize, to: usize, count: usize) {
        let fresh: Vec<u8> = (0..from.max(to) + count + 40).map(|at| (at * 7 % 251) as u8).collect();
        let mut expected = fresh.clone();
        (0..count).for_each(|at| expected[to + at] = fresh[from + at]);
        let mut bytes = fresh.clone();
        let base = bytes.as_mut_ptr();
        // SAFETY: both ranges are within `bytes`.
        let returned = unsafe { memmove(base.add(to), base.add(from), count) };
        assert_eq!(returned as usize - base as usize, to);
        assert!(bytes == expected, "{count} bytes from {from} to {to}");
    }

    #[test]
    fn ranges_apart_are_copied() {
        for count in lengths() {
            for shift in 0..17 {
                check(shift, shift + count + 3, count);
                check(count + 20, shift, count);
            }
        }
    }

    #[test]
    fn ranges_that_overlap_are_copied() {
        for count in lengths() {
            for shift in [1, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 255] {
                check(0, shift, count);
                check(shift, 0, count);
            }
        }
    }

    #[test]
    fn the_program_copies_with_them() {
        let musl: unsafe extern "C" fn(*mut u8, *const u8, usize) -> *mut u8 = memcpy;
        let linked = libc::memcpy as *const () as usize;
        assert_eq!(linked, musl as usize);
    }
}
