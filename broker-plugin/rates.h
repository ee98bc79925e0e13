/*
 * rates.h: what one client may use, and what happens to one that misbehaves.
 *
 * An account belongs to an identity ("meter:A0001"), not to a connection, so that reconnecting
 * wins nothing. It has a token bucket for messages and one for bytes, and strikes: each refused
 * message costs one, one comes back per second. With half of its strikes gone a client is slowed
 * to a tenth of its rates; with all gone it is shut out for a while. One client's account never
 * touches another's. Times are monotonic milliseconds. One thread.
 */
#ifndef AMR_BROKER_PLUGIN_RATES_H
#define AMR_BROKER_PLUGIN_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"

/** A token bucket: full at first, `rate` tokens a second, at most `burst`. Zero it to start. */
struct bucket {
    uint64_t spent; /* thousandths of a token below full */
    uint64_t at_ms;
};

/** Takes count tokens if they are there. */
bool bucket_take(struct bucket *bucket, uint64_t rate, uint64_t burst, uint64_t count,
                 uint64_t now_ms);
/** The whole tokens that are there. */
uint64_t bucket_left(const struct bucket *bucket, uint64_t rate, uint64_t burst, uint64_t now_ms);

struct rate_limits {
    uint32_t messages_per_s;
    uint32_t messages_burst;
    uint32_t bytes_per_s;
    uint32_t bytes_burst;
    uint32_t strikes;
    uint32_t shut_out_s;
};

struct account;
struct accounts;

/** limits must outlive the accounts. */
struct accounts *accounts_new(const struct rate_limits *limits) AMR_NODISCARD;
void accounts_free(struct accounts *accounts);
/** The account of that name, made where it is new. Valid while it is held. */
struct account *account_hold(struct accounts *accounts, const char *name, uint64_t now_ms);
void account_release(struct accounts *accounts, struct account *account, uint64_t now_ms);
/** Forgets accounts that nobody holds and that have nothing left to remember. */
void accounts_sweep(struct accounts *accounts, uint64_t now_ms);
size_t accounts_count(const struct accounts *accounts);

/** Charges a message; false where it is too much. */
bool account_charge(const struct accounts *accounts, struct account *account, uint64_t bytes,
                    uint64_t now_ms);
/** Counts a refused message; true where this one shuts the client out. */
bool account_strike(const struct accounts *accounts, struct account *account, uint64_t now_ms);
/** Counts a failed login by password: ten of them are as bad as all strikes. */
bool account_failed_login(const struct accounts *accounts, struct account *account,
                          uint64_t now_ms);
bool account_is_shut(const struct account *account, uint64_t now_ms);
bool account_is_slowed(const struct accounts *accounts, const struct account *account,
                       uint64_t now_ms);
/** Whether one more notice (alarm, log line, receipt) about this client is due: 2/s, 20 at once. */
bool account_notice(struct account *account, uint64_t now_ms);

#endif
