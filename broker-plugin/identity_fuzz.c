/* Certificates in DER, as a client could present them. */
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "broker-plugin/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *at = data;
    X509 *certificate = size <= IDENTITY_CERT_MAX ? d2i_X509(NULL, &at, (long)size) : NULL;
    struct identity identity;
    struct err err = ERR_INIT;
    if (certificate && identity_from_certificate(&identity, certificate, &err) == 0) {
        char username[IDENTITY_USERNAME];
        struct identity again;
        if (identity_from_username(&again, identity_username(username, &identity)) < 0 ||
            !identity_owns_client_id(&identity, again.name))
            abort();
    }
    X509_free(certificate);
    return 0;
}
