#include "chain-bridge/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/file.h"
#include "common/keccak.h"

#define MAGIC "AMRLOGS1"

enum { MAGIC_LEN = 8, HEAD_LEN = MAGIC_LEN + 36, PAGE_HEAD = 48, SUM_LEN = 8 };
enum { LENGTH_LEN = 4, LOG_HEAD = 45, TOPICS_MAX = 4 };
enum { PAGE_MAX = 256 << 20 };

/* Where a page begins and what it ends with. */
struct page {
    uint64_t offset;
    uint64_t last;
    struct eth_hash hash;
};

struct log_file {
    char *name;
    int fd;
    struct log_file_key key;
    struct page *pages;
    size_t count;
    size_t capacity;
    uint64_t end;
};

static int fail(const struct log_file *file, const char *what, struct err *err)
{
    return err_errno(err, "%s '%s'", what, file->name);
}

static uint64_t be(const uint8_t *at, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | at[i];
    return value;
}

static void sum(uint8_t out[SUM_LEN], const uint8_t *data, size_t len)
{
    struct eth_hash hash;
    keccak256(&hash, data, len);
    memcpy(out, hash.b, SUM_LEN);
}

/* BYTES */

static int read_at(const struct log_file *file, void *ret_data, size_t len, uint64_t offset)
{
    uint8_t *at = ret_data;
    while (len > 0) {
        ssize_t got = pread(file->fd, at, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        at += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return 0;
}

static int write_at(const struct log_file *file, const void *data, size_t len, uint64_t offset,
                    struct err *err)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t wrote = pwrite(file->fd, at, len, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return fail(file, "write", err);
        at += wrote;
        offset += (uint64_t)wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

static void print_head(struct buf *out, const struct log_file_key *key)
{
    buf_append(out, MAGIC, MAGIC_LEN);
    buf_append_be(out, key->chain_id, 8);
    buf_append(out, key->contract.b, sizeof(key->contract.b));
    buf_append_be(out, key->start_block, 8);
}

/* The page at offset, whole and checked; -1 where there is none. */
static int read_page(const struct log_file *file, struct buf *ret_page, uint64_t offset)
{
    uint8_t head[LENGTH_LEN];
    uint8_t checksum[SUM_LEN];
    if (read_at(file, head, sizeof(head), offset) != 0)
        return -1;
    size_t len = (size_t)be(head, sizeof(head));
    if (len < PAGE_HEAD || len > PAGE_MAX)
        return -1;
    buf_clear(ret_page);
    buf_append(ret_page, head, sizeof(head));
    if (read_at(file, buf_extend(ret_page, len + SUM_LEN), len + SUM_LEN, offset + LENGTH_LEN) != 0)
        return -1;
    sum(checksum, ret_page->data, LENGTH_LEN + len);
    return memcmp(checksum, ret_page->data + LENGTH_LEN + len, SUM_LEN) == 0 ? 0 : -1;
}

/* OPENING */

static void add_page(struct log_file *file, uint64_t offset, uint64_t last,
                     const struct eth_hash *hash)
{
    if (file->count == file->capacity) {
        file->capacity = file->capacity > 0 ? 2 * file->capacity : 64;
        file->pages = xrealloc(file->pages, file->capacity * sizeof(*file->pages));
    }
    file->pages[file->count++] = (struct page){offset, last, *hash};
}

uint64_t log_file_next(const struct log_file *file)
{
    return file->count > 0 ? file->pages[file->count - 1].last + 1 : file->key.start_block;
}

static bool has_head(const struct log_file *file)
{
    uint8_t there[HEAD_LEN];
    struct buf wanted = BUF_INIT;
    print_head(&wanted, &file->key);
    bool same = read_at(file, there, sizeof(there), 0) == 0 &&
                memcmp(there, wanted.data, sizeof(there)) == 0;
    buf_free(&wanted);
    return same;
}

static void find_pages(struct log_file *file)
{
    struct buf page = BUF_INIT;
    file->end = HEAD_LEN;
    while (read_page(file, &page, file->end) == 0) {
        const uint8_t *at = page.data + LENGTH_LEN;
        struct eth_hash hash;
        uint64_t last = be(at + 8, 8);
        if (be(at, 8) != log_file_next(file) || last < be(at, 8))
            break;
        memcpy(hash.b, at + 16, sizeof(hash.b));
        add_page(file, file->end, last, &hash);
        file->end += page.len;
    }
    buf_free(&page);
}

/* Keeps what fits, cuts off what does not. */
static int take_content(struct log_file *file, struct err *err)
{
    struct buf head = BUF_INIT;
    int result = 0;
    if (has_head(file)) {
        find_pages(file);
    } else {
        print_head(&head, &file->key);
        result = ftruncate(file->fd, 0) != 0 ? fail(file, "empty", err)
                                             : write_at(file, head.data, head.len, 0, err);
        file->end = HEAD_LEN;
        buf_free(&head);
    }
    if (result == 0 && ftruncate(file->fd, (off_t)file->end) != 0)
        result = fail(file, "cut", err);
    return result;
}

static int open_scratch(char **ret_name, struct err *err)
{
    *ret_name = xstrdup("scratch");
    return file_scratch(err);
}

static int open_named(char **ret_name, const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return open_scratch(ret_name, err);
    }
    *ret_name = xstrdup(path);
    if (fd < 0)
        err_errno(err, "open '%s'", path);
    return fd;
}

struct log_file *log_file_open(const char *path, const struct log_file_key *key, struct err *err)
{
    struct log_file *file = xcalloc(1, sizeof(*file));
    file->key = *key;
    file->fd = path != NULL ? open_named(&file->name, path, err) : open_scratch(&file->name, err);
    if (file->fd >= 0 && take_content(file, err) == 0)
        return file;
    log_file_close(file);
    return NULL;
}

void log_file_close(struct log_file *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        close(file->fd);
    free(file->pages);
    free(file->name);
    free(file);
}

uint64_t log_file_bytes(const struct log_file *file)
{
    return file->end;
}

bool log_file_last(const struct log_file *file, uint64_t *ret_block, struct eth_hash *ret_hash)
{
    if (file->count == 0)
        return false;
    *ret_block = file->pages[file->count - 1].last;
    *ret_hash = file->pages[file->count - 1].hash;
    return true;
}

int log_file_drop_last(struct log_file *file, struct err *err)
{
    if (file->count == 0)
        return 0;
    file->end = file->pages[--file->count].offset;
    return ftruncate(file->fd, (off_t)file->end) == 0 ? 0 : fail(file, "cut", err);
}

/* WRITING */

void log_file_put(struct buf *page, const struct chain_log *log)
{
    buf_append_be(page, log->block, 8);
    buf_append_be(page, log->index, 4);
    buf_append(page, log->transaction.b, sizeof(log->transaction.b));
    buf_append_be(page, log->topic_count, 1);
    for (size_t i = 0; i < log->topic_count; i++)
        buf_append(page, log->topics[i].b, sizeof(log->topics[i].b));
    buf_append_be(page, log->data_len, 4);
    buf_append(page, log->data, log->data_len);
}

int log_file_append(struct log_file *file, uint64_t last, const struct eth_hash *hash,
                    const struct buf *page, struct err *err)
{
    struct buf whole = BUF_INIT;
    uint8_t checksum[SUM_LEN];
    if (page->len > PAGE_MAX - PAGE_HEAD)
        return err_set(err, "%zu bytes of events in one page", page->len);
    buf_append_be(&whole, PAGE_HEAD + page->len, LENGTH_LEN);
    buf_append_be(&whole, log_file_next(file), 8);
    buf_append_be(&whole, last, 8);
    buf_append(&whole, hash->b, sizeof(hash->b));
    buf_append(&whole, page->data, page->len);
    sum(checksum, whole.data, whole.len);
    buf_append(&whole, checksum, sizeof(checksum));
    int result = write_at(file, whole.data, whole.len, file->end, err);
    if (result == 0) {
        add_page(file, file->end, last, hash);
        file->end += whole.len;
    }
    buf_free(&whole);
    return result;
}

/* READING */

/* The log at the begin of len bytes; its length, 0 where it does not fit. */
static size_t take_log(struct chain_log *ret_log, const uint8_t *at, size_t len)
{
    if (len < LOG_HEAD || at[44] > TOPICS_MAX)
        return 0;
    size_t topics = 32u * at[44];
    if (len < LOG_HEAD + topics + 4 || be(at + LOG_HEAD + topics, 4) > len - LOG_HEAD - topics - 4)
        return 0;
    ret_log->block = be(at, 8);
    ret_log->index = (uint32_t)be(at + 8, 4);
    memcpy(ret_log->transaction.b, at + 12, 32);
    ret_log->topic_count = at[44];
    for (size_t i = 0; i < ret_log->topic_count; i++)
        memcpy(ret_log->topics[i].b, at + LOG_HEAD + 32 * i, 32);
    ret_log->data_len = (size_t)be(at + LOG_HEAD + topics, 4);
    ret_log->data = at + LOG_HEAD + topics + 4;
    return LOG_HEAD + topics + 4 + ret_log->data_len;
}

static int each_of_page(const struct log_file *file, const struct buf *page, chain_log_fn *on_log,
                        void *cookie, struct err *err)
{
    const uint8_t *at = page->data + LENGTH_LEN + PAGE_HEAD;
    size_t left = page->len - LENGTH_LEN - PAGE_HEAD - SUM_LEN;
    struct chain_log log = {.address = file->key.contract};
    while (left > 0) {
        size_t len = take_log(&log, at, left);
        if (len == 0)
            return err_set(err, "'%s' is damaged: delete it", file->name);
        if (on_log(cookie, &log, err) != 0)
            return -1;
        at += len;
        left -= len;
    }
    return 0;
}

int log_file_each(struct log_file *file, chain_log_fn *on_log, void *cookie, struct err *err)
{
    struct buf page = BUF_INIT;
    int result = 0;
    for (size_t i = 0; i < file->count && result == 0; i++) {
        if (read_page(file, &page, file->pages[i].offset) != 0)
            result = err_set(err, "'%s' changed while it was read", file->name);
        else
            result = each_of_page(file, &page, on_log, cookie, err);
    }
    buf_free(&page);
    return result;
}
