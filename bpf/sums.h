/* Totals in place of records: counts, bytes, time and errors of calls by what user space has chosen. There are two tables
 * that take turns. User space changes the turn, waits until no program can be at the other table any more, and empties
 * it: what is counted is counted once. */
#ifndef FATHOM_SUMS_H
#define FATHOM_SUMS_H

struct {
	MAP_INT(type, MAP_PERCPU_HASH);
	MAP_INT(max_entries, 1);
	MAP_TYPE(key, (struct sum_key){});
	MAP_TYPE(value, (struct sum){});
} sums_even SEC(".maps"), sums_odd SEC(".maps");

struct {
	MAP_INT(type, MAP_ARRAY);
	MAP_INT(max_entries, 1);
	MAP_TYPE(key, (u32)0);
	MAP_TYPE(value, (u32)0);
} turns SEC(".maps");

/* Which file a descriptor is, as far as it is asked for. */
inline_always void sum_file(struct sum_key *key, struct task_struct *task, u64 descriptor)
{
	struct file *file = file_at(task, descriptor);
	struct inode *inode = file ? READ(file, f_inode) : NULL;
	if (!inode)
		return;
	if (counting & BY_FILE) {
		struct super_block *block = READ(inode, i_sb);
		key->inode = READ(inode, i_ino);
		key->device = READ(block, s_dev);
	}
	if (counting & BY_SHAPE) {
		u32 mode = READ(inode, i_mode) & S_IFMT;
		key->shape = mode >> 12;
		if (mode == S_IFSOCK) {
			struct socket *socket = READ(file, private_data);
			struct sock *sock = READ(socket, sk);
			key->family = sock ? READ(sock, __sk_common.skc_family) : 0;
		}
	}
}

inline_always void add_sum(struct sum *sum, s64 ret, u64 time)
{
	sum->count++;
	if (ret > 0)
		sum->bytes += ret;
	if (ret < 0)
		sum->errors++;
	if (counting & COUNT_TIME)
		sum->time += time;
}

static void count_call(struct task_struct *task, struct mark *mark, const volatile struct row *row, struct park *park, s64 ret)
{
	struct sum_key key = {};
	u64 time = counting & COUNT_TIME && park->enter ? ktime_ns() - park->enter : 0;
	if (counting & BY_PROCESS)
		key.task = GET(task, tgid);
	if (counting & BY_THREAD)
		key.task = GET(task, pid);
	if (counting & (BY_PROCESS | BY_THREAD))
		key.programs = mark->flags >> MARK_PROGRAMS;
	if (counting & BY_CALL)
		key.nr = park->nr;
	if (counting & BY_ERROR && ret < 0)
		key.error = -ret;
	if (counting & (BY_DESCRIPTOR | BY_FILE | BY_SHAPE)) {
		u32 which = row->descriptor;
		s64 descriptor = which == ARG_RETURN ? ret : -1;
		if (which < ARGS) {
			OPAQUE(which);
			if (which < ARGS)
				descriptor = (s32)park->args[which];
		}
		if (counting & BY_DESCRIPTOR)
			key.descriptor = descriptor;
		if (counting & (BY_FILE | BY_SHAPE) && descriptor >= 0)
			sum_file(&key, task, descriptor);
	}
	u32 zero = 0;
	u32 *turn = map_lookup(&turns, &zero);
	if (!turn)
		return;
	u32 odd = *turn & 1;
	void *sums = odd ? (void *)&sums_odd : (void *)&sums_even;
	struct sum *sum = map_lookup(sums, &key);
	if (unlikely(!sum)) {
		struct sum none = {};
		map_update(sums, &key, &none, UPDATE_NEW);
		sum = map_lookup(sums, &key);
	}
	if (unlikely(!sum)) {
		struct counts *counts = counts_here();
		if (!counts)
			return;
		OPAQUE(counts);
		sum = odd ? &counts->rest[1] : &counts->rest[0];
	}
	add_sum(sum, ret, time);
}

#endif
