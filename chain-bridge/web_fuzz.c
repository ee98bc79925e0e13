/*
 * What a browser or anybody else can send: an API request and a live page's message.
 *
 * Fields are parted by a zero byte. "L" MESSAGE, or the first letter of GET, POST, HEAD, DELETE,
 * then path, query, cookie, If-None-Match, body. Everybody is an operator here, by token, so that
 * every handler is reached.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chain-bridge/store_web.h"
#include "chain-bridge/web_api.h"
#include "chain-bridge/web_push.h"
#include "common/keccak.h"

#define TOKEN "amr_fuzz"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct web_shared shared;
    struct web_context context;
    struct eip712 domain;
};

/* They stay open and are gone with the process, however it ends. */
static void forget_files(const char *dir, const char *path)
{
    static const char *const ENDINGS[] = {"", "-wal", "-shm", ".lock"};
    char name[80];
    for (size_t i = 0; i < AMR_COUNT(ENDINGS); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ENDINGS[i]);
        unlink(name);
    }
    rmdir(dir);
}

static struct world *make_world(void)
{
    char dir[] = "/tmp/amr-web-fuzz-XXXXXX", path[64];
    struct world *world = xcalloc(1, sizeof(*world));
    struct web_shared *shared = &world->shared;
    struct store_identity identity = {.chain_id = 1};
    struct token_row token = {.name = "fuzz", .role = STAFF_OPERATOR};
    struct eth_hash hash;
    struct err err = ERR_INIT;
    if (!mkdtemp(dir))
        abort();
    snprintf(path, sizeof(path), "%s/bridge.db", dir);
    if (store_open(&world->context.store, path, &identity, &err) < 0)
        abort();
    keccak256(&hash, TOKEN, strlen(TOKEN));
    if (store_token_add(world->context.store, &token.id, &token, &hash, &err) < 0)
        abort();
    forget_files(dir, path);
    eip712_init(&world->domain, 1, &identity.contract);
    shared->clock = clock_manual_new(UINT64_C(1767225600000));
    shared->roster = roster_new(1);
    shared->status = status_new();
    shared->recoverer = recoverer_new();
    shared->sessions = web_sessions_new(shared->clock);
    shared->domain = &world->domain;
    shared->group = 1;
    struct web_live_config live = {shared->clock, shared->roster, 900, 900, 4500};
    shared->live = web_live_new(&live);
    for (uint32_t i = 1; i <= 3; i++) {
        struct registry_meter meter = {.meter = 1 << 16 | i, .status = METER_ACTIVE};
        roster_put(shared->roster, &meter);
    }
    web_live_tick(shared->live);
    world->context.shared = shared;
    return world;
}

/* The text up to the next zero byte, cut to size. */
static void take(char *to, size_t size, const uint8_t **at, const uint8_t *end)
{
    size_t len = 0;
    for (; *at < end && **at; (*at)++)
        if (len + 1 < size)
            to[len++] = (char)**at;
    to[len] = '\0';
    *at += *at < end;
}

static void ask(const struct world *world, char method, const uint8_t *at, const uint8_t *end)
{
    struct web_request *request = xcalloc(1, sizeof(*request));
    struct web_response response;
    web_response_init(&response);
    request->method = method == 'G'   ? WEB_GET
                      : method == 'P' ? WEB_POST
                      : method == 'D' ? WEB_DELETE
                                      : WEB_HEAD;
    take(request->path, sizeof(request->path), &at, end);
    take(request->query, sizeof(request->query), &at, end);
    take(request->cookie, sizeof(request->cookie), &at, end);
    take(request->if_none_match, sizeof(request->if_none_match), &at, end);
    snprintf(request->host, sizeof(request->host), "127.0.0.1");
    snprintf(request->content_type, sizeof(request->content_type), WEB_JSON);
    if (!request->cookie[0])
        snprintf(request->authorization, sizeof(request->authorization), "Bearer " TOKEN);
    request->body = at;
    request->body_len = (size_t)(end - at) < WEB_BODY_MAX ? (size_t)(end - at) : WEB_BODY_MAX;
    web_api_handle(&world->context, request, &response);
    if (web_status_text(response.status)[0] == '\0')
        abort();
    web_response_free(&response);
    free(request);
}

static void listen(const struct world *world, const uint8_t *at, const uint8_t *end)
{
    struct web_push *push = web_push_new(&world->context);
    struct web_push_page *page = web_push_page_new(push);
    struct buf frame = BUF_INIT;
    struct err err = ERR_INIT;
    if (web_push_refresh(push, &err) == 0 &&
        web_push_subscribe(page, at, (size_t)(end - at), &err) == 0)
        web_push_next(page, &frame);
    buf_free(&frame);
    web_push_page_free(page);
    web_push_free(push);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world *world;
    if (!world)
        world = make_world();
    if (size == 0)
        return 0;
    if (data[0] == 'L')
        listen(world, data + 1, data + size);
    else
        ask(world, (char)data[0], data + 1, data + size);
    return 0;
}
