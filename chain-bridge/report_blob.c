#include "chain-bridge/report_blob.h"

#include <string.h>

enum { BLOB_VERSION = 1, VARINT_MAX = 10 };

struct cursor {
    const uint8_t *data;
    size_t left;
};

static void put_varint(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_append_u8(out, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    buf_append_u8(out, (uint8_t)value);
}

static int take_byte(struct cursor *in, uint8_t *ret_byte)
{
    if (in->left == 0)
        return -1;
    *ret_byte = *in->data++;
    in->left--;
    return 0;
}

static int take_varint(struct cursor *in, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_MAX; i++) {
        uint8_t byte;
        if (take_byte(in, &byte) < 0 || (i == VARINT_MAX - 1 && byte > 1))
            return -1;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *ret_value = value;
            return 0;
        }
    }
    return -1;
}

void report_blob_encode(struct buf *out, const struct report *report)
{
    struct reading last = {0};
    buf_append_u8(out, BLOB_VERSION);
    put_varint(out, report->count);
    for (uint32_t i = 0; i < report->count; i++) {
        const struct reading *r = &report->readings[i];
        put_varint(out, r->timestamp_s - last.timestamp_s);
        put_varint(out, r->import_wh - last.import_wh);
        put_varint(out, r->export_wh - last.export_wh);
        buf_append_u8(out, r->quality);
        last = *r;
    }
    buf_append(out, report->signature.b, sizeof(report->signature.b));
}

static int take_reading(struct cursor *in, struct reading *ret_reading, const struct reading *last)
{
    uint64_t time, import, export;
    uint8_t quality;
    if (take_varint(in, &time) < 0 || take_varint(in, &import) < 0 ||
        take_varint(in, &export) < 0 || take_byte(in, &quality) < 0)
        return -1;
    if (time > UINT32_MAX - last->timestamp_s || import > READING_WH_MAX || export > READING_WH_MAX)
        return -1;
    ret_reading->timestamp_s = last->timestamp_s + (uint32_t)time;
    ret_reading->import_wh = last->import_wh + import;
    ret_reading->export_wh = last->export_wh + export;
    ret_reading->quality = quality;
    return 0;
}

int report_blob_decode(struct report *ret_report, uint32_t meter, uint32_t sequence,
                       const void *data, size_t len, struct err *err)
{
    struct cursor in = {data, len};
    struct report report = {.meter = meter, .sequence = sequence};
    struct reading last = {0};
    uint64_t count;
    uint8_t version;
    if (take_byte(&in, &version) < 0 || version != BLOB_VERSION || take_varint(&in, &count) < 0 ||
        count < 1 || count > REPORT_READINGS_MAX)
        return err_set(err, "stored report: bad head");
    report.count = (uint32_t)count;
    for (uint32_t i = 0; i < report.count; i++) {
        if (take_reading(&in, &report.readings[i], &last) < 0)
            return err_set(err, "stored report: bad reading %u", (unsigned)i);
        last = report.readings[i];
    }
    if (in.left != sizeof(report.signature.b))
        return err_set(err, "stored report: wrong length");
    memcpy(report.signature.b, in.data, sizeof(report.signature.b));
    if (report_check(&report, err) < 0)
        return err_wrap(err, "stored report");
    *ret_report = report;
    return 0;
}
