/*
 * web_request.h: an HTTP request as the handlers see it, and reading its parts without trust.
 *
 * The server (web_server.h) fills the struct; strings are bounded there and live as long as it.
 * Query values are decoded (RFC 3986 percent-encoding; + is a space as in forms): what does not
 * decode, holds a NUL or is not in the documented form fails with a text for the client. Pure; any
 * thread.
 */
#ifndef AMR_BRIDGE_WEB_REQUEST_H
#define AMR_BRIDGE_WEB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum {
    WEB_PATH_MAX = 256,
    WEB_QUERY_MAX = 512,
    WEB_HEADER_MAX = 256,
    WEB_COOKIE_MAX = 2048,
    WEB_BODY_MAX = 16384,
    WEB_VALUE_MAX = 256
};

enum web_method { WEB_GET, WEB_HEAD, WEB_POST, WEB_DELETE, WEB_METHOD_OTHER };

struct web_request {
    enum web_method method;
    char path[WEB_PATH_MAX];   /* as sent, without the query */
    char query[WEB_QUERY_MAX]; /* without the ? */
    char host[WEB_HEADER_MAX];
    char origin[WEB_HEADER_MAX];
    char authorization[WEB_HEADER_MAX];
    char csrf[WEB_HEADER_MAX];
    char if_none_match[WEB_HEADER_MAX];
    char content_type[WEB_HEADER_MAX];
    char accept_encoding[WEB_HEADER_MAX];
    char cookie[WEB_COOKIE_MAX];
    char address[64]; /* of the peer */
    bool secure;      /* came over TLS */
    const void *body;
    size_t body_len;
};

/** Decodes len bytes of a path segment (plus false) or query value into a text of size bytes. */
int web_decode(char *ret_text, size_t size, const char *from, size_t len, bool plus,
               struct err *err) AMR_NODISCARD;
/** The value of a query parameter; *ret_found false and "" where it is not there. Twice: fails. */
int web_query(const struct web_request *request, char ret_value[WEB_VALUE_MAX], bool *ret_found,
              const char *name, struct err *err) AMR_NODISCARD;
/** A whole number within min..max; fallback where it is not there. */
int web_query_u64(const struct web_request *request, uint64_t *ret_value, const char *name,
                  uint64_t min, uint64_t max, uint64_t fallback, struct err *err) AMR_NODISCARD;
/** Which of the count names the value is; fallback where it is not there. */
int web_query_choice(const struct web_request *request, size_t *ret_choice, const char *name,
                     const char *const *names, size_t count, size_t fallback,
                     struct err *err) AMR_NODISCARD;
/** Every parameter is one of the count names; fails naming the first that is not. */
int web_query_known(const struct web_request *request, const char *const *names, size_t count,
                    struct err *err) AMR_NODISCARD;

/** Copies the value of a cookie; false where there is none, or it does not fit. */
bool web_cookie(const struct web_request *request, char *ret_value, size_t size, const char *name);
/** Whether a list such as If-None-Match (RFC 9110: weakly compared, or *) has the entity tag. */
bool web_etag_matches(const char *list, const char *etag);
/** Whether Accept-Encoding allows gzip. */
bool web_accepts_gzip(const struct web_request *request);
/** Whether the origin is this host's own (scheme by the connection) or in a comma-separated list.
 */
bool web_origin_trusted(const struct web_request *request, const char *trusted);
/** Whether the Host header names an address of this machine's listener or is in the list. */
bool web_host_trusted(const char *host, const char *own_host, const char *trusted);

#endif
