#include "audit/log.h"

#include "audit/tree.h"
#include "base/mem.h"

#include <stdio.h>

const char *audit_fault_name(enum audit_fault fault)
{
    static const char *const names[AUDIT_FAULT_COUNT] = {
        [AUDIT_CHANGED] = "changed",     [AUDIT_REMOVED] = "removed", [AUDIT_REORDERED] = "reordered",
        [AUDIT_TRUNCATED] = "truncated", [AUDIT_FORKED] = "forked",   [AUDIT_UNKNOWN] = "unknown",
        [AUDIT_BEHIND] = "behind",
    };
    return names[fault];
}

void audit_findings_free(struct audit_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        mem_free(findings->items[i].target);
        mem_free(findings->items[i].what);
    }
    mem_free(findings->items);
    *findings = (struct audit_findings){0};
}

int audit_find(struct audit_findings *findings, enum audit_fault fault, const struct id *log, const char *target,
               struct error *err, const char *fmt, ...)
{
    char what[1024];
    va_list args;
    if (findings == NULL)
        return 0;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    struct audit_finding *items = mem_realloc(findings->items, (findings->count + 1) * sizeof(*items));
    if (items == NULL)
        return error_no_memory(err);
    findings->items = items;
    struct audit_finding *item = &items[findings->count++];
    *item = (struct audit_finding){
        .fault = fault, .log = *log, .target = target != NULL ? mem_strdup(target) : NULL, .what = mem_strdup(what)};
    return item->what != NULL && (target == NULL || item->target != NULL) ? 0 : error_no_memory(err);
}

void audit_log_clear(struct audit_log *log)
{
    for (uint64_t i = 0; log->leaves != NULL && i < log->size; i++)
        buf_free(&log->leaves[i].data);
    mem_free(log->leaves);
    mem_free(log->hashes);
    mem_free(log->head_note);
    mem_free(log->superseded);
    *log = (struct audit_log){0};
}

/* A failure that says nothing of the log. */
bool audit_is_fatal(const struct error *err)
{
    return err->class == ERROR_NO_MEMORY || err->class == ERROR_INTERNAL || err->class == ERROR_INTERRUPTED;
}

/* ---- Against what others remember ---- */

int audit_log_check_tree(const struct audit_store *store, const struct audit_objects *objects,
                         const struct audit_log *log, const struct audit_tree *tree, struct audit_findings *findings,
                         struct error *err)
{
    struct hash root, then;
    unsigned long long size = tree->frontier.size;
    if (log->size < tree->frontier.size)
        return audit_find(findings, AUDIT_TRUNCATED, &log->log, NULL, err,
                          "this machine stored %llu entries, the targets show %llu", size,
                          (unsigned long long)log->size);
    if (tree_frontier_root(&tree->frontier, &root, err) != 0 ||
        tree_root(log->hashes, tree->frontier.size, &then, err) != 0)
        return -1;
    if (!hash_equal(&root, &then))
        return audit_find(findings, AUDIT_FORKED, &log->log, NULL, err,
                          "the first %llu entries are not those that this machine stored", size);
    for (size_t i = 0; i < store->place_count; i++) {
        const struct audit_place *place = &store->places[i];
        uint64_t said = (uint64_t)json_integer_value(json_object_get(tree->targets, place->name)), head = 0;
        for (size_t j = 0; j < objects->count; j++) {
            const struct audit_name *name = &objects->items[j].name;
            if (name->kind == AUDIT_OBJECT_CHECKPOINT && id_equal(&name->log, &log->log) &&
                (objects->items[j].places >> i & 1) != 0 && name->size > head)
                head = name->size;
        }
        if (!place->failed && head < said &&
            audit_find(findings, AUDIT_TRUNCATED, &log->log, place->name, err, "it took %llu entries, and shows %llu",
                       (unsigned long long)said, (unsigned long long)head) != 0)
            return -1;
    }
    return 0;
}

int audit_log_check_earlier(const struct audit_log *log, const struct audit_checkpoint *earlier,
                            struct audit_findings *findings, struct error *err)
{
    struct tree_proof proof;
    struct error why = {0};
    unsigned long long size = earlier->size;
    if (earlier->size > log->size)
        return audit_find(findings, AUDIT_TRUNCATED, &log->log, NULL, err,
                          "the earlier checkpoint says %llu entries, the log has %llu", size,
                          (unsigned long long)log->size);
    if (earlier->size == 0)
        return 0;
    if (tree_prove_consistency(log->hashes, earlier->size, log->size, &proof, err) != 0)
        return -1;
    if (tree_check_consistency(earlier->size, &earlier->root, log->size, &log->root, &proof, &why) == 0)
        return 0;
    if (audit_is_fatal(&why)) {
        *err = why;
        return -1;
    }
    return audit_find(findings, AUDIT_FORKED, &log->log, NULL, err,
                      "the log is no continuation of the earlier checkpoint of %llu entries", size);
}
