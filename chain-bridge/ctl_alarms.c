#include "chain-bridge/ctl_alarms.h"

#include <inttypes.h>
#include <string.h>

#include "chain-bridge/alarm_log.h"
#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/ctl_store.h"

struct config {
    const char *store;
    const char *serial;
    const char *cause;
    const char *by;
    const char *note;
    uint32_t limit;
    bool all;
    bool json;
};

#define STORE_ROWS                                                                                 \
    OPTION_STRING(struct config, store, "store", "bridge.db",                                      \
                  "the bridge's store, read beside the running bridge"),                           \
        OPTION_FLAG(struct config, json, "json", "print JSON")

static const struct ctl_column COLUMNS[] = {
    {"id", 6, true},      {"last", 20, false},   {"count", 6, true},   {"source", 6, false},
    {"cause", 17, false}, {"serial", 12, false}, {"state", 12, false}, {"text", 4, false},
};

struct listing {
    struct ctl_rows rows;
};

static bool print_group(void *cookie, const struct alarm_group *group)
{
    struct listing *listing = cookie;
    char id[24];
    char last[CTL_TIME_TEXT];
    char count[24];
    char serial[40];
    snprintf(id, sizeof(id), "%" PRIu64, group->id);
    snprintf(count, sizeof(count), "%" PRIu64, group->count);
    if (group->meters > 1)
        snprintf(serial, sizeof(serial), "%" PRIu64 " meters", group->meters);
    else
        snprintf(serial, sizeof(serial), "%s", group->serial);
    ctl_row(&listing->rows,
            (const char *[]){id, ctl_time_text(last, (uint32_t)(group->last_ms / 1000)), count,
                             group->source, group->cause, serial,
                             group->acknowledged_ms != 0 ? group->acknowledged_by : "open",
                             group->text != NULL ? group->text : ""});
    return true;
}

static int run_list(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct store *store = NULL;
    struct listing listing;
    struct alarm_query query = {.filter = config->all ? ALARM_ALL : ALARM_OPEN,
                                .cause = config->cause,
                                .serial = config->serial,
                                .limit = config->limit};
    if (ctl_store_open(&store, config->store, err) != 0)
        return CTL_FAILED;
    ctl_rows_begin(&listing.rows, ctl->out, config->json ? CTL_JSON : CTL_TABLE, COLUMNS,
                   AMR_COUNT(COLUMNS));
    int result = alarm_log_list(store_db(store), &query, print_group, &listing, err);
    ctl_rows_end(&listing.rows);
    store_close(store);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct option_row LIST_ROWS[] = {
    STORE_ROWS,
    OPTION_FLAG(struct config, all, "all", "also what was acknowledged"),
    OPTION_STRING(struct config, cause, "cause", NULL, "only this cause"),
    OPTION_STRING(struct config, serial, "serial", NULL, "only of this meter"),
    OPTION_U32(struct config, limit, "limit", "100", 1, 20000, "at most so many, newest first"),
};

const struct ctl_verb ctl_alarms = {
    .name = "alarms",
    .usage = "[--store bridge.db] [--all]",
    .summary = "print the alarms that nobody has acknowledged, from a bridge's store",
    .rows = LIST_ROWS,
    .row_count = AMR_COUNT(LIST_ROWS),
    .config_size = sizeof(struct config),
    .run = run_list,
};

/* ACKNOWLEDGING */

static int acknowledge(struct ctl *ctl, const struct config *config, struct store *store,
                       const char *text, struct err *err)
{
    uint64_t id = 0;
    bool changed = false;
    if (parse_u64(&id, text, 1, INT64_MAX, err) != 0)
        return err_wrap(err, "alarm id");
    if (alarm_log_acknowledge(store, id, config->by, config->note != NULL ? config->note : "",
                              clock_unix_ms(ctl->clock), &changed, err) != 0)
        return -1;
    fprintf(ctl->out,
            config->json ? "{\"alarm\":%" PRIu64 ",\"changed\":%s}\n" : "alarm %" PRIu64 " %s\n",
            id,
            config->json ? (changed ? "true" : "false")
                         : (changed ? "acknowledged" : "was acknowledged before, or is not there"));
    return 0;
}

static int run_acknowledge(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct store *store = NULL;
    if (ctl->argc == 0 || config->by == NULL) {
        err_set(err,
                "give the ids of alarms (amrctl alarms lists them) and --by NAME, who does so");
        return CTL_USAGE;
    }
    int result = ctl_store_open(&store, config->store, err);
    for (int i = 0; i < ctl->argc && result == 0; i++)
        result = acknowledge(ctl, config, store, ctl->argv[i], err);
    if (store != NULL)
        store_close(store);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct option_row ACKNOWLEDGE_ROWS[] = {
    STORE_ROWS,
    OPTION_STRING(struct config, by, "by", NULL, "who acknowledges"),
    OPTION_STRING(struct config, note, "note", NULL, "what was found or done"),
};

const struct ctl_verb ctl_alarms_acknowledge = {
    .name = "acknowledge",
    .usage = "ALARM... --by NAME [--note TEXT] [--store bridge.db]",
    .summary = "mark alarms as seen, in a bridge's store",
    .rows = ACKNOWLEDGE_ROWS,
    .row_count = AMR_COUNT(ACKNOWLEDGE_ROWS),
    .config_size = sizeof(struct config),
    .run = run_acknowledge,
};
