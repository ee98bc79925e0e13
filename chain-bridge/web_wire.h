/*
 * web_wire.h: between libwebsockets' headers and our requests and responses.
 *
 * libwebsockets has decoded path and query once; the query is put together again so that a value
 * with a & or % in it stays whole. What does not fit the bounds of web_request.h is refused here.
 */
#ifndef AMR_BRIDGE_WEB_WIRE_H
#define AMR_BRIDGE_WEB_WIRE_H

#include "chain-bridge/web_request.h"
#include "chain-bridge/web_response.h"

struct lws;

/** 0, or the status to refuse the request with. *ret_length: of its body. */
unsigned web_wire_read(struct lws *wsi, struct web_request *ret_request, size_t *ret_length);
/** Writes the response's headers, and those that every response has. */
int web_wire_write_headers(struct lws *wsi, const struct web_response *response, const char *policy,
                           bool tls);
/** The Content-Security-Policy, with the origins that the page may ask; free() releases. */
char *web_wire_policy(const char *verify_origins) AMR_NODISCARD;

#endif
