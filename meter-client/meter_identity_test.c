#include "meter-client/meter_identity.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/signer.h"
#include "common/test_dir.h"

static mode_t mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static X509_REQ *load_request(const char *path)
{
    FILE *file = fopen(path, "r");
    X509_REQ *request = PEM_read_X509_REQ(file, NULL, NULL, NULL);

    fclose(file);
    assert_non_null(request);
    return request;
}

static void name_is(X509_REQ *request, int nid, const char *want)
{
    char text[64];

    X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(request), nid, text, sizeof(text));
    assert_string_equal(text, want);
}

static void init_makes_keys_that_others_cannot_read_and_a_request(void **state)
{
    char *key = test_path(*state, "M1.key");
    char *signing_key = test_path(*state, "M1.signing-key");
    char *csr = test_path(*state, "M1.csr");
    struct eth_address address;
    struct signer *signer;
    X509_REQ *request;

    assert_int_equal(identity_init(&address, *state, "M1", NULL), 0);
    assert_int_equal(mode_of(key), 0600);
    assert_int_equal(mode_of(signing_key), 0600);
    signer = signer_load(signing_key, NULL);
    assert_true(eth_address_equal(&address, signer_address(signer)));
    request = load_request(csr);
    assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
    name_is(request, NID_commonName, "M1");
    name_is(request, NID_organizationalUnitName, "meter");
    X509_REQ_free(request);
    signer_free(signer);
    free(key);
    free(signing_key);
    free(csr);
}

static void init_never_overwrites(void **state)
{
    struct eth_address address;
    struct err err = ERR_INIT;

    assert_int_equal(identity_init(&address, *state, "M2", NULL), 0);
    assert_int_equal(identity_init(&address, *state, "M2", &err), -1);
    assert_non_null(strstr(err.text, "M2.signing-key"));
}

static void init_refuses_what_is_no_serial(void **state)
{
    static const char *const SERIALS[] = {"",    "a/b", "../x",
                                          "a b", "a+",  "123456789012345678901234567890123"};
    struct eth_address address;

    for (size_t i = 0; i < AMR_COUNT(SERIALS); i++)
        assert_int_equal(identity_init(&address, *state, SERIALS[i], NULL), -1);
}

static void add_extension(X509 *certificate, const char *san)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static void write_certificate(const char *path, const char *name, const char *san)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *file = fopen(path, "w");

    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    if (san)
        add_extension(certificate, san);
    X509_sign(certificate, key, EVP_sha256());
    PEM_write_X509(file, certificate);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void a_certificate_must_fit_the_serial_and_the_signing_key(void **state)
{
    static const char *const GOOD = "URI:did:ethr:0x0100000000000000000000000000000000000000";
    static const char *const OTHER = "URI:did:ethr:0x0200000000000000000000000000000000000000";
    const struct eth_address address = {{1}};
    char *path = test_path(*state, "cert.pem");
    char serial[SERIAL_MAX + 1];
    struct err err = ERR_INIT;

    write_certificate(path, "M1", GOOD);
    assert_int_equal(identity_serial(serial, path, NULL), 0);
    assert_string_equal(serial, "M1");
    assert_int_equal(identity_check(path, "M1", &address, NULL), 0);
    assert_int_equal(identity_check(path, "M2", &address, &err), -1);
    assert_non_null(strstr(err.text, "'M1', not 'M2'"));
    write_certificate(path, "M1", OTHER);
    assert_int_equal(identity_check(path, "M1", &address, &err), -1);
    assert_non_null(strstr(err.text, "did:ethr:0x01"));
    write_certificate(path, "M1", NULL);
    assert_int_equal(identity_check(path, "M1", &address, &err), -1);
    write_certificate(path, "no serial", GOOD);
    assert_int_equal(identity_serial(serial, path, &err), -1);
    free(path);
}

static void a_file_that_is_no_certificate_is_told(void **state)
{
    char *path = test_path(*state, "M1.key");
    char serial[SERIAL_MAX + 1];
    struct err err = ERR_INIT;

    assert_int_equal(identity_serial(serial, path, &err), -1);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(identity_serial(serial, "/nonexistent", &err), -1);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_makes_keys_that_others_cannot_read_and_a_request),
        cmocka_unit_test(init_never_overwrites),
        cmocka_unit_test(init_refuses_what_is_no_serial),
        cmocka_unit_test(a_certificate_must_fit_the_serial_and_the_signing_key),
        cmocka_unit_test(a_file_that_is_no_certificate_is_told),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
