#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain-bridge/pki.h"
#include "common/buf.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/possession.h"

#define SIGNER "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

/* What a request is made of; NULL leaves a part out. */
struct plan {
    const char *cn;
    const char *ou;
    const char *more; /* an O besides */
    const char *names;
    const char *curve;
    bool usage; /* asks for keyUsage too */
    bool forged;
    const char *proof; /* "good", or what to write there instead of one */
};

static const struct plan GOOD = {"M1",    "meter", NULL,  "URI:did:ethr:" SIGNER,
                                 "P-256", false,   false, NULL};

static void add_extension(STACK_OF(X509_EXTENSION) * list, int nid, const char *value)
{
    sk_X509_EXTENSION_push(list, X509V3_EXT_conf_nid(NULL, NULL, nid, value));
}

static void add_name(X509_NAME *name, const char *field, const char *value)
{
    if (value != NULL)
        X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1,
                                   0);
}

/* The second account of Foundry's well-known mnemonic. */
static struct signer *signer_of_plan(void)
{
    uint8_t secret[32];
    static const char KEY[] = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
    assert_int_equal(hex0x_decode(secret, sizeof(secret), KEY, NULL), 0);
    return signer_new(secret, NULL);
}

/* "good": by SIGNER for M1; "serial": for another serial; "key": for another TLS key. */
static void add_proof(X509_REQ *csr, EVP_PKEY *key, const char *what)
{
    char text[POSSESSION_TEXT];
    struct signer *signer = signer_of_plan();
    EVP_PKEY *other = EVP_EC_gen("P-256");
    bool made =
        strcmp(what, "good") == 0 || strcmp(what, "serial") == 0 || strcmp(what, "key") == 0;
    assert_int_equal(possession_prove(text, signer, strcmp(what, "serial") == 0 ? "M2" : "M1",
                                      strcmp(what, "key") == 0 ? other : key, NULL),
                     0);
    const char *value = made ? text : what;
    X509_REQ_add1_attr_by_NID(csr, NID_pkcs9_unstructuredName, V_ASN1_IA5STRING,
                              (const unsigned char *)value, (int)strlen(value));
    EVP_PKEY_free(other);
    signer_free(signer);
}

static int parse_plan(const struct plan *plan, struct pki_request *request, struct err *err)
{
    EVP_PKEY *key = EVP_EC_gen(plan->curve);
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509_REQ *csr = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    add_name(X509_REQ_get_subject_name(csr), "CN", plan->cn);
    add_name(X509_REQ_get_subject_name(csr), "OU", plan->ou);
    add_name(X509_REQ_get_subject_name(csr), "O", plan->more);
    if (plan->names != NULL)
        add_extension(extensions, NID_subject_alt_name, plan->names);
    if (plan->usage)
        add_extension(extensions, NID_key_usage, "keyCertSign");
    X509_REQ_add_extensions(csr, extensions);
    X509_REQ_set_pubkey(csr, key);
    if (plan->proof != NULL)
        add_proof(csr, key, plan->proof);
    X509_REQ_sign(csr, plan->forged ? other : key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_REQ(bio, csr);
    char *pem = NULL;
    long len = BIO_get_mem_data(bio, &pem);
    int result = pki_request_parse(request, pem, (size_t)len, err);
    BIO_free(bio);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(csr);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
    return result;
}

static void a_good_request_gives_serial_and_signer(void **state)
{
    (void)state;
    struct pki_request request;
    struct err err = ERR_INIT;
    char text[ETH_ADDRESS_TEXT];
    if (parse_plan(&GOOD, &request, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(request.serial, "M1");
    assert_string_equal(eth_address_text(text, &request.signer), SIGNER);
    pki_request_clear(&request);
}

static void a_request_proves_its_signing_key_or_says_nothing_of_it(void **state)
{
    static const char *const WRONG[] = {"serial", "key", "", "0x00", "not even hexadecimal"};
    struct plan plan = GOOD;
    struct pki_request request;
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(parse_plan(&plan, &request, &err), 0);
    assert_false(request.proven);
    pki_request_clear(&request);
    plan.proof = "good";
    if (parse_plan(&plan, &request, &err) != 0)
        fail_msg("%s", err.text);
    assert_true(request.proven);
    pki_request_clear(&request);
    for (size_t i = 0; i < AMR_COUNT(WRONG); i++) {
        plan.proof = WRONG[i];
        assert_int_equal(parse_plan(&plan, &request, &err), -1);
        assert_non_null(strstr(err.text, "proof of the signing key"));
    }
    plan = GOOD;
    plan.proof = "good";
    plan.names = "URI:did:ethr:0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
    assert_int_equal(parse_plan(&plan, &request, &err), -1);
}

static void every_flaw_of_a_request_is_refused(void **state)
{
    static const struct {
        struct plan plan;
        const char *says;
    } CASES[] = {
        {{NULL, "meter", NULL, "URI:did:ethr:" SIGNER, "P-256", 0, 0, NULL}, "CN and OU"},
        {{"M1", NULL, NULL, "URI:did:ethr:" SIGNER, "P-256", 0, 0, NULL}, "CN and OU"},
        {{"M1", "meter", "ACME", "URI:did:ethr:" SIGNER, "P-256", 0, 0, NULL}, "CN and OU"},
        {{"M1", "bridge", NULL, "URI:did:ethr:" SIGNER, "P-256", 0, 0, NULL}, "OU is not meter"},
        {{"M 1", "meter", NULL, "URI:did:ethr:" SIGNER, "P-256", 0, 0, NULL}, "no serial"},
        {{"server", "meter", NULL, "URI:did:ethr:" SIGNER, "P-256", 0, 0, NULL}, "no serial"},
        {{"../../M1", "meter", NULL, "URI:did:ethr:" SIGNER, "P-256", 0, 0, NULL}, "no serial"},
        {{"M1", "meter", NULL, NULL, "P-256", 0, 0, NULL}, "alternative name"},
        {{"M1", "meter", NULL, "DNS:localhost", "P-256", 0, 0, NULL}, "no URI"},
        {{"M1", "meter", NULL, "URI:did:web:x", "P-256", 0, 0, NULL}, "not did:ethr"},
        {{"M1", "meter", NULL, "URI:did:ethr:" SIGNER ",URI:did:ethr:" SIGNER, "P-256", 0, 0, NULL},
         "one alternative name"},
        {{"M1", "meter", NULL, "URI:did:ethr:0x70997970c51812Dc3A010C7d01b50e0d17dc79C8", "P-256",
          0, 0, NULL},
         "did:ethr"},
        {{"M1", "meter", NULL, "URI:did:ethr:0x0000000000000000000000000000000000000000", "P-256",
          0, 0, NULL},
         "zero address"},
        {{"M1", "meter", NULL, "URI:did:ethr:" SIGNER, "secp256k1", 0, 0, NULL}, "P-256"},
        {{"M1", "meter", NULL, "URI:did:ethr:" SIGNER, "P-256", 1, 0, NULL}, "nothing else"},
        {{"M1", "meter", NULL, "URI:did:ethr:" SIGNER, "P-256", 0, 1, NULL}, "signature"},
    };
    (void)state;
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct pki_request request;
        struct err err = ERR_INIT;
        assert_int_equal(parse_plan(&CASES[i].plan, &request, &err), -1);
        if (strstr(err.text, CASES[i].says) == NULL)
            fail_msg("case %zu says: %s", i, err.text);
    }
}

static void what_is_no_request_is_refused(void **state)
{
    static const char ENCRYPTED[] = "-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4,ENCRYPTED\n"
                                    "\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    static const char *const TEXTS[] = {"", "x", "-----BEGIN CERTIFICATE REQUEST-----\n",
                                        ENCRYPTED};
    (void)state;
    struct pki_request request;
    for (size_t i = 0; i < AMR_COUNT(TEXTS); i++)
        assert_int_equal(pki_request_parse(&request, TEXTS[i], strlen(TEXTS[i]), NULL), -1);
}

static X509 *load(const char *dir, const char *name)
{
    char path[256];
    struct buf pem = BUF_INIT;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(file_read(&pem, path, 65536, NULL), 0);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    buf_free(&pem);
    assert_non_null(cert);
    return cert;
}

static bool verifies(X509 *ca, X509 *cert, int purpose)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, ca);
    X509_STORE_CTX_init(context, store, cert, NULL);
    X509_STORE_CTX_set_purpose(context, purpose);
    bool good = X509_verify_cert(context) == 1;
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return good;
}

static void remove_files(const char *dir)
{
    static const char *const NAMES[] = {"ca.key",   "ca.crt",   "server.key", "server.crt",
                                        "ops1.key", "ops1.crt", "M1.crt"};
    char path[256];
    for (size_t i = 0; i < AMR_COUNT(NAMES); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, NAMES[i]);
        unlink(path);
    }
    rmdir(dir);
}

static void certificates_verify_for_their_purpose_only(void **state)
{
    (void)state;
    char dir[] = "/tmp/amr-pki-XXXXXX";
    char path[64];
    char name[64];
    struct err err = ERR_INIT;
    struct pki_request request;
    struct stat info;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(pki_create(dir, "Test CA", 30, &err), 0);
    assert_int_equal(pki_create(dir, "Test CA", 30, &err), -1); /* never overwrites */
    struct pki *pki = pki_open(dir, &err);
    assert_non_null(pki);
    snprintf(path, sizeof(path), "%s/M1.crt", dir);
    assert_int_equal(parse_plan(&GOOD, &request, &err), 0);
    assert_int_equal(pki_issue_server(pki, "localhost,127.0.0.1,::1", 30, &err), 0);
    assert_int_equal(pki_issue_service(pki, "ops1", "ops", 30, &err), 0);
    assert_int_equal(pki_issue_service(pki, "x", "meter", 30, &err), -1);
    assert_int_equal(pki_issue_service(pki, "../x", "ops", 30, &err), -1);
    assert_int_equal(pki_issue_service(pki, "ca", "ops", 30, &err), -1);
    assert_int_equal(pki_issue_server(pki, "a b", 30, &err), -1);
    assert_int_equal(pki_issue_meter(pki, &request, path, 30, &err), 0);
    assert_true(pki_meter_fits(pki, &request, path, 29));
    assert_false(pki_meter_fits(pki, &request, path, 31));
    struct pki_request other;
    assert_int_equal(parse_plan(&GOOD, &other, &err), 0); /* the same names, another key */
    assert_false(pki_meter_fits(pki, &other, path, 1));
    assert_int_equal(pki_issue_meter(pki, &other, path, 30, &err), 0);
    assert_true(pki_meter_fits(pki, &other, path, 1));
    assert_false(pki_meter_fits(pki, &request, path, 1));
    other.signer.b[0] ^= 1;
    assert_false(pki_meter_fits(pki, &other, path, 1));
    assert_false(pki_meter_fits(pki, &other, "/nowhere/M1.crt", 1));
    pki_request_clear(&other);
    assert_int_equal(pki_common_name(name, sizeof(name), path, &err), 0);
    assert_string_equal(name, "M1");
    snprintf(path, sizeof(path), "%s/ca.key", dir);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    X509 *ca = load(dir, "ca.crt");
    X509 *server = load(dir, "server.crt");
    X509 *meter = load(dir, "M1.crt");
    assert_true(verifies(ca, server, X509_PURPOSE_SSL_SERVER));
    assert_false(verifies(ca, server, X509_PURPOSE_SSL_CLIENT));
    assert_true(verifies(ca, meter, X509_PURPOSE_SSL_CLIENT));
    assert_false(verifies(ca, meter, X509_PURPOSE_SSL_SERVER));
    assert_int_equal(X509_check_host(server, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(server, "127.0.0.1", 0), 1);
    X509_free(meter);
    X509_free(server);
    X509_free(ca);
    pki_request_clear(&request);
    pki_free(pki);
    remove_files(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_request_gives_serial_and_signer),
        cmocka_unit_test(a_request_proves_its_signing_key_or_says_nothing_of_it),
        cmocka_unit_test(every_flaw_of_a_request_is_refused),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(certificates_verify_for_their_purpose_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
