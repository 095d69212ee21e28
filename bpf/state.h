/* What the programs keep: marks of the tasks that are looked at, their slots, counters, rings; and what they were told
 * at load. */
#ifndef FATHOM_STATE_H
#define FATHOM_STATE_H

/* Told at load. */
const volatile u32 scope = SCOPE_TREE;
const volatile u32 follow = 1;
const volatile u32 snaplen = 80;
/* Our own process, which is never looked at. */
const volatile u32 self = 0;
/* What calls are counted by, see BY_; 0: not at all. */
const volatile u32 counting = 0;
/* Whether beginnings of calls are looked at. */
const volatile u32 begins = 1;
const volatile struct row rows[CALLS] = {};

/* What iterators have counted so far: tasks that were marked, and those that were still looked at. */
struct {
	u32 adopted, left;
} counted = {};

/* Above the flags it is counted how many programs the process has executed. */
enum { MARK_FOLLOW = 1, MARK_PROGRAM = 1 << 8 };
#define MARK_PROGRAMS 8
#define NO_SLOT 0xffffffff

struct mark {
	u32 flags;
	u32 slot;
	struct park own; /* in place of a slot, where there was none left */
};

#ifdef FATHOM_STORAGE
struct {
	MAP_INT(type, MAP_TASK_STORAGE);
	MAP_INT(map_flags, F_NO_PREALLOC);
	MAP_TYPE(key, (u32)0);
	MAP_TYPE(value, (struct mark){});
} marks SEC(".maps");
#else
/* Before 5.11 there is no task storage; the key is the thread's number. */
struct {
	MAP_INT(type, MAP_HASH);
	MAP_INT(max_entries, 65536);
	MAP_TYPE(key, (u32)0);
	MAP_TYPE(value, (struct mark){});
} marks SEC(".maps");
#endif

/* Calls under way, where user space can see them, and the numbers of slots that are free. */
struct {
	MAP_INT(type, MAP_ARRAY);
	MAP_INT(map_flags, F_MMAPABLE);
	MAP_INT(max_entries, 1);
	MAP_TYPE(key, (u32)0);
	MAP_TYPE(value, (struct park){});
} slots SEC(".maps");

struct {
	MAP_INT(type, MAP_STACK);
	MAP_INT(max_entries, 1);
	MAP_TYPE(value, (u32)0);
} free_slots SEC(".maps");

/* Processes whose trees are looked at; ids of cgroups, or inodes of pid namespaces, that are. */
struct {
	MAP_INT(type, MAP_HASH);
	MAP_INT(max_entries, 4096);
	MAP_TYPE(key, (u32)0);
	MAP_TYPE(value, (u8)0);
} roots SEC(".maps");

struct {
	MAP_INT(type, MAP_HASH);
	MAP_INT(max_entries, 4096);
	MAP_TYPE(key, (u64)0);
	MAP_TYPE(value, (u8)0);
} wanted SEC(".maps");

/* By processor. What is lost since the last record that was not is not part of `counts`, which is only for reading. */
struct tally {
	struct counts counts;
	u32 lost;
	u32 pad[23];
};

struct {
	MAP_INT(type, MAP_ARRAY);
	MAP_INT(map_flags, F_MMAPABLE);
	MAP_INT(max_entries, 1);
	MAP_TYPE(key, (u32)0);
	MAP_TYPE(value, (struct tally){});
} tallies SEC(".maps");

struct scratch {
	struct record head;
	u8 data[2 * DATA];
};

struct {
	MAP_INT(type, MAP_ARRAY);
	MAP_INT(max_entries, 1);
	MAP_TYPE(key, (u32)0);
	MAP_TYPE(value, (struct scratch){});
} scratches SEC(".maps");

struct ring {
	MAP_INT(type, MAP_RINGBUF);
	MAP_INT(max_entries, 4096);
};

struct {
	MAP_INT(type, MAP_ARRAY_OF_MAPS);
	MAP_INT(max_entries, 1);
	MAP_TYPE(key, (u32)0);
	MAP_TYPE(value, (u32)0);
	typeof(struct ring) * values[];
} rings SEC(".maps");

inline_always struct tally *tally_here(void)
{
	u32 cpu = processor();
	return map_lookup(&tallies, &cpu);
}

inline_always struct counts *counts_here(void)
{
	struct tally *tally = tally_here();
	return tally ? &tally->counts : NULL;
}

inline_always struct scratch *scratch_here(void)
{
	u32 cpu = processor();
	return map_lookup(&scratches, &cpu);
}

/* Hands a record and `size` bytes of data behind it to this processor's ring, or counts what found no room. */
inline_always void send(struct record *record, u32 size)
{
	u32 cpu = processor();
	struct tally *tally = map_lookup(&tallies, &cpu);
	void *ring = map_lookup(&rings, &cpu);
	if (!tally || !ring)
		return;
	u32 kind = record->kind & 7;
	record->cpu = cpu;
	record->lost = tally->lost;
	size &= 2 * DATA - 1;
	if (likely(!ringbuf_output(ring, record, sizeof(*record) + size, RB_NO_WAKEUP))) {
		tally->counts.sent[kind]++;
		tally->lost = 0;
	} else {
		tally->counts.lost[kind]++;
		tally->lost++;
	}
}

inline_always struct task_struct *task_now(void)
{
#ifdef FATHOM_STORAGE
	return current_task_btf();
#else
	return current_task();
#endif
}

inline_always const volatile struct row *row_of(u64 nr, u16 flags)
{
	if (unlikely(nr >= ROW_OTHER || flags))
		return &rows[ROW_OTHER];
	return &rows[nr & (CALLS - 1)];
}

#include "tasks.h"

#endif
