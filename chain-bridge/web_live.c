#include "chain-bridge/web_live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

enum { NUMBERS = 1 << 16, RATE_SECONDS = 10, FRESH_MIN_MS = 60000, REGISTRY_MS = 2000 };

struct web_live {
    struct web_live_config config;
    pthread_mutex_t lock;
    struct grid *grid;
    struct live_meter *rows[NUMBERS]; /* by number; NULL: not registered */
    uint32_t highest;                 /* number in use */
    uint64_t sequence;
    uint64_t registry_mono_ms; /* of the last look; 0: never */
    uint32_t due_column;
    uint32_t rate_counts[RATE_SECONDS];
    uint64_t rate_second;
    uint64_t head;
    uint64_t head_mono_ms;
    uint64_t dropped;
};

const char *live_status_text(enum live_status status)
{
    static const char *const TEXTS[] = {"silent", "never", "late", "reporting", "closed"};
    return TEXTS[status];
}

const char *live_relay_text(enum live_relay relay)
{
    static const char *const TEXTS[] = {"unknown", "connected", "disconnected", "ready"};
    return TEXTS[relay];
}

static uint32_t due_column(const struct web_live *live, uint32_t now_s)
{
    uint32_t late_s = live->config.late_s, step_s = live->config.interval_s;
    return now_s < late_s + step_s ? 0 : (now_s - late_s) / step_s - 1;
}

struct web_live *web_live_new(const struct web_live_config *config)
{
    struct web_live *live = xcalloc(1, sizeof(*live));
    live->config = *config;
    live->grid = grid_new(config->interval_s);
    live->sequence = 1;
    pthread_mutex_init(&live->lock, NULL);
    live->due_column = due_column(live, clock_unix_s(config->clock));
    return live;
}

void web_live_free(struct web_live *live)
{
    if (!live)
        return;
    for (uint32_t i = 0; i <= live->highest; i++) {
        if (live->rows[i])
            free(live->rows[i]->cells);
        free(live->rows[i]);
    }
    grid_free(live->grid);
    pthread_mutex_destroy(&live->lock);
    free(live);
}

/* --- under the lock -------------------------------------------------------------------------- */

static void touch(struct web_live *live, struct live_meter *row)
{
    row->changed = ++live->sequence;
}

static uint32_t oldest_column(const struct web_live *live)
{
    uint32_t kept = grid_columns(live->grid) - 1;
    return live->due_column + 1 > kept ? live->due_column + 1 - kept : 0;
}

static void count_day(const struct web_live *live, struct live_meter *row)
{
    uint32_t from = oldest_column(live);
    if (row->first_column > from)
        from = row->first_column;
    row->day_read = row->day_expected = 0;
    for (uint32_t column = from; column <= live->due_column; column++) {
        row->day_expected++;
        row->day_read += grid_cell(live->grid, row->cells, column) != GRID_MISSING;
    }
}

static enum live_status status_of(const struct web_live *live, const struct live_meter *row,
                                  uint32_t now_s)
{
    uint32_t late_s = live->config.late_s, interval_s = row->interval_s;
    if (!row->has_reading)
        return LIVE_NEVER;
    uint32_t due = now_s > late_s ? (now_s - late_s) / interval_s * interval_s : 0;
    if (row->last.timestamp_s >= due)
        return LIVE_REPORTING;
    uint32_t silent_s = live->config.silent_s;
    if (silent_s < late_s + 2 * interval_s)
        silent_s = late_s + 2 * interval_s;
    return now_s - row->last.timestamp_s > silent_s ? LIVE_SILENT : LIVE_LATE;
}

static void follow_time(struct web_live *live, struct live_meter *row, uint32_t now_s)
{
    enum live_status status =
        row->status == LIVE_CLOSED ? LIVE_CLOSED : status_of(live, row, now_s);
    if (status == row->status)
        return;
    row->status = status;
    touch(live, row);
}

static struct live_meter *add_row(struct web_live *live, const struct registry_meter *meter)
{
    struct live_meter *row = xcalloc(1, sizeof(*row));
    row->meter = meter->meter;
    row->interval_s = live->config.interval_s;
    row->status = LIVE_NEVER;
    row->cells = grid_cells_new(live->grid);
    row->first_column = grid_column(live->grid, clock_unix_s(live->config.clock));
    live->rows[meter_number(meter->meter)] = row;
    if (meter_number(meter->meter) > live->highest)
        live->highest = meter_number(meter->meter);
    touch(live, row);
    return row;
}

static void follow_meter(struct web_live *live, const struct registry_meter *meter)
{
    struct live_meter *row = live->rows[meter_number(meter->meter)];
    if (meter->status == METER_UNKNOWN)
        return;
    if (!row)
        row = add_row(live, meter);
    bool closed = meter->status == METER_CLOSED;
    if (closed != (row->status == LIVE_CLOSED)) {
        row->status = closed ? LIVE_CLOSED : LIVE_NEVER;
        touch(live, row);
    }
    if (!eth_address_equal(&row->signer, &meter->signer)) {
        row->signer = meter->signer;
        touch(live, row);
    }
}

static void follow_registry(struct web_live *live)
{
    uint32_t base = (uint32_t)roster_group(live->config.roster) << 16;
    for (uint32_t i = 0; i < NUMBERS; i++) {
        struct registry_meter meter = roster_find(live->config.roster, base | i);
        follow_meter(live, &meter);
    }
}

static struct live_meter *find_row(struct web_live *live, uint32_t meter)
{
    if (meter_group(meter) != roster_group(live->config.roster))
        return NULL;
    struct live_meter *row = live->rows[meter_number(meter)];
    if (!row) {
        struct registry_meter found = roster_find(live->config.roster, meter);
        follow_meter(live, &found);
        row = live->rows[meter_number(meter)];
    }
    return row;
}

static void set_serial(struct live_meter *row, const char *serial)
{
    if (serial && serial_valid(serial))
        memcpy(row->serial, serial, strlen(serial) + 1);
}

static enum grid_cell judge(const struct web_live *live, const struct reading *reading,
                            uint64_t received_ms)
{
    if (reading->quality & (QUALITY_SUBSTITUTED | QUALITY_METER_ERROR))
        return GRID_SUBSTITUTED;
    uint64_t limit_ms = ((uint64_t)reading->timestamp_s + live->config.late_s) * 1000;
    return received_ms > limit_ms ? GRID_LATE : GRID_OK;
}

/* A reading and the one before it in time (timestamp 0: none) into cells and load. */
static void put_cell(struct web_live *live, struct live_meter *row, const struct reading *reading,
                     const struct reading *before, uint64_t received_ms)
{
    uint32_t column = grid_column(live->grid, reading->timestamp_s);
    if (column + grid_columns(live->grid) <= live->due_column + 1)
        return;
    bool first = grid_cell(live->grid, row->cells, column) == GRID_MISSING;
    grid_put(live->grid, row->cells, column, judge(live, reading, received_ms));
    if (column < row->first_column)
        row->first_column = column;
    if (before->timestamp_s == 0 || column - grid_column(live->grid, before->timestamp_s) > 1)
        return;
    struct grid_load load = {.import_wh = reading->import_wh - before->import_wh,
                             .export_wh = reading->export_wh - before->export_wh,
                             .meters = first};
    grid_add_load(live->grid, column, &load);
}

/* Mean power between the last two readings, where telemetry does not say it. */
static void estimate_power(struct live_meter *row)
{
    int64_t seconds = (int64_t)row->last.timestamp_s - row->before.timestamp_s;
    if (row->has_power || row->before.timestamp_s == 0 || seconds <= 0)
        return;
    int64_t import_wh = (int64_t)row->last.import_wh - (int64_t)row->before.import_wh;
    int64_t export_wh = (int64_t)row->last.export_wh - (int64_t)row->before.export_wh;
    row->power_w = (import_wh - export_wh) * 3600 / seconds;
}

static void put_reading(struct web_live *live, struct live_meter *row,
                        const struct reading *reading, uint64_t received_ms)
{
    static const struct reading NONE = {0};
    bool newer = reading->timestamp_s > row->last.timestamp_s;
    bool rises = newer && row->has_reading && reading->import_wh >= row->last.import_wh &&
                 reading->export_wh >= row->last.export_wh;
    put_cell(live, row, reading, rises ? &row->last : &NONE, received_ms);
    if (!newer)
        return;
    row->before = row->last;
    row->last = *reading;
    row->has_reading = true;
    estimate_power(row);
}

static void count_rate(struct web_live *live, uint32_t readings)
{
    uint64_t second = clock_mono_ms(live->config.clock) / 1000;
    while (live->rate_second < second) {
        if (second - live->rate_second > RATE_SECONDS)
            live->rate_second = second - RATE_SECONDS;
        live->rate_counts[++live->rate_second % RATE_SECONDS] = 0;
    }
    live->rate_counts[second % RATE_SECONDS] += readings;
}

/* --- changes --------------------------------------------------------------------------------- */

void web_live_report(struct web_live *live, const char *serial, const struct report *report,
                     uint64_t received_ms)
{
    pthread_mutex_lock(&live->lock);
    struct live_meter *row = find_row(live, report->meter);
    count_rate(live, report->count);
    if (row) {
        set_serial(row, serial);
        for (uint32_t i = 0; i < report->count; i++)
            put_reading(live, row, &report->readings[i], received_ms);
        if (report->sequence > row->sequence)
            row->sequence = report->sequence;
        if (received_ms > row->contact_ms)
            row->contact_ms = received_ms;
        count_day(live, row);
        follow_time(live, row, clock_unix_s(live->config.clock));
        touch(live, row);
    }
    pthread_mutex_unlock(&live->lock);
}

void web_live_history(struct web_live *live, const char *serial, const struct report *report,
                      const struct reading *before, uint64_t received_ms)
{
    pthread_mutex_lock(&live->lock);
    struct live_meter *row = find_row(live, report->meter);
    if (row) {
        if (!row->serial[0])
            set_serial(row, serial);
        for (uint32_t i = 0; i < report->count; i++)
            put_cell(live, row, &report->readings[i], i > 0 ? &report->readings[i - 1] : before,
                     received_ms);
        const struct reading *last = &report->readings[report->count - 1];
        if (report->sequence > row->sequence) {
            row->sequence = report->sequence;
            row->contact_ms = received_ms;
        }
        if (!row->has_reading || last->timestamp_s > row->last.timestamp_s) {
            row->last = *last;
            row->has_reading = true;
            row->before = report->count > 1 ? report->readings[report->count - 2] : *before;
            estimate_power(row);
        }
        count_day(live, row);
        follow_time(live, row, clock_unix_s(live->config.clock));
        touch(live, row);
    }
    pthread_mutex_unlock(&live->lock);
}

bool web_live_change(struct web_live *live, uint32_t meter,
                     void (*change)(void *cookie, struct live_meter *row), void *cookie)
{
    pthread_mutex_lock(&live->lock);
    struct live_meter *row = find_row(live, meter);
    if (row) {
        change(cookie, row);
        touch(live, row);
    }
    pthread_mutex_unlock(&live->lock);
    return row != NULL;
}

uint32_t web_live_find(struct web_live *live, const char *serial)
{
    uint32_t meter = 0;
    pthread_mutex_lock(&live->lock);
    for (uint32_t i = 0; i <= live->highest && meter == 0; i++)
        if (live->rows[i] && strcmp(live->rows[i]->serial, serial) == 0)
            meter = live->rows[i]->meter;
    pthread_mutex_unlock(&live->lock);
    return serial[0] ? meter : 0;
}

bool web_live_tick(struct web_live *live)
{
    uint32_t now_s = clock_unix_s(live->config.clock);
    uint64_t mono_ms = clock_mono_ms(live->config.clock);
    pthread_mutex_lock(&live->lock);
    uint64_t before = live->sequence;
    if (live->registry_mono_ms == 0 || mono_ms - live->registry_mono_ms >= REGISTRY_MS) {
        live->registry_mono_ms = mono_ms + 1;
        follow_registry(live);
    }
    uint32_t due = due_column(live, now_s);
    bool next = due != live->due_column;
    live->due_column = due;
    for (uint32_t i = 0; i <= live->highest; i++) {
        if (!live->rows[i])
            continue;
        if (next)
            count_day(live, live->rows[i]);
        follow_time(live, live->rows[i], now_s);
    }
    bool changed = live->sequence != before || next;
    pthread_mutex_unlock(&live->lock);
    return changed;
}

/* --- reading --------------------------------------------------------------------------------- */

uint64_t web_live_sequence(struct web_live *live)
{
    pthread_mutex_lock(&live->lock);
    uint64_t sequence = live->sequence;
    pthread_mutex_unlock(&live->lock);
    return sequence;
}

uint64_t web_live_count(struct web_live *live)
{
    pthread_mutex_lock(&live->lock);
    uint64_t sequence = ++live->sequence;
    pthread_mutex_unlock(&live->lock);
    return sequence;
}

bool web_live_get(struct web_live *live, uint32_t meter, struct live_meter *ret_row)
{
    pthread_mutex_lock(&live->lock);
    const struct live_meter *row = find_row(live, meter);
    if (row) {
        *ret_row = *row;
        ret_row->cells = NULL;
    }
    pthread_mutex_unlock(&live->lock);
    return row != NULL;
}

void web_live_each(struct web_live *live,
                   bool (*on_row)(void *cookie, const struct live_meter *row), void *cookie)
{
    pthread_mutex_lock(&live->lock);
    for (uint32_t i = 0; i <= live->highest; i++)
        if (live->rows[i] && !on_row(cookie, live->rows[i]))
            break;
    pthread_mutex_unlock(&live->lock);
}

/* Power now, where something fresh says it. */
static bool power_of(const struct web_live *live, const struct live_meter *row, uint64_t now_ms,
                     int64_t *ret_power_w)
{
    uint64_t fresh_ms = (uint64_t)row->interval_s * 2000 + (uint64_t)live->config.late_s * 1000;
    if (fresh_ms < FRESH_MIN_MS)
        fresh_ms = FRESH_MIN_MS;
    bool fresh = now_ms - row->telemetry_ms <= FRESH_MIN_MS ||
                 now_ms - (uint64_t)row->last.timestamp_s * 1000 <= fresh_ms;
    bool has = row->has_power || row->before.timestamp_s > 0;
    *ret_power_w = row->power_w;
    return fresh && has && row->status != LIVE_CLOSED;
}

static void add_row_totals(const struct web_live *live, const struct live_meter *row,
                           struct live_totals *totals, uint64_t now_ms)
{
    int64_t power_w;
    totals->status[row->status]++;
    if (row->status == LIVE_CLOSED)
        return;
    totals->online += row->told_state && row->online;
    totals->day_read += row->day_read;
    totals->day_expected += row->day_expected;
    if (row->first_column <= live->due_column) {
        totals->interval_expected++;
        totals->interval_read +=
            grid_cell(live->grid, row->cells, live->due_column) != GRID_MISSING;
    }
    if (power_of(live, row, now_ms, &power_w)) {
        totals->load_w += power_w;
        totals->load_meters++;
    }
}

void web_live_totals(struct web_live *live, struct live_totals *ret_totals)
{
    uint64_t now_ms = clock_unix_ms(live->config.clock);
    uint32_t counted = 0;
    *ret_totals = (struct live_totals){0};
    pthread_mutex_lock(&live->lock);
    ret_totals->due_column = live->due_column;
    ret_totals->day_columns = live->due_column + 1 - oldest_column(live);
    for (uint32_t i = 0; i <= live->highest; i++)
        if (live->rows[i])
            add_row_totals(live, live->rows[i], ret_totals, now_ms);
    count_rate(live, 0);
    for (size_t i = 0; i < RATE_SECONDS; i++)
        counted += live->rate_counts[i];
    ret_totals->readings_per_s = (double)counted / RATE_SECONDS;
    pthread_mutex_unlock(&live->lock);
}

const struct grid *web_live_grid(const struct web_live *live)
{
    return live->grid;
}

char web_live_cell(const struct web_live *live, const struct live_meter *row, uint32_t column,
                   uint32_t due)
{
    static const char LETTERS[] = {
        [GRID_MISSING] = '.', [GRID_OK] = 'o', [GRID_LATE] = 'L', [GRID_SUBSTITUTED] = 's'};
    enum grid_cell cell = grid_cell(live->grid, row->cells, column);
    bool expected = column >= row->first_column && column <= due && row->status != LIVE_CLOSED;
    return cell == GRID_MISSING && !expected ? '?' : LETTERS[cell];
}

struct grid_load web_live_load(struct web_live *live, uint32_t column)
{
    pthread_mutex_lock(&live->lock);
    struct grid_load load = grid_get_load(live->grid, column);
    pthread_mutex_unlock(&live->lock);
    return load;
}

void web_live_head(struct web_live *live, uint64_t head)
{
    pthread_mutex_lock(&live->lock);
    if (head != live->head)
        live->head_mono_ms = clock_mono_ms(live->config.clock);
    live->head = head;
    pthread_mutex_unlock(&live->lock);
}

uint64_t web_live_head_age_s(struct web_live *live)
{
    pthread_mutex_lock(&live->lock);
    uint64_t age_ms = clock_mono_ms(live->config.clock) - live->head_mono_ms;
    pthread_mutex_unlock(&live->lock);
    return age_ms / 1000;
}

void web_live_drop(struct web_live *live, uint64_t count)
{
    pthread_mutex_lock(&live->lock);
    live->dropped += count;
    pthread_mutex_unlock(&live->lock);
}

uint64_t web_live_dropped(struct web_live *live)
{
    pthread_mutex_lock(&live->lock);
    uint64_t dropped = live->dropped;
    pthread_mutex_unlock(&live->lock);
    return dropped;
}
