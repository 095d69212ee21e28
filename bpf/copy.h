/* The memory of a call, as its row says: strings, buffers, addresses, vectors; and what a new program was given. */
#ifndef FATHOM_COPY_H
#define FATHOM_COPY_H

struct iovec {
	u64 base, length;
};
struct msghdr {
	u64 name;
	u32 name_length, pad;
	u64 vectors, count;
	u64 control, control_length;
	u32 flags, pad2;
};

/* Hides a value from the compiler, so that it does not take apart the bound that the verifier wants to see. */
#define OPAQUE(value) asm volatile("" : "+r"(value))

/* Where the next bytes go; never behind the first half of the scratch, so that as many fit behind it. */
inline_always u8 *place(struct scratch *scratch, u32 at)
{
	OPAQUE(at);
	at &= DATA - 1;
	return scratch->data + at;
}

inline_always u32 at_most(u64 length, u32 most)
{
	return length > most ? most : length;
}

/* `length` bytes of user memory. What is not there is as absent as what does not fit. */
inline_always s32 copy_bytes(struct scratch *scratch, u32 at, u64 from, u64 length)
{
	u32 size = at_most(length, DATA - 1 - (at & (DATA - 1)));
	OPAQUE(size);
	size &= DATA - 1;
	if (!from)
		return -1;
	if (size && read_user(place(scratch, at), size, (void *)from))
		return -1;
	return size;
}

inline_always s32 copy_string(struct scratch *scratch, u32 at, u64 from)
{
	if ((at & (DATA - 1)) > DATA - PATH)
		return -1;
	s32 size = read_user_str(place(scratch, at), PATH, (void *)from);
	return size <= 0 ? -1 : size;
}

/* What follows are functions of their own, which the verifier looks at once for any arguments, not once for each way that
 * leads to them. They take numbers only, and find the scratch again themselves. */
#define GLOBAL __attribute__((noinline))

/* What one part of an iovec has, up to `most` bytes; its length is added to the sum at `sum`. */
GLOBAL int copy_part(u32 sum, u32 at, u64 vector, u64 most)
{
	struct scratch *scratch = scratch_here();
	struct iovec part;
	if (!scratch || read_user(&part, sizeof(part), (void *)vector))
		return -1;
	*(u64 *)place(scratch, sum) += part.length;
	return copy_bytes(scratch, at, part.base, part.length < most ? part.length : most);
}

/* The sum of an iovec's lengths, then what is in it, up to `most` bytes. */
GLOBAL int copy_vector(u32 at, u64 vectors, u64 count, u64 most)
{
	struct scratch *scratch = scratch_here();
	if (!scratch)
		return -1;
	*(u64 *)place(scratch, at) = 0;
	u32 end = at + sizeof(u64);
	for (u32 i = 0; i < VECTORS; i++) {
		if (i >= count)
			break;
		s32 size = copy_part(at, end, vectors + i * sizeof(struct iovec), most);
		if (size < 0)
			break;
		most -= size;
		end += size;
	}
	return end - at;
}

/* The length of the address, that of control data, the address, then as of a vector. */
GLOBAL int copy_message(u32 at, u64 message, u64 most)
{
	struct scratch *scratch = scratch_here();
	struct msghdr head;
	if (!scratch || read_user(&head, sizeof(head), (void *)message))
		return -1;
	s32 address = copy_bytes(scratch, at + 16, head.name, at_most(head.name_length, ADDRESS));
	if (address < 0)
		address = 0;
	*(u64 *)place(scratch, at) = (u32)address;
	*(u64 *)place(scratch, at + 8) = (u32)head.control_length;
	s32 data = copy_vector(at + 16 + address, head.vectors, head.count, most);
	return data < 0 ? -1 : 16 + address + data;
}

/* Text after text, each with its NUL. */
GLOBAL int copy_texts(u32 at, u64 vector)
{
	struct scratch *scratch = scratch_here();
	if (!scratch)
		return -1;
	u32 end = at;
	for (u32 i = 0; i < TEXTS; i++) {
		u64 text = 0;
		if (read_user(&text, sizeof(text), (void *)(vector + i * 8)) || !text)
			break;
		s32 size = copy_string(scratch, end, text);
		if (size < 0)
			break;
		end += size;
	}
	return end - at;
}

inline_always s32 copy_range(struct scratch *scratch, u32 at, u64 from, u64 to)
{
	return copy_bytes(scratch, at, from, at_most(to - from, PATH));
}

/* What the caller was given as it began: the kernel keeps where arguments and environment lie, and the name of the file
 * follows them on the stack (fs/exec.c). */
GLOBAL int copy_given(u32 kind, u32 at)
{
	struct scratch *scratch = scratch_here();
	if (!scratch)
		return -1;
	struct task_struct *task = task_now();
	struct mm_struct *mm = READ(task, mm);
	if (kind == OP_PROGRAM)
		return copy_string(scratch, at, READ(mm, env_end));
	if (kind == OP_ARGUMENTS)
		return copy_range(scratch, at, READ(mm, arg_start), READ(mm, arg_end));
	return copy_range(scratch, at, READ(mm, env_start), READ(mm, env_end));
}

inline_always u64 length_of(struct record *record, u32 length, u32 extra, s64 ret)
{
	if (length < ARGS)
		return record->args[length];
	if (length == LENGTH_AT) {
		u32 found = 0;
		read_user(&found, sizeof(found), (void *)record->args[extra & 7]);
		return found;
	}
	if (ret >= 0)
		return ret;
	return length == LENGTH_RETURN ? 0 : record->args[extra & 7];
}

/* One piece of memory of the call in the scratch; `op` is a struct op in one word. */
GLOBAL int copy_one(u64 op, u32 at, s64 ret)
{
	struct scratch *scratch = scratch_here();
	if (!scratch)
		return -1;
	struct record *record = &scratch->head;
	u32 kind = op & 0xff, which = op >> 8 & 0xff, length = op >> 16 & 0xff, extra = op >> 24 & 0xff;
	u32 unit = op >> 32 & 0xff, cut = op >> 48 & 0xff;
	/* Behind the arguments stand lengths and counts, so that 6 and 7 stay within the record. */
	u64 arg = which == ARG_RETURN ? ret : record->args[which & 7];
	u64 most = ret >= 0 && ret < snaplen ? ret : snaplen;
	if (kind == OP_BYTES) {
		u64 bytes = length_of(record, length, extra, ret) * unit;
		return copy_bytes(scratch, at, arg, cut ? at_most(bytes, snaplen) : at_most(bytes, DATA - 1));
	}
	if (kind == OP_STRING)
		return copy_string(scratch, at, arg);
	if (kind == OP_FIXED)
		return copy_bytes(scratch, at, arg, unit);
	if (kind == OP_ADDRESS)
		return copy_bytes(scratch, at, arg, at_most((u32)length_of(record, length, extra, ret), ADDRESS));
	if (kind == OP_VECTOR)
		return copy_vector(at, arg, record->args[length & 7], most);
	if (kind == OP_MESSAGE)
		return copy_message(at, arg, most);
	if (kind == OP_STRINGS)
		return copy_texts(at, arg);
	if (kind >= OP_PROGRAM) {
		if (ret >= 0)
			return copy_given(kind, at);
		return kind == OP_PROGRAM ? copy_string(scratch, at, arg) : copy_texts(at, arg);
	}
	struct task_struct *task = task_now();
	if (kind == OP_TASK) {
		facts_of_task(task, (void *)place(scratch, at));
		return sizeof(struct task_facts);
	}
	if (kind == OP_MEMORY) {
		facts_of_memory(task, (void *)place(scratch, at));
		return sizeof(struct memory_facts);
	}
	if (extra == 1) {
		s32 fd = -1;
		read_user(&fd, sizeof(fd), (void *)arg);
		arg = fd;
	}
	struct file *file;
	if (extra == 2) {
		struct mm_struct *mm = READ(task, mm);
		file = READ(mm, exe_file);
	} else {
		file = file_at(task, arg);
	}
	if (!file)
		return -1;
	if (kind == OP_SOCKET)
		return facts_of_socket(file, (void *)place(scratch, at));
	if (kind == OP_FILE)
		return facts_of_file(file, (void *)place(scratch, at));
	return -1;
}

/* One piece of memory of the call, if it is copied at all. Says where the next one goes. */
GLOBAL u32 copy_piece(u64 op, u32 index, u32 at, s64 ret)
{
	struct scratch *scratch = scratch_here();
	if (!scratch)
		return at;
	/* Two more than there are lie within the record still. */
	OPAQUE(index);
	index &= 7;
	u32 when = op >> 40 & 0xff;
	s32 size = -1;
	if (when == WHEN_ALWAYS || (when == WHEN_SUCCESS ? ret >= 0 : ret < 0))
		size = copy_one(op, at, ret);
	scratch->head.lens[index] = size < 0 ? ABSENT : size;
	return size < 0 ? at : at + size;
}

/* All that the row names; the lengths go into the head, and the sum is returned. */
inline_always u32 copy_memory(struct scratch *scratch, const volatile struct row *row, s64 ret)
{
	u32 ops = row->ops, at = 0;
	for (u32 i = 0; i < OPS; i++) {
		if (i >= ops)
			break;
		at = copy_piece(*(const volatile u64 *)&row->op[i], i, at, ret);
	}
	scratch->head.ops = ops;
	return at;
}

/* What the new program is: its task, the name of its file, its file. */
static u32 copy_program(struct scratch *scratch, struct task_struct *task, struct linux_binprm *program)
{
	struct record *record = &scratch->head;
	struct file *file = READ(program, file);
	u32 at = 0;
	facts_of_task(task, (void *)scratch->data);
	at += record->lens[0] = sizeof(struct task_facts);
	s32 size = read_kernel_str(place(scratch, at), PATH, READ(program, filename));
	record->lens[1] = size < 0 ? ABSENT : size;
	at += size < 0 ? 0 : size;
	size = file ? facts_of_file(file, (void *)place(scratch, at)) : -1;
	record->lens[2] = size < 0 ? ABSENT : size;
	at += size < 0 ? 0 : size;
	record->ops = 3;
	return at;
}

#endif
