#include "chain-bridge/rpc_replies.h"

#include <stdio.h>
#include <string.h>

void rpc_reply_clear(struct rpc_reply *reply)
{
    json_decref(reply->result);
    json_decref(reply->data);
    memset(reply, 0, sizeof(*reply));
}

static void reply_take_error(struct rpc_reply *reply, json_t *error)
{
    const char *message = json_string_value(json_object_get(error, "message"));
    json_t *code = json_object_get(error, "code");
    reply->outcome = RPC_ERROR;
    reply->code = json_is_integer(code) ? json_integer_value(code) : 0;
    snprintf(reply->message, sizeof(reply->message), "%s", message != NULL ? message : "");
    for (char *at = reply->message; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' ';
    }
    reply->data = json_incref(json_object_get(error, "data"));
}

/* A reply with both an error and a result is an error: results of failures are not to be used. */
static bool reply_take(struct rpc_reply *reply, json_t *object)
{
    json_t *error = json_object_get(object, "error");
    json_t *result = json_object_get(object, "result");
    if (error != NULL && !json_is_null(error)) {
        reply_take_error(reply, error);
        return true;
    }
    if (result == NULL)
        return false;
    reply->outcome = RPC_RESULT;
    reply->result = json_incref(result);
    return true;
}

bool rpc_reply_open(const struct rpc_replies *in, size_t i)
{
    return in->replies[i].outcome == RPC_UNKNOWN;
}

/* An error without an id is about the whole of what was sent. */
static void take_error_for_all(struct rpc_replies *in, json_t *object)
{
    for (size_t i = 0; i < in->count; i++) {
        if (rpc_reply_open(in, i) && reply_take(&in->replies[i], object))
            in->answered++;
    }
}

static void take_object(struct rpc_replies *in, json_t *object)
{
    const char *method = json_string_value(json_object_get(object, "method"));
    if (method != NULL) {
        in->new_head |= strcmp(method, "eth_subscription") == 0;
        return;
    }
    json_t *id = json_object_get(object, "id");
    if (!json_is_integer(id)) {
        json_t *error = json_object_get(object, "error");
        if (error != NULL && !json_is_null(error))
            take_error_for_all(in, object);
        return;
    }
    uint64_t index = (uint64_t)json_integer_value(id) - in->first_id;
    if (index >= in->count || !rpc_reply_open(in, (size_t)index))
        return;
    if (reply_take(&in->replies[index], object))
        in->answered++;
    else
        in->nonsense = true;
}

void rpc_replies_take(struct rpc_replies *in, const char *text, size_t len)
{
    /* Nodes quote a contract's words, zero bytes and all (anvil does). */
    json_t *value = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++)
            take_object(in, json_array_get(value, i));
    } else if (json_is_object(value)) {
        take_object(in, value);
    } else {
        in->nonsense = true;
    }
    json_decref(value);
}
