#include "chain-bridge/ctl_readings.h"

#include <inttypes.h>
#include <string.h>

#include "chain-bridge/ctl_history.h"
#include "chain-bridge/ctl_rows.h"

struct config {
    struct ctl_shared shared;
    const char *from;
    const char *to;
    bool csv;
};

struct filter {
    bool all;
    uint32_t meter;
    uint32_t from_s;
    uint32_t to_s;
    struct ctl_rows rows;
};

static const struct ctl_column COLUMNS[] = {
    {"time", 20, false},  {"meter", 10, true}, {"import_wh", 15, true}, {"export_wh", 15, true},
    {"quality", 7, true}, {"batch", 7, true},  {"block", 10, true},     {"transaction", 66, false},
};

static int on_reading(void *cookie, const struct history_reading *reading, struct err *err)
{
    struct filter *filter = cookie;
    char time[CTL_TIME_TEXT];
    char meter[16];
    char import_wh[24];
    char export_wh[24];
    char quality[8];
    char batch[24];
    char block[24];
    char transaction[ETH_HASH_TEXT];
    (void)err;
    if ((!filter->all && reading->meter != filter->meter) ||
        reading->reading.timestamp_s < filter->from_s ||
        reading->reading.timestamp_s > filter->to_s)
        return 0;
    snprintf(meter, sizeof(meter), "%" PRIu32, reading->meter);
    snprintf(import_wh, sizeof(import_wh), "%" PRIu64, reading->reading.import_wh);
    snprintf(export_wh, sizeof(export_wh), "%" PRIu64, reading->reading.export_wh);
    snprintf(quality, sizeof(quality), "%u", (unsigned)reading->reading.quality);
    snprintf(batch, sizeof(batch), "%" PRIu64, reading->batch);
    snprintf(block, sizeof(block), "%" PRIu64, reading->block);
    ctl_row(&filter->rows, (const char *[]){ctl_time_text(time, reading->reading.timestamp_s),
                                            meter, import_wh, export_wh, quality, batch, block,
                                            eth_hash_text(transaction, reading->transaction)});
    return 0;
}

static int take_filter(struct filter *filter, const struct ctl *ctl, const struct config *config,
                       struct err *err)
{
    filter->to_s = UINT32_MAX;
    if (ctl->argc != 1)
        return err_set(err, "whose readings? give a meter such as 65537 or 1/1, or all");
    filter->all = strcmp(ctl->argv[0], "all") == 0;
    if (!filter->all && ctl_meter_parse(&filter->meter, ctl->argv[0], err) != 0)
        return -1;
    if (config->from != NULL && ctl_time_parse(&filter->from_s, config->from, err) != 0)
        return err_wrap(err, "from");
    if (config->to != NULL && ctl_time_parse(&filter->to_s, config->to, err) != 0)
        return err_wrap(err, "to");
    return 0;
}

static int run(struct ctl *ctl, void *config_, struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_BATCH_SUBMITTED, LEDGER_READING_REJECTED};
    const struct config *config = config_;
    struct filter filter = {.all = false};
    enum ctl_format format = config->shared.json ? CTL_JSON : (config->csv ? CTL_CSV : CTL_TABLE);
    if (take_filter(&filter, ctl, config, err) != 0)
        return CTL_USAGE;
    struct history *history = history_new(on_reading, &filter);
    ctl_rows_begin(&filter.rows, ctl->out, format, COLUMNS, AMR_COUNT(COLUMNS));
    int result = ctl_events(ctl, KINDS, AMR_COUNT(KINDS), history_event, history, err);
    if (result == 0)
        result = history_end(history, err);
    ctl_rows_end(&filter.rows);
    history_free(history);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct option_row ROWS[] = {
    OPTION_STRING(struct config, from, "from", NULL,
                  "earliest time (2026-01-02, 2026-01-02T03:04:05Z or Unix seconds; UTC)"),
    OPTION_STRING(struct config, to, "to", NULL, "latest time, itself included"),
    OPTION_FLAG(struct config, csv, "csv", "print CSV"),
    CTL_CHAIN_ROWS(struct config),
};

const struct ctl_verb ctl_readings = {
    .name = "readings",
    .usage = "METER|all [--from TIME] [--to TIME]",
    .summary = "print sealed readings, rebuilt from the ledger's events alone",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT,
    .run = run,
};
