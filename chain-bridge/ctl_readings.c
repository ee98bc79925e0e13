#include "chain-bridge/ctl_readings.h"

#include <inttypes.h>
#include <string.h>

#include "chain-bridge/ctl_history.h"
#include "chain-bridge/ctl_logs.h"
#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/ctl_serials.h"

struct config {
    struct ctl_shared shared;
    struct ctl_logs_config logs;
    const char *serials;
    const char *from;
    const char *to;
    bool csv;
};

struct filter {
    bool all;
    uint32_t meter;
    uint32_t from_s;
    uint32_t to_s;
    const struct ctl_serials *serials;
    struct ctl_rows rows;
};

static const struct ctl_column COLUMNS[] = {
    {"time", 20, false},     {"meter", 10, true},     {"serial", 12, false},
    {"import_wh", 15, true}, {"export_wh", 15, true}, {"quality", 7, true},
    {"batch", 7, true},      {"block", 10, true},     {"transaction", 66, false},
};

static void print(struct filter *filter, const struct history_batch *batch,
                  const struct record *record)
{
    char time[CTL_TIME_TEXT];
    char meter[16];
    char import_wh[24];
    char export_wh[24];
    char quality[8];
    char number[24];
    char block[24];
    char transaction[ETH_HASH_TEXT];
    const char *serial = ctl_serials_name(filter->serials, record->meter);
    snprintf(meter, sizeof(meter), "%" PRIu32, record->meter);
    snprintf(import_wh, sizeof(import_wh), "%" PRIu64, record->reading.import_wh);
    snprintf(export_wh, sizeof(export_wh), "%" PRIu64, record->reading.export_wh);
    snprintf(quality, sizeof(quality), "%u", (unsigned)record->reading.quality);
    snprintf(number, sizeof(number), "%" PRIu64, batch->number);
    snprintf(block, sizeof(block), "%" PRIu64, batch->block);
    ctl_row(&filter->rows,
            (const char *[]){ctl_time_text(time, record->reading.timestamp_s), meter,
                             serial != NULL ? serial : "-", import_wh, export_wh, quality, number,
                             block, eth_hash_text(transaction, &batch->transaction)});
}

static int on_batch(void *cookie, const struct history_batch *batch, struct err *err)
{
    struct filter *filter = cookie;
    (void)err;
    for (size_t i = 0; i < batch->count; i++) {
        const struct record *record = &batch->records[i];
        if (batch->reasons[i] == 0 && (filter->all || record->meter == filter->meter) &&
            record->reading.timestamp_s >= filter->from_s &&
            record->reading.timestamp_s <= filter->to_s)
            print(filter, batch, record);
    }
    return 0;
}

static int take_filter(struct filter *filter, const struct ctl *ctl, const struct config *config,
                       struct err *err)
{
    filter->to_s = UINT32_MAX;
    if (ctl->argc != 1)
        return err_set(err, "whose readings? give a serial, a meter such as 65537 or 1/1, or all");
    filter->all = strcmp(ctl->argv[0], "all") == 0;
    if (!filter->all && ctl_serials_meter(filter->serials, &filter->meter, ctl->argv[0], err) != 0)
        return -1;
    if (config->from != NULL && ctl_time_parse(&filter->from_s, config->from, err) != 0)
        return err_wrap(err, "from");
    if (config->to != NULL && ctl_time_parse(&filter->to_s, config->to, err) != 0)
        return err_wrap(err, "to");
    return 0;
}

static int print_all(struct ctl *ctl, const struct config *config, struct filter *filter,
                     struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_BATCH_SUBMITTED, LEDGER_READING_REJECTED};
    enum ctl_format format = config->shared.json ? CTL_JSON : (config->csv ? CTL_CSV : CTL_TABLE);
    struct ctl_progress *progress = ctl_progress_new(ctl->clock);
    struct ctl_logs *logs = ctl_logs_open(ctl, &config->logs, progress, err);
    struct history *history = history_new(on_batch, filter);
    int result = -1;
    if (logs != NULL) {
        ctl_rows_begin(&filter->rows, ctl->out, format, COLUMNS, AMR_COUNT(COLUMNS));
        result = ctl_logs_each(logs, KINDS, AMR_COUNT(KINDS), history_event, history, err);
        if (result == 0)
            result = history_end(history, err);
        ctl_rows_end(&filter->rows);
    }
    history_free(history);
    ctl_logs_close(logs);
    ctl_progress_free(progress);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

static int run(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct ctl_serials *serials = ctl_serials_load(config->serials, err);
    struct filter filter = {.serials = serials};
    int code = CTL_USAGE;
    if (serials != NULL && take_filter(&filter, ctl, config, err) == 0)
        code = print_all(ctl, config, &filter, err);
    ctl_serials_free(serials);
    return code;
}

static const struct option_row ROWS[] = {
    OPTION_STRING(struct config, from, "from", NULL,
                  "earliest time (2026-01-02, 2026-01-02T03:04:05Z or Unix seconds; UTC)"),
    OPTION_STRING(struct config, to, "to", NULL, "latest time, itself included"),
    OPTION_FLAG(struct config, csv, "csv", "print CSV"),
    CTL_SERIALS_ROW(struct config),
    CTL_LOGS_ROWS(struct config),
    CTL_CHAIN_ROWS(struct config),
};

const struct ctl_verb ctl_readings = {
    .name = "readings",
    .usage = "SERIAL|METER|all [--from TIME] [--to TIME]",
    .summary = "print sealed readings, rebuilt from the ledger's events alone",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT,
    .run = run,
};
