#include "common/eth_tx.h"

#include "common/keccak.h"
#include "common/rlp.h"

#define TYPE_EIP1559 0x02

/* The fields that are signed, in the order of EIP-1559, not yet wrapped as a list. */
static void append_fields(struct buf *out, const struct eth_tx *tx)
{
    rlp_uint(out, tx->chain_id);
    rlp_uint(out, tx->nonce);
    rlp_uint(out, tx->max_priority_fee_wei);
    rlp_uint(out, tx->max_fee_wei);
    rlp_uint(out, tx->gas_limit);
    rlp_bytes(out, tx->to.b, tx->creates_contract ? 0 : sizeof(tx->to.b));
    rlp_uint(out, tx->value_wei);
    rlp_bytes(out, tx->data, tx->data_len);
    rlp_list(out, NULL, 0); /* no access list */
}

static void hash_envelope(const struct buf *fields, struct eth_hash *ret_hash)
{
    struct buf envelope = BUF_INIT;

    buf_append_u8(&envelope, TYPE_EIP1559);
    rlp_list(&envelope, fields->data, fields->len);
    keccak256(ret_hash, envelope.data, envelope.len);
    buf_free(&envelope);
}

void eth_tx_signing_hash(const struct eth_tx *tx, struct eth_hash *ret_hash)
{
    struct buf fields = BUF_INIT;

    append_fields(&fields, tx);
    hash_envelope(&fields, ret_hash);
    buf_free(&fields);
}

void eth_tx_sign(const struct eth_tx *tx, struct buf *raw, struct eth_hash *ret_hash,
                 const struct signer *signer)
{
    struct buf fields = BUF_INIT;
    struct eth_signature signature;
    struct eth_hash hash;
    size_t start = raw->len;

    append_fields(&fields, tx);
    hash_envelope(&fields, &hash);
    signer_sign(signer, &signature, &hash);
    rlp_uint(&fields, signature.b[64] - 27U); /* y parity */
    rlp_uint256(&fields, signature.b);
    rlp_uint256(&fields, signature.b + 32);
    buf_append_u8(raw, TYPE_EIP1559);
    rlp_list(raw, fields.data, fields.len);
    keccak256(ret_hash, raw->data + start, raw->len - start);
    buf_free(&fields);
}
