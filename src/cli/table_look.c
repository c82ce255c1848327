/* Rows: looking into snapshots, and getting data out of them. */
#include "cli/commands.h"
#include "cli/table.h"

#include <stdint.h>

/* One language wherever entries are chosen, and the one in which sources exclude. */
#define PATTERNS                                                                                                       \
    "A path begins with its source's name, and means all that is below it. Patterns are those of `tenant set "         \
    "--exclude` (gitignore's): home/**/*.txt from the top of the snapshot, *.txt anywhere, and !*.tmp leaves out."

static const struct option_def ls_options[] = {
    OPTIONS_WHICH,
    {.name = "recursive", .letter = 'r', .help = "everything below, not only what is directly there"},
    {.name = "long", .letter = 'l', .help = "with mode, owner, size and time"},
    {.name = "null",
     .letter = '0',
     .without = "json|long",
     .help = "names as they are, each ended by a zero byte, for xargs -0"},
    OPTIONS_END,
};

const struct command row_ls = {
    .name = "ls",
    .group = GROUP_LOOK,
    .summary = {"list a folder of a snapshot", "スナップショットのフォルダーを一覧する"},
    .arguments = "TENANT [PATH]",
    .least = 1,
    .most = 2,
    .flags = COMMAND_STORE,
    .description = "Lists what is directly in PATH; without it the sources, which are the top folders of a snapshot. "
                   "Control characters in names are shown as \\n, \\x1b and so on.",
    .options = ls_options,
    .examples = {{"hikae ls acme home/docs -l", "A folder of the latest snapshot, in full."},
                 {"hikae ls acme home --at 2026-11-01 -r", "Everything below, as it was on that day."}},
    .exits = {{4, "there is no such tenant, snapshot or path"}, {5, "the snapshot is damaged"}},
    .run = command_ls,
};

static const struct option_def find_options[] = {
    OPTIONS_WHICH,
    {.name = "long", .letter = 'l', .help = "with mode, owner, size and time"},
    {.name = "null",
     .letter = '0',
     .without = "json|long",
     .help = "names as they are, each ended by a zero byte, for xargs -0"},
    OPTIONS_END,
};

const struct command row_find = {
    .name = "find",
    .group = GROUP_LOOK,
    .summary = {"find files in a snapshot by pattern", "パターンでファイルを探す"},
    .arguments = "TENANT PATTERN",
    .least = 2,
    .most = 2,
    .flags = COMMAND_STORE,
    .description = "Lists the entries whose name matches the pattern (*, ?, [a-z]); a pattern with a slash is matched "
                   "against the whole path, where ** is any number of folders. Finding nothing is no error.",
    .options = find_options,
    .examples = {{"hikae find acme '*.xlsx'", "All spreadsheets in the latest snapshot."},
                 {"hikae find acme 'home/**/report*' --snapshot 1a2b3c4d", "By path, in one snapshot."}},
    .exits = {{4, "there is no such tenant or snapshot"}, {5, "the snapshot is damaged"}},
    .run = command_find_entries,
};

const struct command row_diff = {
    .name = "diff",
    .group = GROUP_LOOK,
    .summary = {"what changed from one snapshot to another", "2 つのスナップショットの違い"},
    .arguments = "TENANT FROM TO",
    .least = 3,
    .most = 3,
    .flags = COMMAND_STORE,
    .description =
        "Lists what was added (+), removed (-), changed in content (M), in metadata (m) or in type (T). FROM "
        "and TO are ids, times, or the word latest. Whole folders that are equal are not even read.",
    .examples = {{"hikae diff acme 1a2b3c4d latest", "What has changed since then?"},
                 {"hikae diff acme 2026-11-01 2026-11-08", "In that week."}},
    .exits = {{4, "there is no such tenant or snapshot"}, {5, "a snapshot is damaged"}},
    .run = command_diff,
};

static const struct option_def which_options[] = {
    OPTIONS_WHICH,
    OPTIONS_END,
};

const struct command row_cat = {
    .name = "cat",
    .group = GROUP_LOOK,
    .summary = {"print one file of a snapshot", "ファイルの中身を出力する"},
    .arguments = "TENANT PATH",
    .least = 2,
    .most = 2,
    .flags = COMMAND_STORE | COMMAND_BYTES,
    .description = "Writes the content of one file to standard output, and nothing else. Each piece is checked before "
                   "it is written.",
    .options = which_options,
    .examples = {{"hikae cat acme home/etc/fstab", "A file of the latest snapshot."},
                 {"hikae cat acme dump --at 2026-11-01 | psql shop", "A database's dump of that day."}},
    .exits = {{4, "there is no such tenant, snapshot or file"},
              {5, "the file is damaged on every target"},
              {6, "no target could be read"}},
    .run = command_cat,
};

static const struct option_def restore_options[] = {
    {.name = "to",
     .kind = VALUE_DIR,
     .value = "DIR",
     .required = true,
     .help = "the folder to restore into; made if missing"},
    {.name = "all", .help = "every tenant, by priority, each into DIR/<its name>; one that fails stops no other"},
    OPTIONS_WHICH,
    {.name = "target", .kind = VALUE_WORD, .value = "T", .help = "read from this target only"},
    {.name = "overwrite", .help = "replace what is in the way"},
    {.name = "delta",
     .needs = "overwrite",
     .help = "with --overwrite: fetch only what differs from the files that are there"},
    {.name = "no-owner", .help = "leave all to the user who restores"},
    {.name = "reason", .kind = VALUE_WORD, .value = "R", .help = "why, for the record"},
    {.name = "ticket", .kind = VALUE_WORD, .value = "N", .help = "the ticket, for the record"},
    {.name = "on-request", .help = "the customer asked for it (a policy may let none ask)"},
    {.name = "requester", .kind = VALUE_WORD, .value = "W", .help = "who asked for it"},
    {.name = "approver",
     .kind = VALUE_WORD,
     .value = "W",
     .many = true,
     .help = "who approved it, where the policy asks for approval: once for each person"},
    {.name = "destination",
     .kind = VALUE_CHOICE,
     .value = "production|staging",
     .help = "what it is for (default production; a policy may refuse staging)"},
    {.name = "keep-copy",
     .kind = VALUE_WORD,
     .value = "DURATION",
     .help = "how long the copy may live: it is on `restores list` until it is wiped"},
    OPTIONS_END,
};

const struct command row_restore = {
    .name = "restore",
    .group = GROUP_RESTORE,
    .summary = {"bring files back from a snapshot", "スナップショットからファイルを復元する"},
    .arguments = "[TENANT [PATH…]]",
    .least = 0,
    .most = SIZE_MAX,
    .flags = COMMAND_STORE | COMMAND_DRY,
    .description = "Restores a snapshot, or the paths and patterns given, below DIR/<source name>. " PATTERNS
                   " Nothing that exists "
                   "is replaced without --overwrite, and nothing is ever written outside DIR. Every byte is checked "
                   "before it is written; what is damaged on one target is taken from another, and mended. Where "
                   "the policy has rules for restores it asks for a reason, and for an approver if it says so, and "
                   "the copy stays on `hikae restores list` until its wiping is on record.",
    .options = restore_options,
    .examples = {{"hikae restore acme --to /srv/restored", "All of the latest snapshot."},
                 {"hikae restore acme home/docs '!*.tmp' --at 2026-11-01 --to /tmp/docs",
                  "A folder as it was then, but for some of it."},
                 {"hikae restore --all --to /srv/restored", "Everybody, the most urgent first."},
                 {"hikae restore acme --to /srv/acme --overwrite --delta", "Put a tree back, fetching what differs."}},
    .exits = {{1, "some things could not be restored as they were"},
              {4, "there is no such tenant, snapshot or path"},
              {5, "data is damaged on every target; all else is restored"},
              {6, "targets that may have the data failed; all else is restored"},
              {8, "something is in the way, or the policy refuses"}},
    .run = command_restore,
};

static const struct option_def export_options[] = {
    OPTIONS_WHICH,
    {.name = "format",
     .kind = VALUE_CHOICE,
     .value = "pax|zip|cpio|7zip",
     .help = "of the archive (default pax, a tar)"},
    {.name = "output",
     .letter = 'o',
     .kind = VALUE_FILE,
     .value = "FILE",
     .help = "the archive; without it, or as -, standard output"},
    {.name = "overwrite", .needs = "output", .help = "replace FILE if it exists"},
    OPTIONS_END,
};

const struct command row_export = {
    .name = "export",
    .group = GROUP_RESTORE,
    .summary = {"write a snapshot as an archive", "スナップショットをアーカイブとして書き出す"},
    .arguments = "TENANT [PATH…]",
    .least = 1,
    .most = SIZE_MAX,
    .flags = COMMAND_STORE,
    .description =
        "Writes a snapshot, or the paths and patterns given, as an archive to a file or to standard output. " PATTERNS
        " The archive "
        "is not encrypted. FILE appears only when it is whole.",
    .options = export_options,
    .examples = {{"hikae export acme -o acme.tar", "The latest snapshot."},
                 {"hikae export acme home/docs --format zip | ssh desk 'cat > docs.zip'",
                  "A part, to another machine."}},
    .exits = {{4, "there is no such tenant, snapshot or path"},
              {5, "data is damaged on every target"},
              {6, "FILE or a target failed"},
              {8, "FILE exists"}},
    .run = command_export,
};
