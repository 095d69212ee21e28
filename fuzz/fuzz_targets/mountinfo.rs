//! `/proc/PID/mountinfo`: mount points may have any name, and `/proc/PID/status` any command name.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for mount in fathom_host::mountinfo::parse(bytes) {
        assert!(!mount.kind.contains(' '));
    }
    fathom_host::Process::parse_status(bytes);
});
