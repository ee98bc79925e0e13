#include "chain-bridge/web_access.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "chain-bridge/store_web.h"
#include "common/hex.h"
#include "common/json.h"
#include "common/json_out.h"
#include "common/keccak.h"
#include "common/options.h"

#define COOKIE "__Host-amr"
/* Secure also without TLS: browsers take such a cookie from loopback. */
#define COOKIE_RULES "; Path=/; Secure; HttpOnly; SameSite=Strict"

enum { TOKEN_BYTES = 32, DAYS_MAX = 3650, DAY_S = 86400 };

/* A comma-separated list as an array. */
static void print_list(struct buf *out, const char *key, const char *list)
{
    json_put_array(out, key);
    while (list && *list) {
        list += strspn(list, ", ");
        size_t len = strcspn(list, ", ");
        char item[WEB_VALUE_MAX];
        if (len > 0 && len < sizeof(item)) {
            memcpy(item, list, len);
            item[len] = '\0';
            json_put_text(out, NULL, item);
        }
        list += len;
    }
    json_put_end_array(out);
}

static void print_session(const struct web_call *call, const struct web_session *session)
{
    const struct web_shared *shared = call->context->shared;
    struct buf *out = &call->response->body;
    char text[ETH_ADDRESS_TEXT];
    json_put_object(out, NULL);
    json_put_text(out, "name", session->name);
    json_put_text(out, "role", staff_role_text(session->role));
    json_put_text(out, "csrf", session->csrf);
    json_put_uint(out, "expires_t", session->expires_s);
    json_put_uint(out, "group", shared->group);
    json_put_uint(out, "chain_id", shared->domain->chain_id);
    json_put_text(out, "contract", eth_address_text(text, &shared->domain->contract));
    json_put_text(out, "server", eth_address_text(text, &shared->account));
    json_put_text(out, "version", AMR_VERSION);
    json_put_uint(out, "started_t", shared->started_s);
    json_put_uint(out, "target_percent", shared->target_percent);
    json_put_uint(out, "interval_s", grid_step(web_live_grid(shared->live)));
    json_put_object(out, "commands");
    json_put_bool(out, "wallet", shared->commands != NULL);
    json_put_text_or_null(
        out, "held_key",
        shared->operator_key ? eth_address_text(text, signer_address(shared->operator_key)) : NULL);
    json_put_end_object(out);
    print_list(out, "verify_origins", shared->verify_origins);
    json_put_end_object(out);
}

int web_get_session(const struct web_call *call, struct err *err)
{
    (void)err;
    print_session(call, &call->who);
    return 0;
}

int web_logout(const struct web_call *call, struct err *err)
{
    char id[SESSION_ID_TEXT];
    (void)err;
    if (web_cookie(call->request, id, sizeof(id), COOKIE))
        web_session_close(call->context->shared->sessions, id);
    snprintf(call->response->set_cookie, sizeof(call->response->set_cookie), "%s",
             COOKIE "=" COOKIE_RULES "; Max-Age=0");
    call->response->status = 204;
    return 0;
}

struct credentials {
    char name[SERIAL_MAX + 1];
    char password[STAFF_PASSWORD_MAX + 1];
};

static bool read_credentials(const struct web_call *call, struct credentials *ret_credentials)
{
    struct err err = ERR_INIT;
    struct json_reader reader;
    json_t *body = web_body(call);
    if (!body)
        return false;
    json_reader_init(&reader, body, &err);
    const char *name = json_take_string(&reader, "name", true);
    const char *password = json_take_string(&reader, "password", true);
    bool read = json_done(&reader) == 0;
    if (!read)
        web_bad(call, &err);
    /* What is too long is nobody's: refused like a wrong password. */
    snprintf(ret_credentials->name, sizeof(ret_credentials->name), "%s",
             strlen(name) <= SERIAL_MAX ? name : "");
    snprintf(ret_credentials->password, sizeof(ret_credentials->password), "%s",
             strlen(password) <= STAFF_PASSWORD_MAX ? password : "");
    json_decref(body);
    return read;
}

static bool keep_session(void *cookie, const char *name, enum staff_role role)
{
    const struct staff *staff = cookie;
    return staff_knows(staff, name) && staff_role(staff, name) == role;
}

static int open_session(const struct web_call *call, const char *name, struct err *err)
{
    const struct web_context *context = call->context;
    char id[SESSION_ID_TEXT];
    struct web_session session;
    if (web_session_open(context->shared->sessions, id, &session, name,
                         staff_role(context->staff, name), err) < 0)
        return -1;
    snprintf(call->response->set_cookie, sizeof(call->response->set_cookie), COOKIE "=%s%s", id,
             COOKIE_RULES);
    OPENSSL_cleanse(id, sizeof(id));
    print_session(call, &session);
    return 0;
}

static int log_in(const struct web_call *call, const struct credentials *credentials,
                  struct err *err)
{
    const struct web_context *context = call->context;
    struct web_sessions *sessions = context->shared->sessions;
    const char *address = call->request->address;
    bool changed;
    unsigned wait_s = web_login_wait(sessions, credentials->name, address);
    if (wait_s > 0) {
        web_problem(call->response, 429, "too many failed logins, wait %u s", wait_s);
        call->response->retry_after_s = wait_s;
        return 0;
    }
    if (!context->staff) {
        web_problem(call->response, 503, "no staff file is configured (web-staff)");
        return 0;
    }
    struct err file = ERR_INIT; /* the last good state counts */
    if (staff_refresh(context->staff, &changed, &file) < 0 && staff_count(context->staff) == 0)
        return err_set(err, "the staff file cannot be read");
    web_sessions_keep(sessions, keep_session, context->staff);
    if (!staff_check(context->staff, credentials->name, credentials->password)) {
        web_login_failed(sessions, credentials->name, address);
        web_problem(call->response, 401, "name or password is wrong");
        return 0;
    }
    web_login_passed(sessions, credentials->name);
    return open_session(call, credentials->name, err);
}

int web_login(const struct web_call *call, struct err *err)
{
    struct credentials credentials;
    if (!read_credentials(call, &credentials))
        return 0;
    int result = log_in(call, &credentials, err);
    OPENSSL_cleanse(&credentials, sizeof(credentials));
    return result;
}

/* --- tokens ---------------------------------------------------------------------------------- */

static void print_token(struct buf *out, const struct token_row *row, const char *token)
{
    json_put_object(out, NULL);
    json_put_uint(out, "id", row->id);
    json_put_text(out, "name", row->name);
    json_put_text(out, "role", staff_role_text((enum staff_role)row->role));
    json_put_uint(out, "created_t", row->created_s);
    json_put_text(out, "created_by", row->created_by);
    if (row->expires_s)
        json_put_uint(out, "expires_t", row->expires_s);
    else
        json_put_null(out, "expires_t");
    if (row->used_s)
        json_put_uint(out, "used_t", row->used_s);
    else
        json_put_null(out, "used_t");
    if (token)
        json_put_text(out, "token", token);
    json_put_end_object(out);
}

static void on_token(void *cookie, const struct token_row *row)
{
    print_token(cookie, row, NULL);
}

int web_list_tokens(const struct web_call *call, struct err *err)
{
    struct buf *out = &call->response->body;
    json_put_object(out, NULL);
    json_put_array(out, "items");
    if (store_token_each(call->context->store, on_token, out, err) < 0)
        return -1;
    json_put_end_array(out);
    json_put_null(out, "next_cursor");
    json_put_end_object(out);
    return 0;
}

static bool read_token(const struct web_call *call, struct token_row *ret_row)
{
    struct err err = ERR_INIT;
    struct json_reader reader;
    enum staff_role role = STAFF_VIEWER;
    json_t *body = web_body(call);
    if (!body)
        return false;
    json_reader_init(&reader, body, &err);
    const char *name = json_take_string(&reader, "name", true);
    const char *role_text = json_take_string(&reader, "role", true);
    uint64_t days = 0;
    if (json_object_get(body, "days"))
        days = json_take_uint(&reader, "days", 0, DAYS_MAX);
    if (!serial_valid(name))
        json_fail(&reader, "name: 1 to %d of A-Z a-z 0-9 . _ -", SERIAL_MAX);
    if (staff_role_parse(&role, role_text, NULL) < 0)
        json_fail(&reader, "role: viewer or operator");
    uint64_t now_s = clock_unix_s(call->context->shared->clock);
    bool read = json_done(&reader) == 0;
    if (read) {
        *ret_row = (struct token_row){
            .role = role, .created_s = now_s, .expires_s = days ? now_s + days * DAY_S : 0};
        snprintf(ret_row->name, sizeof(ret_row->name), "%s", name);
        snprintf(ret_row->created_by, sizeof(ret_row->created_by), "%s", call->who.name);
    } else {
        web_bad(call, &err);
    }
    json_decref(body);
    return read;
}

int web_make_token(const struct web_call *call, struct err *err)
{
    struct token_row row;
    struct eth_hash hash;
    uint8_t secret[TOKEN_BYTES];
    char text[HEX0X_SIZE(TOKEN_BYTES)], token[8 + HEX0X_SIZE(TOKEN_BYTES)];
    struct err taken = ERR_INIT;
    if (!read_token(call, &row))
        return 0;
    if (RAND_bytes(secret, sizeof(secret)) != 1)
        return err_set(err, "no random bytes");
    snprintf(token, sizeof(token), "amr_%s", hex0x_encode(text, secret, sizeof(secret)) + 2);
    keccak256(&hash, token, strlen(token));
    if (store_token_add(call->context->store, &row.id, &row, &hash, &taken) < 0) {
        web_problem(call->response, 409, "%s", taken.text);
    } else {
        call->response->status = 201;
        print_token(&call->response->body, &row, token);
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(text, sizeof(text));
    OPENSSL_cleanse(token, sizeof(token));
    return 0;
}

int web_drop_token(const struct web_call *call, struct err *err)
{
    uint64_t id;
    bool found;
    struct err bad = ERR_INIT;
    if (parse_u64(&id, call->argument, 1, INT64_MAX, &bad) < 0)
        return web_bad(call, &bad);
    if (store_token_drop(call->context->store, id, &found, err) < 0)
        return -1;
    if (found)
        call->response->status = 204;
    else
        web_problem(call->response, 404, "no such token");
    return 0;
}
