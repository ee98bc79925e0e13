#include "chain-bridge/ctl_command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/ctl_confirm.h"
#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/ctl_target.h"
#include "chain-bridge/ctl_tx.h"
#include "common/payload.h"
#include "common/topic.h"

#define LOOK_MS        500 /* how often the chain is asked */
#define CONNECT_MS     5000
#define INTERVAL_MAX_S 86400
#define ACCEPTED       1

struct config {
    struct ctl_shared shared;
    struct ctl_target_config target;
    struct ctl_feed_config feed;
    uint32_t valid_s;
    uint32_t wait_s;
    bool yes;
};

static const char *const KIND_TEXTS[] = {
    [COMMAND_DISCONNECT] = "disconnect",
    [COMMAND_RECONNECT] = "reconnect",
    [COMMAND_READ_NOW] = "read",
    [COMMAND_SET_INTERVAL] = "interval",
};
static const char *const OUTCOME_TEXTS[] = {"?",      "accepted", "confirmed",
                                            "failed", "expired",  "refused"};

static const char *kind_text(uint8_t kind)
{
    return kind > 0 && kind < AMR_COUNT(KIND_TEXTS) ? KIND_TEXTS[kind] : "?";
}

static const char *outcome_text(uint8_t outcome)
{
    return outcome < AMR_COUNT(OUTCOME_TEXTS) ? OUTCOME_TEXTS[outcome] : "?";
}

/* A command under way. */
struct order {
    struct ctl *ctl;
    const struct config *config;
    struct ctl_target target;
    struct command command;
    struct eip712 domain;
    struct eth_address meter_signer;
    struct recoverer *recoverer;
    struct ctl_feed *feed; /* NULL: the chain alone */
    bool sent;
    uint8_t answered; /* outcome heard from the meter; 0: none */
    uint8_t recorded; /* outcome on the chain; 0: none */
};

/* WHAT PEOPLE SEE */

static const char *meter_text(const struct order *order, char text[64])
{
    if (order->target.serial[0] != '\0')
        snprintf(text, 64, "%" PRIu32 " (%s)", order->target.meter, order->target.serial);
    else
        snprintf(text, 64, "%" PRIu32, order->target.meter);
    return text;
}

static void tell_issued(const struct order *order, const struct ctl_tx_result *result)
{
    const struct command *command = &order->command;
    char meter[64];
    char until[CTL_TIME_TEXT];
    char hash[ETH_HASH_TEXT];
    ctl_time_text(until, (uint32_t)command->not_after_s);
    eth_hash_text(hash, &result->hash);
    if (order->config->shared.json)
        fprintf(order->ctl->out,
                "{\"step\":\"issued\",\"meter\":%" PRIu32 ",\"serial\":\"%s\",\"id\":%" PRIu64
                ",\"kind\":\"%s\",\"argument\":%" PRIu32 ",\"not_after\":%" PRIu64
                ",\"block\":%" PRIu64 ",\"transaction\":\"%s\"}\n",
                command->meter, order->target.serial, command->id, kind_text(command->kind),
                command->argument, command->not_after_s, result->receipt.block, hash);
    else
        fprintf(order->ctl->out,
                "issued    command %" PRIu64 " to meter %s in block %" PRIu64
                ", valid until %s\n          transaction %s\n",
                command->id, meter_text(order, meter), result->receipt.block, until, hash);
    fflush(order->ctl->out);
}

static void tell_sent(const struct order *order)
{
    if (order->config->shared.json)
        fprintf(order->ctl->out, "{\"step\":\"sent\",\"id\":%" PRIu64 "}\n", order->command.id);
    else
        fprintf(order->ctl->out, "sent      to the meter by its bridge\n");
    fflush(order->ctl->out);
}

static void tell_outcome(const struct order *order, const char *step, uint8_t outcome,
                         uint32_t timestamp_s, const char *words)
{
    char time[CTL_TIME_TEXT];
    if (order->config->shared.json)
        fprintf(order->ctl->out,
                "{\"step\":\"%s\",\"id\":%" PRIu64 ",\"outcome\":\"%s\",\"t\":%" PRIu32 "}\n", step,
                order->command.id, outcome_text(outcome), timestamp_s);
    else
        fprintf(order->ctl->out, "%-9s %s at %s, %s\n", step, outcome_text(outcome),
                ctl_time_text(time, timestamp_s), words);
    fflush(order->ctl->out);
}

/* FOLLOWING */

static bool is_ours(const struct order *order, uint32_t meter, uint64_t id)
{
    return meter == order->command.meter && id == order->command.id;
}

static void hear_command(struct order *order, const struct ctl_feed_item *item)
{
    struct command command;
    if (order->sent || payload_command_parse(&command, item->payload, item->len, NULL) != 0 ||
        !is_ours(order, command.meter, command.id))
        return;
    order->sent = true;
    tell_sent(order);
}

/* Only what the meter's registered key signed counts. */
static void hear_result(struct order *order, const struct ctl_feed_item *item)
{
    struct command_result result;
    struct eth_hash digest;
    struct eth_address signer;
    if (payload_result_parse(&result, item->payload, item->len, NULL) != 0 ||
        !is_ours(order, result.meter, result.id) || result.outcome == order->answered)
        return;
    eip712_result(&order->domain, &digest, &result);
    if (recoverer_recover(order->recoverer, &signer, &digest, &result.signature) != 0 ||
        !eth_address_equal(&signer, &order->meter_signer))
        return;
    order->answered = result.outcome;
    tell_outcome(order, "answered", result.outcome, result.timestamp_s, "signed by the meter");
}

static void hear(struct order *order)
{
    struct ctl_feed_item item;
    struct topic topic;
    while (ctl_feed_take(order->feed, &item, 0)) {
        if (item.kind == CTL_FEED_MESSAGE && topic_parse(&topic, item.topic) == 0) {
            if (topic.kind == TOPIC_COMMAND)
                hear_command(order, &item);
            else if (topic.kind == TOPIC_COMMAND_ACK)
                hear_result(order, &item);
        }
        ctl_feed_item_clear(&item);
    }
}

/* Nodes come and go: what fails is asked again. */
static void look(struct order *order)
{
    struct ledger_command_state state;
    if (ledger_command_state(order->ctl->chain, &order->ctl->contract, &state, order->command.meter,
                             order->command.id, NULL) != CHAIN_OK ||
        !state.resulted || order->recorded != 0)
        return;
    order->recorded = state.outcome;
    tell_outcome(order, "recorded", state.outcome, state.timestamp_s, "on the chain");
}

static int too_late(const struct order *order, struct err *err)
{
    char until[CTL_TIME_TEXT];
    if (order->answered != 0)
        err_set(err,
                "the meter answered, but in %" PRIu32 " s its result did not get on the "
                "chain: is its group's bridge running? amrctl command follow %" PRIu32 " waits on",
                order->config->wait_s, order->command.meter);
    else
        err_set(err,
                "no answer in %" PRIu32 " s; the meter may still do it until %s: amrctl "
                "command follow %" PRIu32 " waits on",
                order->config->wait_s, ctl_time_text(until, (uint32_t)order->command.not_after_s),
                order->command.meter);
    return CTL_LATE;
}

static int judge(const struct order *order, uint8_t outcome, struct err *err)
{
    static const char *const WHY[] = {
        [3] = "the meter could not do it (its relay or argument; its log and events tell more)",
        [4] = "the meter got it after its time was over: send it again, with a higher --valid-s",
        [5] = "the meter refuses it: it has obeyed a later one, or does not know its kind",
    };
    if (outcome == ACCEPTED && !order->config->shared.json)
        fprintf(order->ctl->out, "          armed: a person at the meter confirms the "
                                 "reconnection, and its final result follows\n");
    if (outcome < AMR_COUNT(WHY) && WHY[outcome] != NULL) {
        err_set(err, "%s", WHY[outcome]);
        return CTL_NO;
    }
    return CTL_DONE;
}

static int follow(struct order *order, struct err *err)
{
    const struct clock *clock = order->ctl->clock;
    uint64_t end_ms = clock_mono_ms(clock) + (uint64_t)order->config->wait_s * 1000;
    uint64_t look_ms = 0;
    for (;;) {
        uint64_t now_ms = clock_mono_ms(clock);
        if (order->feed != NULL)
            hear(order);
        if (now_ms >= look_ms) {
            look(order);
            look_ms = now_ms + LOOK_MS;
        }
        if (order->recorded != 0)
            return judge(order, order->recorded, err);
        if (order->answered == ACCEPTED)
            return judge(order, ACCEPTED, err);
        if (now_ms >= end_ms)
            return too_late(order, err);
        (void)chain_wait(order->ctl->chain, 100);
    }
}

/* BEGINNING */

/* A broker that does not answer is no reason not to command: the chain tells the end. */
static void open_feed(struct order *order)
{
    struct ctl_feed_config feed = order->config->feed;
    struct ctl_feed_item item;
    struct err why = ERR_INIT;
    uint64_t end_ms = clock_mono_ms(order->ctl->clock) + CONNECT_MS;
    bool connected = false;
    if (feed.servers == NULL)
        return;
    feed.group = meter_group(order->target.meter);
    order->feed = ctl_feed_open(&feed, &why);
    while (order->feed != NULL && !connected && clock_mono_ms(order->ctl->clock) < end_ms) {
        if (!ctl_feed_take(order->feed, &item, 100))
            continue;
        connected = item.kind != CTL_FEED_DISCONNECTED;
        if (item.kind == CTL_FEED_DISCONNECTED)
            err_set(&why, "%s", item.topic);
        ctl_feed_item_clear(&item);
    }
    if (!connected)
        fprintf(stderr, "the broker does not answer (%s): following the chain alone\n", why.text);
}

/* Everything but the command. */
static int begin(struct order *order, struct ctl *ctl, const struct config *config, struct err *err)
{
    *order = (struct order){.ctl = ctl, .config = config, .recoverer = recoverer_new()};
    if (ctl->argc < 1) {
        err_set(err, "which meter? give its id (65537 or 1/1) or its serial");
        return CTL_USAGE;
    }
    int code =
        ctl_target_find(&order->target, ctl, &config->target, &config->feed, ctl->argv[0], err);
    if (code != CTL_DONE)
        return code;
    eip712_init(&order->domain, ctl->chain_id, &ctl->contract);
    order->command.meter = order->target.meter;
    return ledger_meter_signer(ctl->chain, &ctl->contract, &order->meter_signer,
                               order->target.meter, err) == CHAIN_OK
               ? CTL_DONE
               : CTL_FAILED;
}

static void end(struct order *order)
{
    ctl_feed_close(order->feed);
    recoverer_free(order->recoverer);
}

static int check_operator(const struct order *order, struct err *err)
{
    const struct ctl *ctl = order->ctl;
    const struct eth_address *account = signer_address(ctl->signer);
    char text[ETH_ADDRESS_TEXT];
    bool is = false;
    if (ledger_is_operator(ctl->chain, &ctl->contract, &is, account, err) != CHAIN_OK)
        return CTL_FAILED;
    if (is)
        return CTL_DONE;
    eth_address_text(text, account);
    err_set(err,
            "%s is no operator of this ledger: its admin makes it one with amrctl operator "
            "add %s",
            text, text);
    return CTL_FAILED;
}

static int ask(const struct order *order, struct err *err)
{
    char question[200];
    char meter[64];
    char argument[32] = "";
    if (order->config->yes)
        return CTL_DONE;
    if (order->command.kind == COMMAND_SET_INTERVAL)
        snprintf(argument, sizeof(argument), " %" PRIu32 " s", order->command.argument);
    snprintf(question, sizeof(question), "%s%s: meter %s on chain %" PRIu64 "?",
             kind_text(order->command.kind), argument, meter_text(order, meter),
             order->ctl->chain_id);
    return ctl_confirm(question, err);
}

static int issue(struct order *order, struct err *err)
{
    struct ctl *ctl = order->ctl;
    struct command *command = &order->command;
    struct ctl_tx_result result;
    struct eth_hash digest;
    struct buf data = BUF_INIT;
    uint64_t last = 0;
    if (ledger_last_command(ctl->chain, &ctl->contract, &last, command->meter, CHAIN_LATEST, err) !=
        CHAIN_OK)
        return CTL_FAILED;
    command->id = last + 1;
    command->not_after_s = clock_unix_s(ctl->clock) + (uint64_t)order->config->valid_s;
    eip712_command(&order->domain, &digest, command);
    signer_sign(ctl->signer, &command->signature, &digest);
    ledger_issue_command(&data, command);
    int code =
        ctl_tx_run(ctl, &order->config->shared, &result, &ctl->contract, data.data, data.len, err);
    buf_free(&data);
    if (code == CTL_DONE)
        tell_issued(order, &result);
    return code;
}

static int command_meter(struct ctl *ctl, const struct config *config, enum command_kind kind,
                         uint32_t argument, struct err *err)
{
    struct order order;
    int code = begin(&order, ctl, config, err);
    order.command.kind = (uint8_t)kind;
    order.command.argument = argument;
    if (code == CTL_DONE && eth_address_is_zero(&order.meter_signer)) {
        err_set(err, "meter %" PRIu32 " is not registered (amrctl meters)", order.target.meter);
        code = CTL_FAILED;
    }
    if (code == CTL_DONE)
        code = check_operator(&order, err);
    if (code == CTL_DONE)
        code = ask(&order, err);
    if (code == CTL_DONE) {
        open_feed(&order);
        code = issue(&order, err);
    }
    if (code == CTL_DONE)
        code = follow(&order, err);
    end(&order);
    return code;
}

static int command_alone(struct ctl *ctl, const struct config *config, enum command_kind kind,
                         struct err *err)
{
    if (ctl->argc > 1) {
        err_set(err, "one meter at a time; '%.40s' is too much", ctl->argv[1]);
        return CTL_USAGE;
    }
    return command_meter(ctl, config, kind, 0, err);
}

/* VERBS */

static int run_disconnect(struct ctl *ctl, void *config, struct err *err)
{
    return command_alone(ctl, config, COMMAND_DISCONNECT, err);
}

static int run_reconnect(struct ctl *ctl, void *config, struct err *err)
{
    return command_alone(ctl, config, COMMAND_RECONNECT, err);
}

static int run_read(struct ctl *ctl, void *config, struct err *err)
{
    return command_alone(ctl, config, COMMAND_READ_NOW, err);
}

static int run_interval(struct ctl *ctl, void *config, struct err *err)
{
    uint64_t seconds = 0;
    if (ctl->argc != 2) {
        err_set(err, "give the meter and the seconds between its readings");
        return CTL_USAGE;
    }
    if (parse_u64(&seconds, ctl->argv[1], 1, INTERVAL_MAX_S, err) != 0) {
        err_wrap(err, "seconds between readings");
        return CTL_USAGE;
    }
    return command_meter(ctl, config, COMMAND_SET_INTERVAL, (uint32_t)seconds, err);
}

static int resume(struct order *order, struct err *err)
{
    struct ctl *ctl = order->ctl;
    struct ledger_command_state state;
    uint64_t id = 0;
    if (ctl->argc > 1 && parse_u64(&id, ctl->argv[1], 1, UINT64_MAX, err) != 0) {
        err_wrap(err, "command id");
        return CTL_USAGE;
    }
    if (id == 0 && ledger_last_command(ctl->chain, &ctl->contract, &id, order->target.meter,
                                       CHAIN_LATEST, err) != CHAIN_OK)
        return CTL_FAILED;
    if (ledger_command_state(ctl->chain, &ctl->contract, &state, order->target.meter, id, err) !=
        CHAIN_OK)
        return CTL_FAILED;
    if (!state.issued) {
        err_set(err, "meter %" PRIu32 " was never given command %" PRIu64, order->target.meter, id);
        return CTL_FAILED;
    }
    order->command.id = id;
    open_feed(order);
    return follow(order, err);
}

static int run_follow(struct ctl *ctl, void *config, struct err *err)
{
    struct order order;
    int code = begin(&order, ctl, config, err);
    if (code == CTL_DONE)
        code = resume(&order, err);
    end(&order);
    return code;
}

#define FOLLOW_ROWS                                                                                \
    OPTION_U32(struct config, wait_s, "wait-s", "120", 0, 86400,                                   \
               "wait so long for the meter's result"),                                             \
        CTL_TARGET_ROWS(struct config), CTL_FEED_ROWS(struct config),                              \
        CTL_CHAIN_ROWS(struct config)

static const struct option_row COMMAND_ROWS[] = {
    OPTION_U32(struct config, valid_s, "valid-s", "600", 10, 604800,
               "the meter obeys until so long from now"),
    OPTION_FLAG(struct config, yes, "yes", "do not ask"),
    FOLLOW_ROWS,
    CTL_KEY_ROWS(struct config),
};
static const struct option_row FOLLOWING_ROWS[] = {FOLLOW_ROWS};

#define VERB(identifier, words, arguments, line, table, wants, function)                           \
    const struct ctl_verb identifier = {                                                           \
        .name = words,                                                                             \
        .usage = arguments,                                                                        \
        .summary = line,                                                                           \
        .rows = table,                                                                             \
        .row_count = AMR_COUNT(table),                                                             \
        .config_size = sizeof(struct config),                                                      \
        .needs = CTL_CHAIN | CTL_CONTRACT | (wants),                                               \
        .run = function,                                                                           \
    }

VERB(ctl_command_disconnect, "command disconnect", "METER|SERIAL [--yes]",
     "open a meter's contact, and follow that to its signed result", COMMAND_ROWS, CTL_KEY,
     run_disconnect);
VERB(ctl_command_reconnect, "command reconnect", "METER|SERIAL [--yes]",
     "arm a meter's reconnection, which a person there confirms", COMMAND_ROWS, CTL_KEY,
     run_reconnect);
VERB(ctl_command_read, "command read", "METER|SERIAL [--yes]", "have a meter read at once",
     COMMAND_ROWS, CTL_KEY, run_read);
VERB(ctl_command_interval, "command interval", "METER|SERIAL SECONDS [--yes]",
     "set the time between a meter's readings", COMMAND_ROWS, CTL_KEY, run_interval);
VERB(ctl_command_follow, "command follow", "METER|SERIAL [ID]",
     "wait for the result of a meter's last command, or of one before", FOLLOWING_ROWS, CTL_NOTHING,
     run_follow);

/* LIST */

struct listed {
    struct command command;
    struct eth_address operator;
    uint64_t block;
    struct command_result result; /* outcome 0: none yet */
};

struct listing {
    uint32_t meter; /* 0: all */
    struct listed *rows;
    size_t count;
};

static int on_event(void *cookie, const struct ledger_event *event, const struct chain_log *log,
                    struct err *err)
{
    struct listing *listing = cookie;
    (void)err;
    if (listing->meter != 0 && event->meter != listing->meter)
        return 0;
    if (event->kind == LEDGER_COMMAND_ISSUED) {
        listing->rows = xrealloc(listing->rows, (listing->count + 1) * sizeof(*listing->rows));
        listing->rows[listing->count++] =
            (struct listed){event->command, event->account, log->block, {.outcome = 0}};
        return 0;
    }
    for (size_t i = listing->count; i-- > 0;) {
        struct command *command = &listing->rows[i].command;
        if (command->meter == event->meter && command->id == event->result.id) {
            listing->rows[i].result = event->result;
            return 0;
        }
    }
    return 0;
}

static const struct ctl_column COLUMNS[] = {
    {"meter", 10, true},     {"id", 4, true},       {"kind", 10, false},
    {"argument", 8, true},   {"block", 8, true},    {"not_after", 20, false},
    {"operator", 42, false}, {"outcome", 9, false}, {"answered", 20, false},
};

static void print_listed(struct ctl_rows *rows, const struct listed *row)
{
    char meter[16];
    char id[24];
    char argument[16];
    char block[24];
    char until[CTL_TIME_TEXT];
    char operator[ETH_ADDRESS_TEXT];
    char answered[CTL_TIME_TEXT];
    snprintf(meter, sizeof(meter), "%" PRIu32, row->command.meter);
    snprintf(id, sizeof(id), "%" PRIu64, row->command.id);
    snprintf(argument, sizeof(argument), "%" PRIu32, row->command.argument);
    snprintf(block, sizeof(block), "%" PRIu64, row->block);
    eth_address_text(operator, & row->operator);
    ctl_row(rows,
            (const char *[]){meter, id, kind_text(row->command.kind), argument, block,
                             ctl_time_text(until, (uint32_t)row->command.not_after_s), operator,
                             row->result.outcome != 0 ? outcome_text(row->result.outcome) : "-",
                             ctl_time_text(answered, row->result.timestamp_s)});
}

static int run_list(struct ctl *ctl, void *config_, struct err *err)
{
    static const enum ledger_event_kind KINDS[] = {LEDGER_COMMAND_ISSUED, LEDGER_COMMAND_RESULT};
    const struct config *config = config_;
    struct ctl_target target = {.meter = 0};
    struct ctl_rows rows;
    int code = CTL_DONE;
    if (ctl->argc > 0)
        code = ctl_target_find(&target, ctl, &config->target, &config->feed, ctl->argv[0], err);
    struct listing listing = {.meter = target.meter};
    if (code == CTL_DONE && ctl_events(ctl, KINDS, AMR_COUNT(KINDS), on_event, &listing, err) != 0)
        code = CTL_FAILED;
    if (code == CTL_DONE) {
        ctl_rows_begin(&rows, ctl->out, config->shared.json ? CTL_JSON : CTL_TABLE, COLUMNS,
                       AMR_COUNT(COLUMNS));
        for (size_t i = 0; i < listing.count; i++)
            print_listed(&rows, &listing.rows[i]);
        ctl_rows_end(&rows);
    }
    free(listing.rows);
    return code;
}

static const struct option_row LIST_ROWS[] = {
    CTL_TARGET_ROWS(struct config), CTL_FEED_ROWS(struct config), CTL_CHAIN_ROWS(struct config)};

VERB(ctl_command_list, "command list", "[METER|SERIAL]",
     "print the commands given to meters and what became of them, from events", LIST_ROWS,
     CTL_NOTHING, run_list);
