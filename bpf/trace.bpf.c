// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* The kernel's half of `fathom trace`: what happens to the tasks that are looked at, told once per system call.
 *
 * sys_enter parks time and arguments of a call in the caller's slot, a cache line that user space can read too. sys_exit
 * makes one record of both ends of the call and of the memory that its row names, and hands it to the ring of its
 * processor. Nothing wakes user space up; it looks.
 *
 * Whether a task is looked at is one look-up: a mark in its task storage, made by the iterator `adopt`, inherited at fork,
 * or, where a cgroup or a pid namespace is asked for, made at its first call there. */
#include "bpf.h"
#include "kernel.h"
#include "record.h"
#include "state.h"
#include "facts.h"
#include "copy.h"
#include "sums.h"
#include "found.h"

/* Helpers that read memory of tasks are for programs under the GPL only, and the kernel looks for this very word. The
 * programs may be used under either licence; the rest of fathom, which only loads them, is Apache-2.0. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A record of `kind` about a task, with nothing in it yet. */
inline_always void begin(struct record *record, struct task_struct *task, u32 kind, u64 time)
{
	record->kind = kind;
	record->flags = 0;
	record->nr = 0;
	record->tid = GET(task, pid);
	record->pid = GET(task, tgid);
	record->time = time;
	record->enter = 0;
	record->ret = 0;
	record->ops = 0;
}

/* The arguments that were parked when the call began. */
inline_always void recall(struct record *record, struct park *park)
{
	record->args[0] = park->args[0];
	record->args[1] = park->args[1];
	record->args[2] = park->args[2];
	record->args[3] = park->args[3];
	record->args[4] = park->args[4];
	record->args[5] = park->args[5];
}

SEC("tp_btf/sys_enter") int sys_enter(u64 *ctx)
{
	struct task_struct *task = task_now();
	struct mark *mark = mark_of(task);
	if (likely(!mark)) {
		if (scope == SCOPE_TREE || !within_scope(task))
			return 0;
		mark = adopt_task(task);
		if (!mark)
			return 0;
	}
	struct pt_regs *regs = (void *)ctx[0];
	u64 nr = ctx[1];
	u16 flags = 0;
	if (unlikely(is_compat(task) || is_x32(nr))) {
		struct counts *counts = counts_here();
		if (counts)
			counts->compat++;
		flags = FLAG_COMPAT;
	}
	const volatile struct row *row = row_of(nr, flags);
	if (row->mode == MODE_OFF && !(counting && row->counted))
		return 0;
	struct park *park = park_of(mark);
	if (!park)
		return 0;
	/* Readers elsewhere must not believe that they have seen all calls up to now while this one is being written. */
	*(volatile u64 *)&park->enter = 1;
	park->nr = nr;
	park->flags = flags;
	copy_args(park->args, regs);
	u64 now = ktime_ns();
	barrier();
	*(volatile u64 *)&park->enter = now;
	return 0;
}

SEC("tp_btf/sys_exit") int sys_exit(u64 *ctx)
{
	struct task_struct *task = task_now();
	struct mark *mark = mark_of(task);
	if (likely(!mark)) {
		if (scope == SCOPE_TREE || !within_scope(task))
			return 0;
		mark = adopt_task(task);
		if (!mark)
			return 0;
	}
	struct park *park = park_of(mark);
	if (!park)
		return 0;
	struct pt_regs *regs = (void *)ctx[0];
	u64 enter = park->enter;
	u64 nr = enter ? park->nr : (u64)number_of(regs);
	u16 flags = enter ? park->flags : is_compat(task) || is_x32(number_of(regs)) ? FLAG_COMPAT : 0;
	s64 ret = ctx[1];
	const volatile struct row *row = row_of(nr, flags);
	u32 mode = row->mode;
	/* What execve and sigreturn leave in the registers is the new program's; the parked ones are always the call's. */
	if (!enter && (mode != MODE_OFF || (counting && row->counted))) {
		park->nr = nr;
		copy_args(park->args, regs);
	}
	if (counting && row->counted) {
		/* One whose beginning nobody saw has one event, where others have two: it is told. */
		if (likely(enter || !begins))
			count_call(task, mark, row, park, ret);
		else
			mode = MODE_ALL;
	}
	if (mode == MODE_OFF || (mode == MODE_FAILED && ret >= 0))
		goto out;
	struct scratch *scratch = scratch_here();
	if (!scratch)
		goto out;
	struct record *record = &scratch->head;
	begin(record, task, KIND_CALL, ktime_ns());
	record->flags = flags;
	record->nr = nr;
	record->enter = enter;
	record->ret = ret;
	recall(record, park);
	u32 size = copy_memory(scratch, row, ret);
	send(record, size);
out:
	*(volatile u64 *)&park->enter = 0;
	return 0;
}

/* A child is looked at if its parent is. */
SEC("tp_btf/sched_process_fork") int process_fork(u64 *ctx)
{
	struct task_struct *parent = (void *)ctx[0], *child = (void *)ctx[1];
	struct mark *mark = mark_of(parent);
	if (likely(!mark) || !(mark->flags & MARK_FOLLOW))
		return 0;
	u32 flags = mark->flags;
	struct mark *made = adopt_task(child);
	/* What the process has executed, all of its threads have. */
	if (made && GET(child, tgid) == GET(parent, tgid))
		made->flags = flags;
	struct scratch *scratch = scratch_here();
	if (!scratch)
		return 0;
	struct record *record = &scratch->head;
	begin(record, parent, KIND_FORK, ktime_ns());
	record->ret = child->pid;
	record->args[0] = child->tgid;
	record->ops = 1;
	record->lens[0] = sizeof(struct task_facts);
	facts_of_task(child, (void *)scratch->data);
	send(record, sizeof(struct task_facts));
	return 0;
}

SEC("tp_btf/sched_process_exec") int process_exec(u64 *ctx)
{
	struct task_struct *task = task_now();
	u32 old = ctx[1];
	struct linux_binprm *program = (void *)ctx[2];
	rename_mark(task, old);
	struct mark *mark = mark_of(task);
	if (likely(!mark))
		return 0;
	struct scratch *scratch = scratch_here();
	if (!scratch)
		return 0;
	struct record *record = &scratch->head;
	struct park *park = park_of(mark);
	if (park)
		park->tid = GET(task, pid);
	mark->flags += MARK_PROGRAM;
	begin(record, task, KIND_EXEC, ktime_ns());
	record->args[0] = old;
	u32 size = copy_program(scratch, task, program);
	send(record, size);
	return 0;
}

SEC("tp_btf/sched_process_exit") int process_exit(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct mark *mark = mark_of(task);
	if (likely(!mark))
		return 0;
	struct scratch *scratch = scratch_here();
	struct park *park = park_of(mark);
	if (scratch && park) {
		struct record *record = &scratch->head;
		u64 now = ktime_ns();
		const volatile struct row *row = row_of(park->nr, park->flags);
		/* A total has only calls that return. */
		if (park->enter && (row->mode == MODE_ALL || (counting && row->counted))) {
			begin(record, task, KIND_ENTERED, now);
			record->flags = park->flags;
			record->nr = park->nr;
			record->enter = park->enter;
			recall(record, park);
			send(record, 0);
		}
		*(volatile u64 *)&park->enter = 0;
		begin(record, task, KIND_EXIT, now);
		record->ret = task->exit_code;
		record->args[0] = GET(task, se.sum_exec_runtime);
		record->args[1] = GET(task, utime);
		record->args[2] = GET(task, stime);
		send(record, 0);
	}
	forget_task(task, mark);
	return 0;
}

SEC("tp_btf/signal_deliver") int signal_deliver(u64 *ctx)
{
	struct task_struct *task = task_now();
	struct mark *mark = mark_of(task);
	if (likely(!mark))
		return 0;
	struct record record = {};
	begin(&record, task, KIND_SIGNAL, ktime_ns());
	record.ret = (s32)ctx[0];
	/* struct kernel_siginfo begins as user space's: number, errno, code, and the sender where a process has sent it.
	 * SEND_SIG_NOINFO and SEND_SIG_PRIV are no pointers. */
	u64 info = ctx[1];
	if (info > 2) {
		s32 words[5] = {};
		read_kernel(words, sizeof(words), (void *)info);
		record.args[0] = (s64)words[2];
		record.args[1] = (u32)words[4];
	}
	send(&record, 0);
	return 0;
}

SEC("tp_btf/sched_switch") int sched_switch(u64 *ctx)
{
	struct task_struct *previous = (void *)ctx[1], *next = (void *)ctx[2];
	struct mark *mark = mark_of(previous);
	if (likely(!mark))
		return 0;
	struct record record = {};
	begin(&record, previous, KIND_SWITCH, ktime_ns());
	record.ret = next->pid;
	record.args[0] = previous->maj_flt;
	record.args[1] = previous->min_flt;
	struct memory_facts memory = {};
	facts_of_memory(previous, &memory);
	record.args[2] = memory.size_kib;
	record.args[3] = memory.resident_kib;
	record.args[4] = memory.swap_kib;
	send(&record, 0);
	return 0;
}

inline_always int page_fault(u64 *ctx)
{
	struct task_struct *task = task_now();
	if (likely(!mark_of(task)))
		return 0;
	struct record record = {};
	struct pt_regs *regs = (void *)ctx[1];
	begin(&record, task, KIND_FAULT, ktime_ns());
	record.args[0] = ctx[0];
	record.args[1] = instruction_of(regs);
	record.args[2] = ctx[2];
	send(&record, 0);
	return 0;
}

SEC("tp_btf/page_fault_user") int page_fault_user(u64 *ctx)
{
	return page_fault(ctx);
}

SEC("tp_btf/page_fault_kernel") int page_fault_kernel(u64 *ctx)
{
	return page_fault(ctx);
}

/* A request that went to io_uring, where the kernel has this tracepoint: work without a system call of its own. */
SEC("raw_tp/io_uring_submit_req") int uring_request(u64 *ctx)
{
	if (likely(!mark_of(task_now())))
		return 0;
	struct counts *counts = counts_here();
	if (counts)
		counts->uring++;
	return 0;
}

/* Marks what exists already: all threads of the processes in `roots`, and what they have started. Run until a pass marks
 * nothing new, so that neither the order of tasks nor what is forked meanwhile matters. */
SEC("iter/task") int adopt(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	if (!task || mark_of(task))
		return 0;
	u32 pid = task->tgid;
	/* We may be in a tree that is looked at, and each event of ours would make more of them. */
	if (pid == self)
		return 0;
	struct task_struct *leader = task->group_leader, *parent = task->real_parent;
	if (!map_lookup(&roots, &pid) && !(leader && mark_of(leader)) && !(follow && parent && mark_of(parent)))
		return 0;
	if (adopt_task(task))
		__sync_fetch_and_add(&counted.adopted, 1);
	return 0;
}

/* Counts who is left of what is looked at. Who ends has ended, though nobody may have asked for its status yet. */
SEC("iter/task") int remain(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	if (!task || READ(task, flags) & PF_EXITING)
		return 0;
	if (mark_of(task) || within_scope(task))
		__sync_fetch_and_add(&counted.left, 1);
	return 0;
}
