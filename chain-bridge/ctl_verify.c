#include "chain-bridge/ctl_verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chain-bridge/audit.h"
#include "chain-bridge/audit_before.h"
#include "chain-bridge/ctl_serials.h"

#define SHOWN_MAX 50

struct config {
    struct ctl_shared shared;
    struct ctl_logs_config logs;
    const char *serials;
    const char *meter;
    const char *state;
    uint32_t group;
    uint32_t threads;
    uint64_t before_block;
};

static const struct option_row ROWS[] = {
    OPTION_STRING(struct config, meter, "meter", NULL, "only this meter: serial, 65537 or 1/1"),
    OPTION_U32(struct config, group, "group", "0", 0, UINT16_MAX, "only this group; 0: all"),
    OPTION_STRING(struct config, state, "state", NULL,
                  "file that remembers how far the check came: a run that was ended goes on there, "
                  "and the next one checks what is new"),
    OPTION_U32(struct config, threads, "threads", "0", 0, 64,
               "threads that recover signers; 0: one a processor"),
    OPTION_U64(struct config, before_block, "before-block", "0", 0, UINT64_MAX - 8,
               "start-block of the ledger that this one replaces, where there is one"),
    CTL_SERIALS_ROW(struct config),
    CTL_LOGS_ROWS(struct config),
    CTL_CHAIN_ROWS(struct config),
};

struct outcome {
    FILE *out;
    const struct ctl *ctl;
    const struct audit_result *result;
    const struct audit_scope *scope;
    const struct ctl_serials *serials;
    size_t archives;
    uint64_t head;
    bool color;
    struct eth_address before;
};

static uint64_t total(const struct audit_result *result, bool wrong)
{
    return audit_findings_total(&result->of_ledger, wrong) +
           audit_findings_total(&result->of_archives, wrong) +
           audit_findings_total(&result->of_batches, wrong);
}

static bool is_complete(const struct audit_result *result)
{
    return total(result, false) == 0 && result->counts.verified == result->counts.readings &&
           result->counts.whole == result->counts.batches;
}

static int verdict(const struct audit_result *result)
{
    if (total(result, true) > 0)
        return CTL_NO;
    return is_complete(result) ? CTL_DONE : CTL_INCOMPLETE;
}

/* FOR PEOPLE */

static void print_count(const struct outcome *report, uint64_t count, const char *what)
{
    char text[CTL_COUNT_TEXT];
    fprintf(report->out, "%14s  %s\n", ctl_count_text(text, count), what);
}

static void print_energy(const struct outcome *report)
{
    const struct audit_meter *meter;
    uint64_t import_wh = 0;
    uint64_t export_wh = 0;
    uint64_t meters = 0;
    uint32_t id = 0;
    while ((meter = audit_ledger_next(report->result->ledger, &id)) != NULL) {
        if (!audit_scope_has(report->scope, id))
            continue;
        meters++;
        import_wh += meter->last.import_wh - meter->first.import_wh;
        export_wh += meter->last.export_wh - meter->first.export_wh;
    }
    print_count(report, meters, "meters registered");
    fprintf(report->out, "%10" PRIu64 ".%03u  kWh imported between first and last readings\n",
            import_wh / 1000, (unsigned)(import_wh % 1000));
    fprintf(report->out, "%10" PRIu64 ".%03u  kWh exported\n", export_wh / 1000,
            (unsigned)(export_wh % 1000));
}

static void print_counts(const struct outcome *report)
{
    const struct audit_counts *counts = &report->result->counts;
    char contract[ETH_ADDRESS_TEXT];
    fprintf(report->out, "ledger %s on chain %" PRIu64 ", blocks %" PRIu64 " to %" PRIu64 "\n\n",
            eth_address_text(contract, &report->ctl->contract), report->ctl->chain_id,
            report->ctl->start_block, report->head);
    if (!eth_address_is_zero(&report->before))
        fprintf(report->out, "meters go on from ledger %s\n\n",
                eth_address_text(contract, &report->before));
    print_energy(report);
    print_count(report, counts->batches, "batches");
    print_count(report, counts->whole,
                "of them whole: their root was rebuilt from archived reports");
    print_count(report, counts->readings, "sealed readings");
    print_count(report, counts->verified, "of them verified: signature, root and values");
    if (counts->signed_only > 0)
        print_count(report, counts->signed_only,
                    "of them signed and as sealed, but other reports of their batch lack, so that "
                    "its root could not be rebuilt");
    if (counts->lacking > 0)
        print_count(report, counts->lacking,
                    "of them without an archived report: signature not checked");
    print_count(report, counts->reports, "archived reports of these batches");
    if (report->result->waiting > 0)
        print_count(report, report->result->waiting, "archived reports that are not sealed");
    if (report->result->torn > 0)
        print_count(report, report->result->torn,
                    "bytes of an entry cut off where an archive ends");
    if (report->result->resumed > 0)
        print_count(report, report->result->resumed, "batches were checked by an earlier run");
    fputc('\n', report->out);
}

static void print_finding(const struct outcome *report, const struct audit_finding *finding)
{
    bool wrong = audit_kind_is_wrong(finding->kind);
    const char *serial = ctl_serials_name(report->serials, finding->meter);
    fprintf(report->out, "%s%s%s  %s", report->color ? (wrong ? "\033[31m" : "\033[33m") : "",
            wrong ? "WRONG" : "LACKS", report->color ? "\033[0m" : "",
            audit_kind_text(finding->kind));
    if (finding->group != 0 && finding->batch != 0)
        fprintf(report->out, ", batch %u/%" PRIu64, (unsigned)finding->group, finding->batch);
    if (finding->meter != 0)
        fprintf(report->out, ", meter %" PRIu32, finding->meter);
    if (serial != NULL)
        fprintf(report->out, " (%s)", serial);
    if (finding->sequence != 0)
        fprintf(report->out, ", report %" PRIu32, finding->sequence);
    fprintf(report->out, ": %s\n", finding->text);
}

static size_t print_findings(const struct outcome *report, bool wrong, size_t left)
{
    const struct audit_findings *lists[] = {
        &report->result->of_ledger, &report->result->of_archives, &report->result->of_batches};
    for (size_t i = 0; i < AMR_COUNT(lists); i++) {
        for (size_t j = 0; j < lists[i]->count && left > 0; j++) {
            if (audit_kind_is_wrong(lists[i]->list[j].kind) != wrong)
                continue;
            print_finding(report, &lists[i]->list[j]);
            left--;
        }
    }
    return left;
}

static void print_text(const struct outcome *report)
{
    uint64_t wrong = total(report->result, true);
    uint64_t lacks = total(report->result, false);
    char count[CTL_COUNT_TEXT];
    print_counts(report);
    size_t left = print_findings(report, true, SHOWN_MAX);
    left = print_findings(report, false, left);
    if (left == 0 && wrong + lacks > SHOWN_MAX)
        fprintf(report->out, "... and %s more (--json prints up to %d of each part)\n",
                ctl_count_text(count, wrong + lacks - SHOWN_MAX), AUDIT_FINDINGS_MAX);
    if (wrong > 0)
        fprintf(report->out, "%s found wrong\n", ctl_count_text(count, wrong));
    else if (is_complete(report->result))
        fprintf(report->out, "all good\n");
    else if (report->archives == 0)
        fprintf(report->out, "incomplete: the ledger's own story holds; signatures and roots were "
                             "not checked without an archive of reports\n");
    else
        fprintf(report->out, "incomplete: nothing is wrong, but not all could be checked\n");
}

/* FOR PROGRAMS */

static void put_meter(struct buf *out, const struct outcome *report,
                      const struct audit_meter *meter, bool first)
{
    const char *serial = ctl_serials_name(report->serials, meter->meter);
    buf_printf(out, "%s\n  {\"meter\":%" PRIu32 ",\"serial\":", first ? "" : ",", meter->meter);
    if (serial != NULL)
        json_append_string(out, serial);
    else
        buf_printf(out, "null");
    buf_printf(out,
               ",\"closed\":%s,\"signers\":%zu,\"readings\":%" PRIu64 ",\"refused\":%" PRIu64
               ",\"verified\":%" PRIu64 ",\"signed_only\":%" PRIu64 ",\"lacking\":%" PRIu64
               ",\"wrong\":%" PRIu64 ",\"reports\":%" PRIu64 ",\"sequence\":%" PRIu32
               ",\"first_t\":%" PRIu32 ",\"last_t\":%" PRIu32 ",\"import_wh\":%" PRIu64
               ",\"export_wh\":%" PRIu64 "}",
               meter->closed ? "true" : "false", meter->tenure_count, meter->readings,
               meter->refused, meter->verified, meter->signed_only, meter->lacking, meter->wrong,
               meter->reports, meter->sequence, meter->first.timestamp_s, meter->last.timestamp_s,
               meter->last.import_wh - meter->first.import_wh,
               meter->last.export_wh - meter->first.export_wh);
}

static void put_meters(struct buf *out, const struct outcome *report)
{
    const struct audit_meter *meter;
    uint32_t id = 0;
    bool first = true;
    buf_printf(out, "\"meters\":[");
    while ((meter = audit_ledger_next(report->result->ledger, &id)) != NULL) {
        if (!audit_scope_has(report->scope, id))
            continue;
        put_meter(out, report, meter, first);
        first = false;
    }
    buf_printf(out, "],\n ");
}

static void print_json(const struct outcome *report)
{
    static const char *const WORDS[] = {
        [CTL_DONE] = "good", [CTL_NO] = "wrong", [CTL_INCOMPLETE] = "incomplete"};
    const struct audit_counts *counts = &report->result->counts;
    char contract[ETH_ADDRESS_TEXT];
    char before[ETH_ADDRESS_TEXT];
    bool first = eth_address_is_zero(&report->before);
    struct buf text = BUF_INIT;
    buf_printf(&text,
               "{\"result\":\"%s\",\"chain_id\":%" PRIu64 ",\"contract\":\"%s\",\"start_block\":"
               "%" PRIu64 ",\"head\":%" PRIu64 ",\"batches\":%" PRIu64 ",\"whole\":%" PRIu64
               ",\"readings\":%" PRIu64 ",\"verified\":%" PRIu64 ",\"signed_only\":%" PRIu64
               ",\"lacking\":%" PRIu64 ",\"reports\":%" PRIu64 ",\"not_sealed\":%" PRIu64
               ",\"torn_bytes\":%" PRIu64 ",\"resumed\":%" PRIu64 ",\"wrong\":%" PRIu64
               ",\"missing\":%" PRIu64 ",\"predecessor\":%s%s%s,\n ",
               WORDS[verdict(report->result)], report->ctl->chain_id,
               eth_address_text(contract, &report->ctl->contract), report->ctl->start_block,
               report->head, counts->batches, counts->whole, counts->readings, counts->verified,
               counts->signed_only, counts->lacking, counts->reports, report->result->waiting,
               report->result->torn, report->result->resumed, total(report->result, true),
               total(report->result, false), first ? "null" : "\"",
               first ? "" : eth_address_text(before, &report->before), first ? "" : "\"");
    put_meters(&text, report);
    buf_printf(&text, "\"of_ledger\":");
    audit_findings_print(&text, &report->result->of_ledger);
    buf_printf(&text, ",\n \"of_archives\":");
    audit_findings_print(&text, &report->result->of_archives);
    buf_printf(&text, ",\n \"of_batches\":");
    audit_findings_print(&text, &report->result->of_batches);
    buf_printf(&text, "}\n");
    fwrite(text.data, 1, text.len, report->out);
    buf_free(&text);
}

/* RUNNING */

static int take_scope(struct audit_scope *ret_scope, const struct config *config,
                      const struct ctl_serials *serials, struct err *err)
{
    ret_scope->group = (uint16_t)config->group;
    if (config->meter == NULL)
        return 0;
    if (ctl_serials_meter(serials, &ret_scope->meter, config->meter, err) != 0)
        return -1;
    if (config->group != 0 && meter_group(ret_scope->meter) != config->group)
        return err_set(err, "meter %" PRIu32 " is not of group %" PRIu32, ret_scope->meter,
                       config->group);
    ret_scope->group = meter_group(ret_scope->meter);
    return 0;
}

/* Readings that an earlier run did not see can only be new ones: meters' first readings, which
 * count here, come from the events each time. */
static int look_back(struct ctl *ctl, const struct config *config, const struct audit_scope *scope,
                     struct ctl_progress *progress, struct audit_result *result,
                     struct eth_address *ret_before, struct err *err)
{
    struct audit_before before = {
        .ctl = ctl,
        .logs = &config->logs,
        .progress = progress,
        .start_block = config->before_block,
        .ledger = result->ledger,
        .scope = scope,
        .findings = &result->of_ledger,
    };
    return audit_before(&before, ret_before, err);
}

static int check(struct ctl *ctl, const struct config *config, const struct audit_scope *scope,
                 const struct ctl_serials *serials, struct err *err)
{
    struct ctl_progress *progress = ctl_progress_new(ctl->clock);
    struct ctl_logs *logs = ctl_logs_open(ctl, &config->logs, progress, err);
    struct audit_result result = {.ledger = NULL};
    struct audit_config audit = {
        .ctl = ctl,
        .logs = logs,
        .progress = progress,
        .archives = ctl->argv,
        .archive_count = (size_t)ctl->argc,
        .scope = *scope,
        .threads = config->threads,
        .state = config->state,
    };
    struct eth_address before;
    int code = CTL_FAILED;
    if (logs != NULL && audit_run(&audit, &result, err) == 0 &&
        look_back(ctl, config, scope, progress, &result, &before, err) == 0) {
        struct outcome report = {ctl->out,
                                 ctl,
                                 &result,
                                 scope,
                                 serials,
                                 (size_t)ctl->argc,
                                 ctl_logs_head(logs)->number,
                                 ctl_color(ctl->out),
                                 before};
        (config->shared.json ? print_json : print_text)(&report);
        code = verdict(&result);
    }
    audit_result_clear(&result);
    ctl_logs_close(logs);
    ctl_progress_free(progress);
    return code;
}

static int run(struct ctl *ctl, void *config_, struct err *err)
{
    const struct config *config = config_;
    struct audit_scope scope = {0, 0};
    struct ctl_serials *serials = ctl_serials_load(config->serials, err);
    int code = CTL_USAGE;
    if (serials != NULL && take_scope(&scope, config, serials, err) == 0)
        code = check(ctl, config, &scope, serials, err);
    ctl_serials_free(serials);
    return code;
}

const struct ctl_verb ctl_verify = {
    .name = "verify",
    .usage = "[--meter METER | --group N] [--state FILE] ARCHIVE...",
    .summary = "check sealed readings, byte for byte, against archives of signed reports",
    .rows = ROWS,
    .row_count = AMR_COUNT(ROWS),
    .config_size = sizeof(struct config),
    .needs = CTL_CHAIN | CTL_CONTRACT,
    .run = run,
};
