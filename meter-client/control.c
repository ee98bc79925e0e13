#include "meter-client/control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPERATORS_MAX   32
#define INTERVAL_MAX_S  86400
#define FORGERY_TELL_MS 60000

#define EVENT_NOT_OPERATOR      49
#define EVENT_READY             59
#define EVENT_MANUAL_CONNECT    61
#define EVENT_REMOTE_DISCONNECT 62
#define EVENT_REMOTE_CONNECT    63

struct control {
    struct control_parts parts;
    struct recoverer *recoverer;
    struct eth_address operators[OPERATORS_MAX];
    size_t operator_count;
    char *relay_path;
    bool direct;
    uint32_t meter;
    struct control_memory memory;
    uint64_t forgery_due_ms; /* the next one is told as an event */
};

/* RELAY */

static int relay_read(const struct control *control, bool *ret_closed, struct err *err)
{
    char c = 0;
    int fd = open(control->relay_path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, &c, 1);

    if (fd >= 0)
        close(fd);
    if (got != 1 || (c != '0' && c != '1'))
        return err_set(err, "relay '%s' does not tell 0 or 1", control->relay_path);
    *ret_closed = c == '1';
    return 0;
}

/** Sets the contact and looks whether it is so. */
static int relay_set(const struct control *control, bool closed, struct err *err)
{
    bool is_closed = !closed;
    ssize_t put;
    int fd;

    if (!control->relay_path)
        return 0;
    fd = open(control->relay_path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "open relay '%s'", control->relay_path);
    put = write(fd, closed ? "1\n" : "0\n", 2);
    close(fd);
    if (put != 2)
        return err_errno(err, "write relay '%s'", control->relay_path);
    if (relay_read(control, &is_closed, err))
        return -1;
    return is_closed == closed ? 0 : err_set(err, "relay '%s' stays", control->relay_path);
}

/* RESULTS */

static int answer(struct control *control, uint64_t id, enum command_outcome outcome,
                  struct err *err)
{
    struct command_result result = {.id = id,
                                    .meter = control->meter,
                                    .outcome = (uint8_t)outcome,
                                    .timestamp_s = clock_unix_s(control->parts.clock)};
    struct eth_hash digest;

    eip712_result(control->parts.domain, &digest, &result);
    signer_sign(control->parts.signer, &result.signature, &digest);
    return meter_store_add_result(control->parts.store, &control->memory, &result, err);
}

static int tell(struct control *control, uint16_t code, struct err *err)
{
    return control->parts.event(control->parts.cookie, code, err);
}

/* COMMANDS */

static enum command_outcome failed(struct control *control, const struct err *why)
{
    log_unusual(control->parts.log, "command failed: %s", why->text);
    return OUTCOME_FAILED;
}

/** Event code where something happened, else 0. */
static enum command_outcome switch_to(struct control *control, enum control_state state,
                                      uint16_t *ret_event)
{
    struct err why = ERR_INIT;

    if (relay_set(control, state == CONTROL_CONNECTED, &why))
        return failed(control, &why);
    if (control->memory.state != state)
        *ret_event = state == CONTROL_CONNECTED ? EVENT_REMOTE_CONNECT : EVENT_REMOTE_DISCONNECT;
    control->memory.state = state;
    control->memory.armed_id = 0;
    return OUTCOME_CONFIRMED;
}

static enum command_outcome reconnect(struct control *control, uint64_t id, uint16_t *ret_event)
{
    if (control->direct || control->memory.state == CONTROL_CONNECTED)
        return switch_to(control, CONTROL_CONNECTED, ret_event);
    control->memory.state = CONTROL_READY;
    control->memory.armed_id = id;
    *ret_event = EVENT_READY;
    return OUTCOME_ACCEPTED;
}

static enum command_outcome set_interval(struct control *control, uint32_t interval_s)
{
    struct err why = ERR_INIT;

    if (interval_s == 0 || interval_s > INTERVAL_MAX_S)
        err_set(&why, "interval %" PRIu32 ": want 1 to %d s", interval_s, INTERVAL_MAX_S);
    else if (control->parts.set_interval(control->parts.cookie, interval_s, &why) == 0)
        return OUTCOME_CONFIRMED;
    return failed(control, &why);
}

static enum command_outcome obey(struct control *control, const struct command *command,
                                 uint16_t *ret_event)
{
    struct err why = ERR_INIT;

    switch (command->kind) {
    case COMMAND_DISCONNECT:
        return switch_to(control, CONTROL_DISCONNECTED, ret_event);
    case COMMAND_RECONNECT:
        return reconnect(control, command->id, ret_event);
    case COMMAND_READ_NOW:
        if (control->parts.read_now(control->parts.cookie, &why) == 0)
            return OUTCOME_CONFIRMED;
        return failed(control, &why);
    case COMMAND_SET_INTERVAL:
        return set_interval(control, command->argument);
    default:
        return OUTCOME_REFUSED;
    }
}

static bool by_operator(const struct control *control, const struct command *command)
{
    struct eth_address signer;
    struct eth_hash digest;

    eip712_command(control->parts.domain, &digest, command);
    if (command->meter != control->meter ||
        recoverer_recover(control->recoverer, &signer, &digest, &command->signature))
        return false;
    for (size_t i = 0; i < control->operator_count; i++) {
        if (eth_address_equal(&signer, &control->operators[i]))
            return true;
    }
    return false;
}

static int forged(struct control *control, const struct command *command, struct err *err)
{
    uint64_t now_ms = clock_mono_ms(control->parts.clock);

    log_unusual(control->parts.log, "command without an operator's signature id=%" PRIu64,
                command->id);
    if (now_ms < control->forgery_due_ms)
        return 0;
    control->forgery_due_ms = now_ms + FORGERY_TELL_MS;
    return tell(control, EVENT_NOT_OPERATOR, err);
}

int control_command(struct control *control, const void *payload, size_t len, struct err *err)
{
    struct command command;
    struct err why = ERR_INIT;
    enum command_outcome outcome = OUTCOME_EXPIRED;
    struct control_memory before = control->memory;
    uint64_t known = 0;
    uint16_t event = 0;

    if (payload_command_parse(&command, payload, len, &why)) {
        log_unusual(control->parts.log, "unusable command: %s", why.text);
        return 0;
    }
    if (!by_operator(control, &command))
        return forged(control, &command, err);
    if (command.id <= control->memory.last_id) {
        if (meter_store_resend_result(control->parts.store, &known, command.id, err))
            return -1;
        return known ? 0 : answer(control, command.id, OUTCOME_REFUSED, err);
    }
    control->memory.last_id = command.id;
    if (clock_unix_s(control->parts.clock) <= command.not_after_s)
        outcome = obey(control, &command, &event);
    log_info(control->parts.log, "command id=%" PRIu64 " kind=%u outcome=%d", command.id,
             (unsigned)command.kind, (int)outcome);
    if (answer(control, command.id, outcome, err)) {
        control->memory = before; /* it comes again */
        return -1;
    }
    return event ? tell(control, event, err) : 0;
}

int control_confirm(struct control *control, struct err *err)
{
    uint64_t id = control->memory.armed_id;
    struct err why = ERR_INIT;

    if (control->memory.state != CONTROL_READY)
        return 0;
    if (relay_set(control, true, &why)) {
        log_unusual(control->parts.log, "reconnection failed: %s", why.text);
        return answer(control, id, OUTCOME_FAILED, err);
    }
    control->memory.state = CONTROL_CONNECTED;
    control->memory.armed_id = 0;
    if (answer(control, id, OUTCOME_CONFIRMED, err))
        return -1;
    return tell(control, EVENT_MANUAL_CONNECT, err);
}

enum control_state control_state(const struct control *control)
{
    return control->memory.state;
}

/* MAKING */

static int parse_operators(struct control *control, const char *list, struct err *err)
{
    char *text = xstrdup(list ? list : "");
    char *rest = NULL;
    int rc = 0;

    for (char *word = strtok_r(text, ", ", &rest); word && rc == 0;
         word = strtok_r(NULL, ", ", &rest)) {
        if (control->operator_count == OPERATORS_MAX)
            rc = err_set(err, "more than %d operators", OPERATORS_MAX);
        else if (eth_address_parse(&control->operators[control->operator_count++], word, err))
            rc = err_wrap(err, "operator");
    }
    free(text);
    return rc;
}

int control_new(struct control **ret_control, const struct control_config *config,
                const struct control_parts *parts, struct err *err)
{
    struct control *control = xcalloc(1, sizeof(*control));
    struct err why = ERR_INIT;

    control->parts = *parts;
    control->recoverer = recoverer_new();
    control->relay_path = config->relay_path ? xstrdup(config->relay_path) : NULL;
    control->direct = config->direct;
    control->meter = config->meter;
    if (parse_operators(control, config->operators, err) ||
        meter_store_control(parts->store, &control->memory, err)) {
        control_free(control);
        return -1;
    }
    if (relay_set(control, control->memory.state == CONTROL_CONNECTED, &why))
        log_unusual(parts->log, "relay is not where it stood: %s", why.text);
    *ret_control = control;
    return 0;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    recoverer_free(control->recoverer);
    free(control->relay_path);
    free(control);
}
