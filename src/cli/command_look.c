/* ls, find, diff: entries, printed one by one as they come. */
#include "cli/commands.h"
#include "cli/text.h"
#include "cli/value.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

struct listing {
    struct run *run;
    bool whole_path; /* else only the name */
    bool details;
    bool null_ended;
    uint64_t count, added, removed;
    bool streaming;
};

static const char *type_word(char type)
{
    static const struct {
        char type;
        const char *word;
    } words[] = {{'f', "file"}, {'d', "directory"}, {'l', "symlink"}, {'h', "hardlink"},
                 {'c', "char"}, {'b', "block"},     {'p', "fifo"},    {'s', "socket"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].type == type)
            return words[i].word;
    return "unknown";
}

static int json_entry(struct listing *listing, const struct hikae_entry *entry)
{
    struct out *out = &listing->run->out;
    json_t *item = json_object();
    char mode[16];
    char change[2] = {entry->change, '\0'};
    (void)snprintf(mode, sizeof mode, "%04o", entry->mode & 07777);
    if (entry->change != 0)
        out_text(out, item, "change", change);
    out_text(out, item, "path", entry->path);
    out_text(out, item, "type", type_word(entry->type));
    out_text(out, item, "mode", mode);
    out_number(out, item, "uid", entry->uid);
    out_number(out, item, "gid", entry->gid);
    out_text(out, item, "user", entry->user);
    out_text(out, item, "group", entry->group);
    out_number(out, item, "size", entry->size);
    /* An entry may well be of 1970: no null here. */
    char time[CLOCK_TEXT_SIZE];
    out_text(out, item, "mtime", clock_format(entry->mtime_ns, time));
    out_set(out, item, "mtime_ns", json_integer((json_int_t)entry->mtime_ns));
    out_text(out, item, "link", entry->link);
    out_bool(out, item, "unreadable", entry->unreadable);
    return out_stream_item(out, item);
}

static void mode_text(const struct hikae_entry *entry, char *out)
{
    static const char letters[] = "rwxrwxrwx";
    out[0] = entry->type == 'f' || entry->type == 'h' ? '-' : entry->type;
    for (unsigned i = 0; i < 9; i++)
        out[i + 1] = (entry->mode & (0400u >> i)) != 0 ? letters[i] : '-';
    if ((entry->mode & 04000) != 0)
        out[3] = out[3] == 'x' ? 's' : 'S';
    if ((entry->mode & 02000) != 0)
        out[6] = out[6] == 'x' ? 's' : 'S';
    if ((entry->mode & 01000) != 0)
        out[9] = out[9] == 'x' ? 't' : 'T';
    out[10] = '\0';
}

/* Mode, owner, size and time with fixed widths: a listing is not held back to measure it. */
static int print_details(struct out *out, const struct hikae_entry *entry)
{
    char mode[11], size[TEXT_SMALL], time[CLOCK_TEXT_SIZE], user[16], group[16];
    (void)snprintf(user, sizeof user, "%u", entry->uid);
    (void)snprintf(group, sizeof group, "%u", entry->gid);
    mode_text(entry, mode);
    bool sized = entry->type == 'f' || entry->type == 'h';
    char CLEANUP_FREE *safe_user = text_escape(entry->user[0] != '\0' ? entry->user : user, false);
    char CLEANUP_FREE *safe_group = text_escape(entry->group[0] != '\0' ? entry->group : group, false);
    if (safe_user == NULL || safe_group == NULL) {
        out->no_memory = true;
        return -1;
    }
    char CLEANUP_FREE *line =
        mem_printf("%s %-8s %-8s %9s %s  ", mode, safe_user, safe_group, sized ? text_size(entry->size, size) : "-",
                   clock_format(entry->mtime_ns, time));
    if (line == NULL) {
        out->no_memory = true;
        return -1;
    }
    return out_puts(out, line);
}

static enum colour entry_colour(const struct hikae_entry *entry)
{
    if (entry->change == '+')
        return COLOUR_GREEN;
    if (entry->change == '-' || entry->unreadable)
        return COLOUR_RED;
    if (entry->change != 0)
        return COLOUR_YELLOW;
    return entry->type == 'd' ? COLOUR_BOLD : COLOUR_NONE;
}

static int print_name(struct listing *listing, const struct hikae_entry *entry)
{
    const char *slash = strrchr(entry->path, '/');
    const char *name = listing->whole_path || slash == NULL ? entry->path : slash + 1;
    char CLEANUP_FREE *safe = text_escape(name, false);
    char CLEANUP_FREE *link = entry->link != NULL && listing->details ? text_escape(entry->link, false) : NULL;
    char change[3] = {entry->change, ' ', '\0'};
    bool coloured = listing->run->out.coloured && entry_colour(entry) != COLOUR_NONE;
    char CLEANUP_FREE *line = mem_printf(
        "%s%s%s%s%s%s%s%s\n", coloured ? colour_start(entry_colour(entry)) : "", entry->change != 0 ? change : "",
        safe != NULL ? safe : "", entry->type == 'd' ? "/" : "", coloured ? COLOUR_STOP : "",
        link != NULL ? " -> " : "", link != NULL ? link : "", entry->unreadable ? "  (could not be read)" : "");
    if (safe == NULL || line == NULL) {
        listing->run->out.no_memory = true;
        return -1;
    }
    return out_puts(&listing->run->out, line);
}

static int on_entry(const struct hikae_entry *entry, void *context)
{
    struct listing *listing = context;
    struct out *out = &listing->run->out;
    listing->count++;
    listing->added += entry->change == '+';
    listing->removed += entry->change == '-';
    if (out->json) {
        if (!listing->streaming && out_stream(out, "entries") != 0)
            return -1;
        listing->streaming = true;
        return json_entry(listing, entry);
    }
    if (listing->null_ended)
        return out_bytes(out, entry->path, strlen(entry->path) + 1);
    if (listing->details && print_details(out, entry) != 0)
        return -1;
    return print_name(listing, entry);
}

static struct listing start(struct run *run)
{
    return (struct listing){
        .run = run,
        .whole_path = true,
        .details = run_has(run, "long"),
        .null_ended = run_has(run, "null"),
    };
}

static enum hikae_status finish(struct listing *listing, enum hikae_status status)
{
    struct run *run = listing->run;
    if (status <= HIKAE_WARNINGS && run->out.json && !listing->streaming)
        (void)out_array(&run->out, NULL, "entries");
    return status;
}

enum hikae_status command_ls(struct run *run)
{
    struct hikae_which which;
    struct listing listing = start(run);
    bool recursive = run_has(run, "recursive");
    char count[TEXT_SMALL];
    enum hikae_status status = value_which(run, &which);
    if (status != HIKAE_OK)
        return status;
    listing.whole_path = recursive;
    status = hikae_ls(run->hikae, run->args[0], &which, run->arg_count > 1 ? run->args[1] : NULL, recursive, on_entry,
                      &listing, &run->error);
    if (status <= HIKAE_WARNINGS && !run->out.json && !listing.null_ended)
        run_tell(run, MSG_LISTED, text_count(listing.count, count));
    return finish(&listing, status);
}

enum hikae_status command_find_entries(struct run *run)
{
    struct hikae_which which;
    struct listing listing = start(run);
    char count[TEXT_SMALL];
    enum hikae_status status = value_which(run, &which);
    if (status != HIKAE_OK)
        return status;
    status = hikae_find(run->hikae, run->args[0], &which, run->args[1], on_entry, &listing, &run->error);
    if (status <= HIKAE_WARNINGS && !run->out.json && !listing.null_ended)
        run_tell(run, listing.count > 0 ? MSG_FOUND : MSG_FOUND_NONE, text_count(listing.count, count));
    return finish(&listing, status);
}

enum hikae_status command_diff(struct run *run)
{
    struct hikae_which from;
    struct hikae_which to;
    struct listing listing = start(run);
    char count[TEXT_SMALL], added[TEXT_SMALL], removed[TEXT_SMALL], changed[TEXT_SMALL];
    (void)value_snapshot(run->args[1], &from);
    (void)value_snapshot(run->args[2], &to);
    enum hikae_status status = hikae_diff(run->hikae, run->args[0], &from, &to, on_entry, &listing, &run->error);
    if (status <= HIKAE_WARNINGS && !run->out.json)
        run_tell(run, listing.count > 0 ? MSG_DIFFERS : MSG_SAME, text_count(listing.count, count),
                 text_count(listing.added, added), text_count(listing.removed, removed),
                 text_count(listing.count - listing.added - listing.removed, changed));
    return finish(&listing, status);
}
