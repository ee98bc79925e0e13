/* Frames as a node may send them, one a line, for an exchange of three calls. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chain-bridge/rpc_replies.h"

enum { CALLS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t answers(const struct rpc_replies *in)
{
    size_t count = 0;
    for (size_t i = 0; i < CALLS; i++)
        count += !rpc_reply_open(in, i);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rpc_reply replies[CALLS];
    struct rpc_replies in = {.replies = replies, .count = CALLS, .first_id = 7};
    for (size_t i = 0; i < CALLS; i++)
        replies[i] = (struct rpc_reply){.outcome = RPC_UNKNOWN};
    for (size_t at = 0; at < len;) {
        const uint8_t *end = memchr(data + at, '\n', len - at);
        size_t line = end ? (size_t)(end - data) - at : len - at;
        rpc_replies_take(&in, (const char *)data + at, line);
        at += line + 1;
    }
    assert(in.answered == answers(&in));
    for (size_t i = 0; i < CALLS; i++)
        rpc_reply_clear(&replies[i]);
    return 0;
}
