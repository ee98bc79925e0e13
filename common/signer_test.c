#include "common/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/test_dir.h"

static void secret_of(uint8_t secret[32], uint8_t byte)
{
    memset(secret, byte, 32);
}

static void a_key_has_the_address_that_viem_gives_it(void **state)
{
    uint8_t secret[32], copy[32];
    char text[ETH_ADDRESS_TEXT];

    (void)state;
    secret_of(secret, 0x46);
    struct signer *signer = signer_new(secret, NULL);
    assert_string_equal(eth_address_text(text, signer_address(signer)),
                        "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
    signer_secret(signer, copy);
    assert_memory_equal(secret, copy, 32);
    signer_free(signer);
    signer_free(NULL);
}

static void signatures_recover_to_the_signer_and_to_nobody_else(void **state)
{
    struct recoverer *recoverer = recoverer_new();
    struct signer *signer = signer_generate(NULL);
    struct eth_signature signature;
    struct eth_address address;
    struct eth_hash digest = {{0}};

    (void)state;
    for (int i = 0; i < 50; i++) {
        digest.b[0] = (uint8_t)i;
        signer_sign(signer, &signature, &digest);
        assert_int_equal(recoverer_recover(recoverer, &address, &digest, &signature), 0);
        assert_true(eth_address_equal(&address, signer_address(signer)));
        digest.b[31] ^= 1;
        if (recoverer_recover(recoverer, &address, &digest, &signature) == 0)
            assert_false(eth_address_equal(&address, signer_address(signer)));
        digest.b[31] ^= 1;
    }
    signer_free(signer);
    recoverer_free(recoverer);
    recoverer_free(NULL);
}

/* n - s with the other v signs the same digest, but there must be one signature only. */
static void the_mirrored_signature_is_refused(void **state)
{
    static const char *const high_s =
        "0xc326f7f9726e8f35e0f23a95dc83edf5d819f75f587f113cf11581d717901c87a69688"
        "2cccafcfe835a6386954e6dc5e792142fd4946600f89f35ecabc0cfcbf"
        "1c";
    struct recoverer *recoverer = recoverer_new();
    struct eth_signature signature;
    struct eth_address address;
    struct eth_hash digest;

    (void)state;
    assert_int_equal(
        eth_hash_parse(&digest,
                       "0x0026370e122fbef8117f31c9c5b7855ab1ebb2053fc27bf3ddd4138c974ff7ca", NULL),
        0);
    memset(&signature, 0, sizeof(signature));
    assert_int_equal(hex0x_decode(signature.b, sizeof(signature.b), high_s, NULL), 0);
    assert_int_equal(recoverer_recover(recoverer, &address, &digest, &signature), -1);
    signature.b[64] = 0;
    assert_int_equal(recoverer_recover(recoverer, &address, &digest, &signature), -1);
    memset(&signature, 0, sizeof(signature));
    signature.b[64] = 27;
    assert_int_equal(recoverer_recover(recoverer, &address, &digest, &signature), -1);
    recoverer_free(recoverer);
}

static void zero_and_the_group_order_are_no_keys(void **state)
{
    uint8_t secret[32];
    struct err err = ERR_INIT;

    (void)state;
    secret_of(secret, 0);
    assert_null(signer_new(secret, &err));
    secret_of(secret, 0xff);
    assert_null(signer_new(secret, &err));
    assert_string_equal(err.text, "not a valid secp256k1 secret key");
}

static void a_saved_key_loads_again_and_is_never_overwritten(void **state)
{
    char *path = test_path(*state, "key");
    struct signer *signer = signer_generate(NULL);
    struct stat info;

    assert_int_equal(signer_save(signer, path, NULL), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(signer_save(signer, path, NULL), -1);
    struct signer *again = signer_load(path, NULL);
    assert_non_null(again);
    assert_true(eth_address_equal(signer_address(signer), signer_address(again)));
    signer_free(signer);
    signer_free(again);
    free(path);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    char *path = test_path(*state, "open-key");
    struct signer *signer = signer_generate(NULL);
    struct err err = ERR_INIT;

    assert_int_equal(signer_save(signer, path, NULL), 0);
    assert_int_equal(chmod(path, 0640), 0);
    assert_null(signer_load(path, &err));
    assert_non_null(strstr(err.text, "chmod 600"));
    signer_free(signer);
    free(path);
}

static void a_damaged_key_file_is_refused_without_quoting_it(void **state)
{
    char *path = test_path(*state, "bad-key");
    struct err err = ERR_INIT;

    assert_int_equal(file_create(path, 0600, "0xdeadbeef\n", 11, NULL), 0);
    assert_null(signer_load(path, &err));
    assert_null(strstr(err.text, "deadbeef"));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_the_address_that_viem_gives_it),
        cmocka_unit_test(signatures_recover_to_the_signer_and_to_nobody_else),
        cmocka_unit_test(the_mirrored_signature_is_refused),
        cmocka_unit_test(zero_and_the_group_order_are_no_keys),
        cmocka_unit_test(a_saved_key_loads_again_and_is_never_overwritten),
        cmocka_unit_test(a_key_that_others_can_read_is_refused),
        cmocka_unit_test(a_damaged_key_file_is_refused_without_quoting_it),
    };

    return cmocka_run_group_tests(tests, test_dir_setup, test_dir_teardown);
}
