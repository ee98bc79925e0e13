/* Packed records come from chain logs. What unpacks must pack again, and unpack to the same. */
#include <assert.h>
#include <stdlib.h>

#include "common/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS_MAX = 70000 };

struct collected {
    struct record *records;
    size_t count;
    bool sorted;
};

static int collect(void *cookie, const struct record *record)
{
    struct collected *collected = cookie;

    if (collected->count == RECORDS_MAX)
        return 1;
    if (collected->count && record->meter < collected->records[collected->count - 1].meter)
        collected->sorted = false;
    collected->records[collected->count++] = *record;
    return 0;
}

static int compare(void *cookie, const struct record *record)
{
    struct collected *expected = cookie;

    assert(expected->records->meter == record->meter &&
           reading_equal(&expected->records->reading, &record->reading));
    expected->records++;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct collected collected = {xmalloc(RECORDS_MAX * sizeof(struct record)), 0, true};
    struct buf packed = BUF_INIT;

    if (records_unpack(data, size, 1, collect, &collected, NULL) == 0 && collected.sorted) {
        struct collected expected = collected;
        int result = records_pack(&packed, collected.records, collected.count, NULL);
        assert(result == 0);
        result = records_unpack(packed.data, packed.len, 1, compare, &expected, NULL);
        assert(result == 0 && expected.records == collected.records + collected.count);
        (void)result;
    }
    buf_free(&packed);
    free(collected.records);
    return 0;
}
