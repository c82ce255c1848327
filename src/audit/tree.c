#include "audit/tree.h"

#include "base/mem.h"
#include "crypto/crypto.h"

/* A hash over several pieces, the first of which is one byte that tells leaves from nodes. */
static int hash_pieces(uint8_t prefix, const void *a, size_t a_size, const void *b, size_t b_size, struct hash *ret,
                       struct error *err)
{
    struct sha256 *hash CLEANUP(cleanup_sha256_free) = sha256_new();
    if (hash == NULL)
        return error_no_memory(err);
    if (sha256_start(hash, err) != 0 || sha256_update(hash, &prefix, 1, err) != 0 ||
        sha256_update(hash, a, a_size, err) != 0 || sha256_update(hash, b, b_size, err) != 0)
        return -1;
    return sha256_finish(hash, ret->bytes, err);
}

int tree_leaf_hash(const void *data, size_t size, struct hash *ret, struct error *err)
{
    return hash_pieces(0, data, size, NULL, 0, ret, err);
}

int tree_node_hash(const struct hash *left, const struct hash *right, struct hash *ret, struct error *err)
{
    uint8_t bytes[1 + 2 * HASH_SIZE] = {1};
    memcpy(bytes + 1, left->bytes, HASH_SIZE);
    memcpy(bytes + 1 + HASH_SIZE, right->bytes, HASH_SIZE);
    return sha256(bytes, sizeof(bytes), ret->bytes, err);
}

/* ---- The frontier ---- */

size_t tree_frontier_count(uint64_t size)
{
    size_t count = 0;
    for (; size != 0; size &= size - 1)
        count++;
    return count;
}

int tree_frontier_add(struct tree_frontier *frontier, const struct hash *leaf, struct error *err)
{
    struct hash node = *leaf;
    size_t count = tree_frontier_count(frontier->size);
    if (count == TREE_LEVELS)
        return error_set(err, ERROR_INTERNAL, "a tree of 2^64 - 1 leaves cannot grow");
    /* Each low bit that is set is a subtree as large as what we have in hand: the two become one. */
    for (uint64_t rest = frontier->size; (rest & 1) != 0; rest >>= 1)
        if (tree_node_hash(&frontier->nodes[--count], &node, &node, err) != 0)
            return -1;
    frontier->nodes[count] = node;
    frontier->size++;
    return 0;
}

int tree_frontier_root(const struct tree_frontier *frontier, struct hash *ret, struct error *err)
{
    size_t count = tree_frontier_count(frontier->size);
    if (count == 0)
        return sha256("", 0, ret->bytes, err);
    struct hash root = frontier->nodes[--count];
    while (count > 0)
        if (tree_node_hash(&frontier->nodes[--count], &root, &root, err) != 0)
            return -1;
    *ret = root;
    return 0;
}

int tree_root(const struct hash *leaves, uint64_t size, struct hash *ret, struct error *err)
{
    struct tree_frontier frontier = {0};
    for (uint64_t i = 0; i < size; i++)
        if (tree_frontier_add(&frontier, &leaves[i], err) != 0)
            return -1;
    return tree_frontier_root(&frontier, ret, err);
}

/* ---- Proofs ---- */

/* The largest power of two below n; n > 1. */
static uint64_t split_of(uint64_t n)
{
    uint64_t k = 1;
    while (k < n - k)
        k <<= 1;
    return k;
}

static int prove_step(const struct hash *leaves, uint64_t size, struct tree_proof *proof, struct error *err)
{
    return tree_root(leaves, size, &proof->hashes[proof->count++], err);
}

/*
 * Both proofs go down the tree and note the sibling of every subtree that they enter; the hash nearest the leaf stands
 * first, so what is found on the way down is turned round at the end.
 */
static void reverse(struct tree_proof *proof)
{
    for (size_t i = 0, j = proof->count; i + 1 < j; i++) {
        struct hash other = proof->hashes[--j];
        proof->hashes[j] = proof->hashes[i];
        proof->hashes[i] = other;
    }
}

int tree_prove_inclusion(const struct hash *leaves, uint64_t size, uint64_t index, struct tree_proof *ret,
                         struct error *err)
{
    ret->count = 0;
    if (index >= size)
        return error_set(err, ERROR_INTERNAL, "a tree of %llu leaves has no leaf %llu", (unsigned long long)size,
                         (unsigned long long)index);
    while (size > 1) {
        uint64_t k = split_of(size);
        bool right = index >= k;
        if (prove_step(right ? leaves : leaves + k, right ? k : size - k, ret, err) != 0)
            return -1;
        leaves += right ? k : 0;
        index -= right ? k : 0;
        size = right ? size - k : k;
    }
    reverse(ret);
    return 0;
}

int tree_prove_consistency(const struct hash *leaves, uint64_t old_size, uint64_t size, struct tree_proof *ret,
                           struct error *err)
{
    ret->count = 0;
    if (old_size == 0 || old_size > size)
        return error_set(err, ERROR_INTERNAL, "a tree of %llu leaves does not begin with %llu leaves",
                         (unsigned long long)size, (unsigned long long)old_size);
    bool known = true; /* the subtree in hand is the whole older tree, whose root the verifier has */
    while (old_size != size) {
        uint64_t k = split_of(size);
        bool right = old_size > k;
        if (prove_step(right ? leaves : leaves + k, right ? k : size - k, ret, err) != 0)
            return -1;
        known = known && !right;
        leaves += right ? k : 0;
        old_size -= right ? k : 0;
        size = right ? size - k : k;
    }
    if (!known && prove_step(leaves, size, ret, err) != 0)
        return -1;
    reverse(ret);
    return 0;
}

/* ---- Verification (the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2, which are those of RFC 6962 in steps) ---- */

static int refuse(const char *what, struct error *err)
{
    return error_set(err, ERROR_DAMAGED, "the %s proof does not lead to the root", what);
}

/*
 * One step of a proof up the tree, from a node to its parent, `last` being the last node of the same level. A node that
 * was joined from the left and stands last has no right sibling on the levels skipped here (RFC 9162 §2.1.3.2).
 */
static void ascend(bool left, uint64_t *node, uint64_t *last)
{
    for (; left && (*node & 1) == 0 && *node != 0; *node >>= 1)
        *last >>= 1;
    *node >>= 1;
    *last >>= 1;
}

int tree_check_inclusion(const struct hash *leaf, uint64_t index, uint64_t size, const struct tree_proof *proof,
                         const struct hash *root, struct error *err)
{
    if (index >= size)
        return refuse("inclusion", err);
    uint64_t node = index, last = size - 1;
    struct hash hash = *leaf;
    for (size_t i = 0; i < proof->count; i++) {
        if (last == 0)
            return refuse("inclusion", err);
        bool left = (node & 1) != 0 || node == last; /* the sibling stands to the left */
        int rc = left ? tree_node_hash(&proof->hashes[i], &hash, &hash, err)
                      : tree_node_hash(&hash, &proof->hashes[i], &hash, err);
        if (rc != 0)
            return -1;
        ascend(left, &node, &last);
    }
    return last == 0 && hash_equal(&hash, root) ? 0 : refuse("inclusion", err);
}

int tree_check_consistency(uint64_t old_size, const struct hash *old_root, uint64_t size, const struct hash *root,
                           const struct tree_proof *proof, struct error *err)
{
    if (old_size == 0 || old_size > size)
        return refuse("consistency", err);
    if (old_size == size)
        return proof->count == 0 && hash_equal(old_root, root) ? 0 : refuse("consistency", err);
    /* An older tree that is one perfect subtree is its own first hash. */
    bool perfect = (old_size & (old_size - 1)) == 0;
    size_t next = perfect ? 0 : 1;
    if (proof->count < next || proof->count == 0)
        return refuse("consistency", err);
    uint64_t node = old_size - 1, last = size - 1;
    for (; (node & 1) != 0; node >>= 1)
        last >>= 1;
    struct hash old = perfect ? *old_root : proof->hashes[0], new = old;
    for (; next < proof->count; next++) {
        const struct hash *sibling = &proof->hashes[next];
        if (last == 0)
            return refuse("consistency", err);
        bool left = (node & 1) != 0 || node == last;
        if (left && tree_node_hash(sibling, &old, &old, err) != 0)
            return -1;
        int rc = left ? tree_node_hash(sibling, &new, &new, err) : tree_node_hash(&new, sibling, &new, err);
        if (rc != 0)
            return -1;
        ascend(left, &node, &last);
    }
    return last == 0 && hash_equal(&old, old_root) && hash_equal(&new, root) ? 0 : refuse("consistency", err);
}
