/* What the kernel knows of a task, its memory, a socket or a file, as plain structures. */
#ifndef FATHOM_FACTS_H
#define FATHOM_FACTS_H

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define O_CLOEXEC 02000000
#define FAMILY_UNIX 1
#define FAMILY_INET6 10

static void facts_of_memory(struct task_struct *task, struct memory_facts *facts)
{
	struct mm_struct *mm = READ(task, mm);
	facts->size_kib = facts->resident_kib = facts->swap_kib = facts->pad = 0;
	if (!mm)
		return;
	/* Pages of files, of programs, swapped out, shared; a count can be below zero for a moment. */
	s64 pages[4] = {};
	struct mm_struct___plain *plain = (void *)mm;
	if (FIELD_EXISTS(plain, rss_stat.count)) {
		read_kernel(pages, sizeof(pages), __builtin_preserve_access_index(&plain->rss_stat.count));
	} else {
		pages[0] = READ(mm, rss_stat[0].count);
		pages[1] = READ(mm, rss_stat[1].count);
		pages[2] = READ(mm, rss_stat[2].count);
		pages[3] = READ(mm, rss_stat[3].count);
	}
	s64 resident = pages[0] + pages[1] + pages[3];
	facts->size_kib = READ(mm, total_vm) << 2;
	facts->resident_kib = resident > 0 ? resident << 2 : 0;
	facts->swap_kib = pages[2] > 0 ? pages[2] << 2 : 0;
}

/* A process's number in the innermost namespace that it is in. */
inline_always u32 inner_number(struct pid *pid)
{
	if (!pid)
		return 0;
	u32 level = READ(pid, level);
	struct upid *number = (void *)__builtin_preserve_access_index(&pid->numbers) + level * 16;
	return READ(number, nr);
}

/* The number of a process, group or session as `own`, a thread's, sees it: 0 where that is outside of its namespace. */
inline_always u32 number_within(struct pid *own, struct pid *pid)
{
	if (!own || !pid)
		return 0;
	u32 level = READ(own, level);
	if (READ(pid, level) < level)
		return 0;
	struct upid *number = (void *)__builtin_preserve_access_index(&pid->numbers) + level * 16;
	struct upid *here = (void *)__builtin_preserve_access_index(&own->numbers) + level * 16;
	return READ(number, ns) == READ(here, ns) ? READ(number, nr) : 0;
}

inline_always u32 outer_number(struct pid *pid)
{
	if (!pid)
		return 0;
	struct upid *number = (void *)__builtin_preserve_access_index(&pid->numbers);
	return READ(number, nr);
}

/* Its device, as stat(2) has it. */
inline_always u32 terminal_of(struct tty_struct *tty)
{
	struct tty_driver *driver = READ(tty, driver);
	u32 minor = READ(driver, minor_start) + READ(tty, index);
	return (minor & 0xff) | READ(driver, major) << 8 | (minor & ~0xffu) << 12;
}

static void facts_of_task(struct task_struct *task, struct task_facts *facts)
{
	struct task_struct *leader = READ(task, group_leader), *parent = READ(task, real_parent);
	struct signal_struct *signal = READ(task, signal);
	const struct cred *cred = READ(task, real_cred);
	struct tty_struct *tty = READ(signal, tty);
	struct memory_facts memory;
	facts_of_memory(task, &memory);
	facts->tid = READ(task, pid);
	facts->pid = READ(task, tgid);
	facts->parent = READ(parent, tgid);
	facts->real_parent_tid = READ(parent, pid);
	facts->uid = READ(cred, uid.val);
	facts->gid = READ(cred, gid.val);
	facts->euid = READ(cred, euid.val);
	facts->egid = READ(cred, egid.val);
	read_kernel(&facts->inheritable, 8, (void *)__builtin_preserve_access_index(&cred->cap_inheritable));
	read_kernel(&facts->permitted, 8, (void *)__builtin_preserve_access_index(&cred->cap_permitted));
	read_kernel(&facts->effective, 8, (void *)__builtin_preserve_access_index(&cred->cap_effective));
	struct pid *own = READ(task, thread_pid), *pid = READ(leader, thread_pid);
	facts->vtid = inner_number(own);
	facts->vpid = inner_number(pid);
	/* enum pid_type: of the thread, the process, the group, the session. */
	pid = READ(signal, pids[2]);
	facts->pgid = outer_number(pid);
	facts->vpgid = number_within(own, pid);
	pid = READ(signal, pids[3]);
	facts->sid = outer_number(pid);
	facts->vsid = number_within(own, pid);
	facts->loginuid = FIELD_EXISTS(task, loginuid) ? READ(task, loginuid.val) : (u32)-1;
	facts->tty = tty ? terminal_of(tty) : 0;
	facts->flags = READ(task, flags);
	facts->fd_limit = READ(signal, rlim[7].rlim_cur);
	facts->minor_faults = READ(task, min_flt);
	facts->major_faults = READ(task, maj_flt);
	struct css_set *set = READ(task, cgroups);
	struct cgroup *cgroup = READ(set, dfl_cgrp);
	struct kernfs_node *node = READ(cgroup, kn);
	facts->cgroup = READ(node, id);
	facts->cgroups = (u64)set;
	struct task_struct___older *older = (void *)task;
	facts->start = FIELD_EXISTS(task, start_boottime) ? READ(task, start_boottime) : READ(older, real_start_time);
	facts->size_kib = memory.size_kib;
	facts->resident_kib = memory.resident_kib;
	facts->swap_kib = memory.swap_kib;
	facts->pid_namespace = pid_namespace_of(task);
	read_kernel(facts->comm, sizeof(facts->comm), __builtin_preserve_access_index(&task->comm));
}

/* The open file behind a descriptor of the caller. */
inline_always struct file *file_at(struct task_struct *task, u64 fd)
{
	struct files_struct *files = READ(task, files);
	struct fdtable *table = READ(files, fdt);
	if (fd >= READ(table, max_fds))
		return NULL;
	struct file **descriptors = READ(table, fd), *file = NULL;
	read_kernel(&file, sizeof(file), descriptors + fd);
	return file;
}

static long facts_of_file(struct file *file, struct file_facts *facts)
{
	struct inode *inode = READ(file, f_inode);
	if (!inode)
		return -1;
	struct super_block *block = READ(inode, i_sb);
	facts->inode = READ(inode, i_ino);
	facts->device = READ(block, s_dev);
	facts->flags = READ(file, f_flags);
	facts->mode = READ(inode, i_mode);
	facts->pad = 0;
	return sizeof(*facts);
}

static long facts_of_socket(struct file *file, struct socket_facts *facts)
{
	struct inode *inode = READ(file, f_inode);
	if (!inode || (READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
		return -1;
	struct socket *socket = READ(file, private_data);
	struct sock *sock = READ(socket, sk);
	if (!sock)
		return -1;
	__builtin_memset(facts, 0, sizeof(*facts));
	facts->family = READ(sock, __sk_common.skc_family);
	facts->state = READ(sock, __sk_common.skc_state);
	facts->type = READ(sock, sk_type);
	facts->protocol = READ(sock, sk_protocol);
	facts->backlog = READ(sock, sk_ack_backlog);
	facts->backlog_max = READ(sock, sk_max_ack_backlog);
	if (facts->family == FAMILY_UNIX) {
		struct unix_sock *own = (void *)sock;
		struct unix_sock *peer = (void *)READ(own, peer);
		facts->own = (u64)own;
		facts->peer = (u64)peer;
		struct unix_address *address = READ(own, addr);
		if (!address && peer)
			address = READ(peer, addr);
		if (!address)
			return sizeof(*facts);
		/* The family comes before the path. */
		int length = READ(address, len) - 2;
		if (length <= 0)
			return sizeof(*facts);
		if (length > (int)sizeof(facts->path))
			length = sizeof(facts->path);
		facts->path_length = length;
		read_kernel(facts->path, sizeof(facts->path), (void *)__builtin_preserve_access_index(&address->name) + 2);
		return sizeof(*facts);
	}
	u16 port = READ(sock, __sk_common.skc_dport);
	facts->local_port = READ(sock, __sk_common.skc_num);
	facts->remote_port = (u16)(port >> 8 | port << 8);
	if (facts->family == FAMILY_INET6 && FIELD_EXISTS(sock, __sk_common.skc_v6_daddr)) {
		read_kernel(facts->local, 16, __builtin_preserve_access_index(&sock->__sk_common.skc_v6_rcv_saddr));
		read_kernel(facts->remote, 16, __builtin_preserve_access_index(&sock->__sk_common.skc_v6_daddr));
	} else {
		read_kernel(facts->local, 4, __builtin_preserve_access_index(&sock->__sk_common.skc_rcv_saddr));
		read_kernel(facts->remote, 4, __builtin_preserve_access_index(&sock->__sk_common.skc_daddr));
	}
	return sizeof(*facts);
}

#endif
