#include "source.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t mtime_ns(const struct stat *info)
{
#ifdef __APPLE__
    return (int64_t)info->st_mtimespec.tv_sec * 1000000000 + info->st_mtimespec.tv_nsec;
#else
    return (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
#endif
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

void source_probe(const char *name, struct source *source)
{
    memset(source, 0, offsetof(struct source, path) + 1);
    struct stat info;
    /* Ask before opening: opening a pipe or a device is an action, and the stock loader's to do. */
    if (stat(name, &info) != 0 || !S_ISREG(info.st_mode))
        return;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        source->regular = true;
        source->size = (uint64_t)info.st_size;
        source->inode = (uint64_t)info.st_ino;
        source->mtime_ns = mtime_ns(&info);
        source->binary = looks_binary(fd);
        resolve(fd, source->path, sizeof source->path);
    }
    close(fd);
}

bool source_unchanged(const char *name, const struct source *source)
{
    struct stat info;
    return stat(name, &info) == 0 && (uint64_t)info.st_size == source->size && (uint64_t)info.st_ino == source->inode &&
           mtime_ns(&info) == source->mtime_ns;
}
