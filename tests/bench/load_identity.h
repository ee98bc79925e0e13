/*
 * load_identity.h: the meters of the load generator: keys, certificates, signed reports.
 *
 * Meter number n (from 1) of group 1 is called L<n>, signs with a key that follows from n, and
 * gets its certificate from the authority in a folder that `amrctl pki init` made. All of them
 * share one TLS key: making thousands of those is no part of what is measured.
 */
#ifndef AMR_BENCH_LOAD_IDENTITY_H
#define AMR_BENCH_LOAD_IDENTITY_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/reading.h"
#include "common/signer.h"

struct authority;

struct authority *authority_open(const char *dir, struct err *err) AMR_NODISCARD;
void authority_free(struct authority *authority);
/** Gives the connection the certificate and key of meter number n. */
int authority_dress(struct authority *authority, SSL *ssl, uint32_t n,
                    struct err *err) AMR_NODISCARD;

void meter_name(char ret_name[SERIAL_MAX + 1], uint32_t n);
struct signer *meter_signer(uint32_t n) AMR_NODISCARD;
/** Writes a registry of `count` meters, of which the first `real` have a known key. */
int meters_register(const char *path, uint32_t count, uint32_t real, struct err *err) AMR_NODISCARD;
/** Appends the payload of meter n's report number `sequence`, of `readings` readings. */
void meter_report(struct buf *out, const struct signer *signer, const struct eth_address *contract,
                  uint32_t n, uint32_t sequence, uint32_t readings, uint32_t now_s);
/** The contract of registries that meters_register makes. */
const struct eth_address *load_contract(void);
/** Microseconds that it takes to hash such a report and recover its signer, in a tight loop. */
double signature_cost_us(uint32_t readings);

#endif
