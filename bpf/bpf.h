/* What a program calls: the helpers that we use, by their number in the kernel's UAPI (include/uapi/linux/bpf.h), and
 * how a map is described. Numbers are promised by the kernel and never change. */
#ifndef FATHOM_BPF_H
#define FATHOM_BPF_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef int s32;
typedef long long s64;

#define NULL ((void *)0)
#define SEC(name) __attribute__((section(name), used))
#define inline_always static inline __attribute__((always_inline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* Keeps the compiler from moving stores that another processor reads in order. */
#define barrier() asm volatile("" ::: "memory")

/* BTF carries a map's numbers as array lengths. */
#define MAP_INT(name, value) int(*name)[value]
#define MAP_TYPE(name, value) typeof(value) *name

enum {
	MAP_HASH = 1,
	MAP_ARRAY = 2,
	MAP_PERCPU_HASH = 5,
	MAP_PERCPU_ARRAY = 6,
	MAP_ARRAY_OF_MAPS = 12,
	MAP_STACK = 23,
	MAP_RINGBUF = 27,
	MAP_TASK_STORAGE = 29,
};
enum { F_NO_PREALLOC = 1, F_MMAPABLE = 1 << 10 };
enum { STORAGE_CREATE = 1 };
enum { UPDATE_NEW = 1 };
enum { RB_NO_WAKEUP = 1 };

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*map_delete)(void *map, const void *key) = (void *)3;
static u64 (*ktime_ns)(void) = (void *)5;
static u32 (*processor)(void) = (void *)8;
static void *(*current_task)(void) = (void *)35;
static long (*map_push)(void *map, const void *value, u64 flags) = (void *)87;
static long (*map_pop)(void *map, void *value) = (void *)88;
static long (*read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*read_user_str)(void *to, u32 size, const void *from) = (void *)114;
static long (*read_kernel_str)(void *to, u32 size, const void *from) = (void *)115;
static long (*seq_write)(void *seq, const void *data, u32 size) = (void *)127;
static long (*ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static long (*path_of)(void *path, char *to, u32 size) = (void *)147;
static void *(*task_storage)(void *map, void *task, void *value, u64 flags) = (void *)156;
static void *(*current_task_btf)(void) = (void *)158;

/* A field of a kernel structure, where the verifier lets us only copy: the offset is relocated at load. */
#define READ(object, field)                                                                                            \
	({                                                                                                             \
		typeof((object)->field) read_;                                                                         \
		read_kernel((void *)&read_, sizeof(read_), (void *)__builtin_preserve_access_index(&(object)->field)); \
		read_;                                                                                                 \
	})
#define FIELD_EXISTS(object, field) __builtin_preserve_field_info((object)->field, 2)

#endif
