/*
 * audit_findings.h: what a check found, in words and as data.
 *
 * The first AUDIT_FINDINGS_MAX are kept, all are counted. One thread.
 */
#ifndef AMR_CHAIN_BRIDGE_AUDIT_FINDINGS_H
#define AMR_CHAIN_BRIDGE_AUDIT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/buf.h"
#include "common/json.h"

#define AUDIT_FINDINGS_MAX 1000

/** The names that --json prints stand in audit_findings.c and INTERFACES.md. */
enum audit_kind {
    AUDIT_SERVER,    /* a batch of an account that was not listed for its group */
    AUDIT_NUMBER,    /* a batch's number does not follow the one before */
    AUDIT_RULES,     /* a reading was taken or refused against the contract's rules */
    AUDIT_DAMAGED,   /* an archive's entry or line is not as it was written */
    AUDIT_NO_BATCH,  /* an archived report names a batch that the ledger has not */
    AUDIT_CLAIM,     /* an archive gives a batch another number, block or transaction */
    AUDIT_SIGNATURE, /* a report was not signed by the meter's signer of that batch */
    AUDIT_READING,   /* an archived reading is not the sealed one */
    AUDIT_FOREIGN,   /* an archived reading is not in its batch */
    AUDIT_ROOT,      /* the archived reports do not lead to the batch's root */
    AUDIT_SEQUENCE,  /* a report's number is not above the one before */
    AUDIT_BEFORE,    /* a meter did not go on where the ledger before this one ended */
    AUDIT_LACKS,     /* sealed readings whose reports no archive has */
    AUDIT_GAP,       /* report numbers that were never sealed */
    AUDIT_KIND_COUNT
};

struct audit_finding {
    enum audit_kind kind;
    uint32_t meter;    /* 0: of none */
    uint32_t sequence; /* 0: of none */
    uint16_t group;
    uint64_t batch; /* of the group; 0: of none */
    char text[200];
};

struct audit_findings {
    struct audit_finding *list;
    size_t count; /* in the list */
    uint64_t counts[AUDIT_KIND_COUNT];
};

const char *audit_kind_text(enum audit_kind kind);
/** False: something is missing, but nothing is wrong. */
bool audit_kind_is_wrong(enum audit_kind kind);

void audit_findings_clear(struct audit_findings *findings);
/** finding's text is taken from format. */
void audit_found(struct audit_findings *findings, const struct audit_finding *finding,
                 const char *format, ...) AMR_PRINTF(3, 4);
/** Of all kinds that are wrong, or of all others. */
uint64_t audit_findings_total(const struct audit_findings *findings, bool wrong);

/** A JSON array of the list. */
void audit_findings_print(struct buf *out, const struct audit_findings *findings);
/** Reads what audit_findings_print printed; the counts are what the list holds. */
int audit_findings_parse(struct audit_findings *findings, const json_t *array,
                         struct err *err) AMR_NODISCARD;

#endif
