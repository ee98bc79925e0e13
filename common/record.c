#include "common/record.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define VERSION      1
#define HEADER_BYTES 7
#define HEAD_BYTES   6
#define COUNT_MAX    255
#define NUMBERS      65536

/* A block's head, and what it costs to read it, in bytes: joining runs may widen shapes up to it.
 */
#define HEAD_COST 12

/* Codes of the fields; 0 where there is none. */
struct shape {
    uint8_t quality;
    uint8_t time;
    uint8_t import;
    uint8_t export;
};

struct header {
    uint32_t base_s;
    uint16_t interval_s;
};

/* Readings of one meter that a block can hold: a first and its further ones. */
struct run {
    size_t start;
    size_t count;
    struct shape first;
    struct shape further; /* all 0 where there are none */
};

struct packer {
    const struct record *records;
    size_t count;
    struct header header;
    struct run *runs;
    size_t run_count;
};

static uint8_t code_of(uint64_t value)
{
    if (value == 0)
        return 0;
    if (value < UINT64_C(1) << 16)
        return 1;
    return value < UINT64_C(1) << 32 ? 2 : 3;
}

static size_t shape_bytes(struct shape shape)
{
    return 2U * (shape.time + shape.import + shape.export) + shape.quality;
}

static uint8_t shape_byte(struct shape shape)
{
    return (uint8_t)(shape.quality << 6 | shape.time << 4 | shape.import << 2 | shape.export);
}

static uint8_t larger(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

static struct shape widest(struct shape a, struct shape b)
{
    return (struct shape){larger(a.quality, b.quality), larger(a.time, b.time),
                          larger(a.import, b.import), larger(a.export, b.export)};
}

/* An item has a byte at least. */
static struct shape not_empty(struct shape shape)
{
    if (shape_bytes(shape) == 0)
        shape.quality = 1;
    return shape;
}

static struct shape first_shape(const struct reading *reading, const struct header *header)
{
    uint64_t ahead = (uint64_t)reading->timestamp_s - header->base_s;
    struct shape shape = {reading->quality != 0, 2, code_of(reading->import_wh),
                          code_of(reading->export_wh)};

    if (reading->timestamp_s >= header->base_s && ahead <= UINT16_MAX)
        shape.time = code_of(ahead);
    return not_empty(shape);
}

/* False where the reading cannot be told as what was added to the one before. */
static bool further_shape(struct shape *ret_shape, const struct reading *reading,
                          const struct reading *before, const struct header *header)
{
    if (reading->timestamp_s <= before->timestamp_s || reading->import_wh < before->import_wh ||
        reading->export_wh < before->export_wh)
        return false;
    uint32_t step_s = reading->timestamp_s - before->timestamp_s;
    struct shape shape = {reading->quality != 0, step_s - 1 <= UINT16_MAX ? 1 : 2,
                          code_of(reading->import_wh - before->import_wh),
                          code_of(reading->export_wh - before->export_wh)};

    if (shape.import > 2 || shape.export > 2)
        return false;
    if (step_s == header->interval_s)
        shape.time = 0;
    *ret_shape = not_empty(shape);
    return true;
}

/* Boyer and Moore: a value that more than half have wins; another winner only costs bytes. */
struct vote {
    uint32_t candidate;
    size_t lead;
};

static void vote_for(struct vote *vote, uint32_t value)
{
    if (vote->lead == 0)
        vote->candidate = value;
    if (vote->candidate == value)
        vote->lead++;
    else
        vote->lead--;
}

static void choose_header(struct packer *packer)
{
    struct vote base = {0, 0}, interval = {0, 0};

    for (size_t i = 0; i < packer->count; i++) {
        const struct record *record = &packer->records[i];
        bool first = i == 0 || packer->records[i - 1].meter != record->meter;
        if (first)
            vote_for(&base, record->reading.timestamp_s);
        else
            vote_for(&interval,
                     record->reading.timestamp_s - packer->records[i - 1].reading.timestamp_s);
    }
    packer->header.base_s = base.candidate;
    packer->header.interval_s = interval.candidate <= UINT16_MAX ? (uint16_t)interval.candidate : 0;
}

static int check_input(const struct packer *packer, struct err *err)
{
    for (size_t i = 0; i < packer->count; i++) {
        const struct record *record = &packer->records[i];
        if (i && record->meter < packer->records[i - 1].meter)
            return err_set(err, "records are not sorted by meter at %zu", i);
        if (meter_group(record->meter) != meter_group(packer->records[0].meter))
            return err_set(err, "records are of more than one group at %zu", i);
        if (record->reading.import_wh > READING_WH_MAX ||
            record->reading.export_wh > READING_WH_MAX)
            return err_set(err, "record %zu is above 2^47-1 Wh", i);
    }
    return packer->count ? 0 : err_set(err, "no records");
}

static void find_runs(struct packer *packer)
{
    struct run *run = NULL;

    for (size_t i = 0; i < packer->count; i++) {
        const struct record *record = &packer->records[i];
        struct shape shape;
        if (run && run->count <= COUNT_MAX && packer->records[run->start].meter == record->meter &&
            further_shape(&shape, &record->reading, &record[-1].reading, &packer->header)) {
            run->further = run->count > 1 ? widest(run->further, shape) : shape;
            run->count++;
            continue;
        }
        run = &packer->runs[packer->run_count++];
        *run = (struct run){
            .start = i, .count = 1, .first = first_shape(&record->reading, &packer->header)};
    }
}

static size_t run_bytes(const struct run *run, struct shape first, struct shape further)
{
    return shape_bytes(first) + (run->count - 1) * shape_bytes(further);
}

/* Whether run may stand behind runs already `count` in a block of these shapes. */
static bool joins(const struct packer *packer, const struct run *last, const struct run *run,
                  size_t count, const struct shape *first, const struct shape *further)
{
    uint32_t last_meter = packer->records[last->start].meter;

    if (count >= COUNT_MAX || run->count != last->count ||
        packer->records[run->start].meter != last_meter + 1)
        return false;
    struct shape wider_first = widest(*first, run->first);
    struct shape wider_further = widest(*further, run->further);
    size_t joined = (count + 1) * run_bytes(run, wider_first, wider_further);
    size_t apart =
        count * run_bytes(run, *first, *further) + run_bytes(run, run->first, run->further);
    return joined <= apart + HEAD_COST;
}

static void append_item(struct buf *out, struct shape shape, uint64_t time, uint64_t import_wh,
                        uint64_t export_wh, uint8_t quality)
{
    buf_append_be(out, time, 2U * shape.time);
    buf_append_be(out, import_wh, 2U * shape.import);
    buf_append_be(out, export_wh, 2U * shape.export);
    if (shape.quality)
        buf_append_u8(out, quality);
}

static void append_run(struct buf *out, const struct packer *packer, const struct run *run,
                       struct shape first, struct shape further)
{
    const struct record *record = &packer->records[run->start];
    const struct reading *reading = &record->reading;
    uint32_t from_s = first.time == 2 ? 0 : packer->header.base_s;

    append_item(out, first, reading->timestamp_s - from_s, reading->import_wh, reading->export_wh,
                reading->quality);
    for (size_t i = 1; i < run->count; i++) {
        const struct reading *before = &record[i - 1].reading;
        reading = &record[i].reading;
        append_item(out, further, reading->timestamp_s - before->timestamp_s - 1,
                    reading->import_wh - before->import_wh, reading->export_wh - before->export_wh,
                    reading->quality);
    }
}

/* Writes the block that begins with runs[start]; returns how many runs are in it. */
static size_t append_block(struct buf *out, const struct packer *packer, size_t start)
{
    const struct run *runs = &packer->runs[start];
    struct shape first = runs[0].first, further = runs[0].further;
    size_t count = 1;

    while (start + count < packer->run_count &&
           joins(packer, &runs[count - 1], &runs[count], count, &first, &further)) {
        first = widest(first, runs[count].first);
        further = widest(further, runs[count].further);
        count++;
    }
    buf_append_u8(out, shape_byte(first));
    buf_append_u8(out, (uint8_t)count);
    buf_append_be(out, meter_number(packer->records[runs[0].start].meter), 2);
    buf_append_u8(out, (uint8_t)(runs[0].count - 1));
    buf_append_u8(out, shape_byte(further));
    for (size_t i = 0; i < count; i++)
        append_run(out, packer, &runs[i], first, further);
    return count;
}

int records_pack(struct buf *out, const struct record *records, size_t count, struct err *err)
{
    struct packer packer = {.records = records, .count = count};

    if (check_input(&packer, err))
        return -1;
    choose_header(&packer);
    packer.runs = xcalloc(count, sizeof(*packer.runs));
    find_runs(&packer);
    buf_append_u8(out, VERSION);
    buf_append_be(out, packer.header.base_s, 4);
    buf_append_be(out, packer.header.interval_s, 2);
    for (size_t at = 0; at < packer.run_count;)
        at += append_block(out, &packer, at);
    free(packer.runs);
    return 0;
}

struct unpacker {
    const uint8_t *data;
    size_t len;
    size_t at;
    struct header header;
    uint16_t group;
    int (*on_record)(void *cookie, const struct record *record);
    void *cookie;
};

struct block {
    struct shape first;
    struct shape further;
    size_t meters;
    size_t number;
    size_t further_count;
};

static uint64_t take(struct unpacker *unpacker, size_t bytes)
{
    uint64_t value = 0;

    while (bytes--)
        value = value << 8 | unpacker->data[unpacker->at++];
    return value;
}

/* False where the byte is no shape: bit 7, no bytes, or a code beyond the fields' widest. */
static bool take_shape(struct unpacker *unpacker, struct shape *ret_shape, uint8_t widest_energy)
{
    uint8_t byte = (uint8_t)take(unpacker, 1);

    *ret_shape = (struct shape){byte >> 6 & 1, byte >> 4 & 3, byte >> 2 & 3, byte & 3};
    return byte && byte < 0x80 && ret_shape->time < 3 && ret_shape->import <= widest_energy &&
           ret_shape->export <= widest_energy;
}

static bool take_head(struct unpacker *unpacker, struct block *ret_block)
{
    if (unpacker->len - unpacker->at < HEAD_BYTES)
        return false;
    bool good = take_shape(unpacker, &ret_block->first, 3);
    ret_block->meters = (size_t)take(unpacker, 1);
    ret_block->number = (size_t)take(unpacker, 2);
    ret_block->further_count = (size_t)take(unpacker, 1);
    uint8_t further = unpacker->data[unpacker->at];
    bool good_further = take_shape(unpacker, &ret_block->further, 2);

    if (ret_block->further_count == 0)
        good_further = further == 0;
    else if (ret_block->further.time == 0)
        good_further = good_further && unpacker->header.interval_s;
    size_t bytes = ret_block->meters * (shape_bytes(ret_block->first) +
                                        ret_block->further_count * shape_bytes(ret_block->further));
    return good && good_further && ret_block->meters &&
           ret_block->number + ret_block->meters <= NUMBERS &&
           bytes <= unpacker->len - unpacker->at;
}

/* Adds what the item tells to *reading; false where the sum is out of range. */
static bool take_item(struct unpacker *unpacker, struct shape shape, uint64_t from_s,
                      struct reading *reading)
{
    uint64_t time = from_s + take(unpacker, 2U * shape.time);
    uint64_t import_wh = reading->import_wh + take(unpacker, 2U * shape.import);
    uint64_t export_wh = reading->export_wh + take(unpacker, 2U * shape.export);

    reading->quality = shape.quality ? (uint8_t)take(unpacker, 1) : 0;
    reading->timestamp_s = (uint32_t)time;
    reading->import_wh = import_wh;
    reading->export_wh = export_wh;
    return time <= UINT32_MAX && import_wh <= READING_WH_MAX && export_wh <= READING_WH_MAX;
}

static int malformed(struct err *err, size_t at)
{
    return err_set(err, "malformed records at byte %zu", at);
}

static int unpack_meter(struct unpacker *unpacker, const struct block *block, size_t index,
                        struct err *err)
{
    struct record record = {.meter = (uint32_t)unpacker->group << 16 |
                                     (uint32_t)(block->number + index)};
    uint64_t step_s = block->further.time ? 1 : unpacker->header.interval_s;

    for (size_t i = 0; i <= block->further_count; i++) {
        struct shape shape = i ? block->further : block->first;
        uint64_t base_s = shape.time == 2 ? 0 : unpacker->header.base_s;
        size_t start = unpacker->at;
        if (!take_item(unpacker, shape, i ? record.reading.timestamp_s + step_s : base_s,
                       &record.reading))
            return malformed(err, start);
        if (unpacker->on_record(unpacker->cookie, &record))
            return -1;
    }
    return 0;
}

int records_unpack(const void *data, size_t len, uint16_t group,
                   int (*on_record)(void *cookie, const struct record *record), void *cookie,
                   struct err *err)
{
    struct unpacker unpacker = {
        .data = data, .len = len, .group = group, .on_record = on_record, .cookie = cookie};
    struct block block;

    if (len < HEADER_BYTES + HEAD_BYTES || take(&unpacker, 1) != VERSION)
        return malformed(err, 0);
    unpacker.header.base_s = (uint32_t)take(&unpacker, 4);
    unpacker.header.interval_s = (uint16_t)take(&unpacker, 2);
    while (unpacker.at < len) {
        size_t start = unpacker.at;
        if (!take_head(&unpacker, &block))
            return malformed(err, start);
        for (size_t i = 0; i < block.meters; i++)
            if (unpack_meter(&unpacker, &block, i, err))
                return -1;
    }
    return 0;
}

struct records_gas records_gas(size_t readings, size_t meters, size_t bytes)
{
    /* Measured on the contract, rounded up: a call's own slots and logs, a cold storage slot per
     * meter, calldata and log data per byte, work per reading, an event per rejection. The data
     * floor of EIP-7623 (40 gas a byte) is the least that a transaction costs. */
    enum { CALL = 120000, SLOT = 5200, BYTE = 24, READING = 400, REJECTION = 3200, FLOOR = 40 };
    uint64_t expected =
        CALL + (uint64_t)SLOT * meters + (uint64_t)BYTE * bytes + (uint64_t)READING * readings;
    uint64_t floor = CALL + (uint64_t)FLOOR * bytes;

    if (expected < floor)
        expected = floor;
    return (struct records_gas){expected, expected + (uint64_t)REJECTION * readings};
}
