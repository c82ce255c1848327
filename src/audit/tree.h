/*
 * The Merkle tree of the audit log (RFC 6962 §2, SHA-256): hashes of leaves
 * and nodes, the root, proofs and their verification, and a frontier from
 * which a log grows without its old leaves.
 *
 * Pure functions over hashes; nothing here knows what a leaf means. Sizes and
 * indices are numbers of leaves. All fail for lack of memory only, unless
 * something else is said.
 */
#ifndef HIKAE_AUDIT_TREE_H
#define HIKAE_AUDIT_TREE_H

#include "base/error.h"
#include "base/id.h"

#include <stddef.h>

/* A consistency proof may have one hash more than an inclusion proof. */
enum { TREE_LEVELS = 64, TREE_PROOF_MAX = TREE_LEVELS + 1 };

/* SHA-256(00 ‖ data) (RFC 6962 §2.1). */
MUST_USE int tree_leaf_hash(const void *data, size_t size, struct hash *ret, struct error *err);
/* SHA-256(01 ‖ left ‖ right). */
MUST_USE int tree_node_hash(const struct hash *left, const struct hash *right, struct hash *ret, struct error *err);

/* The roots of the perfect subtrees that a tree of `size` leaves is made of, the largest first: one per bit of size. */
struct tree_frontier {
    uint64_t size;
    struct hash nodes[TREE_LEVELS];
};
/* How many nodes a frontier of that size has. */
size_t tree_frontier_count(uint64_t size);
/* The next leaf. */
MUST_USE int tree_frontier_add(struct tree_frontier *frontier, const struct hash *leaf, struct error *err);
MUST_USE int tree_frontier_root(const struct tree_frontier *frontier, struct hash *ret, struct error *err);

/* The root of the first `size` leaves; of no leaf, SHA-256 of nothing. */
MUST_USE int tree_root(const struct hash *leaves, uint64_t size, struct hash *ret, struct error *err);

struct tree_proof {
    struct hash hashes[TREE_PROOF_MAX];
    size_t count;
};
/* PATH(index, D[size]) (RFC 6962 §2.1.1). index < size. */
MUST_USE int tree_prove_inclusion(const struct hash *leaves, uint64_t size, uint64_t index, struct tree_proof *ret,
                                  struct error *err);
/* PROOF(old_size, D[size]) (RFC 6962 §2.1.2). 0 < old_size ≤ size. */
MUST_USE int tree_prove_consistency(const struct hash *leaves, uint64_t old_size, uint64_t size, struct tree_proof *ret,
                                    struct error *err);
/* ERROR_DAMAGED if the proof does not show that this leaf has that index in the tree of that root. */
MUST_USE int tree_check_inclusion(const struct hash *leaf, uint64_t index, uint64_t size,
                                  const struct tree_proof *proof, const struct hash *root, struct error *err);
/* ERROR_DAMAGED if the proof does not show that the older tree is what the newer one begins with. */
MUST_USE int tree_check_consistency(uint64_t old_size, const struct hash *old_root, uint64_t size,
                                    const struct hash *root, const struct tree_proof *proof, struct error *err);

#endif
