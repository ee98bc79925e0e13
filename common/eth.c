#include "common/eth.h"

#include <ctype.h>
#include <string.h>

#include "common/hex.h"
#include "common/keccak.h"
#include "common/rlp.h"

char *eth_address_text(char text[ETH_ADDRESS_TEXT], const struct eth_address *address)
{
    struct eth_hash hash;

    hex0x_encode(text, address->b, sizeof(address->b));
    keccak256(&hash, text + 2, 40);
    for (size_t i = 0; i < 40; i++) {
        unsigned nibble = hash.b[i / 2] >> (i % 2 ? 0 : 4) & 15;
        if (nibble >= 8)
            text[2 + i] = (char)toupper((unsigned char)text[2 + i]);
    }
    return text;
}

static bool mixed_case(const char *text)
{
    bool lower = false, upper = false;

    for (; *text; text++) {
        lower |= *text >= 'a' && *text <= 'f';
        upper |= *text >= 'A' && *text <= 'F';
    }
    return lower && upper;
}

int eth_address_parse(struct eth_address *ret_address, const char *text, struct err *err)
{
    struct eth_address address;
    char checked[ETH_ADDRESS_TEXT];

    if (hex0x_decode(address.b, sizeof(address.b), text, err))
        return err_wrap(err, "address");
    if (mixed_case(text + 2) && strcmp(eth_address_text(checked, &address), text) != 0)
        return err_set(err, "address: wrong EIP-55 checksum, a digit or its case is mistyped");
    *ret_address = address;
    return 0;
}

bool eth_address_equal(const struct eth_address *a, const struct eth_address *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool eth_address_is_zero(const struct eth_address *address)
{
    static const struct eth_address zero;

    return eth_address_equal(address, &zero);
}

char *eth_hash_text(char text[ETH_HASH_TEXT], const struct eth_hash *hash)
{
    return hex0x_encode(text, hash->b, sizeof(hash->b));
}

int eth_hash_parse(struct eth_hash *ret_hash, const char *text, struct err *err)
{
    return hex0x_decode(ret_hash->b, sizeof(ret_hash->b), text, err);
}

bool eth_hash_equal(const struct eth_hash *a, const struct eth_hash *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void eth_create_address(struct eth_address *ret_address, const struct eth_address *sender,
                        uint64_t nonce)
{
    struct buf items = BUF_INIT, list = BUF_INIT;
    struct eth_hash hash;

    rlp_bytes(&items, sender->b, sizeof(sender->b));
    rlp_uint(&items, nonce);
    rlp_list(&list, items.data, items.len);
    keccak256(&hash, list.data, list.len);
    memcpy(ret_address->b, hash.b + 12, sizeof(ret_address->b));
    buf_free(&items);
    buf_free(&list);
}
