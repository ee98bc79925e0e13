/*
 * submitter_halt.h: batches that reverted; private to the submitter.
 *
 * They are split, between meters, until the report that does it stands alone and is given up.
 */
#ifndef AMR_BRIDGE_SUBMITTER_HALT_H
#define AMR_BRIDGE_SUBMITTER_HALT_H

#include "chain-bridge/submitter_internal.h"

int submitter_find_halted(struct submitter *submitter, struct err *err) AMR_NODISCARD;
int submitter_end_reverted(struct submitter *submitter, const struct flight *flight,
                           struct err *err) AMR_NODISCARD;
/** The batch's reports wait again, and what stands against it is looked for at once. */
int submitter_put_back(struct submitter *submitter, uint64_t batch, const uint64_t *nonce,
                       struct err *err) AMR_NODISCARD;
bool submitter_may_try(const struct submitter *submitter);
int submitter_mend_halted(struct submitter *submitter, struct err *err) AMR_NODISCARD;

#endif
