/* Which tasks are looked at, and where their calls are parked. */
#ifndef FATHOM_TASKS_H
#define FATHOM_TASKS_H

#ifdef FATHOM_STORAGE
/* The verifier knows the type of a task and lets us read it in place. */
#define GET(object, field) ((object)->field)

inline_always struct mark *mark_of(struct task_struct *task)
{
	return task_storage(&marks, task, NULL, 0);
}

inline_always struct mark *mark_task(struct task_struct *task, struct mark *mark)
{
	return task_storage(&marks, task, mark, STORAGE_CREATE);
}

inline_always void unmark_task(struct task_struct *task)
{
	/* The kernel drops it with the task. */
}

inline_always void rename_mark(struct task_struct *task, u32 old)
{
}
#else
#define GET(object, field) READ(object, field)

inline_always struct mark *mark_of(struct task_struct *task)
{
	u32 tid = READ(task, pid);
	return map_lookup(&marks, &tid);
}

inline_always struct mark *mark_task(struct task_struct *task, struct mark *mark)
{
	u32 tid = READ(task, pid);
	map_update(&marks, &tid, mark, 0);
	return map_lookup(&marks, &tid);
}

inline_always void unmark_task(struct task_struct *task)
{
	u32 tid = READ(task, pid);
	map_delete(&marks, &tid);
}

/* A thread that executes a program takes the number of its process. */
inline_always void rename_mark(struct task_struct *task, u32 old)
{
	u32 tid = READ(task, pid);
	if (tid == old)
		return;
	struct mark *mark = map_lookup(&marks, &old);
	if (!mark)
		return;
	struct mark copy = *mark;
	map_update(&marks, &tid, &copy, 0);
	map_delete(&marks, &old);
}
#endif

/* A bit of a task's flags, include/linux/sched.h. */
#define PF_EXITING 4

inline_always struct park *park_of(struct mark *mark)
{
	u32 slot = mark->slot;
	if (unlikely(slot == NO_SLOT))
		return &mark->own;
	return map_lookup(&slots, &slot);
}

static struct mark *adopt_task(struct task_struct *task)
{
	struct mark mark = { .flags = follow ? MARK_FOLLOW : 0 };
	struct counts *counts = counts_here();
	if (!counts)
		return NULL;
	if (map_pop(&free_slots, &mark.slot)) {
		mark.slot = NO_SLOT;
		counts->unslotted++;
	} else {
		struct park *park = map_lookup(&slots, &mark.slot);
		if (park) {
			park->enter = 0;
			park->tid = GET(task, pid);
		}
		if (mark.slot >= counts->high)
			counts->high = mark.slot + 1;
	}
	return mark_task(task, &mark);
}

inline_always void forget_task(struct task_struct *task, struct mark *mark)
{
	u32 slot = mark->slot;
	if (slot != NO_SLOT) {
		mark->slot = NO_SLOT;
		map_push(&free_slots, &slot, 0);
	}
	unmark_task(task);
}

/* Of the namespace that the task is in, which need not be the one that its children will be in. */
inline_always u32 pid_namespace_of(struct task_struct *task)
{
	struct pid *pid = READ(task, thread_pid);
	u32 level = READ(pid, level);
	/* An upid is two words on every 64-bit kernel. */
	struct upid *number = (void *)__builtin_preserve_access_index(&pid->numbers) + level * 16;
	struct pid_namespace *namespace = READ(number, ns);
	return READ(namespace, ns.inum);
}

inline_always u64 cgroup_of(struct task_struct *task)
{
	struct css_set *set = GET(task, cgroups);
	struct cgroup *cgroup = GET(set, dfl_cgrp);
	struct kernfs_node *node = GET(cgroup, kn);
	return GET(node, id);
}

/* Whether a cgroup of the task, or one above it, is asked for. */
inline_always int within_cgroup(struct task_struct *task)
{
	struct css_set *set = GET(task, cgroups);
	struct cgroup *cgroup = GET(set, dfl_cgrp);
	for (int i = 0; i < 12; i++) {
		struct kernfs_node *node = GET(cgroup, kn);
		u64 id = GET(node, id);
		if (map_lookup(&wanted, &id))
			return 1;
		struct cgroup_subsys_state *parent = GET(cgroup, self.parent);
		if (!parent)
			return 0;
		cgroup = GET(parent, cgroup);
	}
	return 0;
}

static int within_scope(struct task_struct *task)
{
	if (GET(task, tgid) == self)
		return 0;
	if (scope == SCOPE_ALL)
		return 1;
	if (scope == SCOPE_CGROUP)
		return within_cgroup(task);
	if (scope == SCOPE_PIDNS) {
		u64 id = pid_namespace_of(task);
		return map_lookup(&wanted, &id) != NULL;
	}
	return 0;
}

#if defined(FATHOM_X86_64)
/* A call through int 0x80 or of a 32-bit program, whose numbers are others. */
inline_always int is_compat(struct task_struct *task)
{
	return GET(task, thread_info.status) & 2;
}

/* A 64-bit program with short pointers says so in its number. What is no call at all is negative. */
inline_always int is_x32(s64 nr)
{
	return nr >= 0x40000000;
}

inline_always s64 number_of(struct pt_regs *regs)
{
	return regs->orig_ax;
}

inline_always void copy_args(u64 *args, struct pt_regs *regs)
{
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
}

inline_always u64 instruction_of(struct pt_regs *regs)
{
	return regs->ip;
}
#elif defined(FATHOM_AARCH64)
inline_always int is_compat(struct task_struct *task)
{
	return (GET(task, thread_info.flags) >> 22) & 1;
}

inline_always int is_x32(s64 nr)
{
	return 0;
}

inline_always s64 number_of(struct pt_regs *regs)
{
	return regs->syscallno;
}

inline_always void copy_args(u64 *args, struct pt_regs *regs)
{
	args[0] = regs->orig_x0;
	args[1] = regs->regs[1];
	args[2] = regs->regs[2];
	args[3] = regs->regs[3];
	args[4] = regs->regs[4];
	args[5] = regs->regs[5];
}

inline_always u64 instruction_of(struct pt_regs *regs)
{
	return regs->pc;
}
#endif

#endif
