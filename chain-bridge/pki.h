/*
 * pki.h: the utility's certificate authority: a folder with ca.crt and ca.key (P-256).
 *
 * Issues the broker's server certificate, certificates for services (CN = name, OU = bridge or
 * ops) with keys it makes, and certificates for meters from their CSRs, whose keys it never sees.
 * A CSR comes from outside: its size, form, key, subject, subject alternative name and signature
 * are checked, its proof of the signing key (common/possession.h), and nothing of it is copied but
 * CN and the did:ethr address. Keys and certificates of the authority and of services are never
 * overwritten, keys have mode 0600. One thread.
 * Source: RFC 5280 (certificates), RFC 2986 (requests), did:ethr method specification.
 */
#ifndef AMR_CHAIN_BRIDGE_PKI_H
#define AMR_CHAIN_BRIDGE_PKI_H

#include <stdbool.h>

#include "common/eth.h"
#include "common/reading.h"

#define PKI_DAYS_MAX 36500

struct pki;

/** Makes the CA: ca.key and ca.crt in dir, which is made too. */
int pki_create(const char *dir, const char *name, uint32_t days, struct err *err) AMR_NODISCARD;
struct pki *pki_open(const char *dir, struct err *err) AMR_NODISCARD;
void pki_free(struct pki *pki);

/** server.key and server.crt in the CA's folder; hosts: comma-separated names and addresses. */
int pki_issue_server(struct pki *pki, const char *hosts, uint32_t days,
                     struct err *err) AMR_NODISCARD;
/** NAME.key and NAME.crt in the CA's folder. */
int pki_issue_service(struct pki *pki, const char *name, const char *role, uint32_t days,
                      struct err *err) AMR_NODISCARD;

/** A meter's request that passed every check. */
struct pki_request {
    char serial[SERIAL_MAX + 1];
    struct eth_address signer;
    void *key;   /* its public key, to be certified */
    bool proven; /* it carries the signing key's proof; a wrong one is refused */
};

int pki_request_parse(struct pki_request *ret_request, const void *pem, size_t len,
                      struct err *err) AMR_NODISCARD;
int pki_request_read(struct pki_request *ret_request, const char *path,
                     struct err *err) AMR_NODISCARD;
void pki_request_clear(struct pki_request *request);

/** Whether the file at path is a certificate of this authority for this request's serial, signer
 * and key that is valid for so many more days. */
bool pki_meter_fits(const struct pki *pki, const struct pki_request *request, const char *path,
                    uint32_t days);
/** Writes the meter's certificate to path, in the place of an older one. */
int pki_issue_meter(struct pki *pki, const struct pki_request *request, const char *path,
                    uint32_t days, struct err *err) AMR_NODISCARD;

/** The subject's common name of a certificate file. */
int pki_common_name(char *ret_name, size_t size, const char *path, struct err *err) AMR_NODISCARD;

#endif
