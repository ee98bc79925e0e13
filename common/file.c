#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(struct buf *out, int fd, size_t max, struct err *err)
{
    size_t start = out->len;

    for (;;) {
        uint8_t piece[4096];
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, "read");
        if (got == 0)
            return 0;
        if (out->len - start + (size_t)got > max)
            return err_set(err, "longer than %zu bytes", max);
        buf_append(out, piece, (size_t)got);
        explicit_bzero(piece, sizeof(piece));
    }
}

static int read_file(struct buf *out, const char *path, size_t max, mode_t forbidden,
                     struct err *err)
{
    struct stat info;
    int result = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return err_errno(err, "open '%s'", path);
    if (fstat(fd, &info)) {
        err_errno(err, "look at '%s'", path);
        goto done;
    }
    if (info.st_mode & forbidden) {
        err_set(err, "'%s' can be read or written by others (mode %04o): chmod 600 '%s'", path,
                (unsigned)info.st_mode & 07777, path);
        goto done;
    }
    result = read_all(out, fd, max, err);
    if (result)
        err_wrap(err, "'%s'", path);
done:
    close(fd);
    return result;
}

int file_read(struct buf *out, const char *path, size_t max, struct err *err)
{
    return read_file(out, path, max, 0, err);
}

int file_read_secret(struct buf *out, const char *path, size_t max, struct err *err)
{
    return read_file(out, path, max, S_IRWXG | S_IRWXO, err);
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        data += put;
        len -= (size_t)put;
    }
    return 0;
}

int file_create(const char *path, unsigned mode, const void *data, size_t len, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);

    if (fd < 0)
        return err_errno(err, "create '%s'", path);
    if (write_all(fd, data, len) || fsync(fd)) {
        err_errno(err, "write '%s'", path);
        close(fd);
        unlink(path);
        return -1;
    }
    close(fd);
    return 0;
}

/* A rename is on disk when its folder is. */
static int sync_folder(const char *path)
{
    char *copy = xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    free(copy);
    return result;
}

int file_replace(const char *path, unsigned mode, const void *data, size_t len, struct err *err)
{
    struct stat before;
    bool existed = stat(path, &before) == 0;
    char *fresh = xasprintf("%s.new", path);
    int result = -1;

    unlink(fresh); /* left over from a crash */
    if (file_create(fresh, mode, data, len, err))
        goto done;
    if ((existed && chown(fresh, before.st_uid, before.st_gid) < 0) || rename(fresh, path) < 0) {
        err_errno(err, "replace '%s'", path);
        unlink(fresh);
        goto done;
    }
    result = sync_folder(path) < 0 ? err_errno(err, "sync the folder of '%s'", path) : 0;
done:
    free(fresh);
    return result;
}

int file_scratch(struct err *err)
{
    const char *folder = getenv("TMPDIR");
    char *name = xasprintf("%s/amr-XXXXXX", folder != NULL && *folder != '\0' ? folder : "/tmp");
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        err_errno(err, "scratch file '%s'", name);
    else
        unlink(name);
    free(name);
    return fd;
}

int file_size(uint64_t *ret_bytes, const char *path, struct err *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return err_errno(err, "look at '%s'", path);
    *ret_bytes = (uint64_t)info.st_size;
    return 0;
}
