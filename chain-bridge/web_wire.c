#include "chain-bridge/web_wire.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"

enum { HEADERS_MAX = 4096 };

static bool copy(struct lws *wsi, enum lws_token_indexes token, char *to, size_t size)
{
    to[0] = '\0';
    int len = lws_hdr_total_length(wsi, token);
    return len == 0 || ((size_t)len < size && lws_hdr_copy(wsi, to, (int)size, token) >= 0);
}

static bool copy_custom(struct lws *wsi, const char *name, char *to, size_t size)
{
    int name_len = (int)strlen(name);
    to[0] = '\0';
    int len = lws_hdr_custom_length(wsi, name, name_len);
    return len <= 0 ||
           ((size_t)len < size && lws_hdr_custom_copy(wsi, to, (int)size, name, name_len) >= 0);
}

static bool read_uri(struct lws *wsi, struct web_request *request)
{
    static const struct {
        enum lws_token_indexes token;
        enum web_method method;
    } METHODS[] = {{WSI_TOKEN_GET_URI, WEB_GET},
                   {WSI_TOKEN_POST_URI, WEB_POST},
                   {WSI_TOKEN_HEAD_URI, WEB_HEAD},
                   {WSI_TOKEN_DELETE_URI, WEB_DELETE}};
    request->method = WEB_METHOD_OTHER;
    for (size_t i = 0; i < AMR_COUNT(METHODS); i++) {
        if (lws_hdr_total_length(wsi, METHODS[i].token) == 0)
            continue;
        request->method = METHODS[i].method;
        return copy(wsi, METHODS[i].token, request->path, sizeof(request->path));
    }
    return true;
}

/* One name=value again as it was sent, for a parser that decodes. */
static bool add_fragment(char *query, size_t size, const char *fragment)
{
    size_t len = strlen(query);
    if (len > 0 && len + 1 < size)
        query[len++] = '&';
    for (; *fragment && len + 4 < size; fragment++) {
        if (strchr("%&+", *fragment))
            len += (size_t)snprintf(query + len, size - len, "%%%02X", (unsigned char)*fragment);
        else
            query[len++] = *fragment;
    }
    query[len] = '\0';
    return *fragment == '\0';
}

static bool read_query(struct lws *wsi, struct web_request *request)
{
    char fragment[WEB_QUERY_MAX];
    int len;
    for (int i = 0; (len = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i)) > 0; i++) {
        if (len >= (int)sizeof(fragment) ||
            lws_hdr_copy_fragment(wsi, fragment, sizeof(fragment), WSI_TOKEN_HTTP_URI_ARGS, i) <
                0 ||
            !add_fragment(request->query, sizeof(request->query), fragment))
            return false;
    }
    return true;
}

static bool read_headers(struct lws *wsi, struct web_request *request)
{
    return copy(wsi, WSI_TOKEN_HOST, request->host, sizeof(request->host)) &&
           copy(wsi, WSI_TOKEN_ORIGIN, request->origin, sizeof(request->origin)) &&
           copy(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, request->authorization,
                sizeof(request->authorization)) &&
           copy(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, request->if_none_match,
                sizeof(request->if_none_match)) &&
           copy(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, request->content_type,
                sizeof(request->content_type)) &&
           copy(wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, request->accept_encoding,
                sizeof(request->accept_encoding)) &&
           copy(wsi, WSI_TOKEN_HTTP_COOKIE, request->cookie, sizeof(request->cookie)) &&
           copy_custom(wsi, "x-csrf-token:", request->csrf, sizeof(request->csrf));
}

static unsigned read_length(struct lws *wsi, enum web_method method, size_t *ret_length)
{
    char text[24];
    uint64_t length = 0;
    bool has_length = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
    *ret_length = 0;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return 400; /* chunked requests are nobody's need here */
    if (!has_length)
        return 0;
    if (!copy(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof(text)) ||
        parse_u64(&length, text, 0, UINT64_MAX, NULL) < 0)
        return 400;
    *ret_length = length > SIZE_MAX ? SIZE_MAX : (size_t)length;
    if (length > WEB_BODY_MAX)
        return 413;
    return length > 0 && method != WEB_POST ? 400 : 0;
}

unsigned web_wire_read(struct lws *wsi, struct web_request *ret_request, size_t *ret_length)
{
    *ret_length = 0;
    *ret_request = (struct web_request){.secure = lws_is_ssl(wsi) != 0};
    if (!read_uri(wsi, ret_request) || !read_query(wsi, ret_request))
        return 414;
    unsigned status = read_length(wsi, ret_request->method, ret_length);
    if (!read_headers(wsi, ret_request))
        return 400;
    if (ret_request->method == WEB_METHOD_OTHER)
        return 405;
    if (!lws_get_peer_simple(wsi, ret_request->address, sizeof(ret_request->address)))
        snprintf(ret_request->address, sizeof(ret_request->address), "?");
    return status;
}

struct headers {
    struct lws *wsi;
    unsigned char *at;
    unsigned char *end;
    bool failed;
};

static void put(struct headers *headers, const char *name, const char *value)
{
    if (value[0] == '\0' || headers->failed)
        return;
    headers->failed = lws_add_http_header_by_name(headers->wsi, (const unsigned char *)name,
                                                  (const unsigned char *)value, (int)strlen(value),
                                                  &headers->at, headers->end) != 0;
}

static void put_rules(struct headers *headers, const char *policy, bool tls)
{
    put(headers, "content-security-policy:", policy);
    put(headers, "x-content-type-options:", "nosniff");
    put(headers, "x-frame-options:", "DENY");
    put(headers, "referrer-policy:", "no-referrer");
    put(headers, "cross-origin-opener-policy:", "same-origin");
    put(headers, "cross-origin-resource-policy:", "same-origin");
    put(headers, "permissions-policy:", "camera=(), geolocation=(), microphone=()");
    if (tls)
        put(headers, "strict-transport-security:", "max-age=31536000");
}

int web_wire_write_headers(struct lws *wsi, const struct web_response *response, const char *policy,
                           bool tls)
{
    unsigned char buffer[LWS_PRE + HEADERS_MAX];
    struct headers headers = {
        .wsi = wsi, .at = buffer + LWS_PRE, .end = buffer + sizeof(buffer) - 1};
    char retry[16] = "";
    size_t length = response->fixed ? response->fixed_len : response->body.len;
    bool has_body = response->status != 204 && response->status != 304;
    unsigned char *start = headers.at;
    if (lws_add_http_header_status(wsi, response->status, &headers.at, headers.end))
        return -1;
    if (has_body)
        put(&headers, "content-type:", response->content_type);
    if (response->gzip && has_body)
        put(&headers, "content-encoding:", "gzip");
    put(&headers, "vary:", "accept-encoding");
    put(&headers, "cache-control:", response->cache ? "no-cache" : "no-store");
    put(&headers, "etag:", response->etag);
    put(&headers, "set-cookie:", response->set_cookie);
    put(&headers, "location:", response->location);
    put(&headers, "content-disposition:", response->disposition);
    if (response->retry_after_s)
        snprintf(retry, sizeof(retry), "%u", response->retry_after_s);
    put(&headers, "retry-after:", retry);
    put_rules(&headers, policy, tls);
    if (headers.failed ||
        (response->status != 304 &&
         lws_add_http_header_content_length(wsi, has_body ? length : 0, &headers.at, headers.end)))
        return -1;
    return lws_finalize_write_http_header(wsi, start, &headers.at, headers.end);
}

char *web_wire_policy(const char *verify_origins)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
                      "data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
                      "connect-src 'self'");
    while (verify_origins && *verify_origins) {
        verify_origins += strspn(verify_origins, ", ");
        size_t len = strcspn(verify_origins, ", ");
        if (len)
            buf_printf(&text, " %.*s", (int)len, verify_origins);
        verify_origins += len;
    }
    char *policy = xstrdup(buf_str(&text));
    buf_free(&text);
    return policy;
}
