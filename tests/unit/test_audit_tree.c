/* The tree of the audit log: the published vectors of RFC 6962 logs, and proofs of all sizes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "audit/tree.h"
#include "base/hex.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <string.h>

enum { SIZE_MAX_TESTED = 130, VECTOR_LEAVES = 8 };

static struct hash unhex(const char *text)
{
    struct hash hash;
    assert_int_equal(strlen(text), 2 * HASH_SIZE);
    assert_true(hex_decode(text, HASH_SIZE, hash.bytes));
    return hash;
}

static void assert_hash(const struct hash *hash, const char *text)
{
    char hex[2 * HASH_SIZE + 1];
    assert_string_equal(hex_encode(hash->bytes, HASH_SIZE, hex), text);
}

/* ---- The vectors of certificate-transparency (merkletree/merkle_tree_test.cc, also used by transparency-dev/merkle)
 * ---- */

static const struct {
    const char *bytes;
    size_t size;
} inputs[VECTOR_LEAVES] = {
    {"", 0},
    {"\x00", 1},
    {"\x10", 1},
    {"\x20\x21", 2},
    {"\x30\x31", 2},
    {"\x40\x41\x42\x43", 4},
    {"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
    {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16},
};
static const char *const roots[VECTOR_LEAVES] = {
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void vector_leaves(struct hash leaves[VECTOR_LEAVES])
{
    struct error err;
    for (size_t i = 0; i < VECTOR_LEAVES; i++)
        assert_int_equal(tree_leaf_hash(inputs[i].bytes, inputs[i].size, &leaves[i], &err), 0);
}

static void test_empty(void **state)
{
    (void)state;
    struct hash root;
    struct error err;
    assert_int_equal(tree_root(NULL, 0, &root, &err), 0);
    assert_hash(&root, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_vector_roots(void **state)
{
    (void)state;
    struct hash leaves[VECTOR_LEAVES], root;
    struct error err;
    vector_leaves(leaves);
    for (size_t n = 1; n <= VECTOR_LEAVES; n++) {
        assert_int_equal(tree_root(leaves, n, &root, &err), 0);
        assert_hash(&root, roots[n - 1]);
    }
}

static void assert_proof(const struct tree_proof *proof, const char *const *expected, size_t count)
{
    assert_int_equal(proof->count, count);
    for (size_t i = 0; i < count; i++)
        assert_hash(&proof->hashes[i], expected[i]);
}

static void test_vector_inclusion(void **state)
{
    (void)state;
    static const struct {
        uint64_t index, size;
        size_t count;
        const char *path[3];
    } vectors[] = {
        {0, 1, 0, {NULL}},
        {0,
         8,
         3,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {5,
         8,
         3,
         {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2, 3, 1, {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
        {1,
         5,
         3,
         {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
    };
    struct hash leaves[VECTOR_LEAVES], root;
    struct error err;
    vector_leaves(leaves);
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct tree_proof proof;
        assert_int_equal(tree_prove_inclusion(leaves, vectors[i].size, vectors[i].index, &proof, &err), 0);
        assert_proof(&proof, vectors[i].path, vectors[i].count);
        root = unhex(roots[vectors[i].size - 1]);
        assert_int_equal(
            tree_check_inclusion(&leaves[vectors[i].index], vectors[i].index, vectors[i].size, &proof, &root, &err), 0);
    }
}

static void test_vector_consistency(void **state)
{
    (void)state;
    static const struct {
        uint64_t old_size, size;
        size_t count;
        const char *path[4];
    } vectors[] = {
        {1, 1, 0, {NULL}},
        {1,
         8,
         3,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {6,
         8,
         3,
         {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2,
         5,
         2,
         {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
    };
    struct hash leaves[VECTOR_LEAVES], old_root, root;
    struct error err;
    vector_leaves(leaves);
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct tree_proof proof;
        assert_int_equal(tree_prove_consistency(leaves, vectors[i].old_size, vectors[i].size, &proof, &err), 0);
        assert_proof(&proof, vectors[i].path, vectors[i].count);
        old_root = unhex(roots[vectors[i].old_size - 1]);
        root = unhex(roots[vectors[i].size - 1]);
        assert_int_equal(tree_check_consistency(vectors[i].old_size, &old_root, vectors[i].size, &root, &proof, &err),
                         0);
    }
}

/* ---- Properties, for every size ---- */

static struct hash leaves[SIZE_MAX_TESTED];
static struct hash all_roots[SIZE_MAX_TESTED + 1];

static int make_leaves(void **state)
{
    (void)state;
    struct error err;
    for (size_t i = 0; i < SIZE_MAX_TESTED; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "leaf %zu", i);
        assert_int_equal(tree_leaf_hash(text, strlen(text), &leaves[i], &err), 0);
    }
    for (size_t n = 0; n <= SIZE_MAX_TESTED; n++)
        assert_int_equal(tree_root(leaves, n, &all_roots[n], &err), 0);
    return 0;
}

/* MTH as RFC 6962 §2.1 defines it. */
static struct hash root_by_definition(const struct hash *from, size_t n)
{
    struct hash result;
    struct error err;
    if (n == 1)
        return from[0];
    size_t k = 1;
    while (2 * k < n)
        k *= 2;
    struct hash left = root_by_definition(from, k), right = root_by_definition(from + k, n - k);
    assert_int_equal(tree_node_hash(&left, &right, &result, &err), 0);
    return result;
}

static void test_frontier(void **state)
{
    (void)state;
    struct tree_frontier frontier = {0};
    struct error err;
    for (size_t n = 1; n <= SIZE_MAX_TESTED; n++) {
        struct hash root, defined = root_by_definition(leaves, n);
        assert_int_equal(tree_frontier_add(&frontier, &leaves[n - 1], &err), 0);
        assert_int_equal(tree_frontier_root(&frontier, &root, &err), 0);
        assert_true(hash_equal(&root, &defined));
        assert_true(hash_equal(&root, &all_roots[n]));
    }
}

static void test_inclusion(void **state)
{
    (void)state;
    struct error err;
    for (uint64_t n = 1; n <= SIZE_MAX_TESTED; n++)
        for (uint64_t i = 0; i < n; i++) {
            struct tree_proof proof;
            const struct hash *root = &all_roots[n];
            assert_int_equal(tree_prove_inclusion(leaves, n, i, &proof, &err), 0);
            assert_int_equal(tree_check_inclusion(&leaves[i], i, n, &proof, root, &err), 0);
            /* Another leaf, place, root or a proof of another length does not pass. */
            struct hash other = leaves[i];
            other.bytes[i % HASH_SIZE] ^= 1;
            assert_int_equal(tree_check_inclusion(&other, i, n, &proof, root, &err), -1);
            assert_int_equal(err.class, ERROR_DAMAGED);
            if (n > 1)
                assert_int_equal(tree_check_inclusion(&leaves[i], (i + 1) % n, n, &proof, root, &err), -1);
            assert_int_equal(tree_check_inclusion(&leaves[i], n, n, &proof, root, &err), -1);
            if (n < SIZE_MAX_TESTED)
                assert_int_equal(tree_check_inclusion(&leaves[i], i, n, &proof, &all_roots[n + 1], &err), -1);
            if (proof.count > 0) {
                struct tree_proof bad = proof;
                bad.hashes[i % proof.count].bytes[0] ^= 0x80;
                assert_int_equal(tree_check_inclusion(&leaves[i], i, n, &bad, root, &err), -1);
                bad = proof;
                bad.count--;
                assert_int_equal(tree_check_inclusion(&leaves[i], i, n, &bad, root, &err), -1);
            }
            proof.hashes[proof.count++] = *root;
            assert_int_equal(tree_check_inclusion(&leaves[i], i, n, &proof, root, &err), -1);
        }
}

static void test_consistency(void **state)
{
    (void)state;
    struct error err;
    for (uint64_t n = 1; n <= SIZE_MAX_TESTED; n++)
        for (uint64_t m = 1; m <= n; m++) {
            struct tree_proof proof;
            const struct hash *old = &all_roots[m], *root = &all_roots[n];
            assert_int_equal(tree_prove_consistency(leaves, m, n, &proof, &err), 0);
            assert_int_equal(tree_check_consistency(m, old, n, root, &proof, &err), 0);
            struct hash other = *old;
            other.bytes[m % HASH_SIZE] ^= 1;
            assert_int_equal(tree_check_consistency(m, &other, n, root, &proof, &err), -1);
            assert_int_equal(err.class, ERROR_DAMAGED);
            other = *root;
            other.bytes[n % HASH_SIZE] ^= 1;
            assert_int_equal(tree_check_consistency(m, old, n, &other, &proof, &err), -1);
            if (m < n) {
                assert_int_equal(tree_check_consistency(m + 1, old, n, root, &proof, &err), -1);
                struct tree_proof bad = proof;
                bad.hashes[m % proof.count].bytes[5] ^= 4;
                assert_int_equal(tree_check_consistency(m, old, n, root, &bad, &err), -1);
                bad = proof;
                bad.count--;
                assert_int_equal(tree_check_consistency(m, old, n, root, &bad, &err), -1);
            }
            proof.hashes[proof.count++] = *root;
            assert_int_equal(tree_check_consistency(m, old, n, root, &proof, &err), -1);
        }
}

static void test_refused(void **state)
{
    (void)state;
    struct tree_proof proof;
    struct error err;
    assert_int_equal(tree_prove_inclusion(leaves, 5, 5, &proof, &err), -1);
    assert_int_equal(tree_prove_consistency(leaves, 0, 5, &proof, &err), -1);
    assert_int_equal(tree_prove_consistency(leaves, 6, 5, &proof, &err), -1);
    proof.count = 0;
    assert_int_equal(tree_check_consistency(0, &all_roots[0], 5, &all_roots[5], &proof, &err), -1);
    assert_int_equal(tree_check_consistency(6, &all_roots[6], 5, &all_roots[5], &proof, &err), -1);
    assert_int_equal(tree_check_consistency(4, &all_roots[4], 5, &all_roots[5], &proof, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_vector_roots),
        cmocka_unit_test(test_vector_inclusion),
        cmocka_unit_test(test_vector_consistency),
        cmocka_unit_test(test_frontier),
        cmocka_unit_test(test_inclusion),
        cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, make_leaves, NULL);
}
