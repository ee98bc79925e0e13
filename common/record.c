#include "common/record.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define VERSION      1
#define HEADER_BYTES 7
#define HEAD_BYTES   6
#define COUNT_MAX    255
#define GAP_MAX      255
#define NUMBERS      65536
#define GAPS         0x80 /* in the shape of first items */

/* A block's head, and what it costs to read it, in bytes: joining runs may widen shapes up to it.
 */
#define HEAD_COST 12
/* That and a first item: how much wider one further item may make the others of its run. */
#define SERIES_COST 24

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

/* Boyer and Moore: the value that more than half have is the candidate, if there is one. */
struct vote {
    uint32_t candidate;
    size_t lead;
    size_t count; /* of all votes, then of those for the candidate */
    size_t votes;
};

static void vote_for(struct vote *vote, uint32_t value)
{
    if (vote->lead == 0)
        vote->candidate = value;
    if (vote->candidate == value)
        vote->lead++;
    else
        vote->lead--;
    vote->count++;
}

static void vote_count(struct vote *vote, uint32_t value)
{
    vote->votes += vote->candidate == value;
}

static bool vote_won(const struct vote *vote)
{
    return vote->votes * 2 > vote->count;
}

static void vote_all(const struct packer *packer, struct vote *base, struct vote *interval,
                     void (*cast)(struct vote *vote, uint32_t value))
{
    for (size_t i = 0; i < packer->count; i++) {
        const struct record *record = &packer->records[i];
        uint32_t time_s = record->reading.timestamp_s;
        if (i == 0 || record[-1].meter != record->meter)
            cast(base, time_s);
        else
            cast(interval, time_s - record[-1].reading.timestamp_s);
    }
}

/* A time that most meters begin with, or the earliest; the interval that most readings are apart.
 */
static void choose_header(struct packer *packer)
{
    struct vote base = {0}, interval = {0};
    uint32_t earliest_s = UINT32_MAX;

    vote_all(packer, &base, &interval, vote_for);
    vote_all(packer, &base, &interval, vote_count);
    for (size_t i = 0; i < packer->count; i++) {
        const struct record *record = &packer->records[i];
        bool first = i == 0 || record[-1].meter != record->meter;
        if (first && record->reading.timestamp_s < earliest_s)
            earliest_s = record->reading.timestamp_s;
    }
    packer->header.base_s = vote_won(&base) ? base.candidate : earliest_s;
    if (vote_won(&interval) && interval.candidate <= UINT16_MAX)
        packer->header.interval_s = (uint16_t)interval.candidate;
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

/* Takes the reading into the run, where that costs less than a run of its own. */
static bool join_run(const struct packer *packer, struct run *run, const struct record *record)
{
    struct shape own, joined;

    if (run->count > COUNT_MAX || record[-1].meter != record->meter ||
        !further_shape(&own, &record->reading, &record[-1].reading, &packer->header))
        return false;
    joined = widest(run->further, own);
    size_t grown = run->count * shape_bytes(joined);
    if (grown > (run->count - 1) * shape_bytes(run->further) + shape_bytes(own) + SERIES_COST)
        return false;
    run->further = joined;
    run->count++;
    return true;
}

static void find_runs(struct packer *packer)
{
    struct run *run = NULL;

    for (size_t i = 0; i < packer->count; i++) {
        const struct record *record = &packer->records[i];
        if (run && join_run(packer, run, record))
            continue;
        run = &packer->runs[packer->run_count++];
        *run = (struct run){
            .start = i, .count = 1, .first = first_shape(&record->reading, &packer->header)};
    }
}

/* A block in the making: runs that follow each other, with the shapes that hold them all. */
struct block {
    size_t start; /* of its first run */
    size_t count; /* of its runs */
    bool gaps;    /* a byte before each meter tells how many numbers are left out */
    struct shape first;
    struct shape further;
    size_t further_count; /* of each meter */
};

static size_t block_bytes(const struct block *block)
{
    return block->count * (block->gaps + shape_bytes(block->first) +
                           block->further_count * shape_bytes(block->further));
}

static struct block block_of(const struct packer *packer, size_t index)
{
    const struct run *run = &packer->runs[index];

    return (struct block){index, 1, false, run->first, run->further, run->count - 1};
}

/* Takes the next run into the block where that costs less than a block of its own. */
static bool join_next(const struct packer *packer, struct block *block)
{
    size_t next = block->start + block->count;

    if (next == packer->run_count || block->count == COUNT_MAX)
        return false;
    struct block alone = block_of(packer, next), joined = *block;
    uint32_t meter = packer->records[packer->runs[next].start].meter;
    uint32_t last = packer->records[packer->runs[next - 1].start].meter;
    if (alone.further_count != block->further_count || meter == last || meter - last > GAP_MAX + 1)
        return false;
    joined.count++;
    joined.gaps = block->gaps || meter - last > 1;
    joined.first = widest(block->first, alone.first);
    joined.further = widest(block->further, alone.further);
    if (block_bytes(&joined) > block_bytes(block) + block_bytes(&alone) + HEAD_COST)
        return false;
    *block = joined;
    return true;
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

static void append_block(struct buf *out, const struct packer *packer, const struct block *block)
{
    const struct run *runs = &packer->runs[block->start];
    uint16_t number = meter_number(packer->records[runs->start].meter);

    buf_append_u8(out, (uint8_t)(block->gaps << 7 | shape_byte(block->first)));
    buf_append_u8(out, (uint8_t)block->count);
    buf_append_be(out, number, 2);
    buf_append_u8(out, (uint8_t)block->further_count);
    buf_append_u8(out, shape_byte(block->further));
    for (size_t i = 0; i < block->count; i++) {
        uint16_t at = meter_number(packer->records[runs[i].start].meter);
        if (block->gaps)
            buf_append_u8(out, (uint8_t)(at - number));
        number = (uint16_t)(at + 1);
        append_run(out, packer, &runs[i], block->first, block->further);
    }
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
    for (size_t at = 0; at < packer.run_count;) {
        struct block block = block_of(&packer, at);
        while (join_next(&packer, &block))
            continue;
        append_block(out, &packer, &block);
        at += block.count;
    }
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

struct head {
    bool gaps;
    struct shape first;
    struct shape further;
    size_t meters;
    size_t number; /* the next meter's */
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
static bool to_shape(struct shape *ret_shape, uint8_t byte, uint8_t widest_energy)
{
    *ret_shape = (struct shape){byte >> 6 & 1, byte >> 4 & 3, byte >> 2 & 3, byte & 3};
    return byte && byte < 0x80 && ret_shape->time < 3 && ret_shape->import <= widest_energy &&
           ret_shape->export <= widest_energy;
}

static bool take_head(struct unpacker *unpacker, struct head *ret_head)
{
    if (unpacker->len - unpacker->at < HEAD_BYTES)
        return false;
    uint8_t first = (uint8_t)take(unpacker, 1);
    ret_head->gaps = (first & GAPS) != 0;
    ret_head->meters = (size_t)take(unpacker, 1);
    ret_head->number = (size_t)take(unpacker, 2);
    ret_head->further_count = (size_t)take(unpacker, 1);
    uint8_t further = (uint8_t)take(unpacker, 1);
    bool good_further = to_shape(&ret_head->further, further, 2);

    if (ret_head->further_count == 0)
        good_further = further == 0;
    else if (ret_head->further.time == 0)
        good_further = good_further && unpacker->header.interval_s;
    if (!to_shape(&ret_head->first, first & (GAPS - 1), 3) || !good_further)
        return false;
    size_t bytes = ret_head->meters * (ret_head->gaps + shape_bytes(ret_head->first) +
                                       ret_head->further_count * shape_bytes(ret_head->further));
    return ret_head->meters && ret_head->number + ret_head->meters <= NUMBERS &&
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

static int unpack_meter(struct unpacker *unpacker, struct head *head, struct err *err)
{
    uint64_t step_s = head->further.time ? 1 : unpacker->header.interval_s;
    struct record record = {0};

    if (head->gaps)
        head->number += (size_t)take(unpacker, 1);
    if (head->number >= NUMBERS)
        return malformed(err, unpacker->at - 1);
    record.meter = (uint32_t)unpacker->group << 16 | (uint32_t)head->number++;
    for (size_t i = 0; i <= head->further_count; i++) {
        struct shape shape = i ? head->further : head->first;
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
    struct head head;

    if (len < HEADER_BYTES + HEAD_BYTES || take(&unpacker, 1) != VERSION)
        return malformed(err, 0);
    unpacker.header.base_s = (uint32_t)take(&unpacker, 4);
    unpacker.header.interval_s = (uint16_t)take(&unpacker, 2);
    while (unpacker.at < len) {
        size_t start = unpacker.at;
        if (!take_head(&unpacker, &head))
            return malformed(err, start);
        for (size_t i = 0; i < head.meters; i++)
            if (unpack_meter(&unpacker, &head, err))
                return -1;
    }
    return 0;
}

struct records_gas records_gas(size_t readings, size_t meters, size_t bytes)
{
    /* Measured on the contract, rounded up: a call's own slots and logs; a cold storage slot and a
     * block of its own per meter; calldata and log data per byte; work per reading; an event per
     * rejection. The data floor of EIP-7623 (40 gas a byte) is the least a transaction costs. */
    enum { CALL = 120000, SLOT = 6800, BYTE = 24, READING = 400, REJECTION = 3200, FLOOR = 40 };
    uint64_t expected =
        CALL + (uint64_t)SLOT * meters + (uint64_t)BYTE * bytes + (uint64_t)READING * readings;
    uint64_t floor = CALL + (uint64_t)FLOOR * bytes;

    if (expected < floor)
        expected = floor;
    return (struct records_gas){expected, expected + (uint64_t)REJECTION * readings};
}
