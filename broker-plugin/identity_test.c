#include "broker-plugin/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "broker-plugin/testing.h"

#define DID_1 "URI:did:ethr:0x0101010101010101010101010101010101010101"
#define DID_2 "URI:did:ethr:0x0202020202020202020202020202020202020202"

static int read_fields(struct identity *identity, const struct test_certificate *fields,
                       struct err *err)
{
    X509 *certificate = test_certificate_new(fields);
    int result = identity_from_certificate(identity, certificate, err);
    X509_free(certificate);
    return result;
}

static void a_meter_certificate_gives_role_serial_and_signer(void **state)
{
    (void)state;
    struct identity identity;
    struct err err = ERR_INIT;
    struct eth_address address = test_address(3);
    X509 *certificate = test_meter_certificate("A-0001.x_y", 3);
    assert_int_equal(identity_from_certificate(&identity, certificate, &err), 0);
    X509_free(certificate);
    assert_int_equal(identity.role, ROLE_METER);
    assert_string_equal(identity.name, "A-0001.x_y");
    assert_true(eth_address_equal(&identity.signer, &address));
}

static void a_service_certificate_needs_no_signer(void **state)
{
    (void)state;
    static const char *const ROLES[] = {[ROLE_BRIDGE] = "bridge", [ROLE_OPS] = "ops"};
    for (int role = ROLE_BRIDGE; role <= ROLE_OPS; role++) {
        const struct test_certificate fields = {.cn = "one", .ou = ROLES[role]};
        struct identity identity;
        assert_int_equal(read_fields(&identity, &fields, NULL), 0);
        assert_int_equal((int)identity.role, role);
        assert_true(eth_address_is_zero(&identity.signer));
    }
}

static void every_odd_certificate_is_refused_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        struct test_certificate fields;
        const char *reason;
    } CASES[] = {
        {{.ou = "bridge"}, "without subject CN"},
        {{.cn = "a"}, "without subject OU"},
        {{.cn = "a", .second_cn = "b", .ou = "bridge"}, "more than one subject CN"},
        {{.cn = "a\0b", .cn_len = 3, .ou = "bridge"}, "bad subject CN"},
        {{.cn = "a/b", .ou = "bridge"}, "CN is no name"},
        {{.cn = "a+", .ou = "bridge"}, "CN is no name"},
        {{.cn = "a~b", .ou = "bridge"}, "CN is no name"},
        {{.cn = "gr\xc3\xbcn", .ou = "bridge"}, "CN is no name"},
        {{.cn = "server", .ou = "bridge"}, "CN is no name"},
        {{.cn = "0123456789012345678901234567890123", .ou = "bridge"}, "bad subject CN"},
        {{.cn = "a", .ou = "king"}, "unknown role"},
        {{.cn = "a", .ou = "Meter", .names = DID_1}, "unknown role"},
        {{.cn = "a", .ou = "bridgebridgebridge"}, "bad subject OU"},
        {{.cn = "a", .ou = "meter"}, "without one readable list"},
        {{.cn = "a", .ou = "meter", .names = "DNS:a"}, "0 did:ethr names"},
        {{.cn = "a", .ou = "meter", .names = DID_1 "," DID_2}, "2 did:ethr names"},
        {{.cn = "a", .ou = "meter", .names = "URI:did:ethr:0x01"}, "bad did:ethr"},
        {{.cn = "a", .ou = "meter", .names = DID_1 "00"}, "bad did:ethr"},
        {{.cn = "a", .ou = "meter", .names = DID_1 ",URI:did:ethr:x"}, "bad did:ethr"},
        {{.cn = "a",
          .ou = "meter",
          .names = "URI:did:ethr:0xABcdef0123456789ABcdef0123456789ABcdef01"},
         "bad did:ethr"},
    };
    for (size_t i = 0; i < AMR_COUNT(CASES); i++) {
        struct identity identity;
        struct err err = ERR_INIT;
        assert_int_equal(read_fields(&identity, &CASES[i].fields, &err), -1);
        if (!strstr(err.text, CASES[i].reason))
            fail_msg("case %zu says '%s'", i, err.text);
    }
}

static void other_alternative_names_do_not_matter(void **state)
{
    (void)state;
    const struct test_certificate fields = {
        .cn = "a", .ou = "meter", .names = "DNS:a,URI:https://a,URI:did:web:a," DID_1};
    struct identity identity;
    assert_int_equal(read_fields(&identity, &fields, NULL), 0);
    assert_int_equal(identity.signer.b[0], 1);
}

/* A certificate whose list of alternative names is not one. */
static X509 *garbled_certificate(void)
{
    const struct test_certificate fields = {.cn = "a", .ou = "meter"};
    X509 *certificate = test_certificate_new(&fields);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(octets, (const unsigned char *)"\x30\x7f\x01", 3);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, octets);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    return certificate;
}

static void reading_leaves_openssl_without_errors(void **state)
{
    (void)state;
    struct identity identity;
    X509 *certificate = garbled_certificate();
    ERR_clear_error();
    assert_int_equal(identity_from_certificate(&identity, certificate, NULL), -1);
    assert_int_equal(ERR_peek_error(), 0);
    X509_free(certificate);
}

static void a_user_name_gives_the_identity_back(void **state)
{
    (void)state;
    const struct identity identity = {.role = ROLE_OPS, .name = "alice"};
    struct identity again;
    char username[IDENTITY_USERNAME];
    assert_string_equal(identity_username(username, &identity), "ops:alice");
    assert_int_equal(identity_from_username(&again, username), 0);
    assert_int_equal(again.role, ROLE_OPS);
    assert_string_equal(again.name, "alice");
}

static void a_foreign_user_name_is_nobody(void **state)
{
    (void)state;
    static const char *const NAMES[] = {NULL,
                                        "",
                                        "alice",
                                        ":alice",
                                        "ops:",
                                        "ops:a/b",
                                        "king:alice",
                                        "ops:server",
                                        "meters:a",
                                        "op:alice",
                                        "meter:012345678901234567890123456789012"};
    for (size_t i = 0; i < AMR_COUNT(NAMES); i++) {
        struct identity identity;
        assert_int_equal(identity_from_username(&identity, NAMES[i]), -1);
    }
}

static void only_its_own_client_id_is_owned(void **state)
{
    (void)state;
    const struct identity meter = {.role = ROLE_METER, .name = "A1"};
    const struct identity ops = {.role = ROLE_OPS, .name = "A1"};
    assert_true(identity_owns_client_id(&meter, "A1"));
    assert_true(identity_owns_client_id(&ops, "A1"));
    assert_true(identity_owns_client_id(&ops, "A1~left"));
    static const char *const OTHERS[] = {"",    "A",   "A2",  "A11",    "a1",   "A1-x",
                                         "A1/", "A1#", "A1~", "A1~a/b", "A1~+", "A1~b~c"};
    for (size_t i = 0; i < AMR_COUNT(OTHERS); i++) {
        assert_false(identity_owns_client_id(&meter, OTHERS[i]));
        assert_false(identity_owns_client_id(&ops, OTHERS[i]));
    }
    assert_false(identity_owns_client_id(&meter, "A1~left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_meter_certificate_gives_role_serial_and_signer),
        cmocka_unit_test(a_service_certificate_needs_no_signer),
        cmocka_unit_test(every_odd_certificate_is_refused_with_its_reason),
        cmocka_unit_test(other_alternative_names_do_not_matter),
        cmocka_unit_test(reading_leaves_openssl_without_errors),
        cmocka_unit_test(a_user_name_gives_the_identity_back),
        cmocka_unit_test(a_foreign_user_name_is_nobody),
        cmocka_unit_test(only_its_own_client_id_is_owned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
