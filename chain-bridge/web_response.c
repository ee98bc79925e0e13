#include "chain-bridge/web_response.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "common/eth.h"
#include "common/hex.h"
#include "common/json_out.h"
#include "common/keccak.h"

enum { COMPRESS_MIN = 1024, GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, GZIP_LEVEL = 1 };

static const struct {
    unsigned status;
    const char *text;
} TEXTS[] = {{200, "OK"},
             {201, "Created"},
             {202, "Accepted"},
             {204, "No Content"},
             {304, "Not Modified"},
             {400, "Bad Request"},
             {401, "Unauthorized"},
             {403, "Forbidden"},
             {404, "Not Found"},
             {405, "Method Not Allowed"},
             {408, "Request Timeout"},
             {409, "Conflict"},
             {413, "Content Too Large"},
             {414, "URI Too Long"},
             {421, "Misdirected Request"},
             {422, "Unprocessable Content"},
             {429, "Too Many Requests"},
             {500, "Internal Server Error"},
             {503, "Service Unavailable"}};

const char *web_status_text(unsigned status)
{
    for (size_t i = 0; i < AMR_COUNT(TEXTS); i++)
        if (TEXTS[i].status == status)
            return TEXTS[i].text;
    return "";
}

void web_response_init(struct web_response *response)
{
    *response = (struct web_response){.status = 200, .content_type = WEB_JSON};
}

void web_response_free(struct web_response *response)
{
    buf_free(&response->body);
}

unsigned web_problem(struct web_response *response, unsigned status, const char *format, ...)
{
    char detail[256];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    response->status = status;
    response->content_type = "application/problem+json";
    response->fixed = NULL;
    response->gzip = false;
    response->cache = false;
    response->etag[0] = '\0';
    buf_clear(&response->body);
    json_put_object(&response->body, NULL);
    json_put_text(&response->body, "type", "about:blank");
    json_put_text(&response->body, "title", web_status_text(status));
    json_put_uint(&response->body, "status", status);
    if (detail[0])
        json_put_text(&response->body, "detail", detail);
    json_put_end_object(&response->body);
    return status;
}

void web_response_tag(struct web_response *response)
{
    struct eth_hash hash;
    char text[HEX0X_SIZE(8)];
    keccak256(&hash, response->body.data, response->body.len);
    snprintf(response->etag, sizeof(response->etag), "\"%s\"", hex0x_encode(text, hash.b, 8) + 2);
}

void web_response_compress(struct web_response *response)
{
    struct buf packed = BUF_INIT;
    z_stream stream = {0};
    if (response->fixed || response->gzip || response->body.len < COMPRESS_MIN)
        return;
    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return;
    uLong bound = deflateBound(&stream, (uLong)response->body.len);
    stream.next_in = response->body.data;
    stream.avail_in = (uInt)response->body.len;
    stream.next_out = buf_extend(&packed, bound);
    stream.avail_out = (uInt)bound;
    if (deflate(&stream, Z_FINISH) == Z_STREAM_END) {
        packed.len = stream.total_out;
        buf_free(&response->body);
        response->body = packed;
        response->gzip = true;
    } else {
        buf_free(&packed);
    }
    deflateEnd(&stream);
}
