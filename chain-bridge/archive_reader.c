#include "chain-bridge/archive_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/report_blob.h"
#include "common/json.h"
#include "common/keccak.h"
#include "common/payload.h"

enum { LINE_SIZE = 2 * PAYLOAD_MAX };

struct archive_reader {
    FILE *file;
    char *path;
    bool is_lines;
    uint64_t torn;
    bool lost; /* nobody knows where the next entry begins */
    /* Of an archive: the entry under way. */
    struct buf entry;
    long entry_at;
    size_t at; /* in entry, of the next report */
    struct archived_batch batch;
    /* Of lines: */
    char *line;
    unsigned long line_number;
};

void archive_sum(uint8_t ret_sum[ARCHIVE_SUM_LEN], const uint8_t *data, size_t len)
{
    struct eth_hash hash;
    keccak256(&hash, data, len);
    memcpy(ret_sum, hash.b, ARCHIVE_SUM_LEN);
}

static int check_kind(struct archive_reader *reader, struct err *err)
{
    char magic[ARCHIVE_MAGIC_LEN];
    size_t got = fread(magic, 1, sizeof(magic), reader->file);
    if (got == sizeof(magic) && memcmp(magic, ARCHIVE_MAGIC, sizeof(magic)) == 0)
        return 0;
    reader->is_lines = got > 0 && magic[0] == '{';
    if (reader->is_lines) {
        rewind(reader->file);
        return 0;
    }
    if (ferror(reader->file))
        return err_errno(err, "archive '%s'", reader->path);
    return err_set(err, "'%s' is neither an archive nor JSON lines", reader->path);
}

int archive_reader_open(struct archive_reader **ret_reader, const char *path, struct err *err)
{
    struct archive_reader *reader = xcalloc(1, sizeof(*reader));
    reader->path = xstrdup(path);
    reader->file = fopen(path, "re");
    int result = reader->file ? check_kind(reader, err) : err_errno(err, "archive '%s'", path);
    if (result < 0)
        archive_reader_close(reader);
    else
        *ret_reader = reader;
    return result;
}

void archive_reader_close(struct archive_reader *reader)
{
    if (!reader)
        return;
    if (reader->file)
        fclose(reader->file);
    buf_free(&reader->entry);
    free(reader->line);
    free(reader->path);
    free(reader);
}

uint64_t archive_reader_torn(const struct archive_reader *reader)
{
    return reader->torn;
}

uint64_t archive_reader_tell(const struct archive_reader *reader)
{
    long at = ftell(reader->file);
    return at > 0 ? (uint64_t)at : 0;
}

/* --- an archive --- */

static uint64_t be(const uint8_t *at, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | at[i];
    return value;
}

static void read_batch(struct archive_reader *reader)
{
    const uint8_t *at = reader->entry.data + 4;
    memcpy(reader->batch.root.b, at, 32);
    memcpy(reader->batch.transaction.b, at + 32, 32);
    reader->batch.block = be(at + 64, 8);
    reader->batch.number = be(at + 72, 8);
    reader->at = 4 + ARCHIVE_BATCH_LEN;
}

static int ends_here(struct archive_reader *reader, size_t left, struct err *err)
{
    if (ferror(reader->file))
        return err_errno(err, "read");
    reader->torn = left;
    return 0;
}

/* 1: entry holds the next one, checked; 0: the file ends here. */
static int next_entry(struct archive_reader *reader, struct err *err)
{
    struct buf *entry = &reader->entry;
    uint8_t sum[ARCHIVE_SUM_LEN];
    reader->entry_at = ftell(reader->file);
    buf_clear(entry);
    size_t got = fread(buf_extend(entry, 4), 1, 4, reader->file);
    if (got < 4)
        return ends_here(reader, got, err);
    size_t len = (size_t)be(entry->data, 4);
    reader->lost = len < ARCHIVE_BATCH_LEN || len > ARCHIVE_ENTRY_MAX;
    if (reader->lost)
        return err_set(err, "no entry has this length, the rest cannot be read");
    size_t rest = len + ARCHIVE_SUM_LEN;
    got = fread(buf_extend(entry, rest), 1, rest, reader->file);
    if (got < rest)
        return ends_here(reader, 4 + got, err);
    archive_sum(sum, entry->data, 4 + len);
    if (memcmp(sum, entry->data + 4 + len, ARCHIVE_SUM_LEN) != 0)
        return err_set(err, "the checksum does not fit");
    entry->len = 4 + len;
    read_batch(reader);
    return 1;
}

static int next_report(struct archive_reader *reader, struct archived *archived, struct err *err)
{
    const uint8_t *at = reader->entry.data + reader->at;
    size_t left = reader->entry.len - reader->at;
    if (left < ARCHIVE_REPORT_LEN || be(at + 8, 4) > left - ARCHIVE_REPORT_LEN) {
        reader->at = reader->entry.len; /* on with the next entry */
        return err_set(err, "a report is longer than its entry");
    }
    uint32_t meter = (uint32_t)be(at, 4), sequence = (uint32_t)be(at + 4, 4);
    size_t len = (size_t)be(at + 8, 4);
    archived->batch = reader->batch;
    reader->at += ARCHIVE_REPORT_LEN + len;
    at += ARCHIVE_REPORT_LEN;
    if (meter == 0 && sequence == 0 && len == sizeof(archived->leaf.b)) {
        archived->kind = ARCHIVED_LEAF;
        memcpy(archived->leaf.b, at, len);
        return 1;
    }
    archived->kind = ARCHIVED_REPORT;
    return report_blob_decode(&archived->report, meter, sequence, at, len, err) < 0 ? -1 : 1;
}

static int next_of_archive(struct archive_reader *reader, struct archived *archived,
                           struct err *err)
{
    int got = !reader->lost;
    while (got == 1 && reader->at == reader->entry.len)
        got = next_entry(reader, err);
    if (got != 1)
        reader->at = reader->entry.len = 0;
    if (got == 1)
        got = next_report(reader, archived, err);
    if (got < 0)
        err_wrap(err, "archive '%s', byte %ld", reader->path, reader->entry_at);
    return got;
}

/* --- JSON lines --- */

static int parse_report(struct report *ret_report, json_t *value, struct err *err)
{
    char *text = json_dumps(value, JSON_COMPACT);
    if (!text)
        return err_set(err, "report: no JSON");
    size_t len = strlen(text);
    int result = len > PAYLOAD_MAX ? err_set(err, "report: too long")
                                   : payload_report_parse(ret_report, text, len, err);
    free(text);
    return result;
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static uint64_t number_of(json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static int parse_object(struct archived *archived, json_t *object, struct err *err)
{
    json_t *report = json_object_get(object, "report");
    json_t *leaf = json_object_get(object, "leaf");
    const char *state = text_of(object, "state");
    archived->batch = (struct archived_batch){.number = 0};
    archived->kind = ARCHIVED_WAITING;
    if (report && state[0] && strcmp(state, "sealed") != 0)
        return parse_report(&archived->report, report, err);
    if (eth_hash_parse(&archived->batch.root, text_of(object, "batch"), err) < 0)
        return err_wrap(err, "batch");
    if (eth_hash_parse(&archived->batch.transaction, text_of(object, "tx"), err) < 0)
        return err_wrap(err, "tx");
    archived->batch.block = number_of(object, "block");
    archived->batch.number = number_of(object, "number");
    archived->kind = leaf ? ARCHIVED_LEAF : ARCHIVED_REPORT;
    return leaf ? eth_hash_parse(&archived->leaf, text_of(object, "leaf"), err)
                : parse_report(&archived->report, report, err);
}

/* 1: a line is there; 0: there is none. */
static int next_line(struct archive_reader *reader, struct err *err)
{
    if (!reader->line)
        reader->line = xmalloc(LINE_SIZE);
    if (!fgets(reader->line, LINE_SIZE, reader->file))
        return ferror(reader->file) ? err_errno(err, "read") : 0;
    reader->line_number++;
    reader->lost = !strchr(reader->line, '\n') && strlen(reader->line) == LINE_SIZE - 1;
    if (reader->lost)
        return err_set(err, "too long, the rest cannot be read");
    return 1;
}

static int next_of_lines(struct archive_reader *reader, struct archived *archived, struct err *err)
{
    int got = reader->lost ? 0 : next_line(reader, err);
    json_t *object = got == 1 ? json_parse(reader->line, strlen(reader->line), err) : NULL;
    if (got == 1 && (!object || parse_object(archived, object, err) < 0))
        got = -1;
    json_decref(object);
    if (got < 0)
        err_wrap(err, "'%s', line %lu", reader->path, reader->line_number);
    return got;
}

int archive_reader_next(struct archive_reader *reader, struct archived *ret_archived,
                        struct err *err)
{
    return reader->is_lines ? next_of_lines(reader, ret_archived, err)
                            : next_of_archive(reader, ret_archived, err);
}
