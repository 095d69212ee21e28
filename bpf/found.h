/* What there is already, gone through within the kernel: threads, and what they have open. */
#ifndef FATHOM_FOUND_H
#define FATHOM_FOUND_H

SEC("iter/task") int find_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	if (!task)
		return 0;
	struct found_task found = {};
	facts_of_task(task, &found.facts);
	struct mm_struct *mm = READ(task, mm);
	if (mm) {
		found.arguments = READ(mm, arg_start);
		found.arguments_end = READ(mm, arg_end);
		found.environment = READ(mm, env_start);
		found.environment_end = READ(mm, env_end);
		struct file *program = READ(mm, exe_file);
		if (program) {
			found.program.mount = (u64)READ(program, f_path.mnt);
			found.program.entry = (u64)READ(program, f_path.dentry);
		}
	}
	struct fs_struct *fs = READ(task, fs);
	if (fs) {
		found.root.mount = (u64)READ(fs, root.mnt);
		found.root.entry = (u64)READ(fs, root.dentry);
		found.folder.mount = (u64)READ(fs, pwd.mnt);
		found.folder.entry = (u64)READ(fs, pwd.dentry);
	}
	seq_write(ctx->meta->seq, &found, sizeof(found));
	return 0;
}

#ifdef FATHOM_STORAGE
/* The path of a file is to be had from 5.10 on. One at a time is gone through: nobody else writes here meanwhile. */
struct found {
	struct found_file file;
	char path[PATH];
};

struct {
	MAP_INT(type, MAP_ARRAY);
	MAP_INT(max_entries, 1);
	MAP_TYPE(key, (u32)0);
	MAP_TYPE(value, (struct found){});
} found_here SEC(".maps");

inline_always u32 ends_on_exec(struct task_struct *task, u32 descriptor)
{
	struct files_struct *files = READ(task, files);
	struct fdtable *table = READ(files, fdt);
	unsigned long *words = READ(table, close_on_exec), word = 0;
	read_kernel(&word, sizeof(word), words + descriptor / 64);
	return word >> (descriptor % 64) & 1;
}

SEC("iter/task_file") int find_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	u32 zero = 0;
	struct found *found = map_lookup(&found_here, &zero);
	if (!task || !file || !found)
		return 0;
	found->file.pid = READ(task, tgid);
	found->file.descriptor = ctx->fd;
	if (READ(task, pid) != found->file.pid || facts_of_file(file, &found->file.facts) < 0)
		return 0;
	if (ends_on_exec(task, ctx->fd))
		found->file.facts.flags |= O_CLOEXEC;
	found->file.is_socket = facts_of_socket(file, &found->file.socket) > 0;
	long length = path_of(&file->f_path, found->path, sizeof(found->path));
	if (length < 0)
		length = 0;
	OPAQUE(length);
	if (length > PATH)
		length = PATH;
	length &= 2 * PATH - 1;
	found->file.path_length = length;
	if (length <= PATH)
		seq_write(ctx->meta->seq, found, sizeof(found->file) + length);
	return 0;
}
#endif

#endif
