/*
 * testing.h: what the bridge's tests share: a directory, a clock, a listener, signed reports.
 */
#ifndef AMR_BRIDGE_TESTING_H
#define AMR_BRIDGE_TESTING_H

#include <pthread.h>

#include "chain-bridge/notices.h"
#include "chain-bridge/roster.h"
#include "chain-bridge/status.h"
#include "chain-bridge/store.h"
#include "chain-bridge/store_report.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/signer.h"

enum { HEARD_MAX = 1024 };

/** Everything that was told; the lock guards it where threads run. */
struct heard {
    pthread_mutex_t lock;
    struct receipt receipts[HEARD_MAX];
    size_t receipt_count;
    char causes[HEARD_MAX][40];
    size_t alarm_count;
    struct batch_notice batches[HEARD_MAX];
    size_t batch_count;
    struct command commands[HEARD_MAX];
    size_t command_count;
};

struct bench {
    char dir[64];
    char store_path[96];
    struct clock *clock; /* manual, at BENCH_UNIX_S */
    struct log *log;
    struct status *status;
    struct store *store;
    struct store_identity identity;
    struct heard heard;
    struct signer *meter_signer; /* of every meter */
    struct signer *server_signer;
    struct eip712 domain;
};

#define BENCH_UNIX_S   UINT32_C(1767225600)
#define BENCH_GROUP    7
#define BENCH_METER(n) ((uint32_t)BENCH_GROUP << 16 | (uint32_t)(n))

void bench_open(struct bench *bench);
void bench_close(struct bench *bench);
/** Closes and opens the store, as a restart does. */
void bench_reopen(struct bench *bench);
struct notices bench_notices(struct bench *bench);
bool heard_alarm(struct heard *heard, const char *cause);
/** How often a sealed receipt covered this sequence. */
size_t heard_receipts(struct heard *heard, enum receipt_status status, uint32_t meter,
                      uint32_t sequence);

/** Signed, `count` readings an hour apart; sequence s starts where s-1 of the same count ended. */
struct report bench_report(const struct bench *bench, uint32_t meter, uint32_t sequence,
                           uint32_t count);
/** Signs again after a change. */
void bench_sign(const struct bench *bench, struct report *report);
/** A stored report, as the intake adds it. */
void bench_store_report(struct bench *bench, uint32_t meter, uint32_t sequence, uint32_t count);

#endif
