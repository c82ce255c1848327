/*
 * The order list holds, in the order of the manifest, the folders whose
 * entries are still to be handed over, and between them *ranges*: the
 * subfolders of a folder that nobody has begun to read. Whoever reads takes
 * the first folder of the first range, puts it in front of that range, and,
 * when it is read, its own subfolders behind it as a new range. So reading
 * runs ahead in exactly the order in which entries are handed out, and what
 * is held is what is read ahead (bounded) and one range a level.
 *
 * walk_next reads as well when nothing is ready: a walk needs no second
 * thread to make progress, and on warm caches rarely waits for one.
 */
#include "pipeline/walk_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
    WALK_THREADS = 1,              /* beside the caller's */
    WALK_READY_BYTES_MAX = 4 << 20 /* of entries read ahead; the folder whose turn it is may always go on */
};

struct link {
    struct link *prev;
    struct link *next;
};

enum node_state { NODE_RANGE, NODE_READING, NODE_READ };

struct node {
    struct link order; /* first, so that a link is its node */
    struct link work;  /* among ranges and folders that are being read, in the same order */
    enum node_state state;
    struct walk_subs *subs;     /* of a range; NULL: the source's root */
    struct walk_folder *folder; /* of a folder */
    struct walk_batch *first;   /* read, not handed over */
    struct walk_batch *last;
};

struct reader {
    struct walk *walk;
    struct node *node; /* that it reads; NULL: none */
    bool started;      /* its listing is open */
    struct walk_listing listing;
};

struct walk {
    struct walk_core *core;
    struct walk_folder *root;
    /* The caller's alone: */
    struct walk_batch *current;
    size_t current_next;
    struct reader own;

    struct reader readers[WALK_THREADS];
    pthread_t threads[WALK_THREADS];
    size_t thread_count;

    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t ready;  /* something changed for the caller  */
    pthread_cond_t room;   /* something changed for the readers */
    bool caller_waits;
    size_t readers_waiting;
    bool stopped;
    bool failed;
    struct error failure;
    size_t ready_bytes;
    struct link order;
    struct link work;
};

static void link_init(struct link *list)
{
    list->prev = list->next = list;
}

static void link_insert_before(struct link *place, struct link *link)
{
    link->prev = place->prev;
    link->next = place;
    place->prev->next = link;
    place->prev = link;
}

static void link_remove(struct link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
}

static struct node *node_of_order(struct link *link)
{
    return (struct node *)(void *)link;
}

static struct node *node_of_work(struct link *link)
{
    return (struct node *)(void *)((char *)link - offsetof(struct node, work));
}

static void node_free(struct node *node)
{
    for (struct walk_batch *next, *batch = node->first; batch != NULL; batch = next) {
        next = batch->next;
        walk_batch_release(batch, batch->count + 1);
    }
    walk_subs_free(node->subs);
    walk_folder_release(node->folder);
    mem_free(node);
}

/* ---- Reading (by the caller's thread and the others alike) ---- */

static bool is_head(const struct walk *walk, const struct node *node)
{
    return walk->order.next == &node->order;
}

static bool may_read(const struct walk *walk, const struct node *node)
{
    /* Whose turn it is may always go on, or a folder larger than the limit would never end. */
    return walk->ready_bytes < WALK_READY_BYTES_MAX || (is_head(walk, node) && node->first == NULL);
}

static void fail(struct walk *walk, const struct error *why)
{
    if (!walk->failed)
        walk->failure = *why;
    walk->failed = true;
    (void)pthread_cond_broadcast(&walk->ready);
    (void)pthread_cond_broadcast(&walk->room);
}

static struct walk_folder *next_folder(struct walk *walk, struct walk_subs *subs)
{
    if (subs == NULL)
        return walk_folder_reference(walk->root);
    const struct walk_sub *sub = &subs->list[subs->next];
    return walk_folder_new(walk->core, subs->parent, subs->names + sub->name_at, sub->name_size, sub->device,
                           sub->inode);
}

/* Take the first folder of the first range, if it may be read now. Locked. */
static bool take(struct walk *walk, struct reader *reader)
{
    struct link *link = walk->work.next;
    while (link != &walk->work && node_of_work(link)->state != NODE_RANGE)
        link = link->next; /* No more steps than there are readers. */
    if (link == &walk->work || !may_read(walk, node_of_work(link)))
        return false;
    struct node *range = node_of_work(link);
    struct node *node = mem_calloc(1, sizeof(*node));
    struct walk_folder *folder = node != NULL ? next_folder(walk, range->subs) : NULL;
    if (folder == NULL) {
        struct error why;
        mem_free(node);
        (void)error_no_memory(&why);
        fail(walk, &why);
        return false;
    }
    node->state = NODE_READING;
    node->folder = folder;
    link_insert_before(&range->order, &node->order);
    link_insert_before(&range->work, &node->work);
    if (range->subs == NULL || ++range->subs->next == range->subs->count) {
        link_remove(&range->order);
        link_remove(&range->work);
        node_free(range);
    }
    reader->node = node;
    reader->started = false;
    return true;
}

/* What one step of reading found. */
struct found {
    struct walk_batch *batch;
    struct node *range;
    bool at_end;
};

static int read_on(struct reader *reader, struct found *found, struct error *err)
{
    struct walk_listing *listing = &reader->listing;
    if (cancel_check(reader->walk->core->cancel, err) < 0)
        return -1;
    if (!reader->started && walk_listing_start(listing, reader->node->folder, err) < 0)
        return -1;
    reader->started = true;
    if (walk_listing_batch(listing, &found->batch, err) < 0)
        return -1;
    found->at_end = walk_listing_at_end(listing);
    if (!found->at_end)
        return 0;
    struct walk_subs *subs = NULL;
    if (walk_listing_finish(listing, &subs, err) < 0)
        return -1;
    if (subs == NULL)
        return 0;
    found->range = mem_calloc(1, sizeof(*found->range));
    if (found->range == NULL) {
        walk_subs_free(subs);
        return error_no_memory(err);
    }
    found->range->state = NODE_RANGE;
    found->range->subs = subs;
    return 0;
}

/* Hang what was found into the lists. Locked. */
static void publish(struct walk *walk, struct reader *reader, const struct found *found)
{
    struct node *node = reader->node;
    if (found->batch != NULL) {
        if (node->last != NULL)
            node->last->next = found->batch;
        else
            node->first = found->batch;
        node->last = found->batch;
        walk->ready_bytes += found->batch->memory_size;
    }
    if (found->range != NULL) {
        link_insert_before(node->order.next, &found->range->order);
        link_insert_before(node->work.next, &found->range->work);
        if (walk->readers_waiting > 0)
            (void)pthread_cond_broadcast(&walk->room);
    }
    if (found->at_end) {
        link_remove(&node->work);
        node->state = NODE_READ;
        reader->node = NULL;
    }
    if (walk->caller_waits && is_head(walk, node))
        (void)pthread_cond_signal(&walk->ready);
}

/* One step, which gives the lock up meanwhile. False if there is nothing to read now. Locked. */
static bool reader_step(struct reader *reader)
{
    struct walk *walk = reader->walk;
    if (reader->node != NULL ? !may_read(walk, reader->node) : !take(walk, reader))
        return false;
    (void)pthread_mutex_unlock(&walk->mutex);
    struct found found = {NULL, NULL, false};
    struct error why;
    int result = read_on(reader, &found, &why);
    (void)pthread_mutex_lock(&walk->mutex);
    if (result < 0) {
        if (found.batch != NULL)
            walk_batch_release(found.batch, found.batch->count + 1);
        fail(walk, &why);
        return true;
    }
    publish(walk, reader, &found);
    return true;
}

static void *reader_main(void *argument)
{
    struct reader *reader = argument;
    struct walk *walk = reader->walk;
    (void)pthread_mutex_lock(&walk->mutex);
    while (!walk->stopped && !walk->failed) {
        if (reader_step(reader))
            continue;
        if (walk->failed)
            break;
        walk->readers_waiting++;
        (void)pthread_cond_wait(&walk->room, &walk->mutex);
        walk->readers_waiting--;
    }
    (void)pthread_mutex_unlock(&walk->mutex);
    return NULL;
}

/* ---- Handing out ---- */

static void pop_batch(struct walk *walk, struct node *head)
{
    struct walk_batch *batch = head->first;
    head->first = batch->next;
    if (head->first == NULL)
        head->last = NULL;
    bool was_full = walk->ready_bytes >= WALK_READY_BYTES_MAX / 2;
    walk->ready_bytes -= batch->memory_size;
    /* Readers are woken when half of the room is free again, not for every batch. */
    if (was_full && walk->ready_bytes < WALK_READY_BYTES_MAX / 2 && walk->readers_waiting > 0)
        (void)pthread_cond_broadcast(&walk->room);
    walk->current = batch;
    walk->current_next = 0;
}

/* Get the next batch: 1, 0 at the end. Locked. */
static int next_batch(struct walk *walk, struct error *err)
{
    for (;;) {
        if (walk->failed) {
            if (err != NULL)
                *err = walk->failure;
            return -1;
        }
        if (walk->order.next == &walk->order)
            return 0;
        struct node *head = node_of_order(walk->order.next);
        if (head->first != NULL) {
            pop_batch(walk, head);
            return 1;
        }
        if (head->state == NODE_READ) {
            link_remove(&head->order);
            node_free(head);
            continue;
        }
        if (reader_step(&walk->own) || walk->failed)
            continue;
        /* The reader of the folder whose turn it is may be asleep, because there was no room when it was not its turn.
         */
        if (walk->readers_waiting > 0)
            (void)pthread_cond_broadcast(&walk->room);
        walk->caller_waits = true;
        (void)pthread_cond_wait(&walk->ready, &walk->mutex);
        walk->caller_waits = false;
    }
}

int walk_next(struct walk *walk, struct walk_entry **ret, struct error *err)
{
    if (walk->current == NULL || walk->current_next == walk->current->count) {
        walk_batch_release(walk->current, 1);
        walk->current = NULL;
        if (cancel_check(walk->core->cancel, err) < 0)
            return -1;
        (void)pthread_mutex_lock(&walk->mutex);
        int result = next_batch(walk, err);
        (void)pthread_mutex_unlock(&walk->mutex);
        if (result <= 0)
            return result;
    }
    *ret = &walk->current->entries[walk->current_next++];
    return 1;
}

/* ---- Opening and closing ---- */

/* Folders and files are open at the same time, and a soft limit of 1024 is an old habit, not a decision of anyone's. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The source's folder itself may be reached through links: the operator wrote that path, not a tenant. */
static int open_source(const char *path, int *ret_fd, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        *ret_fd = fd;
        return 0;
    }
    int errnum = errno;
    (void)error_set_errno(err, ERROR_SOURCE, errnum, "cannot open the source's folder %s", path);
    if (errnum == ENOTDIR)
        return error_hint(err,
                          "a source of this kind is a folder: name the folder that holds the file, and exclude the "
                          "rest");
    if (errnum == ENOENT)
        return error_hint(err, "check the path of the source, and that its file system is mounted");
    return -1;
}

/* The root's own entry, as the first batch, and its folder as the first thing to read. fd becomes the root's on 0. */
static int add_root(struct walk *walk, const struct walk_options *options, int fd, struct error *err)
{
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
        return error_set_errno(err, ERROR_SOURCE, errno, "cannot read the attributes of %s", options->path);
    size_t size = walk->core->source_size;
    (void)atomic_fetch_add(&walk->core->references, 1);
    walk->root = walk_folder_new(walk->core, NULL, options->source, size, makedev(st.stx_dev_major, st.stx_dev_minor),
                                 st.stx_ino);
    if (walk->root == NULL) {
        walk_core_release(walk->core);
        return error_no_memory(err);
    }
    uint8_t *name;
    struct node *range = mem_calloc(1, sizeof(*range));
    walk->current = walk_batch_new(walk->root, 1, size + 1, &name);
    if (range == NULL || walk->current == NULL) {
        mem_free(range);
        return error_no_memory(err);
    }
    memcpy(name, options->source, size + 1);
    struct walk_entry *entry = &walk->current->entries[0];
    (void)walk_entry_fill(entry, &st);
    entry->batch = walk->current;
    entry->entry.name = (struct bytes){name, size};
    entry->is_root = true;
    walk->current->count = 1;
    atomic_store(&walk->current->references, 2);
    range->state = NODE_RANGE;
    link_insert_before(&walk->order, &range->order);
    link_insert_before(&walk->work, &range->work);
    walk_folder_set_root_fd(walk->root, fd);
    return 0;
}

static void start_threads(struct walk *walk)
{
    /* Without a thread walk_next reads everything itself. */
    for (size_t i = 0; i < WALK_THREADS; i++) {
        walk->readers[i].walk = walk;
        if (pthread_create(&walk->threads[walk->thread_count], NULL, reader_main, &walk->readers[i]) == 0)
            walk->thread_count++;
    }
}

int walk_open(const struct walk_options *options, struct walk **ret, struct error *err)
{
    struct bytes source = bytes_of(options->source);
    if (!entry_name_is_valid(&source))
        return error_set(err, ERROR_CONFIG, "\"%.100s\" cannot be the name of a source", options->source);
    raise_file_limit();
    int fd = -1;
    if (open_source(options->path, &fd, err) < 0)
        return -1;
    struct walk *walk = mem_calloc(1, sizeof(*walk));
    if (walk == NULL) {
        (void)close(fd);
        return error_no_memory(err);
    }
    (void)pthread_mutex_init(&walk->mutex, NULL);
    (void)pthread_cond_init(&walk->ready, NULL);
    (void)pthread_cond_init(&walk->room, NULL);
    link_init(&walk->order);
    link_init(&walk->work);
    walk->own.walk = walk;
    if (walk_core_new(options, &walk->core, err) < 0 || add_root(walk, options, fd, err) < 0) {
        (void)close(fd);
        walk_close(walk);
        return -1;
    }
    start_threads(walk);
    *ret = walk;
    return 0;
}

void walk_close(struct walk *walk)
{
    if (walk == NULL)
        return;
    (void)pthread_mutex_lock(&walk->mutex);
    walk->stopped = true;
    (void)pthread_cond_broadcast(&walk->room);
    (void)pthread_mutex_unlock(&walk->mutex);
    for (size_t i = 0; i < walk->thread_count; i++)
        (void)pthread_join(walk->threads[i], NULL);
    for (size_t i = 0; i < WALK_THREADS; i++)
        walk_listing_free(&walk->readers[i].listing);
    walk_listing_free(&walk->own.listing);
    while (walk->order.next != &walk->order) {
        struct node *node = node_of_order(walk->order.next);
        link_remove(&node->order);
        node_free(node);
    }
    if (walk->current != NULL)
        walk_batch_release(walk->current, walk->current->count - walk->current_next + 1);
    walk_folder_release(walk->root);
    walk_core_release(walk->core);
    (void)pthread_cond_destroy(&walk->ready);
    (void)pthread_cond_destroy(&walk->room);
    (void)pthread_mutex_destroy(&walk->mutex);
    mem_free(walk);
}
