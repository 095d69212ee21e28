/* What kernel and user space say to each other. crates/kernel/src/record.rs and row.rs have the same words; a test
 * compares the sizes. All numbers are in this machine's byte order. */
#ifndef FATHOM_RECORD_H
#define FATHOM_RECORD_H

/* Numbers of system calls from 0; the last row is for all that are higher, or not of this machine's own kind. */
#define CALLS 512
#define ROW_OTHER (CALLS - 1)
#define ARGS 6
#define OPS 6
/* A record's data in bytes, without its header. */
#define DATA 0x10000
#define PATH 4096
#define ADDRESS 128
#define VECTORS 64
#define TEXTS 64

enum mode { MODE_OFF, MODE_ALL, MODE_FAILED };
enum scope { SCOPE_TREE, SCOPE_CGROUP, SCOPE_PIDNS, SCOPE_ALL };

enum op_kind {
	OP_NONE,
	OP_STRING,   /* text at an argument */
	OP_BYTES,    /* memory at an argument, as long as `length` says, times `unit`; user data is cut at snaplen */
	OP_FIXED,    /* a structure of `unit` bytes at an argument */
	OP_ADDRESS,  /* a socket address at an argument */
	OP_VECTOR,   /* an iovec: u64 sum of lengths, then bytes */
	OP_MESSAGE,  /* a msghdr: u64 length of address, u64 of control data, address, u64 sum, bytes */
	OP_STRINGS,  /* a vector of pointers to text, ended by NULL */
	OP_TASK,     /* struct task_facts of the caller */
	OP_MEMORY,   /* struct memory_facts of the caller */
	OP_SOCKET,   /* struct socket_facts of a descriptor */
	OP_FILE,     /* struct file_facts of a descriptor */
	OP_PROGRAM,  /* the file that is executed: as it was named, at an argument if that failed */
	OP_ARGUMENTS, /* its arguments, the same */
	OP_ENVIRONMENT, /* its environment, the same */
};

/* Where a length comes from: 0 to 5 an argument, else one of these. */
enum { LENGTH_RETURN = 6, LENGTH_RETURN_OR_ARG = 7, LENGTH_AT = 8 };
/* Which argument; 6 is what was returned. */
enum { ARG_RETURN = 6 };
enum { NO_DESCRIPTOR = 0xff };
enum op_when { WHEN_ALWAYS, WHEN_SUCCESS, WHEN_FAILURE };

struct op {
	u8 kind;
	u8 arg;
	u8 length;  /* an argument, or LENGTH_; for LENGTH_RETURN_OR_ARG and LENGTH_AT, `extra` is the argument */
	u8 extra;   /* an argument, see above; of a descriptor: 1 if it lies in memory at `arg`,
	              2 if it is the program's own file */
	u8 unit;
	u8 when;
	u8 cut;     /* 1: user data, cut at snaplen */
	u8 pad;
};

struct row {
	u8 mode;
	u8 ops;
	u8 counted;    /* 1: part of the totals */
	u8 descriptor; /* for the totals: the argument that is one, ARG_RETURN, or NO_DESCRIPTOR */
	u8 pad[4];
	struct op op[OPS];
};

enum kind {
	KIND_CALL,      /* a call that has returned */
	KIND_ENTERED,   /* a call that will never return, told as its caller ends */
	KIND_FORK,
	KIND_EXEC,
	KIND_EXIT,
	KIND_SIGNAL,
	KIND_SWITCH,
	KIND_FAULT,
	KINDS,
};

#define ABSENT 0xffff

/* flags of a record */
enum { FLAG_COMPAT = 1 };

struct record {
	u8 kind;
	u8 flags;
	u16 nr;
	u32 lost;      /* records lost on this processor since the last one that was not */
	u32 tid;
	u32 pid;
	u64 time;      /* CLOCK_MONOTONIC, ns */
	u64 enter;     /* when the call began; 0: before we looked */
	s64 ret;
	u64 args[ARGS];
	u16 lens[OPS]; /* of the data that follows; ABSENT: could not be read */
	u16 ops;
	u16 cpu;
};

/* A call under way; user space reads it from a shared page. One cache line. */
struct park {
	u64 enter;     /* 0: in no call; 1: about to be */
	u32 tid;
	u16 nr;
	u16 flags;
	u64 args[ARGS];
};

struct task_facts {
	u32 tid, pid, parent, real_parent_tid;
	u32 uid, gid, euid, egid;
	u32 vtid, vpid, pgid, sid;
	u32 vpgid, vsid, loginuid, tty;
	u64 flags, fd_limit, minor_faults, major_faults, cgroup, start;
	u64 cgroups; /* tasks in the same cgroups, of all hierarchies, have the same number here */
	u64 inheritable, permitted, effective;
	u32 size_kib, resident_kib, swap_kib, pid_namespace;
	char comm[16];
};

struct memory_facts {
	u32 size_kib, resident_kib, swap_kib, pad;
};

struct socket_facts {
	u16 family, state, type, protocol;
	u16 local_port, remote_port;
	u32 backlog, backlog_max;
	u8 local[16], remote[16];
	u64 own, peer; /* of a Unix socket: which, as the kernel tells them apart */
	u8 path[108];  /* of a Unix socket, or of its peer where it has none itself */
	u32 path_length;
};

struct file_facts {
	u64 inode;
	u32 device, flags, mode, pad;
};

/* A thread as it is found; what it was given lies in its memory. */
/* Where a file is, as the kernel tells places apart: two that are alike have one path. */
struct place {
	u64 mount, entry;
};

struct found_task {
	struct task_facts facts;
	u64 arguments, arguments_end, environment, environment_end;
	struct place program, root, folder;
};

/* A descriptor as it is found; its path follows. */
struct found_file {
	u32 pid;
	s32 descriptor;
	struct file_facts facts;
	u32 is_socket;
	u32 path_length;
	struct socket_facts socket;
};

/* What calls are counted by; bits of `counting`. */
enum {
	BY_PROCESS = 1,
	BY_THREAD = 2,
	BY_CALL = 4,
	BY_DESCRIPTOR = 8,
	BY_FILE = 16,  /* inode and device */
	BY_SHAPE = 32, /* which sort of file, and the family of a socket */
	BY_ERROR = 64,
	COUNT_TIME = 128,
	COUNTING = 256, /* set whenever anything is counted */
};

/* What a total is of; what calls are not counted by is 0. */
struct sum_key {
	u64 inode;
	u32 task;
	s32 descriptor;
	u32 device;
	u16 nr;
	u16 error;
	u8 shape;      /* the upper four bits of a mode as in stat(2); 0: of no sort */
	u8 family;
	u16 programs;  /* of a task: how many programs it has executed since it is looked at */
	u8 pad[4];
};

struct sum {
	u64 count, bytes, time, errors;
};

/* Exact, per processor: what was sent, what found no room, and what is told only as a number. */
struct counts {
	u64 sent[KINDS];
	u64 lost[KINDS];
	u64 compat;    /* calls of 32-bit programs */
	u64 uring;     /* requests that went to the kernel without a system call of their own */
	u64 unslotted; /* threads that found no slot, whose calls cannot be shown before they return */
	u64 high;      /* the highest slot in use so far, plus one */
	struct sum rest[2]; /* of what found no room among the totals, by whose turn it was */
};

#endif
