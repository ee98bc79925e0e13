/*
 * admission.h: whether what a meter sent is let in: size, strict schema, the meter of this
 * certificate, its status, its signature, the clock, and its history.
 *
 * Checked in that order, cheapest first; the first failure is the verdict. Bridge and contract
 * check again: this keeps what is bad from costing anybody else. One thread.
 */
#ifndef AMR_BROKER_PLUGIN_ADMISSION_H
#define AMR_BROKER_PLUGIN_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker-plugin/members.h"
#include "common/eip712.h"
#include "common/payload.h"
#include "common/signer.h"

struct admission {
    const struct eip712 *domain;
    const struct recoverer *recoverer;
    bool check_signature;
    uint32_t bytes_max;
    uint32_t future_tolerance_s;
    uint32_t now_s; /* wall clock */
};

struct admission_verdict {
    enum cause cause;  /* CAUSE_NONE: let in */
    bool resent;       /* a report that was let in before */
    uint32_t meter;    /* 0 where it could not be read */
    uint32_t sequence; /* the same; events and reports */
    struct err reason;
};

/** A report; lets the member's history know of it where it is let in. */
void admission_report(const struct admission *admission, struct admission_verdict *ret_verdict,
                      struct member *member, const void *data, size_t len);
void admission_event(const struct admission *admission, struct admission_verdict *ret_verdict,
                     const struct member *member, const void *data, size_t len);
/** The result of a command. */
void admission_result(const struct admission *admission, struct admission_verdict *ret_verdict,
                      const struct member *member, const void *data, size_t len);
/** birth, state, telemetry: only the size is checked, nothing is ever billed from them. */
void admission_other(const struct admission *admission, struct admission_verdict *ret_verdict,
                     const struct member *member, size_t len);

#endif
