/*
 * web_response.h: an HTTP response under construction, and problems as RFC 9457 has them.
 *
 * Owned by whoever made it; web_response_free releases. Errors of handlers become problem
 * documents: what is the client's fault names it, what is ours says only that something failed.
 */
#ifndef AMR_BRIDGE_WEB_RESPONSE_H
#define AMR_BRIDGE_WEB_RESPONSE_H

#include <stdbool.h>

#include "common/buf.h"

struct web_response {
    unsigned status;
    const char *content_type; /* of static storage */
    struct buf body;
    const void *fixed; /* instead of body: an asset's bytes, of static storage */
    size_t fixed_len;
    bool gzip;              /* the bytes are gzip */
    char etag[24];          /* with quotes; "": none */
    char set_cookie[256];   /* "": none */
    char location[128];     /* "": none */
    char disposition[96];   /* Content-Disposition; "": none */
    unsigned retry_after_s; /* 0: none */
    bool cache;             /* may be kept and asked about by ETag; else no-store */
};

#define WEB_JSON "application/json"

void web_response_init(struct web_response *response);
void web_response_free(struct web_response *response);

/** Replaces what is there by a problem; detail for people, may be empty. Returns status. */
unsigned web_problem(struct web_response *response, unsigned status, const char *format, ...)
    AMR_PRINTF(3, 4);
/** The standard reason phrase; "" for a status not used here. */
const char *web_status_text(unsigned status);
/** Makes the ETag from the body. */
void web_response_tag(struct web_response *response);
/** Compresses a body worth it. */
void web_response_compress(struct web_response *response);

#endif
