/* The few fields of the kernel's structures that the programs read. Their offsets are relocated at load against the
 * running kernel's BTF, so order and size here mean nothing; a field that some kernels lack is asked for before use. */
#ifndef FATHOM_KERNEL_H
#define FATHOM_KERNEL_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(FATHOM_X86_64)
struct pt_regs {
	unsigned long r10, r9, r8, ax, dx, si, di, orig_ax, ip;
};
#elif defined(FATHOM_AARCH64)
struct pt_regs {
	u64 regs[31];
	u64 pc;
	u64 orig_x0;
	s32 syscallno;
};
#endif

struct thread_info {
	unsigned long flags;
	u32 status;
};
struct ns_common {
	u32 inum;
};
struct pid_namespace {
	struct ns_common ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	u32 level;
	struct upid numbers[1];
};
struct kernfs_node {
	u64 id;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};
struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
};
struct css_set {
	struct cgroup *dfl_cgrp;
};
typedef struct {
	u32 val;
} kuid_t;
typedef struct {
	u64 val;
} kernel_cap_t;
struct cred {
	kuid_t uid, gid, euid, egid;
	/* One word, or two halves of one: eight bytes in either case. */
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective;
};
struct tty_driver {
	int major, minor_start;
};
struct tty_struct {
	struct tty_driver *driver;
	int index;
};
struct rlimit {
	unsigned long rlim_cur, rlim_max;
};
struct signal_struct {
	struct pid *pids[4];
	struct tty_struct *tty;
	struct rlimit rlim[16];
	int group_exit_code;
};
struct percpu_counter {
	s64 count;
};
struct mm_struct {
	struct file *exe_file;
	unsigned long total_vm, arg_start, arg_end, env_start, env_end;
	struct percpu_counter rss_stat[4];
};
struct super_block {
	u32 s_dev;
};
struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
};
struct path {
	void *mnt, *dentry;
};
struct fs_struct {
	struct path root, pwd;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
	u32 f_flags;
};
struct fdtable {
	u32 max_fds;
	unsigned long *close_on_exec;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct linux_binprm {
	const char *filename;
	struct file *file;
};
struct sched_entity {
	u64 sum_exec_runtime;
};
struct task_struct {
	struct thread_info thread_info;
	struct sched_entity se;
	u64 utime, stime;
	u32 flags;
	struct mm_struct *mm;
	int exit_code;
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	struct pid *thread_pid;
	u64 start_time, start_boottime;
	unsigned long min_flt, maj_flt;
	const struct cred *real_cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct signal_struct *signal;
	struct css_set *cgroups;
	kuid_t loginuid;
};
struct in6_addr {
	u32 words[4];
};
struct sock_common {
	u32 skc_daddr, skc_rcv_saddr;
	u16 skc_dport, skc_num, skc_family;
	u8 skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock {
	struct sock_common __sk_common;
	u32 sk_ack_backlog, sk_max_ack_backlog;
	u16 sk_type, sk_protocol;
};
struct socket {
	struct sock *sk;
};
struct sockaddr_un {
	u16 sun_family;
	char sun_path[108];
};
struct unix_address {
	int len;
	struct sockaddr_un name[1];
};
struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};
struct seq_file {
	void *buf;
};
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

/* Before 5.5 the time since boot had another name. */
struct task_struct___older {
	u64 real_start_time;
};

/* Until 6.2 the counters of resident pages were plain; what follows three underscores is no part of the name. */
struct mm_rss_stat___plain {
	s64 count[4];
};
struct mm_struct___plain {
	struct mm_rss_stat___plain rss_stat;
};

#pragma clang attribute pop

#endif
