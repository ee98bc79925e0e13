#include "chain-bridge/ctl_quarantine.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/ctl_store.h"
#include "chain-bridge/store_quarantine.h"
#include "common/hex.h"
#include "common/json.h"

#define POLL_MS 200

struct config {
    const char *store;
    const char *cause;
    const char *meter;
    uint32_t limit;
    uint32_t wait_s;
    bool json;
};

#define STORE_ROWS                                                                                 \
    OPTION_STRING(struct config, store, "store", "bridge.db",                                      \
                  "the bridge's store, read beside the running bridge"),                           \
        OPTION_FLAG(struct config, json, "json", "print JSON")

/* LIST */

static const struct ctl_column COLUMNS[] = {
    {"id", 8, true},       {"received", 20, false}, {"cause", 10, false}, {"meter", 10, true},
    {"sequence", 8, true}, {"bytes", 6, true},      {"topic", 28, false}, {"text", 0, false},
};

static void print_row(void *cookie, const struct quarantine_row *row)
{
    char id[24];
    char received[CTL_TIME_TEXT];
    char meter[16];
    char sequence[16];
    char bytes[24];
    snprintf(id, sizeof(id), "%" PRIu64, row->id);
    snprintf(meter, sizeof(meter), row->meter != 0 ? "%" PRIu32 : "-", row->meter);
    snprintf(sequence, sizeof(sequence), row->sequence != 0 ? "%" PRIu32 : "-", row->sequence);
    snprintf(bytes, sizeof(bytes), "%zu", row->payload_len);
    ctl_row(cookie, (const char *[]){
                        id, ctl_time_text(received, (uint32_t)(row->received_ms / 1000)),
                        cause_text(row->cause), meter, sequence, bytes, row->topic, row->text});
}

static int take_cause(enum cause *ret_cause, const char *text, struct err *err)
{
    for (int cause = CAUSE_NONE + 1; cause < CAUSE_COUNT; cause++) {
        if (strcmp(cause_text((enum cause)cause), text) == 0) {
            *ret_cause = (enum cause)cause;
            return 0;
        }
    }
    return err_set(err,
                   "no cause '%.40s': malformed, oversize, unknown, closed, identity, "
                   "signature, rollback, conflict, stale, future or chain",
                   text);
}

static int run_list(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct quarantine_query query = {.limit = config->limit};
    struct store *store = NULL;
    struct ctl_rows rows;
    if ((config->cause != NULL && take_cause(&query.cause, config->cause, err) != 0) ||
        (config->meter != NULL && ctl_meter_parse(&query.meter, config->meter, err) != 0))
        return CTL_USAGE;
    if (ctl_store_open(&store, config->store, err) != 0)
        return CTL_FAILED;
    ctl_rows_begin(&rows, ctl->out, config->json ? CTL_JSON : CTL_TABLE, COLUMNS,
                   AMR_COUNT(COLUMNS));
    int result = store_quarantine_list(store, &query, print_row, &rows, err);
    ctl_rows_end(&rows);
    store_close(store);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct option_row LIST_ROWS[] = {
    STORE_ROWS,
    OPTION_STRING(struct config, cause, "cause", NULL, "only this cause"),
    OPTION_STRING(struct config, meter, "of-meter", NULL, "only of this meter, 65537 or 1/1"),
    OPTION_U32(struct config, limit, "limit", "100", 1, 100000, "at most so many, newest first"),
};

const struct ctl_verb ctl_quarantine_list = {
    .name = "quarantine list",
    .usage = "[--store bridge.db] [--cause NAME] [--of-meter METER]",
    .summary = "print what a bridge refused, and why",
    .rows = LIST_ROWS,
    .row_count = AMR_COUNT(LIST_ROWS),
    .config_size = sizeof(struct config),
    .run = run_list,
};

/* SHOW */

static bool is_text(const struct quarantine_row *row)
{
    const uint8_t *bytes = row->payload;
    for (size_t i = 0; i < row->payload_len; i++) {
        if (bytes[i] < ' ' || bytes[i] > '~')
            return false;
    }
    return true;
}

static void show_json(FILE *out, const struct quarantine_row *row)
{
    struct buf line = BUF_INIT;
    buf_printf(&line, "{\"id\":%" PRIu64 ",\"received_ms\":%" PRIu64 ",\"cause\":\"%s\",\"text\":",
               row->id, row->received_ms, cause_text(row->cause));
    json_append_string(&line, row->text);
    buf_printf(&line, ",\"topic\":");
    json_append_string(&line, row->topic);
    buf_printf(&line,
               ",\"meter\":%" PRIu32 ",\"sequence\":%" PRIu32 ",\"released\":%s,\"bytes\":\"",
               row->meter, row->sequence, row->released ? "true" : "false");
    hex0x_append(&line, row->payload, row->payload_len);
    fprintf(out, "%s\"}\n", buf_str(&line));
    buf_free(&line);
}

struct showing {
    FILE *out;
    bool json;
};

static void show_row(void *cookie, const struct quarantine_row *row)
{
    const struct showing *showing = cookie;
    struct buf bytes = BUF_INIT;
    char received[CTL_TIME_TEXT];
    if (showing->json) {
        show_json(showing->out, row);
        return;
    }
    if (is_text(row))
        buf_append(&bytes, row->payload, row->payload_len);
    else
        hex0x_append(&bytes, row->payload, row->payload_len);
    fprintf(showing->out, "refused   %s: %s\nreceived  %s on %s\n%s%zu bytes\n%s\n",
            cause_text(row->cause), row->text,
            ctl_time_text(received, (uint32_t)(row->received_ms / 1000)),
            *row->topic != '\0' ? row->topic : "no topic: the contract refused it",
            row->released ? "released, the bridge has not judged it again yet\n" : "",
            row->payload_len, buf_str(&bytes));
    buf_free(&bytes);
}

static int take_id(uint64_t *ret_id, const struct ctl *ctl, struct err *err)
{
    if (ctl->argc != 1)
        return err_set(err, "which message? give one id (amrctl quarantine list)");
    return parse_u64(ret_id, ctl->argv[0], 1, INT64_MAX, err);
}

static int run_show(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct showing showing = {ctl->out, config->json};
    struct store *store = NULL;
    bool found = false;
    uint64_t id = 0;
    if (take_id(&id, ctl, err) != 0)
        return CTL_USAGE;
    if (ctl_store_open(&store, config->store, err) != 0)
        return CTL_FAILED;
    int result = store_quarantine_get(store, id, &found, show_row, &showing, err);
    store_close(store);
    if (result == 0 && !found)
        result = err_set(err, "no message %" PRIu64 " in quarantine (amrctl quarantine list)", id);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct option_row SHOW_ROWS[] = {STORE_ROWS};

const struct ctl_verb ctl_quarantine_show = {
    .name = "quarantine show",
    .usage = "ID [--store bridge.db]",
    .summary = "print a refused message with its bytes",
    .rows = SHOW_ROWS,
    .row_count = AMR_COUNT(SHOW_ROWS),
    .config_size = sizeof(struct config),
    .run = run_show,
};

/* RELEASE */

struct found {
    bool from_chain;
    uint64_t id;
    uint64_t again; /* a younger row with the same bytes; 0: none */
    struct buf bytes;
};

static void look_at(void *cookie, const struct quarantine_row *row)
{
    struct found *found = cookie;
    found->id = row->id;
    found->from_chain = *row->topic == '\0';
    buf_append(&found->bytes, row->payload, row->payload_len);
}

static void compare(void *cookie, const struct quarantine_row *row)
{
    struct found *found = cookie;
    if (row->id > found->id && row->payload_len == found->bytes.len &&
        (row->payload_len == 0 || memcmp(row->payload, found->bytes.data, row->payload_len) == 0))
        found->again = row->id;
}

static void ignore_row(void *cookie, const struct quarantine_row *row)
{
    (void)cookie;
    (void)row;
}

static int ask_back(struct found *found, struct store *store, uint64_t id, struct err *err)
{
    bool there = false;
    bool asked = false;
    if (store_quarantine_get(store, id, &there, look_at, found, err) != 0)
        return CTL_FAILED;
    if (there && !found->from_chain)
        return store_quarantine_release(store, id, &asked, err) == 0 ? CTL_DONE : CTL_FAILED;
    if (there)
        err_set(err,
                "the contract refused message %" PRIu64
                " for what it says: judging it again changes nothing",
                id);
    else
        err_set(err, "no message %" PRIu64 " in quarantine (amrctl quarantine list)", id);
    return CTL_FAILED;
}

/* Gone: judged. What was refused again is a younger row with the same bytes. */
static int wait_judgement(struct ctl *ctl, const struct config *config, struct store *store,
                          uint64_t id, struct err *err)
{
    uint64_t end_ms = clock_mono_ms(ctl->clock) + (uint64_t)config->wait_s * 1000;
    bool there = true;
    while (there) {
        if (store_quarantine_get(store, id, &there, ignore_row, NULL, err) != 0)
            return CTL_FAILED;
        if (there && clock_mono_ms(ctl->clock) >= end_ms) {
            err_set(err,
                    "asked for; the bridge has not taken it in %" PRIu32
                    " s: is it running? it will when it does",
                    config->wait_s);
            return CTL_LATE;
        }
        if (there)
            (void)!poll(NULL, 0, POLL_MS);
    }
    return CTL_DONE;
}

static int tell_judgement(struct ctl *ctl, const struct config *config, struct store *store,
                          struct found *found, struct err *err)
{
    struct quarantine_query query = {.limit = 1000};
    if (store_quarantine_list(store, &query, compare, found, err) != 0)
        return CTL_FAILED;
    if (config->json)
        fprintf(ctl->out, "{\"id\":%" PRIu64 ",\"refused\":%s,\"new_id\":%" PRIu64 "}\n", found->id,
                found->again != 0 ? "true" : "false", found->again);
    else if (found->again == 0)
        fprintf(ctl->out, "message %" PRIu64 " was taken\n", found->id);
    if (found->again != 0)
        err_set(err, "it was refused again (amrctl quarantine show %" PRIu64 " tells why)",
                found->again);
    return found->again != 0 ? CTL_NO : CTL_DONE;
}

static int run_release(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct found found = {.bytes = BUF_INIT};
    struct store *store = NULL;
    uint64_t id = 0;
    if (take_id(&id, ctl, err) != 0)
        return CTL_USAGE;
    if (ctl_store_open(&store, config->store, err) != 0)
        return CTL_FAILED;
    int code = ask_back(&found, store, id, err);
    if (code == CTL_DONE)
        code = wait_judgement(ctl, config, store, id, err);
    if (code == CTL_DONE)
        code = tell_judgement(ctl, config, store, &found, err);
    store_close(store);
    buf_free(&found.bytes);
    return code;
}

static const struct option_row RELEASE_ROWS[] = {
    STORE_ROWS,
    OPTION_U32(struct config, wait_s, "wait-s", "10", 0, 3600, "wait so long for the judgement"),
};

const struct ctl_verb ctl_quarantine_release = {
    .name = "quarantine release",
    .usage = "ID [--store bridge.db]",
    .summary = "have the running bridge judge a refused message again, by today's registry",
    .rows = RELEASE_ROWS,
    .row_count = AMR_COUNT(RELEASE_ROWS),
    .config_size = sizeof(struct config),
    .run = run_release,
};
