#include "chain-bridge/audit_spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain-bridge/report_blob.h"
#include "common/file.h"
#include "common/keccak.h"

#define CHUNK      (1u << 20)
#define EXTENT_MAX (1u << 30)
#define LEAF_BIT   0x80000000u

enum { HEAD_LEN = 12 };

/* A run of entries of one batch in the data file. */
struct extent {
    uint32_t batch;
    uint32_t len;
    uint64_t offset;
};

/* What all entries of a batch add up to, and where its extents are once sorted. */
struct place {
    uint64_t sum[2];
    uint64_t first;
    uint64_t count;
};

/* A file that is written from begin to end. */
struct stream {
    int fd;
    uint64_t written;
    struct buf pending;
};

struct audit_spool {
    struct stream data;
    struct stream index; /* of struct extent, as they came */
    int sorted;          /* the same, by batch */
    struct extent open;  /* len 0: none */
    struct place *places;
    size_t batches;
};

/* FILES */

static int write_at(int fd, const void *data, size_t len, uint64_t offset, struct err *err)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t wrote = pwrite(fd, at, len, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return err_errno(err, "writing scratch");
        at += wrote;
        offset += (uint64_t)wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

static int read_at(int fd, void *ret_data, size_t len, uint64_t offset, struct err *err)
{
    uint8_t *at = ret_data;
    while (len > 0) {
        ssize_t got = pread(fd, at, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_errno(err, "reading scratch");
        at += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return 0;
}

static int flush(struct stream *stream, struct err *err)
{
    int result =
        write_at(stream->fd, stream->pending.data, stream->pending.len, stream->written, err);
    stream->written += stream->pending.len;
    buf_clear(&stream->pending);
    return result;
}

static int flush_full(struct stream *stream, struct err *err)
{
    return stream->pending.len >= CHUNK ? flush(stream, err) : 0;
}

/* FILLING */

struct audit_spool *audit_spool_new(size_t batches, struct err *err)
{
    struct audit_spool *spool = xcalloc(1, sizeof(*spool));
    spool->batches = batches;
    spool->places = xcalloc(batches + 1, sizeof(*spool->places));
    spool->data.fd = file_scratch(err);
    spool->index.fd = spool->data.fd >= 0 ? file_scratch(err) : -1;
    spool->sorted = spool->index.fd >= 0 ? file_scratch(err) : -1;
    if (spool->sorted >= 0)
        return spool;
    audit_spool_free(spool);
    return NULL;
}

static void close_file(int fd)
{
    if (fd >= 0)
        close(fd);
}

void audit_spool_free(struct audit_spool *spool)
{
    if (spool == NULL)
        return;
    close_file(spool->data.fd);
    close_file(spool->index.fd);
    close_file(spool->sorted);
    buf_free(&spool->data.pending);
    buf_free(&spool->index.pending);
    free(spool->places);
    free(spool);
}

static int end_extent(struct audit_spool *spool, struct err *err)
{
    if (spool->open.len == 0)
        return 0;
    buf_append(&spool->index.pending, &spool->open, sizeof(spool->open));
    spool->places[spool->open.batch].count++;
    spool->open.len = 0;
    return flush_full(&spool->index, err);
}

static void add_sum(struct place *place, const uint8_t *data, size_t len)
{
    struct eth_hash hash;
    uint64_t halves[2];
    keccak256(&hash, data, len);
    memcpy(halves, hash.b, sizeof(halves));
    place->sum[0] += halves[0];
    place->sum[1] += halves[1];
}

static void put_entry(struct buf *out, const struct archived *archived)
{
    size_t head = out->len;
    bool is_leaf = archived->kind == ARCHIVED_LEAF;
    buf_append_be(out, is_leaf ? 0 : archived->report.meter, 4);
    buf_append_be(out, is_leaf ? 0 : archived->report.sequence, 4);
    buf_append_be(out, 0, 4);
    if (is_leaf)
        buf_append(out, archived->leaf.b, sizeof(archived->leaf.b));
    else
        report_blob_encode(out, &archived->report);
    uint32_t len = (uint32_t)(out->len - head - HEAD_LEN) | (is_leaf ? LEAF_BIT : 0);
    for (int i = 0; i < 4; i++)
        out->data[head + 8 + (size_t)i] = (uint8_t)(len >> (24 - 8 * i));
}

int audit_spool_add(struct audit_spool *spool, size_t batch, const struct archived *archived,
                    struct err *err)
{
    struct buf *pending = &spool->data.pending;
    size_t before = pending->len;
    if ((spool->open.batch != batch || spool->open.len > EXTENT_MAX) && end_extent(spool, err) != 0)
        return -1;
    if (spool->open.len == 0)
        spool->open = (struct extent){(uint32_t)batch, 0, spool->data.written + before};
    put_entry(pending, archived);
    spool->open.len += (uint32_t)(pending->len - before);
    add_sum(&spool->places[batch], pending->data + before, pending->len - before);
    return flush_full(&spool->data, err);
}

int audit_spool_sort(struct audit_spool *spool, struct err *err)
{
    struct extent *chunk = xmalloc(CHUNK);
    uint64_t *next = xcalloc(spool->batches + 1, sizeof(*next));
    int result = end_extent(spool, err);
    if (result == 0 && (flush(&spool->data, err) != 0 || flush(&spool->index, err) != 0))
        result = -1;
    for (size_t i = 1; i < spool->batches; i++)
        spool->places[i].first = spool->places[i - 1].first + spool->places[i - 1].count;
    for (uint64_t at = 0; at < spool->index.written && result == 0; at += CHUNK) {
        size_t len =
            spool->index.written - at < CHUNK ? (size_t)(spool->index.written - at) : CHUNK;
        result = read_at(spool->index.fd, chunk, len, at, err);
        for (size_t i = 0; i < len / sizeof(*chunk) && result == 0; i++) {
            uint32_t batch = chunk[i].batch;
            uint64_t place = spool->places[batch].first + next[batch]++;
            result =
                write_at(spool->sorted, &chunk[i], sizeof(*chunk), place * sizeof(*chunk), err);
        }
    }
    free(next);
    free(chunk);
    return result;
}

void audit_spool_digest(const struct audit_spool *spool, struct eth_hash *ret_digest, size_t count)
{
    struct keccak keccak;
    keccak_init(&keccak);
    for (size_t i = 0; i < count && i < spool->batches; i++)
        keccak_update(&keccak, spool->places[i].sum, sizeof(spool->places[i].sum));
    keccak_final(&keccak, ret_digest);
}

/* READING */

int audit_spool_load(struct audit_spool *spool, struct buf *out, size_t batch, struct err *err)
{
    const struct place *place = &spool->places[batch];
    for (uint64_t i = 0; i < place->count; i++) {
        struct extent extent;
        if (read_at(spool->sorted, &extent, sizeof(extent), (place->first + i) * sizeof(extent),
                    err) != 0 ||
            read_at(spool->data.fd, buf_extend(out, extent.len), extent.len, extent.offset, err) !=
                0)
            return -1;
    }
    return 0;
}

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

size_t audit_entry_take(struct audit_entry *ret_entry, const uint8_t *data, size_t len)
{
    if (len < HEAD_LEN)
        return 0;
    uint32_t size = be32(data + 8);
    *ret_entry = (struct audit_entry){be32(data), be32(data + 4), (size & LEAF_BIT) != 0,
                                      data + HEAD_LEN, size & ~LEAF_BIT};
    return ret_entry->len <= len - HEAD_LEN ? HEAD_LEN + ret_entry->len : 0;
}
