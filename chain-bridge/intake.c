#include "chain-bridge/intake.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "chain-bridge/admission.h"
#include "chain-bridge/fault.h"
#include "chain-bridge/queue.h"
#include "chain-bridge/store_quarantine.h"
#include "common/buf.h"

enum { SHED_TELL_MS = 10000, RELEASE_MAX = 64 };

/* A message on its way, with what was found out about it. */
struct item {
    struct message *message;
    struct verdict verdict;
    struct admission admission;
    uint64_t quarantine; /* the row that it was asked back from; 0: a broker sent it */
};

struct intake {
    struct intake_config config;
    struct queue *offered;  /* struct message */
    struct queue *verified; /* struct item */
    atomic_uint min_free_mib;
    atomic_uint quarantine_max;
    pthread_t *workers;
    uint32_t worker_count;
    pthread_t writer;
    bool writer_runs;
    atomic_uint_fast64_t shed_told_ms; /* monotonic; 0: never */
    struct store *release_store;       /* intake_release's */
    atomic_uint releasing;             /* its messages that are not decided yet */
    /* The writer's: */
    struct item **group;
    bool store_failing;
    bool disk_low;
    uint64_t disk_checked_ms;
};

static void tell(struct intake *intake, const char *cause, const char *text)
{
    struct alarm alarm = {.cause = cause, .text = text};
    log_unusual(intake->config.log, "%s", text);
    intake->config.notices.alarm(intake->config.notices.cookie, &alarm);
}

void intake_offer(struct intake *intake, const char *topic, const void *payload, size_t len)
{
    const struct clock *clock = intake->config.verifier.clock;
    struct message *message = message_new(topic, payload, len, clock_unix_ms(clock));
    status_add(intake->config.status, STATUS_RECEIVED, 1);
    if (message && queue_try_push(intake->offered, message))
        return;
    free(message);
    status_add(intake->config.status, STATUS_SHED, 1);
    uint_fast64_t now_ms = clock_mono_ms(clock) + 1, told_ms = atomic_load(&intake->shed_told_ms);
    if ((told_ms == 0 || now_ms - told_ms >= SHED_TELL_MS) &&
        atomic_compare_exchange_strong(&intake->shed_told_ms, &told_ms, now_ms))
        tell(intake, "shed", "intake queue is full, shedding reports without receipt");
}

static void *work(void *cookie)
{
    struct intake *intake = cookie;
    void *message;
    pthread_setname_np(pthread_self(), "verify");
    while (queue_pop(intake->offered, &message, 1) == 1) {
        struct item *item = xcalloc(1, sizeof(*item));
        item->message = message;
        verify_message(&intake->config.verifier, &item->verdict, item->message);
        if (!queue_push(intake->verified, item)) {
            free(item->message);
            free(item);
        }
    }
    return NULL;
}

static void take_released(void *cookie, const struct quarantine_row *row)
{
    struct intake *intake = cookie;
    const struct verifier *verifier = &intake->config.verifier;
    struct item *item = xcalloc(1, sizeof(*item));
    item->message =
        message_new(row->topic, row->payload, row->payload_len, clock_unix_ms(verifier->clock));
    item->quarantine = row->id;
    atomic_fetch_add(&intake->releasing, 1);
    if (item->message != NULL)
        verify_message(verifier, &item->verdict, item->message);
    if (item->message != NULL && queue_push(intake->verified, item))
        return;
    atomic_fetch_sub(&intake->releasing, 1);
    free(item->message);
    free(item);
}

int intake_release(struct intake *intake, struct err *err)
{
    if (atomic_load(&intake->releasing) > 0)
        return 0;
    return store_quarantine_released(intake->release_store, RELEASE_MAX, take_released, intake,
                                     err);
}

/* Whether the disk has room; measured once a second. */
static bool disk_has_room(struct intake *intake)
{
    const struct intake_config *config = &intake->config;
    uint64_t now_ms = clock_mono_ms(config->verifier.clock);
    struct statvfs fs;
    if (atomic_load(&intake->min_free_mib) == 0)
        return true;
    if (intake->disk_checked_ms && now_ms - intake->disk_checked_ms < 1000)
        return !intake->disk_low;
    intake->disk_checked_ms = now_ms ? now_ms : 1;
    if (statvfs(config->disk_path, &fs) < 0)
        return !intake->disk_low;
    bool low = (uint64_t)fs.f_bavail * fs.f_frsize >> 20 < atomic_load(&intake->min_free_mib);
    if (low && !intake->disk_low)
        tell(intake, "disk-low", "free disk space is below the floor, nothing is accepted");
    if (!low && intake->disk_low)
        log_info(config->log, "free disk space is back");
    intake->disk_low = low;
    return !low;
}

static int write_group(struct intake *intake, size_t count, struct err *err)
{
    struct store *store = intake->config.store;
    uint64_t trimmed;
    bool refused = false;
    for (size_t i = 0; i < count; i++) {
        struct item *item = intake->group[i];
        if (admission_decide(store, &item->admission, &item->verdict, item->message, err) < 0)
            return -1;
        if (item->quarantine != 0 && store_quarantine_remove(store, item->quarantine, err) < 0)
            return -1;
        refused = refused || item->admission.kind == REFUSED;
    }
    if (!refused)
        return 0;
    if (store_quarantine_trim(store, atomic_load(&intake->quarantine_max), &trimmed, err) < 0)
        return -1;
    if (trimmed)
        log_unusual(intake->config.log, "quarantine is full, oldest dropped rows=%llu",
                    (unsigned long long)trimmed);
    return 0;
}

static int commit_group(struct intake *intake, size_t count, struct err *err)
{
    struct store *store = intake->config.store;
    if (store_begin(store, err) < 0)
        return -1;
    int result = write_group(intake, count, err);
    fault_point("store-commit");
    if (result < 0 || store_commit(store, err) < 0) {
        store_rollback(store);
        return -1;
    }
    fault_point("stored");
    return 0;
}

static void tell_refusal(struct intake *intake, const struct item *item)
{
    const struct verdict *verdict = &item->verdict;
    struct alarm alarm = {.cause = cause_text(verdict->cause),
                          .serial = verdict->serial,
                          .meter = verdict->meter,
                          .sequence = verdict->report.sequence,
                          .text = verdict->text};
    char quoted[200];
    log_unusual(intake->config.log, "%s refused cause=%s serial=%s meter=%u sequence=%u text=%s",
                verdict->kind == TOPIC_READING ? "report" : "message", alarm.cause, verdict->serial,
                (unsigned)alarm.meter, (unsigned)alarm.sequence,
                log_quote(quoted, sizeof(quoted), verdict->text, strlen(verdict->text)));
    intake->config.notices.alarm(intake->config.notices.cookie, &alarm);
}

static int by_sequence(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a;
    const struct item *y = *(struct item *const *)b;
    const struct receipt *p = &x->admission.receipt;
    const struct receipt *q = &y->admission.receipt;
    if (p->meter != q->meter)
        return p->meter < q->meter ? -1 : 1;
    return (p->first > q->first) - (p->first < q->first);
}

static bool follows(const struct item *item, const struct item *next)
{
    const struct receipt *a = &item->admission.receipt;
    const struct receipt *b = &next->admission.receipt;
    return item->admission.has_receipt && next->admission.has_receipt &&
           a->status == RECEIPT_STORED && b->status == RECEIPT_STORED && a->meter == b->meter &&
           (b->first == a->last + 1 || b->first == a->last) &&
           strcmp(item->admission.serial, next->admission.serial) == 0;
}

/* One receipt for each run of sequences with the same answer. */
static void answer(struct intake *intake, size_t count)
{
    const struct notices *notices = &intake->config.notices;
    qsort(intake->group, count, sizeof(*intake->group), by_sequence);
    for (size_t i = 0; i < count; i++) {
        struct item *item = intake->group[i];
        if (i + 1 < count && follows(item, intake->group[i + 1]))
            intake->group[i + 1]->admission.receipt.first = item->admission.receipt.first;
        else if (item->admission.has_receipt && item->admission.serial[0])
            notices->receipt(notices->cookie, item->admission.serial, &item->admission.receipt);
    }
}

static void tell_answer(const struct intake *intake, const struct command_result *result)
{
    log_info(intake->config.log, "command answered meter=%u id=%llu outcome=%u",
             (unsigned)result->meter, (unsigned long long)result->id, (unsigned)result->outcome);
}

/* What a meter said of itself, or answered to a command. */
static void follow_up(struct intake *intake, size_t count)
{
    const struct notices *notices = &intake->config.notices;
    struct commands *commands = intake->config.commands;
    for (size_t i = 0; i < count; i++) {
        const struct admission *admission = &intake->group[i]->admission;
        if (admission->kind != NOTED)
            continue;
        if (admission->presence.asks)
            notices->receipt(notices->cookie, admission->serial, &admission->presence.receipt);
        if (admission->answered)
            tell_answer(intake, &intake->group[i]->verdict.result);
        if (commands && admission->answered)
            commands_answered(commands, admission->receipt.meter);
        else if (commands && admission->presence.there)
            commands_meter_there(commands, admission->receipt.meter);
    }
}

static void count_group(struct intake *intake, size_t count)
{
    struct status *status = intake->config.status;
    bool stored = false;
    for (size_t i = 0; i < count; i++) {
        const struct item *item = intake->group[i];
        const struct admission *admission = &item->admission;
        stored = stored || admission->kind == ADMITTED || admission->presence.settled;
        if (admission->kind == ADMITTED && intake->config.on_report)
            intake->config.on_report(intake->config.report_cookie, item->verdict.serial,
                                     &item->verdict.report, item->message->received_ms);
        status_add(status, STATUS_STORED, admission->kind == ADMITTED);
        status_add(status, STATUS_BACKLOG, admission->kind == ADMITTED);
        status_add(status, STATUS_REPEATED, admission->kind == REPEATED);
        status_add(status, STATUS_QUARANTINED, admission->kind == REFUSED);
        status_add(status, STATUS_REJECTED, admission->used_sequence);
        if (item->quarantine != 0) {
            status_add(status, STATUS_QUARANTINED, -1);
            log_info(intake->config.log, "judged again quarantine=%llu refused=%d",
                     (unsigned long long)item->quarantine, admission->kind == REFUSED);
        }
        if (admission->kind == REFUSED)
            tell_refusal(intake, item);
    }
    if (status_get(status, STATUS_QUARANTINED) > atomic_load(&intake->quarantine_max))
        status_set(status, STATUS_QUARANTINED, atomic_load(&intake->quarantine_max));
    if (stored && intake->config.on_stored)
        intake->config.on_stored(intake->config.cookie);
}

static void handle_group(struct intake *intake, size_t count)
{
    struct err err = ERR_INIT;
    if (!disk_has_room(intake)) {
        status_add(intake->config.status, STATUS_SHED, (int64_t)count);
    } else if (commit_group(intake, count, &err) < 0) {
        status_add(intake->config.status, STATUS_SHED, (int64_t)count);
        if (!intake->store_failing)
            tell(intake, "store-failed", err.text);
        intake->store_failing = true;
    } else {
        intake->store_failing = false;
        count_group(intake, count);
        answer(intake, count);
        follow_up(intake, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (intake->group[i]->quarantine != 0)
            atomic_fetch_sub(&intake->releasing, 1);
        free(intake->group[i]->message);
        free(intake->group[i]);
    }
}

static void *write_groups(void *cookie)
{
    struct intake *intake = cookie;
    size_t count;
    pthread_setname_np(pthread_self(), "store");
    while ((count = queue_pop(intake->verified, (void **)intake->group, intake->config.group_max)) >
           0)
        handle_group(intake, count);
    return NULL;
}

static int start(struct intake *intake, struct err *err)
{
    if (pthread_create(&intake->writer, NULL, write_groups, intake) != 0)
        return err_set(err, "intake: cannot start the writer thread");
    intake->writer_runs = true;
    for (uint32_t i = 0; i < intake->config.workers; i++) {
        if (pthread_create(&intake->workers[i], NULL, work, intake) != 0)
            return err_set(err, "intake: cannot start a worker thread");
        intake->worker_count++;
    }
    return 0;
}

void intake_tune(struct intake *intake, uint32_t min_free_mib, uint32_t quarantine_max)
{
    atomic_store(&intake->min_free_mib, min_free_mib);
    atomic_store(&intake->quarantine_max, quarantine_max);
}

struct intake *intake_new(const struct intake_config *config, struct err *err)
{
    struct intake *intake = xcalloc(1, sizeof(*intake));
    intake->config = *config;
    intake_tune(intake, config->min_free_mib, config->quarantine_max);
    intake->offered = queue_new(config->queue_reports);
    intake->verified = queue_new(config->group_max);
    intake->workers = xcalloc(config->workers, sizeof(*intake->workers));
    intake->group = xcalloc(config->group_max, sizeof(*intake->group));
    if (store_open_again(&intake->release_store, config->store, err) < 0 ||
        start(intake, err) < 0) {
        intake_free(intake);
        return NULL;
    }
    return intake;
}

void intake_free(struct intake *intake)
{
    if (!intake)
        return;
    queue_close(intake->offered);
    for (uint32_t i = 0; i < intake->worker_count; i++)
        pthread_join(intake->workers[i], NULL);
    queue_close(intake->verified);
    if (intake->writer_runs)
        pthread_join(intake->writer, NULL);
    store_close(intake->release_store);
    queue_free(intake->offered);
    queue_free(intake->verified);
    free(intake->workers);
    free(intake->group);
    free(intake);
}
