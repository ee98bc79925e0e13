/*
 * web_orders.h: handlers of the API for commands to meters: what to sign, sending, and how it goes
 * on.
 *
 * The operator's signature is the operator's: made by a wallet, or by the key in the keystore that
 * the bridge was given for it (operator-keystore), never by the server's key.
 */
#ifndef AMR_BRIDGE_WEB_ORDERS_H
#define AMR_BRIDGE_WEB_ORDERS_H

#include "chain-bridge/web_api.h"

int web_list_commands(const struct web_call *call, struct err *err);
int web_post_command(const struct web_call *call, struct err *err);
int web_next_command(const struct web_call *call, struct err *err);

/** A meter's commands, newest first, as an array of schema Command under key. */
int web_print_commands(const struct web_context *context, struct buf *out, const char *key,
                       uint32_t meter, uint32_t limit, struct err *err) AMR_NODISCARD;

#endif
