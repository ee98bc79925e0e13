/*
 * web_assets.h: the dashboard's files, inside the program.
 *
 * web/embed.mjs compresses them when the program is built; there is nothing to install and no file
 * to read at run time. Immutable; any thread.
 */
#ifndef AMR_BRIDGE_WEB_ASSETS_H
#define AMR_BRIDGE_WEB_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

#include "chain-bridge/web_request.h"
#include "chain-bridge/web_response.h"

struct web_asset {
    const char *path; /* "/app.js"; "/" is the page */
    const char *type;
    const char *etag; /* with quotes, from the content */
    const unsigned char *gzip;
    size_t gzip_len;
    size_t len;
};

/** NULL: none at this path. */
const struct web_asset *web_asset_find(const char *path);
/** Answers with it, or with 304. */
void web_asset_answer(const struct web_asset *asset, const struct web_request *request,
                      struct web_response *response);

#endif
