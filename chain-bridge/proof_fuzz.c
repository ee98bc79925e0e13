/* A proof's file from anybody. What parses must print and parse again to the same. */
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <string.h>

#include "chain-bridge/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proof proof;
    struct proof again;
    struct buf text = BUF_INIT;
    if (proof_parse(&proof, data, size, NULL) != 0)
        return 0;
    struct recoverer *recoverer = recoverer_new();
    (void)!proof_check(&proof, recoverer, NULL);
    recoverer_free(recoverer);
    proof_print(&text, &proof);
    assert(proof_parse(&again, text.data, text.len, NULL) == 0);
    assert(report_equal(&proof.report, &again.report) && proof.count == again.count);
    buf_free(&text);
    return 0;
}
