//! System calls by the number that the capture format gives them (the same on every architecture), for events that say
//! no more than which call it was.

use super::Category;

macro_rules! syscalls {
    ($($name:tt $category:ident,)*) => {
        /// Name and category of each; the index is the number.
        pub static SYSCALLS: &[(&str, Category)] = &[$((word!($name), Category::$category)),*];
    };
}

macro_rules! word {
    ($name:literal) => {
        $name
    };
    ($name:ident) => {
        stringify!($name)
    };
}

/// Name and category of call number `number`.
pub fn syscall(number: u16) -> Option<(&'static str, Category)> {
    SYSCALLS.get(usize::from(number)).copied()
}

syscalls! {
    "<unknown>" Other, restart_syscall System, exit Process, read Read, write Write, open File, close File,
    creat File, link File, unlink File, chdir File, time Time, mknod File, chmod File, stat File, lseek File,
    getpid Process, mount File, ptrace Other, alarm Time, fstat File, pause Wait, utime Time, access File, sync Io,
    kill Ipc, rename File, mkdir File, rmdir File, dup Io, pipe Ipc, times Time, brk Memory, acct Process, ioctl Io,
    fcntl Wait, setpgid Process, umask Process, chroot Ipc, ustat File, dup2 Io, getppid Process, getpgrp Process,
    setsid Process, sethostname System, setrlimit Process, getrusage Process, gettimeofday Time, settimeofday Time,
    symlink File, lstat File, readlink File, uselib Process, swapon Process, reboot System, mmap File, munmap File,
    truncate File, ftruncate File, fchmod File, getpriority Process, setpriority Process, statfs File, fstatfs File,
    syslog System, setitimer Time, getitimer Time, uname System, vhangup Other, wait4 Wait, swapoff System,
    sysinfo System, fsync Io, setdomainname System, adjtimex System, mprotect Memory, init_module System,
    delete_module System, quotactl System, getpgid Process, fchdir File, sysfs System, personality Process,
    getdents File, select Wait, flock File, msync Io, readv Read, writev Write, getsid Process, fdatasync Io,
    mlock Memory, munlock Memory, mlockall Memory, munlockall Memory, sched_setparam Process, sched_getparam Process,
    sched_setscheduler Process, sched_getscheduler Process, sched_yield Sleep, sched_get_priority_max Process,
    sched_get_priority_min Process, sched_rr_get_interval Process, nanosleep Sleep, mremap File, poll Wait,
    prctl Process, rt_sigaction Signal, rt_sigprocmask Signal, rt_sigpending Signal, rt_sigtimedwait Signal,
    rt_sigqueueinfo Signal, rt_sigsuspend Signal, getcwd File, capget Process, capset Process, sendfile File,
    getrlimit Process, lchown File, getuid User, getgid User, geteuid User, getegid User, setreuid User,
    setregid User, getgroups User, setgroups User, fchown File, setresuid User, getresuid User, setresgid User,
    getresgid User, chown File, setuid User, setgid User, setfsuid User, setfsgid User, pivot_root Process,
    mincore Memory, madvise Memory, gettid Process, setxattr File, lsetxattr File, fsetxattr File, getxattr File,
    lgetxattr File, fgetxattr File, listxattr File, llistxattr File, flistxattr File, removexattr File,
    lremovexattr File, fremovexattr File, tkill Signal, futex Ipc, sched_setaffinity Process,
    sched_getaffinity Process, set_thread_area Process, get_thread_area Process, io_setup Io, io_destroy Io,
    io_getevents Io, io_submit Io, io_cancel Io, exit_group Io, epoll_create Wait, epoll_ctl Wait, epoll_wait Wait,
    remap_file_pages File, set_tid_address Process, timer_create Time, timer_settime Time, timer_gettime Time,
    timer_getoverrun Time, timer_delete Time, clock_settime Time, clock_gettime Time, clock_getres Time,
    clock_nanosleep Sleep, tgkill Signal, utimes File, mq_open Ipc, mq_unlink Ipc, mq_timedsend Ipc,
    mq_timedreceive Ipc, mq_notify Ipc, mq_getsetattr Ipc, kexec_load System, waitid Wait, add_key System,
    request_key System, keyctl System, ioprio_set Process, ioprio_get Process, inotify_init Ipc,
    inotify_add_watch Ipc, inotify_rm_watch Ipc, openat File, mkdirat File, mknodat File, fchownat File,
    futimesat File, unlinkat File, renameat File, linkat File, symlinkat File, readlinkat File, fchmodat File,
    faccessat File, pselect6 Wait, ppoll Wait, unshare Process, set_robust_list Process, get_robust_list Process,
    splice Ipc, tee Ipc, vmsplice Ipc, getcpu Process, epoll_pwait Wait, utimensat File, signalfd Signal,
    timerfd_create Time, eventfd Ipc, timerfd_settime Time, timerfd_gettime Time, signalfd4 Signal, eventfd2 Ipc,
    epoll_create1 Wait, dup3 Io, pipe2 Ipc, inotify_init1 Ipc, preadv Read, pwritev Write, rt_tgsigqueueinfo Other,
    perf_event_open Other, fanotify_init Ipc, prlimit64 Process, clock_adjtime Other, syncfs File, setns Process,
    getdents64 Ipc, socket Net, bind Net, connect Net, listen Net, accept Net, getsockname Net, getpeername Net,
    socketpair Net, sendto Net, recvfrom Net, shutdown Net, setsockopt Net, getsockopt Net, sendmsg Net, sendmmsg Net,
    recvmsg Net, recvmmsg Net, accept4 Net, semop Ipc, semget Ipc, semctl Ipc, msgsnd Ipc, msgrcv Ipc, msgget Ipc,
    msgctl Ipc, shmdt Ipc, shmget Ipc, shmctl Ipc, statfs64 File, fstatfs64 File, fstatat64 File, sendfile64 File,
    ugetrlimit Process, bdflush Other, sigprocmask Signal, ipc Ipc, socketcall Net, stat64 File, lstat64 File,
    fstat64 File, fcntl64 File, mmap2 File, newselect Wait, sgetmask Signal, ssetmask Signal, sigpending Signal,
    olduname System, umount File, signal Signal, nice Process, stime Time, llseek File, waitpid Wait, pread64 File,
    pwrite64 File, arch_prctl Process, shmat Ipc, sigreturn Signal, fallocate Io, newfstatat Io, process_vm_readv Io,
    process_vm_writev Io, fork Io, vfork Io, setuid Io, getuid Io, setgid Io, geteuid Io, getgid Io, setresuid Io,
    setresgid Io, getresuid Io, getresgid Io, finit_module System, bpf Other, seccomp Other, sigaltstack Io,
    getrandom Io, fadvise64 Io, renameat2 File, userfaultfd File, openat2 File, umount2 File, execve System,
    execveat System, copy_file_range File, clone Process, clone3 Process, open_by_handle_at Other,
    io_uring_setup Other, io_uring_enter Other, io_uring_register Other, mlock2 Other, getegid32 Other,
    fsconfig Other, fspick Other, fsmount Other, fsopen Other, open_tree Other, move_mount Other, mount_setattr Other,
    memfd_create Other, memfd_secret Other, ioperm Other, kexec_file_load Other, pidfd_getfd Other, pidfd_open Other,
    pidfd_send_signal Other, pkey_alloc Other, pkey_mprotect Other, pkey_free Other, landlock_create_ruleset Other,
    quotactl_fd Other, landlock_restrict_self Other, landlock_add_rule Other, epoll_pwait2 Other, migrate_pages Other,
    move_pages Other, preadv2 Other, pwritev2 Other, kcmp Other, sched_setattr Other, mbind Other,
    epoll_ctl_old Other, lookup_dcookie Other, modify_ldt Other, statx Other, set_mempolicy Other,
    io_pgetevents Other, set_mempolicy_home_node Other, semtimedop Other, get_kernel_syms Other, readahead Other,
    futex_waitv Other, getpmsg Other, name_to_handle_at Other, process_mrelease Other, nfsservctl Other,
    epoll_wait_old Other, rseq Other, create_module Other, "<unknown>" Other, sched_getattr Other, faccessat2 Other,
    _sysctl Other, query_module Other, get_mempolicy Other, sync_file_range Other, process_madvise Other,
    membarrier Other, iopl Other, close_range Other, fanotify_mark Other, recv Other, send Other,
    sched_process_exit Other, sched_switch Other, page_fault_user Other, page_fault_kernel Other,
    signal_deliver Other, timerfd Other, s390_pci_mmio_read Other, sigaction Other, s390_pci_mmio_write Other,
    readdir Other, s390_sthyi Other, sigsuspend Other, idle Other, s390_runtime_instr Other, sigreturn Other,
    s390_guarded_storage Other, cachestat Other, fchmodat2 Other, map_shadow_stack Other, riscv_flush_icache Other,
    riscv_hwprobe Other, futex_wake Other, futex_requeue Other, futex_wait Other, oldstat Other, switch_endian Other,
    multiplexer Other, oldlstat Other, spu_create Other, sync_file_range2 Other, oldfstat Other, spu_run Other,
    swapcontext Other, pciconfig_write Other, rtas Other, pciconfig_read Other, sys_debug_setcontext Other,
    vm86 Other, oldolduname Other, subpage_prot Other, pciconfig_iobase Other, listmount Other, statmount Other,
    lsm_get_self_attr Other, lsm_set_self_attr Other, lsm_list_modules Other, mseal Other, uretprobe Other,
    removexattrat Other, listxattrat Other, getxattrat Other, setxattrat Other, open_tree_attr Other,
    file_getattr Other, file_setattr Other, listns Other, uprobe Other, rseq_slice_yield Other,
}
