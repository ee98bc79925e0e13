#include "chain-bridge/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain-bridge/archive_reader.h"
#include "chain-bridge/fault.h"
#include "chain-bridge/report_blob.h"

enum { STEP_REPORTS = 4000, KEPT_MAX = 1000, LEAF_LEN = sizeof(struct eth_hash) };

struct archive {
    struct store *store;
    char *path;
    int fd;
    uint64_t length; /* durable and known to the store */
    struct buf entries;
    uint64_t ids[STEP_REPORTS]; /* whose reports `entries` has */
    size_t count;
    uint64_t batch; /* of the entry that is open */
    size_t entry;   /* where it begins */
    struct err *err;
    bool failed;
};

static int fail(struct archive *archive, const char *what, struct err *err)
{
    return err_set(err, "archive %s: %s: %s", archive->path, what, strerror(errno));
}

static int write_all(struct archive *archive, const void *data, size_t len, struct err *err)
{
    const uint8_t *at = data;
    for (size_t done = 0; done < len;) {
        ssize_t wrote = pwrite(archive->fd, at + done, len - done, (off_t)(archive->length + done));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return fail(archive, "write", err);
        done += (size_t)wrote;
    }
    if (fdatasync(archive->fd) < 0)
        return fail(archive, "sync", err);
    return 0;
}

/* What another store wrote keeps its content under another name. */
int archive_keep(const char *path, struct err *err)
{
    struct stat stat_old, stat_new;
    int result = 0;
    if (stat(path, &stat_old) < 0 || stat_old.st_size <= ARCHIVE_MAGIC_LEN)
        return 0;
    for (int i = 1; i < KEPT_MAX; i++) {
        char *name = xasprintf("%s.%d", path, i);
        bool is_free = stat(name, &stat_new) < 0;
        if (is_free && rename(path, name) < 0)
            result = err_set(err, "archive %s: rename: %s", name, strerror(errno));
        free(name);
        if (is_free)
            return result;
    }
    return err_set(err, "archive %s: too many old ones beside it", path);
}

static int open_file(struct archive *archive, struct err *err)
{
    if (store_archive_length(archive->store, &archive->length, err) < 0 ||
        (archive->length == 0 && archive_keep(archive->path, err) < 0))
        return -1;
    archive->fd = open(archive->path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    return archive->fd < 0 ? fail(archive, "open", err) : 0;
}

static int settle_length(struct archive *archive, struct err *err)
{
    struct stat file;
    if (fstat(archive->fd, &file) < 0)
        return fail(archive, "stat", err);
    if ((uint64_t)file.st_size < archive->length)
        return err_set(err, "archive %s: has %llu bytes, the store knows of %llu: not the one",
                       archive->path, (unsigned long long)file.st_size,
                       (unsigned long long)archive->length);
    if (ftruncate(archive->fd, (off_t)archive->length) < 0)
        return fail(archive, "truncate", err);
    return 0;
}

int archive_open(struct archive **ret_archive, const char *path, struct store *store,
                 struct err *err)
{
    struct archive *archive = xcalloc(1, sizeof(*archive));
    archive->store = store;
    archive->path = xstrdup(path);
    archive->fd = -1;
    if (open_file(archive, err) < 0 || settle_length(archive, err) < 0) {
        archive_close(archive);
        return -1;
    }
    *ret_archive = archive;
    return 0;
}

void archive_close(struct archive *archive)
{
    if (!archive)
        return;
    if (archive->fd >= 0)
        close(archive->fd);
    buf_free(&archive->entries);
    free(archive->path);
    free(archive);
}

static void end_entry(struct archive *archive)
{
    uint8_t checksum[ARCHIVE_SUM_LEN];
    struct buf *entries = &archive->entries;
    if (archive->batch == 0)
        return;
    uint32_t len = (uint32_t)(entries->len - archive->entry - 4);
    for (int i = 0; i < 4; i++)
        entries->data[archive->entry + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
    archive_sum(checksum, entries->data + archive->entry, len + 4);
    buf_append(entries, checksum, ARCHIVE_SUM_LEN);
    archive->batch = 0;
}

/* What else is in the tree: only with it can anybody compute the root. */
static int add_others(struct archive *archive, uint64_t batch)
{
    struct buf others = BUF_INIT;
    int result = store_batch_others(archive->store, &others, batch, archive->err);
    for (size_t i = 0; result == 0 && i + LEAF_LEN <= others.len; i += LEAF_LEN) {
        buf_append_be(&archive->entries, 0, 4);
        buf_append_be(&archive->entries, 0, 4);
        buf_append_be(&archive->entries, LEAF_LEN, 4);
        buf_append(&archive->entries, others.data + i, LEAF_LEN);
    }
    buf_free(&others);
    return result;
}

static int begin_entry(struct archive *archive, uint64_t batch)
{
    struct batch_row row;
    struct buf *entries = &archive->entries;
    end_entry(archive);
    if (store_batch_get(archive->store, &row, batch, archive->err) < 0)
        return -1;
    archive->batch = batch;
    archive->entry = entries->len;
    buf_append_be(entries, 0, 4);
    buf_append(entries, row.root.b, sizeof(row.root.b));
    buf_append(entries, row.hash.b, sizeof(row.hash.b));
    buf_append_be(entries, row.block, 8);
    buf_append_be(entries, row.number, 8);
    return add_others(archive, batch);
}

static bool add_report(void *cookie, const struct report_row *row)
{
    struct archive *archive = cookie;
    struct buf blob = BUF_INIT;
    if (row->batch != archive->batch && begin_entry(archive, row->batch) < 0) {
        archive->failed = true;
        return false;
    }
    report_blob_encode(&blob, &row->report);
    buf_append_be(&archive->entries, row->report.meter, 4);
    buf_append_be(&archive->entries, row->report.sequence, 4);
    buf_append_be(&archive->entries, blob.len, 4);
    buf_append(&archive->entries, blob.data, blob.len);
    buf_free(&blob);
    archive->ids[archive->count++] = row->id;
    return archive->count < STEP_REPORTS;
}

static int collect(struct archive *archive, struct err *err)
{
    buf_clear(&archive->entries);
    archive->count = 0;
    archive->batch = 0;
    archive->failed = false;
    archive->err = err;
    if (archive->length == 0)
        buf_append(&archive->entries, ARCHIVE_MAGIC, ARCHIVE_MAGIC_LEN);
    if (store_report_unarchived(archive->store, add_report, archive, err) < 0 || archive->failed)
        return -1;
    end_entry(archive);
    return 0;
}

int archive_step(struct archive *archive, bool *ret_more, struct err *err)
{
    *ret_more = false;
    if (collect(archive, err) < 0)
        return -1;
    if (archive->count == 0)
        return 0;
    if (write_all(archive, archive->entries.data, archive->entries.len, err) < 0)
        return -1;
    fault_point("archive-written");
    uint64_t length = archive->length + archive->entries.len;
    if (store_archive_add(archive->store, archive->ids, archive->count, length, err) < 0)
        return -1;
    archive->length = length;
    *ret_more = archive->count == STEP_REPORTS;
    return 0;
}
