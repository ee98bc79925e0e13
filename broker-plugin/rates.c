#include "broker-plugin/rates.h"

#include <stdlib.h>
#include <string.h>

#include "broker-plugin/hash.h"
#include "common/buf.h"

#define STRIKES_PER_S  1
#define NOTICES_PER_S  2
#define NOTICES_BURST  20
#define SLOWDOWN       10
#define FORGET_AFTER_S 600

struct account {
    struct hash_node by_name;
    char *name;
    uint32_t holders;
    uint64_t seen_ms;
    uint64_t shut_until_ms;
    struct bucket messages;
    struct bucket bytes;
    struct bucket strikes;
    struct bucket notices;
};

struct accounts {
    const struct rate_limits *limits;
    struct hash by_name;
};

static uint64_t spent_at(const struct bucket *bucket, uint64_t rate, uint64_t now_ms)
{
    uint64_t refilled = (now_ms - bucket->at_ms) * rate;
    return bucket->spent > refilled ? bucket->spent - refilled : 0;
}

bool bucket_take(struct bucket *bucket, uint64_t rate, uint64_t burst, uint64_t count,
                 uint64_t now_ms)
{
    bucket->spent = spent_at(bucket, rate, now_ms);
    bucket->at_ms = now_ms;
    if (bucket->spent + count * 1000 > burst * 1000)
        return false;
    bucket->spent += count * 1000;
    return true;
}

uint64_t bucket_left(const struct bucket *bucket, uint64_t rate, uint64_t burst, uint64_t now_ms)
{
    uint64_t spent = spent_at(bucket, rate, now_ms);
    return spent < burst * 1000 ? (burst * 1000 - spent) / 1000 : 0;
}

struct accounts *accounts_new(const struct rate_limits *limits)
{
    struct accounts *accounts = xcalloc(1, sizeof *accounts);
    accounts->limits = limits;
    return accounts;
}

static void forget(struct accounts *accounts, struct account *account)
{
    hash_remove(&accounts->by_name, &account->by_name);
    free(account->name);
    free(account);
}

void accounts_free(struct accounts *accounts)
{
    if (!accounts)
        return;
    struct hash_node *node;
    while ((node = hash_next(&accounts->by_name, NULL)) != NULL)
        forget(accounts, HASH_ENTRY(node, struct account, by_name));
    hash_free(&accounts->by_name);
    free(accounts);
}

static struct account *find(const struct accounts *accounts, const char *name, uint64_t key)
{
    for (struct hash_node *n = hash_find(&accounts->by_name, key); n; n = hash_find_next(n))
        if (strcmp(HASH_ENTRY(n, struct account, by_name)->name, name) == 0)
            return HASH_ENTRY(n, struct account, by_name);
    return NULL;
}

struct account *account_hold(struct accounts *accounts, const char *name, uint64_t now_ms)
{
    uint64_t key = hash_text(name);
    struct account *account = find(accounts, name, key);
    if (!account) {
        account = xcalloc(1, sizeof *account);
        account->name = xstrdup(name);
        hash_add(&accounts->by_name, &account->by_name, key);
    }
    account->holders++;
    account->seen_ms = now_ms;
    return account;
}

void account_release(struct accounts *accounts, struct account *account, uint64_t now_ms)
{
    (void)accounts;
    account->holders--;
    account->seen_ms = now_ms;
}

void accounts_sweep(struct accounts *accounts, uint64_t now_ms)
{
    struct hash_node *next;
    for (struct hash_node *n = hash_next(&accounts->by_name, NULL); n; n = next) {
        struct account *account = HASH_ENTRY(n, struct account, by_name);
        next = hash_next(&accounts->by_name, n);
        if (account->holders == 0 && !account_is_shut(account, now_ms) &&
            now_ms - account->seen_ms > FORGET_AFTER_S * 1000)
            forget(accounts, account);
    }
}

size_t accounts_count(const struct accounts *accounts)
{
    return accounts->by_name.count;
}

bool account_charge(const struct accounts *accounts, struct account *account, uint64_t bytes,
                    uint64_t now_ms)
{
    const struct rate_limits *limits = accounts->limits;
    uint64_t divisor = account_is_slowed(accounts, account, now_ms) ? SLOWDOWN : 1;
    return bucket_take(&account->messages, limits->messages_per_s / divisor,
                       limits->messages_burst / divisor, 1, now_ms) &&
           bucket_take(&account->bytes, limits->bytes_per_s / divisor,
                       limits->bytes_burst / divisor, bytes, now_ms);
}

static bool strike(const struct accounts *accounts, struct account *account, uint64_t weight,
                   uint64_t now_ms)
{
    const struct rate_limits *limits = accounts->limits;
    if (bucket_take(&account->strikes, STRIKES_PER_S, limits->strikes, weight, now_ms))
        return false;
    account->shut_until_ms = now_ms + limits->shut_out_s * UINT64_C(1000);
    account->strikes = (struct bucket){0};
    return true;
}

bool account_strike(const struct accounts *accounts, struct account *account, uint64_t now_ms)
{
    return strike(accounts, account, 1, now_ms);
}

bool account_failed_login(const struct accounts *accounts, struct account *account, uint64_t now_ms)
{
    uint64_t tenth = accounts->limits->strikes / 10;
    return strike(accounts, account, tenth ? tenth : 1, now_ms);
}

bool account_is_shut(const struct account *account, uint64_t now_ms)
{
    return now_ms < account->shut_until_ms;
}

bool account_is_slowed(const struct accounts *accounts, const struct account *account,
                       uint64_t now_ms)
{
    uint32_t strikes = accounts->limits->strikes;
    return bucket_left(&account->strikes, STRIKES_PER_S, strikes, now_ms) < strikes / 2;
}

bool account_notice(struct account *account, uint64_t now_ms)
{
    return bucket_take(&account->notices, NOTICES_PER_S, NOTICES_BURST, 1, now_ms);
}
