#include "chain-bridge/web_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/store_web.h"
#include "chain-bridge/web_access.h"
#include "chain-bridge/web_alarms.h"
#include "chain-bridge/web_batches.h"
#include "chain-bridge/web_daily.h"
#include "chain-bridge/web_meters.h"
#include "chain-bridge/web_metrics.h"
#include "chain-bridge/web_orders.h"
#include "chain-bridge/web_overview.h"
#include "chain-bridge/web_readings.h"
#include "common/json.h"
#include "common/keccak.h"
#include "common/options.h"

#define PREFIX      "/api/v1"
#define COOKIE      "__Host-amr"
#define BEARER      "Bearer "
#define USED_STEP_S 3600

enum need { NEED_NOBODY, NEED_VIEWER, NEED_OPERATOR };

struct route {
    enum web_method method;
    const char *path; /* * stands for one segment */
    enum need need;
    bool slow;
    bool tagged; /* gets an ETag, answers 304 */
    web_handler *handler;
};

static const struct route ROUTES[] = {
    {WEB_POST, PREFIX "/login", NEED_NOBODY, true, false, web_login},
    {WEB_POST, PREFIX "/logout", NEED_VIEWER, false, false, web_logout},
    {WEB_GET, PREFIX "/session", NEED_VIEWER, false, false, web_get_session},
    {WEB_GET, PREFIX "/overview", NEED_VIEWER, false, true, web_get_overview},
    {WEB_GET, PREFIX "/load", NEED_VIEWER, false, true, web_get_load},
    {WEB_GET, PREFIX "/meters", NEED_VIEWER, false, true, web_list_meters},
    {WEB_GET, PREFIX "/meters/*", NEED_VIEWER, false, true, web_get_meter},
    {WEB_GET, PREFIX "/meters/*/readings", NEED_VIEWER, false, true, web_list_readings},
    {WEB_GET, PREFIX "/meters/*/events", NEED_VIEWER, false, true, web_list_events},
    {WEB_GET, PREFIX "/heatmap", NEED_VIEWER, false, true, web_get_heatmap},
    {WEB_GET, PREFIX "/alarms", NEED_VIEWER, false, true, web_list_alarms},
    {WEB_POST, PREFIX "/alarms/acknowledge", NEED_OPERATOR, false, false, web_acknowledge_all},
    {WEB_GET, PREFIX "/alarms/*", NEED_VIEWER, false, true, web_get_alarm},
    {WEB_POST, PREFIX "/alarms/*/acknowledge", NEED_OPERATOR, false, false, web_acknowledge},
    {WEB_GET, PREFIX "/batches", NEED_VIEWER, false, true, web_list_batches},
    {WEB_GET, PREFIX "/batches/*", NEED_VIEWER, false, true, web_get_batch},
    {WEB_GET, PREFIX "/proofs/*/*", NEED_VIEWER, false, true, web_get_proof},
    {WEB_GET, PREFIX "/reports/daily", NEED_VIEWER, true, true, web_get_daily},
    {WEB_GET, PREFIX "/commands", NEED_VIEWER, false, true, web_list_commands},
    {WEB_POST, PREFIX "/commands", NEED_OPERATOR, false, false, web_post_command},
    {WEB_GET, PREFIX "/commands/next", NEED_OPERATOR, false, false, web_next_command},
    {WEB_GET, PREFIX "/tokens", NEED_OPERATOR, false, false, web_list_tokens},
    {WEB_POST, PREFIX "/tokens", NEED_OPERATOR, false, false, web_make_token},
    {WEB_DELETE, PREFIX "/tokens/*", NEED_OPERATOR, false, false, web_drop_token},
    {WEB_GET, "/metrics", NEED_NOBODY, false, false, web_get_metrics},
    {WEB_GET, "/healthz", NEED_NOBODY, false, false, web_get_health},
    {WEB_GET, "/readyz", NEED_NOBODY, false, false, web_get_ready},
};

enum { ARGUMENTS_MAX = 2, ARGUMENT_MAX = 96 };

struct arguments {
    char text[ARGUMENTS_MAX][ARGUMENT_MAX];
};

static bool match(const char *pattern, const char *path, struct arguments *ret_arguments)
{
    size_t count = 0;
    while (*pattern && *path) {
        if (*pattern == '*') {
            size_t len = strcspn(path, "/");
            if (len == 0 ||
                web_decode(ret_arguments->text[count++], ARGUMENT_MAX, path, len, false, NULL) < 0)
                return false;
            pattern++;
            path += len;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == '\0' && *path == '\0';
}

/* A row with a literal path stands before the one with a * that would match it, too. */
static const struct route *find_route(const struct web_request *request,
                                      struct arguments *ret_arguments, bool *ret_other_method)
{
    enum web_method method = request->method == WEB_HEAD ? WEB_GET : request->method;
    *ret_other_method = false;
    for (size_t i = 0; i < AMR_COUNT(ROUTES); i++) {
        *ret_arguments = (struct arguments){0};
        if (!match(ROUTES[i].path, request->path, ret_arguments))
            continue;
        if (ROUTES[i].method == method)
            return &ROUTES[i];
        *ret_other_method = true;
    }
    return NULL;
}

bool web_api_slow(const struct web_request *request)
{
    struct arguments arguments;
    bool other;
    const struct route *route = find_route(request, &arguments, &other);
    return route && route->slow;
}

static bool find_token(const struct web_context *context, const char *token,
                       struct web_session *ret_who)
{
    struct token_row row;
    struct eth_hash hash;
    bool found;
    uint64_t now_s = clock_unix_s(context->shared->clock);
    keccak256(&hash, token, strlen(token));
    if (store_token_find(context->store, &row, &found, &hash, NULL) < 0 || !found ||
        (row.expires_s && row.expires_s <= now_s))
        return false;
    if (now_s - row.used_s >= USED_STEP_S &&
        store_token_used(context->store, row.id, now_s, NULL) < 0)
        row.used_s = 0; /* only for people: a full disk must not lock programs out */
    *ret_who = (struct web_session){.role = (enum staff_role)row.role, .expires_s = row.expires_s};
    snprintf(ret_who->name, sizeof(ret_who->name), "%s", row.name);
    return true;
}

bool web_api_who(const struct web_context *context, const struct web_request *request,
                 struct web_session *ret_who)
{
    char id[SESSION_ID_TEXT];
    if (strncmp(request->authorization, BEARER, sizeof(BEARER) - 1) == 0)
        return find_token(context, request->authorization + sizeof(BEARER) - 1, ret_who);
    return web_cookie(request, id, sizeof(id), COOKIE) &&
           web_session_find(context->shared->sessions, ret_who, id);
}

/* Pages of other sites can make a browser send our cookie; they know no CSRF token, and the browser
 * tells their origin. */
static unsigned check_forgery(const struct web_call *call, const struct route *route)
{
    const struct web_request *request = call->request;
    if (route->method == WEB_GET || request->authorization[0])
        return 0;
    if (request->origin[0] && !web_origin_trusted(request, call->context->shared->trusted))
        return web_problem(call->response, 403, "requests from %s are not allowed",
                           request->origin);
    if (route->need != NEED_NOBODY && !web_secret_equal(request->csrf, call->who.csrf))
        return web_problem(call->response, 403, "the header X-CSRF-Token is missing or wrong");
    return 0;
}

static unsigned check_access(struct web_call *call, const struct route *route)
{
    const struct web_request *request = call->request;
    bool known = web_api_who(call->context, request, &call->who);
    if (route->need != NEED_NOBODY && !known)
        return web_problem(call->response, 401, "log in, or send a token");
    unsigned status = check_forgery(call, route);
    if (status)
        return status;
    if (route->need == NEED_OPERATOR && call->who.role != STAFF_OPERATOR)
        return web_problem(call->response, 403, "%s is no operator", call->who.name);
    return 0;
}

static void tag(const struct web_request *request, struct web_response *response)
{
    web_response_tag(response);
    response->cache = true;
    if (web_etag_matches(request->if_none_match, response->etag)) {
        response->status = 304;
        buf_clear(&response->body);
    }
}

static void run(struct web_call *call, const struct route *route)
{
    struct err err = ERR_INIT;
    if (route->handler(call, &err) < 0) {
        web_problem(call->response, 500, "%s", err.text);
        return;
    }
    if (route->tagged && call->response->status == 200)
        tag(call->request, call->response);
    if (call->response->status == 200 && web_accepts_gzip(call->request))
        web_response_compress(call->response);
}

void web_api_handle(const struct web_context *context, const struct web_request *request,
                    struct web_response *response)
{
    struct arguments arguments;
    bool other_method;
    const struct route *route = find_route(request, &arguments, &other_method);
    struct web_call call = {.context = context,
                            .request = request,
                            .response = response,
                            .argument = arguments.text[0],
                            .argument2 = arguments.text[1]};
    if (!web_host_trusted(request->host, context->shared->host, context->shared->trusted))
        web_problem(response, 421, "this server is not called '%s'", request->host);
    else if (!route)
        web_problem(response, other_method ? 405 : 404, "%s", "");
    else if (check_access(&call, route) == 0)
        run(&call, route);
}

/* --- for handlers ---------------------------------------------------------------------------- */

struct json_t *web_body(const struct web_call *call)
{
    struct err err = ERR_INIT;
    static const char TYPE[] = WEB_JSON;
    if (strncmp(call->request->content_type, TYPE, sizeof(TYPE) - 1) != 0) {
        web_problem(call->response, 400, "the body must be %s", TYPE);
        return NULL;
    }
    json_t *body = json_parse(call->request->body, call->request->body_len, &err);
    if (!body)
        web_problem(call->response, 400, "%s", err.text);
    return body;
}

uint32_t web_meter_argument(const struct web_call *call, const char *text)
{
    struct web_live *live = call->context->shared->live;
    struct live_meter row;
    uint64_t meter = 0;
    if (strncmp(text, "id:", 3) == 0) {
        if (parse_u64(&meter, text + 3, 1, UINT32_MAX, NULL) < 0) {
            web_problem(call->response, 400, "not a meter id");
            return 0;
        }
    } else if (!serial_valid(text)) {
        web_problem(call->response, 400, "neither a serial nor id: and a meter id");
        return 0;
    } else {
        meter = web_live_find(live, text);
    }
    if (meter == 0 || !web_live_get(live, (uint32_t)meter, &row)) {
        web_problem(call->response, 404, "no meter '%s' in this group", text);
        return 0;
    }
    return (uint32_t)meter;
}

int web_bad(const struct web_call *call, const struct err *err)
{
    web_problem(call->response, 400, "%s", err->text);
    return 0;
}
