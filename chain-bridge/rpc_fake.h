/*
 * rpc_fake.h: for tests: a JSON-RPC node on 127.0.0.1 that does what its script says.
 *
 * Speaks HTTP and WebSocket on one free port, in a thread of its own. The script is called there
 * for every request; what it shares with the test is the test's to guard.
 */
#ifndef AMR_CHAIN_BRIDGE_RPC_FAKE_H
#define AMR_CHAIN_BRIDGE_RPC_FAKE_H

#include <stdbool.h>

#include "common/buf.h"

enum fake_action {
    FAKE_REPLY,   /* sends the reply */
    FAKE_SILENCE, /* keeps the connection and says nothing */
    FAKE_CUT,     /* sends half of the reply and closes */
    FAKE_CLOSE
};

typedef enum fake_action fake_script(void *cookie, const char *request, struct buf *reply);

struct fake;

struct fake *fake_start(fake_script *script, void *cookie) AMR_NODISCARD;
void fake_stop(struct fake *fake);
/** "http://127.0.0.1:port" or "ws://..."; valid until fake_stop. */
const char *fake_url(struct fake *fake, bool websocket);
/** Sends a message of its own accord on every open WebSocket. */
void fake_push(struct fake *fake, const char *text);
/** Closes every connection. */
void fake_drop(struct fake *fake);
/** Connections accepted so far. */
int fake_accepted(struct fake *fake);

#endif
