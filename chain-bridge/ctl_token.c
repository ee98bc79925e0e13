#include "chain-bridge/ctl_token.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#include "chain-bridge/ctl_rows.h"
#include "chain-bridge/ctl_store.h"
#include "chain-bridge/store_web.h"
#include "common/clock.h"
#include "common/hex.h"
#include "common/json_out.h"
#include "common/keccak.h"
#include "common/staff.h"

enum { SECRET_LEN = 32, DAY_S = 86400 };

struct config {
    const char *store;
    const char *role;
    uint32_t days;
    bool json;
};

#define STORE_ROWS                                                                                 \
    OPTION_STRING(struct config, store, "store", "bridge.db",                                      \
                  "the bridge's store, changed beside the running bridge"),                        \
        OPTION_FLAG(struct config, json, "json", "print JSON")

static void print_token(struct buf *out, const struct token_row *row, const char *token)
{
    json_put_object(out, NULL);
    json_put_uint(out, "id", row->id);
    json_put_text(out, "name", row->name);
    json_put_text(out, "role", staff_role_text((enum staff_role)row->role));
    json_put_uint(out, "created_t", row->created_s);
    json_put_text(out, "created_by", row->created_by);
    json_put_uint(out, "expires_t", row->expires_s);
    json_put_uint(out, "used_t", row->used_s);
    if (token)
        json_put_text(out, "token", token);
    json_put_end_object(out);
}

static int make_row(struct token_row *ret_row, const struct ctl *ctl, const struct config *config,
                    struct err *err)
{
    enum staff_role role;
    if (ctl->argc != 1 || !serial_valid(ctl->argv[0]))
        return err_set(err, "give one NAME of 1 to %d of A-Z a-z 0-9 . _ -", SERIAL_MAX);
    if (staff_role_parse(&role, config->role, err) < 0)
        return -1;
    struct clock *clock = clock_system_new();
    uint64_t now_s = clock_unix_s(clock);
    clock_free(clock);
    *ret_row =
        (struct token_row){.role = role,
                           .created_s = now_s,
                           .created_by = "amrctl",
                           .expires_s = config->days ? now_s + (uint64_t)config->days * DAY_S : 0};
    snprintf(ret_row->name, sizeof(ret_row->name), "%s", ctl->argv[0]);
    return 0;
}

static int run_add(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct store *store = NULL;
    struct token_row row;
    struct eth_hash hash;
    struct buf json = BUF_INIT;
    uint8_t secret[SECRET_LEN];
    char text[HEX0X_SIZE(SECRET_LEN)], token[8 + HEX0X_SIZE(SECRET_LEN)];
    if (make_row(&row, ctl, config, err) < 0)
        return CTL_USAGE;
    if (ctl_store_open(&store, config->store, err) != 0)
        return CTL_FAILED;
    int result = RAND_bytes(secret, sizeof(secret)) == 1 ? 0 : err_set(err, "no random bytes");
    if (result == 0) {
        snprintf(token, sizeof(token), "amr_%s", hex0x_encode(text, secret, SECRET_LEN) + 2);
        keccak256(&hash, token, strlen(token));
        result = store_token_add(store, &row.id, &row, &hash, err);
    }
    if (result == 0 && config->json) {
        print_token(&json, &row, token);
        fprintf(ctl->out, "%s\n", buf_str(&json));
    } else if (result == 0) {
        fprintf(ctl->out, "%s\n", token);
    }
    buf_free(&json);
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(text, sizeof(text));
    OPENSSL_cleanse(token, sizeof(token));
    store_close(store);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

struct search {
    const char *name;
    uint64_t id; /* 0: not found */
};

static void look_for(void *cookie, const struct token_row *row)
{
    struct search *search = cookie;
    if (strcmp(row->name, search->name) == 0)
        search->id = row->id;
}

static int run_remove(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct store *store = NULL;
    bool found;
    if (ctl->argc != 1) {
        err_set(err, "give one NAME");
        return CTL_USAGE;
    }
    if (ctl_store_open(&store, config->store, err) != 0)
        return CTL_FAILED;
    struct search search = {.name = ctl->argv[0]};
    int result = store_token_each(store, look_for, &search, err);
    if (result == 0 && search.id == 0)
        result = err_set(err, "no token of that name");
    if (result == 0)
        result = store_token_drop(store, search.id, &found, err);
    store_close(store);
    if (result == 0)
        fprintf(ctl->out, "%s: removed\n", ctl->argv[0]);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

struct list {
    FILE *out;
    bool json;
};

static void print_row(void *cookie, const struct token_row *row)
{
    const struct list *list = cookie;
    struct buf json = BUF_INIT;
    char created[CTL_TIME_TEXT];
    print_token(&json, row, NULL);
    if (list->json)
        fprintf(list->out, "%s\n", buf_str(&json));
    else
        fprintf(list->out, "%-32s %-8s %s  by %s%s\n", row->name,
                staff_role_text((enum staff_role)row->role),
                ctl_time_text(created, (uint32_t)row->created_s), row->created_by,
                row->expires_s ? ", ends" : "");
    buf_free(&json);
}

static int run_list(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct store *store = NULL;
    struct list list = {ctl->out, config->json};
    if (ctl_store_open(&store, config->store, err) != 0)
        return CTL_FAILED;
    int result = store_token_each(store, print_row, &list, err);
    store_close(store);
    return result == 0 ? CTL_DONE : CTL_FAILED;
}

static const struct option_row ADD_ROWS[] = {
    STORE_ROWS,
    OPTION_STRING(struct config, role, "role", "viewer", "viewer or operator"),
    OPTION_U32(struct config, days, "days", "0", 0, 3650, "how long it is good for; 0: no end"),
};
static const struct option_row LIST_ROWS[] = {STORE_ROWS};

const struct ctl_verb ctl_token_add = {
    .name = "token add",
    .usage = "NAME [--role ROLE] [--days N] [--store bridge.db]",
    .summary = "make and print a token by which a program may use the API",
    .rows = ADD_ROWS,
    .row_count = AMR_COUNT(ADD_ROWS),
    .config_size = sizeof(struct config),
    .run = run_add,
};

const struct ctl_verb ctl_token_remove = {
    .name = "token remove",
    .usage = "NAME [--store bridge.db]",
    .summary = "end a token at once",
    .rows = LIST_ROWS,
    .row_count = AMR_COUNT(LIST_ROWS),
    .config_size = sizeof(struct config),
    .run = run_remove,
};

const struct ctl_verb ctl_token_list = {
    .name = "token list",
    .usage = "[--store bridge.db]",
    .summary = "print the names of the programs that have a token",
    .rows = LIST_ROWS,
    .row_count = AMR_COUNT(LIST_ROWS),
    .config_size = sizeof(struct config),
    .run = run_list,
};
