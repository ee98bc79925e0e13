#include "chain-bridge/web_orders.h"

#include <stdio.h>

#include "common/hex.h"
#include "common/json.h"
#include "common/json_out.h"

#define NOT_AFTER_MAX ((UINT64_C(1) << 40) - 1)

enum { VALID_S = 900, VALID_MIN_S = 10, VALID_MAX_S = 604800 };

/* --- showing --------------------------------------------------------------------------------- */

static const char *state_text(const struct command_row *row)
{
    static const char *const OUTCOMES[] = {"",       "accepted", "confirmed",
                                           "failed", "expired",  "refused"};
    if (row->result.outcome > 0 && row->result.outcome < AMR_COUNT(OUTCOMES))
        return OUTCOMES[row->result.outcome];
    switch (row->state) {
    case COMMAND_RELAYED:
        return "relayed";
    case COMMAND_LAPSED:
        return "expired";
    case COMMAND_REFUSED:
        return "refused";
    default:
        return "issued";
    }
}

static void print_order(struct buf *out, const struct command *command)
{
    json_put_uint(out, "id", command->id);
    json_put_uint(out, "meter", command->meter);
    json_put_uint(out, "kind", command->kind);
    json_put_uint(out, "argument", command->argument);
    json_put_uint(out, "not_after", command->not_after_s);
}

struct list {
    const struct web_context *context;
    struct buf *out;
};

static bool on_command(void *cookie, const struct command_row *row)
{
    const struct list *list = cookie;
    struct buf *out = list->out;
    char address[ETH_ADDRESS_TEXT];
    struct live_meter meter = {.serial = ""};
    web_live_get(list->context->shared->live, row->command.meter, &meter);
    json_put_object(out, NULL);
    print_order(out, &row->command);
    json_put_text_or_null(out, "serial", meter.serial);
    json_put_text(out, "state", state_text(row));
    if (row->result.outcome)
        json_put_uint(out, "t", row->result.timestamp_s);
    else
        json_put_uint(out, "t", row->created_ms / 1000);
    json_put_text_or_null(
        out, "operator",
        eth_address_is_zero(&row->operator) ? NULL : eth_address_text(address, &row->operator));
    json_put_text(out, "text", row->text);
    json_put_end_object(out);
    return true;
}

int web_print_commands(const struct web_context *context, struct buf *out, const char *key,
                       uint32_t meter, uint32_t limit, struct err *err)
{
    struct list list = {.context = context, .out = out};
    json_put_array(out, key);
    if (store_command_each(context->store, meter, limit, on_command, &list, err) < 0)
        return -1;
    json_put_end_array(out);
    return 0;
}

int web_list_commands(const struct web_call *call, struct err *err)
{
    static const char *const NAMES[] = {"meter", "limit", "cursor"};
    char value[WEB_VALUE_MAX];
    struct err bad = ERR_INIT;
    struct buf *out = &call->response->body;
    uint64_t limit;
    uint32_t meter = 0;
    bool found;
    if (web_query_known(call->request, NAMES, AMR_COUNT(NAMES), &bad) < 0 ||
        web_query(call->request, value, &found, "meter", &bad) < 0 ||
        web_query_u64(call->request, &limit, "limit", 1, 200, 50, &bad) < 0)
        return web_bad(call, &bad);
    if (found && (meter = web_meter_argument(call, value)) == 0)
        return 0;
    json_put_object(out, NULL);
    if (web_print_commands(call->context, out, "items", meter, (uint32_t)limit, err) < 0)
        return -1;
    json_put_null(out, "next_cursor");
    json_put_end_object(out);
    return 0;
}

/* --- what to sign ---------------------------------------------------------------------------- */

static void print_fields(struct buf *out, const char *key, const char *const (*fields)[2],
                         size_t count)
{
    json_put_array(out, key);
    for (size_t i = 0; i < count; i++) {
        json_put_object(out, NULL);
        json_put_text(out, "name", fields[i][0]);
        json_put_text(out, "type", fields[i][1]);
        json_put_end_object(out);
    }
    json_put_end_array(out);
}

/* As eth_signTypedData_v4 wants it. */
static void print_typed_data(struct buf *out, const struct eip712 *domain,
                             const struct command *command)
{
    static const char *const DOMAIN[][2] = {{"name", "string"},
                                            {"version", "string"},
                                            {"chainId", "uint256"},
                                            {"verifyingContract", "address"}};
    static const char *const COMMAND[][2] = {{"id", "uint64"},
                                             {"meter", "uint32"},
                                             {"kind", "uint8"},
                                             {"argument", "uint32"},
                                             {"notAfter", "uint40"}};
    char address[ETH_ADDRESS_TEXT];
    json_put_object(out, "typed_data");
    json_put_object(out, "types");
    print_fields(out, "EIP712Domain", DOMAIN, AMR_COUNT(DOMAIN));
    print_fields(out, "Command", COMMAND, AMR_COUNT(COMMAND));
    json_put_end_object(out);
    json_put_text(out, "primaryType", "Command");
    json_put_object(out, "domain");
    json_put_text(out, "name", "MeterLedger");
    json_put_text(out, "version", "1");
    json_put_uint(out, "chainId", domain->chain_id);
    json_put_text(out, "verifyingContract", eth_address_text(address, &domain->contract));
    json_put_end_object(out);
    json_put_object(out, "message");
    json_put_uint(out, "id", command->id);
    json_put_uint(out, "meter", command->meter);
    json_put_uint(out, "kind", command->kind);
    json_put_uint(out, "argument", command->argument);
    json_put_uint(out, "notAfter", command->not_after_s);
    json_put_end_object(out);
    json_put_end_object(out);
}

/* The id after the last that this bridge knows: it follows the contract's events. */
static bool take_last(void *cookie, const struct command_row *row)
{
    uint64_t *last = cookie;
    if (row->state != COMMAND_REFUSED && row->command.id > *last)
        *last = row->command.id;
    return true;
}

int web_next_command(const struct web_call *call, struct err *err)
{
    static const char *const NAMES[] = {"meter", "kind", "argument", "valid_s"};
    char value[WEB_VALUE_MAX];
    struct err bad = ERR_INIT;
    struct buf *out = &call->response->body;
    struct command command = {0};
    struct eth_hash digest;
    uint64_t kind, argument, valid_s, last = 0;
    bool found;
    if (web_query_known(call->request, NAMES, AMR_COUNT(NAMES), &bad) < 0 ||
        web_query(call->request, value, &found, "meter", &bad) < 0 ||
        web_query_u64(call->request, &kind, "kind", 1, 4, 0, &bad) < 0 ||
        web_query_u64(call->request, &argument, "argument", 0, UINT32_MAX, 0, &bad) < 0 ||
        web_query_u64(call->request, &valid_s, "valid_s", VALID_MIN_S, VALID_MAX_S, VALID_S, &bad) <
            0)
        return web_bad(call, &bad);
    if (!found || kind == 0) {
        web_problem(call->response, 400, "meter and kind are required");
        return 0;
    }
    command.meter = web_meter_argument(call, value);
    if (command.meter == 0)
        return 0;
    if (store_command_each(call->context->store, command.meter, 16, take_last, &last, err) < 0)
        return -1;
    command.id = last + 1;
    command.kind = (uint8_t)kind;
    command.argument = (uint32_t)argument;
    command.not_after_s = clock_unix_s(call->context->shared->clock) + valid_s;
    eip712_command(call->context->shared->domain, &digest, &command);
    json_put_object(out, NULL);
    json_put_object(out, "command");
    print_order(out, &command);
    json_put_end_object(out);
    json_put_hex(out, "digest", digest.b, sizeof(digest.b));
    print_typed_data(out, call->context->shared->domain, &command);
    json_put_end_object(out);
    return 0;
}

/* --- sending --------------------------------------------------------------------------------- */

static bool read_order(const struct web_call *call, struct command *ret_command, bool *ret_signed)
{
    struct err err = ERR_INIT;
    struct json_reader reader, inner;
    struct command command = {0};
    json_t *body = web_body(call);
    if (!body)
        return false;
    json_reader_init(&reader, body, &err);
    json_t *order = json_take(&reader, "command", true);
    *ret_signed = json_is_object(body) && json_object_get(body, "signature");
    if (*ret_signed)
        json_take_hex(&reader, "signature", command.signature.b, sizeof(command.signature.b));
    bool read = json_done(&reader) == 0;
    if (read) {
        json_reader_init(&inner, order, &err);
        command.id = json_take_uint(&inner, "id", 1, INT64_MAX);
        command.meter = (uint32_t)json_take_uint(&inner, "meter", 1, UINT32_MAX);
        command.kind = (uint8_t)json_take_uint(&inner, "kind", 1, 4);
        command.argument = (uint32_t)json_take_uint(&inner, "argument", 0, UINT32_MAX);
        command.not_after_s = json_take_uint(&inner, "not_after", 1, NOT_AFTER_MAX);
        read = json_done(&inner) == 0;
    }
    if (!read)
        web_bad(call, &err);
    *ret_command = command;
    json_decref(body);
    return read;
}

/* The key that the bridge holds signs only for somebody who is logged in as an operator. */
static bool sign_order(const struct web_call *call, struct command *command, bool is_signed)
{
    const struct web_shared *shared = call->context->shared;
    struct eth_hash digest;
    struct eth_address signer;
    eip712_command(shared->domain, &digest, command);
    if (is_signed) {
        if (recoverer_recover(shared->recoverer, &signer, &digest, &command->signature) == 0)
            return true;
        web_problem(call->response, 422, "the signature is none of this command");
        return false;
    }
    if (!shared->operator_key) {
        web_problem(call->response, 422,
                    "the signature is missing, and this bridge holds no operator's key");
        return false;
    }
    signer_sign(shared->operator_key, &command->signature, &digest);
    return true;
}

int web_post_command(const struct web_call *call, struct err *err)
{
    const struct web_shared *shared = call->context->shared;
    struct command_row row = {.state = COMMAND_RELAYED};
    struct list list = {.context = call->context, .out = &call->response->body};
    struct live_meter meter;
    struct err refused = ERR_INIT;
    bool is_signed;
    (void)err;
    if (!read_order(call, &row.command, &is_signed))
        return 0;
    if (!shared->commands) {
        web_problem(call->response, 503, "this bridge relays no commands");
        return 0;
    }
    if (!web_live_get(shared->live, row.command.meter, &meter)) {
        web_problem(call->response, 404, "no meter %u in this group", (unsigned)row.command.meter);
        return 0;
    }
    if (!sign_order(call, &row.command, is_signed))
        return 0;
    if (commands_relay(shared->commands, &row.command, &refused) < 0) {
        web_problem(call->response, 409, "%s", refused.text);
        return 0;
    }
    row.created_ms = clock_unix_ms(shared->clock);
    call->response->status = 202;
    on_command(&list, &row);
    return 0;
}
