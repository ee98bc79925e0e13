#include "chain-bridge/audit_findings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool wrong;
} KINDS[AUDIT_KIND_COUNT] = {
    [AUDIT_SERVER] = {"server", true},       [AUDIT_NUMBER] = {"number", true},
    [AUDIT_RULES] = {"rules", true},         [AUDIT_DAMAGED] = {"damaged", true},
    [AUDIT_NO_BATCH] = {"no-batch", true},   [AUDIT_CLAIM] = {"claim", true},
    [AUDIT_SIGNATURE] = {"signature", true}, [AUDIT_READING] = {"reading", true},
    [AUDIT_FOREIGN] = {"foreign", true},     [AUDIT_ROOT] = {"root", true},
    [AUDIT_SEQUENCE] = {"sequence", true},   [AUDIT_BEFORE] = {"before", true},
    [AUDIT_LACKS] = {"lacks", false},        [AUDIT_GAP] = {"gap", false},
};

const char *audit_kind_text(enum audit_kind kind)
{
    return KINDS[kind].name;
}

bool audit_kind_is_wrong(enum audit_kind kind)
{
    return KINDS[kind].wrong;
}

void audit_findings_clear(struct audit_findings *findings)
{
    free(findings->list);
    memset(findings, 0, sizeof(*findings));
}

static void keep(struct audit_findings *findings, const struct audit_finding *finding)
{
    findings->counts[finding->kind]++;
    if (findings->count == AUDIT_FINDINGS_MAX)
        return;
    findings->list = xrealloc(findings->list, (findings->count + 1) * sizeof(*findings->list));
    findings->list[findings->count++] = *finding;
}

void audit_found(struct audit_findings *findings, const struct audit_finding *finding,
                 const char *format, ...)
{
    struct audit_finding full = *finding;
    va_list args;
    va_start(args, format);
    vsnprintf(full.text, sizeof(full.text), format, args);
    va_end(args);
    keep(findings, &full);
}

uint64_t audit_findings_total(const struct audit_findings *findings, bool wrong)
{
    uint64_t total = 0;
    for (size_t i = 0; i < AUDIT_KIND_COUNT; i++)
        total += KINDS[i].wrong == wrong ? findings->counts[i] : 0;
    return total;
}

void audit_findings_print(struct buf *out, const struct audit_findings *findings)
{
    buf_append_u8(out, '[');
    for (size_t i = 0; i < findings->count; i++) {
        const struct audit_finding *finding = &findings->list[i];
        buf_printf(out,
                   "%s\n  {\"kind\":\"%s\",\"meter\":%" PRIu32 ",\"sequence\":%" PRIu32
                   ",\"group\":%u,\"batch\":%" PRIu64 ",\"text\":",
                   i > 0 ? "," : "", KINDS[finding->kind].name, finding->meter, finding->sequence,
                   (unsigned)finding->group, finding->batch);
        json_append_string(out, finding->text);
        buf_append_u8(out, '}');
    }
    buf_append_u8(out, ']');
}

static int find_kind(enum audit_kind *ret_kind, const char *name)
{
    for (size_t i = 0; i < AUDIT_KIND_COUNT; i++) {
        if (strcmp(KINDS[i].name, name) == 0) {
            *ret_kind = (enum audit_kind)i;
            return 0;
        }
    }
    return -1;
}

int audit_findings_parse(struct audit_findings *findings, const json_t *array, struct err *err)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct audit_finding finding = {.meter = 0};
        struct json_reader reader;
        json_reader_init(&reader, json_array_get(array, i), err);
        const char *kind = json_take_string(&reader, "kind", true);
        if (!reader.failed && find_kind(&finding.kind, kind) != 0)
            json_fail(&reader, "'kind' is none");
        finding.meter = (uint32_t)json_take_uint(&reader, "meter", 0, UINT32_MAX);
        finding.sequence = (uint32_t)json_take_uint(&reader, "sequence", 0, UINT32_MAX);
        finding.group = (uint16_t)json_take_uint(&reader, "group", 0, UINT16_MAX);
        finding.batch = json_take_uint(&reader, "batch", 0, INT64_MAX);
        snprintf(finding.text, sizeof(finding.text), "%s", json_take_string(&reader, "text", true));
        if (json_done(&reader) != 0)
            return err_wrap(err, "finding %zu", i + 1);
        keep(findings, &finding);
    }
    return 0;
}
