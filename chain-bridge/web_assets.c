#include "chain-bridge/web_assets.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "web_assets_data.h" /* made by web/embed.mjs: ASSETS */

enum { GZIP_WINDOW = 15 + 16 };

const struct web_asset *web_asset_find(const char *path)
{
    for (size_t i = 0; i < AMR_COUNT(ASSETS); i++)
        if (strcmp(ASSETS[i].path, path) == 0)
            return &ASSETS[i];
    return NULL;
}

/* For the few clients that do not take gzip. */
static void unpack(const struct web_asset *asset, struct web_response *response)
{
    z_stream stream = {0};
    stream.next_in = (Bytef *)asset->gzip;
    stream.avail_in = (uInt)asset->gzip_len;
    stream.next_out = buf_extend(&response->body, asset->len);
    stream.avail_out = (uInt)asset->len;
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK || inflate(&stream, Z_FINISH) != Z_STREAM_END)
        web_problem(response, 500, "unpacking failed");
    inflateEnd(&stream);
}

void web_asset_answer(const struct web_asset *asset, const struct web_request *request,
                      struct web_response *response)
{
    response->content_type = asset->type;
    response->cache = true;
    snprintf(response->etag, sizeof(response->etag), "%s", asset->etag);
    if (web_etag_matches(request->if_none_match, asset->etag)) {
        response->status = 304;
    } else if (web_accepts_gzip(request)) {
        response->fixed = asset->gzip;
        response->fixed_len = asset->gzip_len;
        response->gzip = true;
    } else {
        unpack(asset, response);
    }
}
