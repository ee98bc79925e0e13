/* Certificate requests as anybody may hand them in. */
#include <stddef.h>
#include <stdint.h>

#include "chain-bridge/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pki_request request;
    if (pki_request_parse(&request, data, len, NULL) == 0)
        pki_request_clear(&request);
    return 0;
}
