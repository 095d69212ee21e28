//! Where something is missing: kernels without bpf(2) or its ring buffers, and programs whose calls are those of another kind
//! of machine.

use std::os::unix::fs::PermissionsExt as _;

use fathom_testkit::kernel::{Call, without};
use fathom_testkit::{Need, Scratch, needs};

use crate::support::{WAYS, Way, told};

#[test]
fn a_kernel_without_bpf_is_refused_with_the_reason_and_steps_through_a_command() {
    needs!(Need::Root);
    for (call, reason) in [
        (Call::Bpf, "the kernel, or a filter around us, has no bpf system call"),
        (Call::BpfMaps, "the kernel has no BPF ring buffer, which came with Linux 5.8"),
    ] {
        let mut machine = Way::Bpf.trace(["-n", "1"]);
        let refused = told(&without(call, move || machine.output().unwrap()));
        assert_eq!((refused.status, &refused.stdout[..]), (5, ""), "{call:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(reason) && refused.stderr.contains("hint: "), "{call:?}: {}", refused.stderr);
        let mut command =
            Way::Bpf.trace(["-p", "%evt.type %proc.name", "evt.type=execve and evt.dir=<", "--", "sh", "-c"]);
        command.arg("/bin/true; exit 6");
        let stepped = told(&without(call, move || command.output().unwrap()));
        assert_eq!(
            (stepped.status, &stepped.stdout[..]),
            (6, "execve sh\nexecve true\n"),
            "{call:?}: {}",
            stepped.stderr
        );
        let said = format!("({reason}): the command is stopped at each of its calls instead, which is slow");
        assert!(stepped.stderr.contains(&said), "{call:?}: {}", stepped.stderr);
    }
}

/// A program for 32-bit x86 that asks for its number, writes two letters and ends with 7: three calls by `int 0x80`.
#[cfg(target_arch = "x86_64")]
fn elf32() -> Vec<u8> {
    const BASE: u32 = 0x0804_8000;
    const HEADERS: u32 = 52 + 32;
    let call = |registers: &[(u8, u32)]| -> Vec<u8> {
        // mov REGISTER, NUMBER
        let moves = registers.iter().flat_map(|(code, number)| [vec![*code], number.to_le_bytes().to_vec()].concat());
        moves.chain([0xcd, 0x80]).collect()
    };
    let (eax, ebx, ecx, edx) = (0xb8, 0xbb, 0xb9, 0xba);
    let code = |text: u32| {
        [call(&[(eax, 20)]), call(&[(eax, 4), (ebx, 1), (ecx, text), (edx, 3)]), call(&[(eax, 1), (ebx, 7)])].concat()
    };
    let text = BASE + HEADERS + code(0).len() as u32;
    let body = [code(text), b"hi\n".to_vec()].concat();
    let size = HEADERS + body.len() as u32;
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2_u16, 3].map(u16::to_le_bytes).as_flattened());
    file.extend([1, BASE + HEADERS, 52, 0, 0].map(u32::to_le_bytes).as_flattened());
    file.extend([52_u16, 32, 1, 0, 0, 0].map(u16::to_le_bytes).as_flattened());
    file.extend([1, 0, BASE, BASE, size, size, 5, 0x1000].map(u32::to_le_bytes).as_flattened());
    assert_eq!(file.len() as u32, HEADERS);
    [file, body].concat()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_32_bit_program_is_followed_and_its_calls_are_counted() {
    needs!(Need::Root, Need::Program("setpriv"));
    let folder = Scratch::new("trace");
    let program = folder.join("small");
    std::fs::write(&program, elf32()).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    for way in WAYS {
        let words = ["-p", "%evt.dir %evt.type %proc.name", "proc.name=small", "--"];
        let told = told(&way.trace(words).arg(&program).output().unwrap());
        assert_eq!(told.status, 7, "{way:?}: {}", told.stderr);
        assert!(told.stderr.contains("hi\n"), "{way:?}: {}", told.stderr);
        let count = |line: &str| told.stdout.lines().filter(|found| *found == line).count();
        assert_eq!((count("< execve small"), count("> procexit small")), (1, 1), "{way:?}: {}", told.stdout);
        // By what a 64-bit machine calls these numbers nobody may be misled: 20 is writev there, 4 stat, 1 write.
        let misnamed = ["writev", "stat", "write"].map(|name| count(&format!("> {name} small")));
        assert_eq!(misnamed, [0, 0, 0], "{way:?}: {}", told.stdout);
        assert!(
            told.stderr.contains("3 calls of 32-bit programs are shown without their names"),
            "{way:?}: {}",
            told.stderr
        );
    }
}
