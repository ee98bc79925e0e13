#include "chain-bridge/testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(int result, const char *what, const struct err *err)
{
    if (result == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, err->text);
    abort();
}

static void quiet(void *cookie, enum log_level level, const char *line)
{
    (void)cookie;
    (void)level;
    (void)line;
}

static struct signer *key(uint8_t last)
{
    uint8_t secret[32] = {0};
    secret[31] = last;
    return signer_new(secret, NULL);
}

void bench_open(struct bench *bench)
{
    struct err err = ERR_INIT;
    memset(bench, 0, sizeof(*bench));
    snprintf(bench->dir, sizeof(bench->dir), "/tmp/amr-bridge-test-XXXXXX");
    if (!mkdtemp(bench->dir))
        abort();
    snprintf(bench->store_path, sizeof(bench->store_path), "%s/store.db", bench->dir);
    pthread_mutex_init(&bench->heard.lock, NULL);
    bench->clock = clock_manual_new((uint64_t)BENCH_UNIX_S * 1000);
    clock_advance_ms(bench->clock, 1000); /* monotonic time 0 would stand for "never" */
    bench->log = log_new_sink(LOG_LEVEL_DEBUG, quiet, NULL);
    bench->status = status_new();
    bench->meter_signer = key(1);
    bench->server_signer = key(2);
    bench->identity.chain_id = 31337;
    memset(bench->identity.contract.b, 0xc0, sizeof(bench->identity.contract.b));
    bench->identity.account = *signer_address(bench->server_signer);
    eip712_init(&bench->domain, bench->identity.chain_id, &bench->identity.contract);
    must(store_open(&bench->store, bench->store_path, &bench->identity, &err), "store", &err);
}

void bench_reopen(struct bench *bench)
{
    struct err err = ERR_INIT;
    store_close(bench->store);
    must(store_open(&bench->store, bench->store_path, &bench->identity, &err), "store", &err);
}

static void remove_dir(const char *dir)
{
    DIR *entries = opendir(dir);
    struct dirent *entry;
    while (entries && (entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries)
        closedir(entries);
    if (rmdir(dir) < 0)
        fprintf(stderr, "%s stays\n", dir);
}

void bench_close(struct bench *bench)
{
    store_close(bench->store);
    signer_free(bench->meter_signer);
    signer_free(bench->server_signer);
    status_free(bench->status);
    log_free(bench->log);
    clock_free(bench->clock);
    pthread_mutex_destroy(&bench->heard.lock);
    remove_dir(bench->dir);
}

static void hear_receipt(void *cookie, const char *serial, const struct receipt *receipt)
{
    struct heard *heard = cookie;
    (void)serial;
    pthread_mutex_lock(&heard->lock);
    if (heard->receipt_count < HEARD_MAX)
        heard->receipts[heard->receipt_count++] = *receipt;
    pthread_mutex_unlock(&heard->lock);
}

static void hear_alarm(void *cookie, const struct alarm *alarm)
{
    struct heard *heard = cookie;
    pthread_mutex_lock(&heard->lock);
    if (heard->alarm_count < HEARD_MAX)
        snprintf(heard->causes[heard->alarm_count++], sizeof(heard->causes[0]), "%s", alarm->cause);
    pthread_mutex_unlock(&heard->lock);
}

static void hear_batch(void *cookie, const struct batch_notice *batch)
{
    struct heard *heard = cookie;
    pthread_mutex_lock(&heard->lock);
    if (heard->batch_count < HEARD_MAX)
        heard->batches[heard->batch_count++] = *batch;
    pthread_mutex_unlock(&heard->lock);
}

static void hear_command(void *cookie, const char *serial, const struct command *command)
{
    struct heard *heard = cookie;
    (void)serial;
    pthread_mutex_lock(&heard->lock);
    if (heard->command_count < HEARD_MAX)
        heard->commands[heard->command_count++] = *command;
    pthread_mutex_unlock(&heard->lock);
}

struct notices bench_notices(struct bench *bench)
{
    return (struct notices){hear_receipt, hear_alarm, hear_batch, hear_command, &bench->heard};
}

bool heard_alarm(struct heard *heard, const char *cause)
{
    bool found = false;
    pthread_mutex_lock(&heard->lock);
    for (size_t i = 0; i < heard->alarm_count; i++)
        found = found || strcmp(heard->causes[i], cause) == 0;
    pthread_mutex_unlock(&heard->lock);
    return found;
}

size_t heard_receipts(struct heard *heard, enum receipt_status status, uint32_t meter,
                      uint32_t sequence)
{
    size_t count = 0;
    pthread_mutex_lock(&heard->lock);
    for (size_t i = 0; i < heard->receipt_count; i++) {
        const struct receipt *receipt = &heard->receipts[i];
        count += receipt->status == status && receipt->meter == meter &&
                 receipt->first <= sequence && sequence <= receipt->last;
    }
    pthread_mutex_unlock(&heard->lock);
    return count;
}

struct report bench_report(const struct bench *bench, uint32_t meter, uint32_t sequence,
                           uint32_t count)
{
    struct report report = {.meter = meter, .sequence = sequence, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t hour = (sequence - 1) * count + i;
        report.readings[i] = (struct reading){.timestamp_s = BENCH_UNIX_S - 36000000 + hour * 3600,
                                              .import_wh = 1000 + (uint64_t)hour * 250,
                                              .export_wh = hour};
    }
    bench_sign(bench, &report);
    return report;
}

void bench_sign(const struct bench *bench, struct report *report)
{
    struct eth_hash digest;
    eip712_report(&bench->domain, &digest, report);
    signer_sign(bench->meter_signer, &report->signature, &digest);
}

void bench_store_report(struct bench *bench, uint32_t meter, uint32_t sequence, uint32_t count)
{
    struct err err = ERR_INIT;
    struct report_row row = {.state = REPORT_STORED, .received_ms = clock_unix_ms(bench->clock)};
    row.report = bench_report(bench, meter, sequence, count);
    eip712_report(&bench->domain, &row.digest, &row.report);
    must(store_meter_put(bench->store, meter, "meter-1", &err), "meter", &err);
    must(store_report_add(bench->store, &row, &err), "report", &err);
}
