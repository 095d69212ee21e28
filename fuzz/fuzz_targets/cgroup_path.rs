//! `/proc/PID/cgroup` and the paths in it: whatever a process managed to call its cgroup.
#![no_main]

use fathom_host::cgroup::naming;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for path in naming::paths(&text) {
        if let Some(named) = naming::container_of(path) {
            assert!(path.starts_with(named.path) && named.path.contains(named.id));
        }
    }
});
