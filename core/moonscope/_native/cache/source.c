#include "cache/source.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#if __has_include(<linux/openat2.h>) && defined SYS_openat2
#include <linux/openat2.h>
#define OPENS_WITHOUT_LINKS
#endif
#endif

enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK };

static int64_t mtime_ns(const struct stat *info)
{
#ifdef __APPLE__
    return (int64_t)info->st_mtimespec.tv_sec * 1000000000 + info->st_mtimespec.tv_nsec;
#else
    return (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
#endif
}

static bool is_same(const struct stat *info, const struct source *source)
{
    return (uint64_t)info->st_size == source->size && (uint64_t)info->st_ino == source->inode &&
           mtime_ns(info) == source->mtime_ns;
}

/* Every Lua skips a first line that starts with '#' (5.2 and later: after an optional byte-order mark), and takes
   what follows for a dumped chunk when it begins with the escape character. */
static bool looks_binary(int fd)
{
    unsigned char block[4096];
    ssize_t size = read(fd, block, sizeof block);
    ssize_t at = size >= 3 && memcmp(block, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    if (size <= at)
        return false;
    if (block[at] != '#')
        return block[at] == 0x1B;
    for (; size > 0; at = 0, size = read(fd, block, sizeof block))
        for (; at < size; at++)
            if (block[at] == '\n') {
                unsigned char first;
                if (at + 1 < size)
                    return block[at + 1] == 0x1B;
                return read(fd, &first, 1) == 1 && first == 0x1B;
            }
    return false;
}

/* What a descriptor leads to. */
static void resolve(int fd, char *path, size_t size)
{
    path[0] = '\0';
#ifdef __APPLE__
    char full[4096];
    if (fcntl(fd, F_GETPATH, full) == 0 && strlen(full) < size)
        strcpy(path, full);
#else
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size);
    if (length < 0 || (size_t)length >= size)
        length = 0;
    path[length] = '\0';
#endif
}

#ifdef OPENS_WITHOUT_LINKS
/* An absolute name without "//", "." and "..", which has nothing to resolve when no part of it is a symbolic link. */
static bool is_direct(const char *name)
{
    for (const char *part = name; *part == '/'; part += strcspn(part, "/")) {
        part++;
        size_t length = strcspn(part, "/");
        if (length == 0 || (part[0] == '.' && (length == 1 || (length == 2 && part[1] == '.'))))
            return false;
    }
    return name[0] == '/';
}

/* Opens such a name unless a part of it is a link. To ask the kernel for the path of a descriptor takes as long as all else
   that is done with the file. */
static int open_direct(const char *name, char *path, size_t size)
{
    struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_NO_SYMLINKS};
    size_t length = strlen(name);
    if (length >= size || !is_direct(name))
        return -1;
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof how);
    if (fd >= 0)
        memcpy(path, name, length + 1);
    return fd;
}
#else
static int open_direct(const char *name, char *path, size_t size)
{
    (void)name;
    (void)path;
    (void)size;
    return -1;
}
#endif

static int open_resolved(const char *name, char *path, size_t size)
{
    int fd = open_direct(name, path, size);
    if (fd < 0 && (fd = open(name, FLAGS)) >= 0)
        resolve(fd, path, size);
    return fd;
}

/* Reads the next block into an empty one. */
static void fill(struct source_reader *reader)
{
    ssize_t length = read(reader->fd, reader->block, sizeof reader->block);
    reader->failed = length < 0;
    reader->length = length > 0 ? (size_t)length : 0;
}

static void look_inside(struct source *source, struct source_reader *reader)
{
    fill(reader);
    char first = reader->length > 0 ? reader->block[0] : '\0';
    reader->plain = !reader->failed && first != '#' && first != '\xEF' && first != '\x1B';
    if (!reader->plain)
        source->binary = lseek(reader->fd, 0, SEEK_SET) == 0 && looks_binary(reader->fd);
}

void source_open(const char *name, struct source *source, struct source_reader *reader)
{
    struct stat info;
    memset(source, 0, offsetof(struct source, path) + 1);
    memset(reader, 0, offsetof(struct source_reader, block));
    reader->fd = -1;
    /* Ask before opening: opening a pipe or a device is an action, and the stock loader's to do. */
    if (stat(name, &info) != 0 || !S_ISREG(info.st_mode))
        return;
    reader->fd = open_resolved(name, source->path, sizeof source->path);
    if (reader->fd < 0 || fstat(reader->fd, &info) != 0 || !S_ISREG(info.st_mode))
        return;
    source->regular = true;
    source->size = (uint64_t)info.st_size;
    source->inode = (uint64_t)info.st_ino;
    source->mtime_ns = mtime_ns(&info);
    look_inside(source, reader);
}

const char *source_next(struct source_reader *reader, size_t *length)
{
    if (reader->length == 0)
        fill(reader);
    *length = reader->length;
    reader->length = 0;
    reader->plain = false;
    return *length > 0 ? reader->block : NULL;
}

bool source_unchanged(const char *name, const struct source *source, const struct source_reader *reader)
{
    struct stat info;
    return (reader->fd >= 0 ? fstat(reader->fd, &info) : stat(name, &info)) == 0 && is_same(&info, source);
}

void source_close(struct source_reader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    reader->fd = -1;
}
