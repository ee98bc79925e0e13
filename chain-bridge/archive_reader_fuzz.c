/* Archives and exports from other hands: every byte as it likes, checksums made to fit. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chain-bridge/archive_reader.h"
#include "common/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_all(const uint8_t *data, size_t len)
{
    char path[64];
    struct archive_reader *reader = NULL;
    struct archived archived;
    int fd = memfd_create("archive", 0);
    if (fd >= 0 && write(fd, data, len) == (ssize_t)len) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (archive_reader_open(&reader, path, NULL) == 0)
            while (archive_reader_next(reader, &archived, NULL) != 0)
                continue;
        archive_reader_close(reader);
    }
    if (fd >= 0)
        close(fd);
}

/* The input as one entry with the right length and checksum, else nothing is ever decoded. */
static void read_entry(const uint8_t *data, size_t len)
{
    struct buf file = BUF_INIT;
    uint8_t sum[ARCHIVE_SUM_LEN];
    buf_append(&file, ARCHIVE_MAGIC, ARCHIVE_MAGIC_LEN);
    buf_append_be(&file, len, 4);
    buf_append(&file, data, len);
    archive_sum(sum, file.data + ARCHIVE_MAGIC_LEN, len + 4);
    buf_append(&file, sum, sizeof(sum));
    read_all(file.data, file.len);
    buf_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    read_all(data, len);
    read_entry(data, len);
    return 0;
}
