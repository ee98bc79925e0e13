#include "chain-bridge/commands.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/fault.h"
#include "chain-bridge/store_report.h"
#include "common/buf.h"

enum { RESEND_MS = 30000, LAPSE_S = 24 * 3600, TOLD_MAX = 16, KIND_MAX = COMMAND_SET_INTERVAL };

struct noted {
    struct ledger_event event;
    uint64_t block;
};

struct commands {
    struct commands_config config;
    struct store *store;
    pthread_mutex_t lock; /* the store's connection */
    void (*on_due)(void *cookie);
    void *cookie;
    /* The chain thread's: */
    struct noted *noted;
    size_t noted_count;
    bool looked; /* at what waits, at least once */
    uint64_t resend_mono_ms;
};

struct commands *commands_new(const struct commands_config *config, struct err *err)
{
    struct commands *commands = xcalloc(1, sizeof(*commands));
    commands->config = *config;
    pthread_mutex_init(&commands->lock, NULL);
    if (store_open_again(&commands->store, config->store, err) < 0) {
        commands_free(commands);
        return NULL;
    }
    return commands;
}

void commands_free(struct commands *commands)
{
    if (!commands)
        return;
    store_close(commands->store);
    pthread_mutex_destroy(&commands->lock);
    free(commands->noted);
    free(commands);
}

void commands_on_due(struct commands *commands, void (*on_due)(void *cookie), void *cookie)
{
    commands->on_due = on_due;
    commands->cookie = cookie;
}

static void tell_due(const struct commands *commands)
{
    if (commands->on_due)
        commands->on_due(commands->cookie);
}

static void show_counts(struct commands *commands)
{
    struct command_counts counts;
    if (store_command_counts(commands->store, &counts, NULL) < 0)
        return;
    status_set(commands->config.status, STATUS_COMMANDS, counts.waiting);
    status_set(commands->config.status, STATUS_RESULTS, counts.due);
}

/* --- from the web side --- */

static bool same_command(const struct command *a, const struct command *b)
{
    return a->kind == b->kind && a->argument == b->argument && a->not_after_s == b->not_after_s &&
           memcmp(a->signature.b, b->signature.b, sizeof(a->signature.b)) == 0;
}

static int check_relay(const struct commands *commands, const struct command *command,
                       struct err *err)
{
    const struct commands_config *config = &commands->config;
    struct registry_meter meter = roster_find(config->roster, command->meter);
    if (meter_group(command->meter) != roster_group(config->roster))
        return err_set(err, "meter %u is not of this server's group", (unsigned)command->meter);
    if (meter.status != METER_ACTIVE)
        return err_set(err, "meter %u is not an active meter", (unsigned)command->meter);
    if (command->id == 0 || command->kind == 0 || command->kind > KIND_MAX)
        return err_set(err, "a command has an id from 1 on and a kind from 1 to %d", KIND_MAX);
    if ((command->kind == COMMAND_SET_INTERVAL) != (command->argument != 0))
        return err_set(err, "argument: seconds for kind %d, 0 for all others",
                       COMMAND_SET_INTERVAL);
    if (command->not_after_s < clock_unix_s(config->clock))
        return err_set(err, "the command's time is over");
    return 0;
}

static int relay(struct commands *commands, const struct command *command, struct err *err)
{
    struct command_row row;
    bool found;
    if (store_command_get(commands->store, &row, &found, command->meter, command->id, err) < 0)
        return -1;
    if (found && row.state != COMMAND_REFUSED)
        return same_command(&row.command, command)
                   ? 0
                   : err_set(err, "meter %u has another command with id %" PRIu64,
                             (unsigned)command->meter, command->id);
    return store_command_relay(commands->store, command, clock_unix_ms(commands->config.clock),
                               err);
}

int commands_relay(struct commands *commands, const struct command *command, struct err *err)
{
    if (check_relay(commands, command, err) < 0)
        return -1;
    pthread_mutex_lock(&commands->lock);
    int result = relay(commands, command, err);
    if (result == 0)
        show_counts(commands);
    pthread_mutex_unlock(&commands->lock);
    if (result == 0) {
        log_info(commands->config.log, "command relayed meter=%u id=%" PRIu64 " kind=%u",
                 (unsigned)command->meter, command->id, (unsigned)command->kind);
        tell_due(commands);
    }
    return result;
}

int commands_each(struct commands *commands, uint32_t meter, uint32_t limit,
                  bool (*on_row)(void *cookie, const struct command_row *row), void *cookie,
                  struct err *err)
{
    pthread_mutex_lock(&commands->lock);
    int result = store_command_each(commands->store, meter, limit, on_row, cookie, err);
    pthread_mutex_unlock(&commands->lock);
    return result;
}

/* --- to the meters --- */

struct sending {
    struct commands *commands;
    struct command_row *rows;
    size_t count;
};

static bool collect(void *cookie, const struct command_row *row)
{
    struct sending *sending = cookie;
    sending->rows = xrealloc(sending->rows, (sending->count + 1) * sizeof(*sending->rows));
    sending->rows[sending->count++] = *row;
    return true;
}

static void send_row(struct commands *commands, const struct command_row *row)
{
    const struct notices *notices = &commands->config.notices;
    struct meter_row meter;
    if (row->command.not_after_s + LAPSE_S < clock_unix_s(commands->config.clock))
        return; /* old history, just read */
    if (store_meter_get(commands->store, &meter, row->command.meter, NULL) < 0 || !meter.serial[0])
        return; /* it has never said anything: birth comes first */
    log_debug(commands->config.log, "command sent meter=%u id=%" PRIu64,
              (unsigned)row->command.meter, row->command.id);
    notices->command(notices->cookie, meter.serial, &row->command);
}

/* What waits for one meter, or (0) for all. Lock held. */
static int send_waiting(struct commands *commands, uint32_t meter, struct err *err)
{
    struct sending sending = {.commands = commands};
    int result = store_command_waiting(commands->store, meter, collect, &sending, err);
    for (size_t i = 0; result == 0 && i < sending.count; i++)
        send_row(commands, &sending.rows[i]);
    free(sending.rows);
    return result;
}

void commands_meter_there(struct commands *commands, uint32_t meter)
{
    struct err err = ERR_INIT;
    pthread_mutex_lock(&commands->lock);
    if (send_waiting(commands, meter, &err) < 0)
        log_unusual(commands->config.log, "commands of meter %u: %s", (unsigned)meter, err.text);
    show_counts(commands);
    pthread_mutex_unlock(&commands->lock);
}

void commands_answered(struct commands *commands, uint32_t meter)
{
    commands_meter_there(commands, meter); /* its next one may go */
    tell_due(commands);
}

static void lapse(struct commands *commands, struct err *err)
{
    uint64_t count, now_s = clock_unix_s(commands->config.clock);
    if (now_s < LAPSE_S || store_command_lapse(commands->store, now_s - LAPSE_S, &count, err) < 0)
        return;
    if (count)
        log_unusual(commands->config.log, "commands lapsed, no meter answered count=%" PRIu64,
                    count);
}

void commands_tick(struct commands *commands)
{
    struct err err = ERR_INIT;
    uint64_t now = clock_mono_ms(commands->config.clock);
    if (commands->looked && now < commands->resend_mono_ms)
        return;
    commands->looked = true;
    commands->resend_mono_ms = now + RESEND_MS;
    pthread_mutex_lock(&commands->lock);
    lapse(commands, &err);
    if (send_waiting(commands, 0, &err) < 0)
        log_unusual(commands->config.log, "commands: %s", err.text);
    show_counts(commands);
    pthread_mutex_unlock(&commands->lock);
}

/* --- from the chain --- */

void commands_note(struct commands *commands, const struct ledger_event *event, uint64_t block)
{
    if ((event->kind != LEDGER_COMMAND_ISSUED && event->kind != LEDGER_COMMAND_RESULT) ||
        meter_group(event->meter) != roster_group(commands->config.roster))
        return;
    commands->noted =
        xrealloc(commands->noted, (commands->noted_count + 1) * sizeof(*commands->noted));
    commands->noted[commands->noted_count++] = (struct noted){*event, block};
}

static int store_noted(struct commands *commands, const struct noted *noted, struct err *err)
{
    const struct ledger_event *event = &noted->event;
    const struct command_result *result = &event->result;
    if (event->kind == LEDGER_COMMAND_ISSUED)
        return store_command_issued(commands->store, &event->command, &event->account, noted->block,
                                    clock_unix_ms(commands->config.clock), err);
    return store_command_recorded(commands->store, event->meter, result->id, result->outcome,
                                  noted->block, err);
}

static void tell_noted(const struct commands *commands, const struct noted *noted)
{
    const struct ledger_event *event = &noted->event;
    if (commands->noted_count > TOLD_MAX)
        return; /* history */
    if (event->kind == LEDGER_COMMAND_ISSUED)
        log_info(
            commands->config.log, "command issued meter=%u id=%" PRIu64 " kind=%u block=%" PRIu64,
            (unsigned)event->meter, event->command.id, (unsigned)event->command.kind, noted->block);
    else
        log_info(commands->config.log,
                 "command result recorded meter=%u id=%" PRIu64 " outcome=%u block=%" PRIu64,
                 (unsigned)event->meter, event->result.id, (unsigned)event->result.outcome,
                 noted->block);
}

static int store_all(struct commands *commands, struct err *err)
{
    if (store_begin(commands->store, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < commands->noted_count; i++)
        result = store_noted(commands, &commands->noted[i], err);
    fault_point("commands-commit");
    if (result < 0 || store_commit(commands->store, err) < 0) {
        store_rollback(commands->store);
        return -1;
    }
    fault_point("commands-stored");
    return 0;
}

static int flush(struct commands *commands, struct err *err)
{
    if (store_all(commands, err) < 0)
        return -1;
    for (size_t i = 0; i < commands->noted_count; i++) {
        const struct ledger_event *event = &commands->noted[i].event;
        tell_noted(commands, &commands->noted[i]);
        /* After a result the meter's next one may go. */
        if (send_waiting(commands, event->meter, err) < 0)
            return -1;
    }
    show_counts(commands);
    return 0;
}

int commands_flush(struct commands *commands, struct err *err)
{
    if (commands->noted_count == 0)
        return 0;
    pthread_mutex_lock(&commands->lock);
    int result = flush(commands, err);
    pthread_mutex_unlock(&commands->lock);
    commands->noted_count = 0;
    return result;
}
