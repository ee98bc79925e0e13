#include "meter-client/export.h"

#include <errno.h>
#include <inttypes.h>

#include "meter-client/meter_store.h"

static void print_row(void *cookie, const struct meter_store_row *row)
{
    static const char *const STATES[] = {"queued", "stored", "sealed", "rejected"};
    FILE *out = cookie;
    char batch[ETH_HASH_TEXT];
    char transaction[ETH_HASH_TEXT];

    fprintf(out, "{\"report\":%s,\"state\":\"%s\"", row->payload,
            row->state < AMR_COUNT(STATES) ? STATES[row->state] : "unknown");
    if (row->state == REPORT_SEALED)
        fprintf(out, ",\"batch\":\"%s\",\"tx\":\"%s\",\"block\":%" PRIu64,
                eth_hash_text(batch, &row->batch), eth_hash_text(transaction, &row->transaction),
                row->block);
    if (row->cause)
        fprintf(out, ",\"cause\":\"%s\"", row->cause);
    fputs("}\n", out);
}

int export_reports(const char *store_path, FILE *out, struct err *err)
{
    if (meter_store_export(store_path, print_row, out, err))
        return -1;
    if (fflush(out) || ferror(out))
        return err_errno(err, "write");
    return 0;
}
