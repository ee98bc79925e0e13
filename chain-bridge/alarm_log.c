#include "chain-bridge/alarm_log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/schema.h"
#include "common/buf.h"

enum { WAITING_MAX = 1024, TRIM_AT_ONCE = 64 };

/* An alarm with copies of its texts; count is more than 1 where others were folded into it. */
struct waiting {
    struct alarm alarm;
    uint64_t count;
};

struct alarm_log {
    struct store *store; /* the flushing thread's */
    pthread_mutex_t lock;
    struct waiting waiting[WAITING_MAX]; /* a ring, under the lock */
    size_t first;
    size_t used;
};

static char *copy(const char *text)
{
    return xstrdup(text ? text : "");
}

static struct alarm copy_alarm(const struct alarm *alarm)
{
    struct alarm made = *alarm;
    made.source = copy(alarm->source);
    made.cause = copy(alarm->cause);
    made.serial = copy(alarm->serial);
    made.client = copy(alarm->client);
    made.address = copy(alarm->address);
    made.text = copy(alarm->text);
    return made;
}

static void drop_alarm(struct alarm *alarm)
{
    free((char *)alarm->source);
    free((char *)alarm->cause);
    free((char *)alarm->serial);
    free((char *)alarm->client);
    free((char *)alarm->address);
    free((char *)alarm->text);
}

struct alarm_log *alarm_log_new(struct store *store)
{
    struct alarm_log *log = xcalloc(1, sizeof(*log));
    log->store = store;
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void alarm_log_free(struct alarm_log *log)
{
    if (!log)
        return;
    for (size_t i = 0; i < log->used; i++)
        drop_alarm(&log->waiting[(log->first + i) % WAITING_MAX].alarm);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

/* Full: the alarm counts with one of its cause, or takes the youngest one's place in the count. */
static void fold(struct alarm_log *log, const struct alarm *alarm)
{
    for (size_t i = log->used; i > 0; i--) {
        struct waiting *waiting = &log->waiting[(log->first + i - 1) % WAITING_MAX];
        if (strcmp(waiting->alarm.cause, alarm->cause) == 0 &&
            strcmp(waiting->alarm.source, alarm->source) == 0) {
            waiting->count++;
            return;
        }
    }
}

void alarm_log_offer(struct alarm_log *log, const struct alarm *alarm)
{
    pthread_mutex_lock(&log->lock);
    if (log->used == WAITING_MAX) {
        fold(log, alarm);
    } else {
        struct waiting *waiting = &log->waiting[(log->first + log->used++) % WAITING_MAX];
        waiting->alarm = copy_alarm(alarm);
        waiting->count = 1;
    }
    pthread_mutex_unlock(&log->lock);
}

/* The group that the alarm falls into, 0: none yet. */
static int find_group(struct db *db, const struct alarm *alarm, uint64_t *ret_group,
                      uint64_t *ret_count, struct err *err)
{
    struct db_stmt *stmt = db_stmt(db, ALARM_GROUP_OPEN);
    db_bind_text(stmt, 0, alarm->source);
    db_bind_text(stmt, 1, alarm->cause);
    db_bind_u64(stmt, 2,
                alarm->unix_ms > ALARM_GROUP_GAP_MS ? alarm->unix_ms - ALARM_GROUP_GAP_MS : 0);
    int row = db_step(stmt, err);
    *ret_group = row == 1 ? db_column_u64(stmt, 0) : 0;
    *ret_count = row == 1 ? db_column_u64(stmt, 1) : 0;
    if (row == 1)
        db_reset(stmt);
    return row < 0 ? -1 : 0;
}

static int next_revision(struct db *db, uint64_t *ret_revision, struct err *err)
{
    struct alarm_counts counts;
    if (alarm_log_counts(db, &counts, err) < 0)
        return -1;
    *ret_revision = counts.revision + 1;
    return 0;
}

static int put_group(struct db *db, const struct waiting *waiting, uint64_t *ret_group,
                     uint64_t *ret_count, struct err *err)
{
    const struct alarm *alarm = &waiting->alarm;
    uint64_t revision;
    if (find_group(db, alarm, ret_group, ret_count, err) < 0 ||
        next_revision(db, &revision, err) < 0)
        return -1;
    struct db_stmt *stmt = db_stmt(db, *ret_group ? ALARM_GROUP_GROW : ALARM_GROUP_ADD);
    if (*ret_group) {
        db_bind_u64(stmt, 0, alarm->unix_ms);
        db_bind_u64(stmt, 1, waiting->count);
        db_bind_u64(stmt, 2, revision);
        db_bind_u64(stmt, 3, *ret_group);
        return db_run(stmt, err);
    }
    db_bind_text(stmt, 0, alarm->source);
    db_bind_text(stmt, 1, alarm->cause);
    db_bind_u64(stmt, 2, alarm->unix_ms);
    db_bind_u64(stmt, 3, waiting->count);
    db_bind_u64(stmt, 4, revision);
    if (db_step(stmt, err) != 1)
        return -1;
    *ret_group = db_column_u64(stmt, 0);
    db_reset(stmt);
    return 0;
}

static int write_alarm(struct db *db, const struct waiting *waiting, struct err *err)
{
    const struct alarm *alarm = &waiting->alarm;
    uint64_t group, count;
    if (put_group(db, waiting, &group, &count, err) < 0)
        return -1;
    if (count >= ALARM_MEMBERS_MAX)
        return 0;
    struct db_stmt *stmt = db_stmt(db, ALARM_ADD);
    db_bind_u64(stmt, 0, group);
    db_bind_u64(stmt, 1, alarm->unix_ms);
    db_bind_text(stmt, 2, alarm->serial);
    db_bind_u64(stmt, 3, alarm->meter);
    db_bind_u64(stmt, 4, alarm->sequence);
    db_bind_text(stmt, 5, alarm->client);
    db_bind_text(stmt, 6, alarm->address);
    db_bind_text(stmt, 7, alarm->text);
    return db_run(stmt, err);
}

static int trim(struct db *db, struct err *err)
{
    struct db_stmt *stmt = db_stmt(db, ALARM_GROUP_TRIM);
    db_bind_u64(stmt, 0, ALARM_GROUPS_MAX);
    db_bind_u64(stmt, 1, TRIM_AT_ONCE);
    if (db_run(stmt, err) < 0)
        return -1;
    return db_changes(db) > 0 ? db_run(db_stmt(db, ALARM_TRIM), err) : 0;
}

static int write_all(struct alarm_log *log, const struct waiting *taken, size_t count,
                     struct err *err)
{
    struct db *db = store_db(log->store);
    if (store_begin(log->store, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = write_alarm(db, &taken[i], err);
    if (result == 0)
        result = trim(db, err);
    if (result < 0 || store_commit(log->store, err) < 0) {
        store_rollback(log->store);
        return -1;
    }
    return 0;
}

/* Copies of the first entries; they stay in the ring until they are on disk. */
static size_t peek(struct alarm_log *log, struct waiting **ret_taken)
{
    pthread_mutex_lock(&log->lock);
    size_t count = log->used;
    struct waiting *taken = xcalloc(count ? count : 1, sizeof(*taken));
    for (size_t i = 0; i < count; i++) {
        taken[i] = log->waiting[(log->first + i) % WAITING_MAX];
        log->waiting[(log->first + i) % WAITING_MAX].count = 0; /* what is folded in meanwhile */
    }
    pthread_mutex_unlock(&log->lock);
    *ret_taken = taken;
    return count;
}

/* Written entries leave the ring, but for one that others were folded into since. */
static void settle(struct alarm_log *log, const struct waiting *taken, size_t count, bool written)
{
    pthread_mutex_lock(&log->lock);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct waiting *waiting = &log->waiting[(log->first + i) % WAITING_MAX];
        waiting->count += written ? 0 : taken[i].count;
        struct waiting moved = *waiting;
        if (moved.count == 0)
            drop_alarm(&moved.alarm);
        else
            log->waiting[(log->first + kept++) % WAITING_MAX] = moved;
    }
    for (size_t i = count; i < log->used; i++)
        log->waiting[(log->first + kept + i - count) % WAITING_MAX] =
            log->waiting[(log->first + i) % WAITING_MAX];
    log->used -= count - kept;
    pthread_mutex_unlock(&log->lock);
}

int alarm_log_flush(struct alarm_log *log, struct err *err)
{
    struct waiting *taken;
    size_t count = peek(log, &taken);
    int result = count ? write_all(log, taken, count, err) : 0;
    settle(log, taken, count, result == 0);
    free(taken);
    return result;
}

static struct alarm_group read_group(struct db_stmt *stmt)
{
    return (struct alarm_group){.id = db_column_u64(stmt, 0),
                                .source = db_column_text(stmt, 1),
                                .cause = db_column_text(stmt, 2),
                                .first_ms = db_column_u64(stmt, 3),
                                .last_ms = db_column_u64(stmt, 4),
                                .count = db_column_u64(stmt, 5),
                                .revision = db_column_u64(stmt, 6),
                                .acknowledged_ms = db_column_u64(stmt, 7),
                                .acknowledged_by = db_column_text(stmt, 8),
                                .note = db_column_text(stmt, 9),
                                .meters = db_column_u64(stmt, 10),
                                .meter = (uint32_t)db_column_u64(stmt, 11),
                                .serial = db_column_text(stmt, 12),
                                .text = db_column_text(stmt, 13)};
}

int alarm_log_list(struct db *db, const struct alarm_query *query,
                   bool (*on_group)(void *cookie, const struct alarm_group *group), void *cookie,
                   struct err *err)
{
    struct db_stmt *stmt = db_stmt(db, ALARM_GROUP_LIST);
    int step;
    db_bind_u64(stmt, 0, query->before ? query->before : INT64_MAX);
    db_bind_u64(stmt, 1, query->filter);
    db_bind_text(stmt, 2, query->cause ? query->cause : "");
    db_bind_text(stmt, 3, query->serial ? query->serial : "");
    db_bind_u64(stmt, 4, query->after_revision);
    db_bind_u64(stmt, 5, query->limit);
    while ((step = db_step(stmt, err)) == 1) {
        struct alarm_group group = read_group(stmt);
        if (!on_group(cookie, &group)) {
            db_reset(stmt);
            return 0;
        }
    }
    return step;
}

int alarm_log_get(struct db *db, uint64_t id,
                  bool (*on_group)(void *cookie, const struct alarm_group *group), void *cookie,
                  bool *ret_found, struct err *err)
{
    struct db_stmt *stmt = db_stmt(db, ALARM_GROUP_GET);
    db_bind_u64(stmt, 0, id);
    int row = db_step(stmt, err);
    if (row < 0)
        return -1;
    *ret_found = row == 1;
    if (row == 1) {
        struct alarm_group group = read_group(stmt);
        on_group(cookie, &group);
        db_reset(stmt);
    }
    return 0;
}

int alarm_log_members(struct db *db, uint64_t id,
                      void (*on_alarm)(void *cookie, const struct alarm *alarm), void *cookie,
                      struct err *err)
{
    struct db_stmt *stmt = db_stmt(db, ALARM_MEMBERS);
    int step;
    db_bind_u64(stmt, 0, id);
    while ((step = db_step(stmt, err)) == 1) {
        struct alarm alarm = {.unix_ms = db_column_u64(stmt, 0),
                              .serial = db_column_text(stmt, 1),
                              .meter = (uint32_t)db_column_u64(stmt, 2),
                              .sequence = (uint32_t)db_column_u64(stmt, 3),
                              .client = db_column_text(stmt, 4),
                              .address = db_column_text(stmt, 5),
                              .text = db_column_text(stmt, 6)};
        on_alarm(cookie, &alarm);
    }
    return step;
}

int alarm_log_counts(struct db *db, struct alarm_counts *ret_counts, struct err *err)
{
    struct db_stmt *stmt = db_stmt(db, ALARM_COUNTS);
    if (db_step(stmt, err) != 1)
        return -1;
    ret_counts->open = db_column_u64(stmt, 0);
    ret_counts->revision = db_column_u64(stmt, 1);
    db_reset(stmt);
    return 0;
}

static int write_acknowledged(struct db *db, uint64_t id, const char *by, const char *note,
                              uint64_t now_ms, struct err *err)
{
    uint64_t revision;
    if (next_revision(db, &revision, err) < 0)
        return -1;
    struct db_stmt *stmt = db_stmt(db, ALARM_GROUP_ACKNOWLEDGE);
    db_bind_u64(stmt, 0, now_ms);
    db_bind_text(stmt, 1, by);
    db_bind_text(stmt, 2, note ? note : "");
    db_bind_u64(stmt, 3, revision);
    db_bind_u64(stmt, 4, id);
    return db_run(stmt, err);
}

int alarm_log_acknowledge(struct store *store, uint64_t id, const char *by, const char *note,
                          uint64_t now_ms, bool *ret_changed, struct err *err)
{
    if (store_begin(store, err) < 0)
        return -1;
    int result = write_acknowledged(store_db(store), id, by, note, now_ms, err);
    bool changed = result == 0 && db_changes(store_db(store)) > 0;
    if (result < 0 || store_commit(store, err) < 0) {
        store_rollback(store);
        return -1;
    }
    *ret_changed = changed;
    return 0;
}
