/* The manual: hikae(1) and a page for each command, hikae-tenant-add(1), in English and in Japanese, in the macros of
 * man(7), which both groff and mandoc read. */
#include "cli/help.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/phrase.h"

#include <string.h>

/* What a page says beside what the table of commands says. */
struct frame {
    const char *name, *synopsis, *description, *options, *commands, *exits, *examples, *see_also;
    const char *done, *more_exits, *more_options, *manual;
    const char *head, *tail; /* of hikae(1) */
};

static const struct frame frames[LANG_COUNT] = {
    [LANG_EN] =
        {.name = "NAME",
         .synopsis = "SYNOPSIS",
         .description = "DESCRIPTION",
         .options = "OPTIONS",
         .commands = "COMMANDS",
         .exits = "EXIT STATUS",
         .examples = "EXAMPLES",
         .see_also = "SEE ALSO",
         .done = "done",
         .more_exits = "hikae(1) lists all of them.",
         .more_options = "hikae(1) has those of all commands.",
         .manual = "User commands",
         .head = "hikae \\- back up many customers\\(aq data, encrypted, to several targets, and bring it back\n"
                 ".SH SYNOPSIS\n"
                 ".B hikae\n"
                 "[OPTIONS] COMMAND [ARGUMENTS]\n"
                 ".SH DESCRIPTION\n"
                 "hikae takes encrypted, deduplicated snapshots of the data of tenants (customers of a service)\n"
                 "and stores each on several targets at once. It restores, verifies and repairs them.\n"
                 "Results go to standard output, progress and messages to standard error.\n"
                 "Options may stand before or after arguments; \\-\\- ends them.\n"
                 ".SH OPTIONS\n",
         .tail =
             ".SH EXIT STATUS\n"
             ".TP\n0\ndone\n"
             ".TP\n1\ndone, with warnings: some entries could not be read, or a target is behind\n"
             ".TP\n2\nusage or configuration\n"
             ".TP\n3\nbusy: another run holds the tenant\n"
             ".TP\n4\nnot found: tenant, snapshot, path, target\n"
             ".TP\n5\ndamaged: data does not match; a check failed\n"
             ".TP\n6\nunknown: a target could not be read or written in time, or standard output could not be "
             "written\n"
             ".TP\n7\nkeys or permissions\n"
             ".TP\n8\nrefused by a policy, a hold, or because something is in the way\n"
             ".TP\n9\ninterrupted\n"
             ".TP\n10\ninternal error\n"
             ".SH SIGNALS\n"
             "The first SIGINT or SIGTERM stops soon and cleanly and keeps what is finished; a second one stops at "
             "once, and\nnothing that was stored is lost.\n"
             ".SH ENVIRONMENT\n"
             ".TP\n.B HIKAE_CONFIG\nthe configuration, where \\-\\-config does not name it\n"
             ".TP\n.B HIKAE_NOW\nthe time (RFC 3339), for stores made with init \\-\\-test\\-clock only\n"
             ".TP\n.B NO_COLOR\nif set and not empty, nothing is coloured\n"
             ".TP\n.B LC_ALL, LC_MESSAGES, LANG\nthe language of sentences, where \\-\\-lang does not name it\n"
             ".SH FILES\n"
             ".TP\n.I /etc/hikae/hikae.yaml\nthe configuration; hikae init writes it with a comment on every key\n"
             ".SH EXAMPLES\n"
             "The first quarter of an hour: a store on two targets, a tenant, a backup, and the proof that it can be "
             "restored.\n"},
    [LANG_JA] =
        {.name = "名前",
         .synopsis = "書式",
         .description = "説明",
         .options = "オプション",
         .commands = "コマンド",
         .exits = "終了ステータス",
         .examples = "使用例",
         .see_also = "関連項目",
         .done = "完了",
         .more_exits = "すべての終了コードは hikae(1) にあります。",
         .more_options = "全コマンド共通のオプションは hikae(1) にあります。",
         .manual = "ユーザーコマンド",
         .head = "hikae \\- 多数の顧客のデータを暗号化して複数の保存先にバックアップし、元に戻す\n"
                 ".SH 書式\n"
                 ".B hikae\n"
                 "[オプション] コマンド [引数]\n"
                 ".SH 説明\n"
                 "hikae は、テナント（サービスの顧客）のデータについて、暗号化・重複排除したスナップショットを取得し、"
                 "同時に複数の保存先に保存します。復元、検証、修復も行います。\n"
                 "結果は標準出力に、進捗とメッセージは標準エラー出力に出ます。\n"
                 "オプションは引数の前にも後にも置けます。\\-\\- 以降は引数として扱います。\n"
                 ".SH オプション\n",
         .tail = ".SH 終了ステータス\n"
                 ".TP\n0\n完了\n"
                 ".TP\n1\n完了（警告あり）: 読み取れないものがあったか、遅れている保存先があります\n"
                 ".TP\n2\n使い方または設定の誤り\n"
                 ".TP\n3\n使用中: 別の実行がテナントを使用しています\n"
                 ".TP\n4\n該当なし: テナント、スナップショット、パス、保存先\n"
                 ".TP\n5\n損傷: データが一致しないか、検査に失敗しました\n"
                 ".TP\n6\n不明: 時間内に保存先を読み書きできないか、標準出力に書き込めません\n"
                 ".TP\n7\n鍵または権限\n"
                 ".TP\n8\n拒否: ポリシー、保全、または妨げになるものがあります\n"
                 ".TP\n9\n中断\n"
                 ".TP\n10\n内部エラー\n"
                 ".SH シグナル\n"
                 "最初の SIGINT または SIGTERM では、終わったものを残して速やかに停止します。"
                 "2 回目では即座に停止しますが、保存済みのものは失われません。\n"
                 ".SH 環境変数\n"
                 ".TP\n.B HIKAE_CONFIG\n設定ファイル（\\-\\-config の指定がないとき）\n"
                 ".TP\n.B HIKAE_NOW\n時刻（RFC 3339）。init \\-\\-test\\-clock で作成したストアでのみ有効\n"
                 ".TP\n.B NO_COLOR\n空でない値があると色を付けません\n"
                 ".TP\n.B LC_ALL, LC_MESSAGES, LANG\n文の言語（\\-\\-lang の指定がないとき）\n"
                 ".SH ファイル\n"
                 ".TP\n.I /etc/hikae/hikae.yaml\n設定ファイル。hikae init が各項目の説明付きで作成します\n"
                 ".SH 使用例\n"
                 "最初の 15 分: 2 つの保存先を持つストア、テナント、バックアップ、そして復元できることの確認。\n"},
};

static const char first_commands[] = ".PP\n.RS 4\n.nf\n"
                                     "hikae init \\-\\-target tokyo=file:///mnt/tokyo \\-\\-target "
                                     "osaka=file:///mnt/osaka\n"
                                     "hikae tenant add acme \\-\\-source www=dir:/srv/acme\n"
                                     "hikae backup acme\n"
                                     "hikae drill acme\n"
                                     ".fi\n.RE\n";

/* A text of the table in the language of the page. */
static const char *told(enum lang lang, const char *text)
{
    return lang == LANG_JA ? phrase_help_ja(text) : text;
}

/* Text as it is: no line may begin with a control character, and '-' is to stay a minus that can be copied. */
static int put_text(struct buf *out, struct error *err, const char *text)
{
    if ((text[0] == '.' || text[0] == '\'') && buf_printf(out, err, "\\&") != 0)
        return -1;
    for (; *text != '\0'; text++) {
        const char *as = NULL;
        if (*text == '\\')
            as = "\\e";
        else if (*text == '-')
            as = "\\-";
        else if (*text == '\'')
            as = "\\(aq";
        else if (*text == '~')
            as = "\\(ti";
        else if (*text == '^')
            as = "\\(ha";
        else if (strncmp(text, "…", 3) == 0)
            as = "\\&...";
        if (as != NULL ? buf_printf(out, err, "%s", as) != 0 : buf_u8(out, (uint8_t)*text, err) != 0)
            return -1;
        if (as != NULL && (unsigned char)*text >= 0x80)
            text += 2;
    }
    return 0;
}

static int put_line(struct buf *out, struct error *err, const char *before, const char *text)
{
    if (buf_printf(out, err, "%s", before) != 0 || put_text(out, err, text) != 0)
        return -1;
    return buf_u8(out, '\n', err);
}

static int put_options(struct buf *out, struct error *err, const struct option_def *list, enum lang lang)
{
    for (; list != NULL && list->name != NULL; list++) {
        char CLEANUP_FREE *letter = list->letter != 0 ? mem_printf("-%c, ", list->letter) : mem_strdup("");
        char CLEANUP_FREE *left =
            mem_printf("%s--%s%s%s", letter != NULL ? letter : "", list->name, list->kind != VALUE_NONE ? " " : "",
                       list->kind != VALUE_NONE ? list->value : "");
        if (letter == NULL || left == NULL)
            return error_no_memory(err);
        if (put_line(out, err, ".TP\n.B ", left) != 0 || put_line(out, err, "", told(lang, list->help)) != 0)
            return -1;
    }
    return 0;
}

static int put_examples(struct buf *out, struct error *err, const struct command *command, enum lang lang)
{
    const size_t most = sizeof command->examples / sizeof command->examples[0];
    if (command->examples[0].command == NULL)
        return 0;
    if (buf_printf(out, err, ".SH %s\n", frames[lang].examples) != 0)
        return -1;
    for (size_t i = 0; i < most && command->examples[i].command != NULL; i++) {
        const struct example *example = &command->examples[i];
        if ((i > 0 && buf_printf(out, err, ".PP\n") != 0) ||
            (example->about != NULL && put_line(out, err, "", told(lang, example->about)) != 0) ||
            put_line(out, err, example->about != NULL ? ".PP\n.RS 4\n.nf\n" : ".RS 4\n.nf\n", example->command) != 0 ||
            buf_printf(out, err, ".fi\n.RE\n") != 0)
            return -1;
    }
    return 0;
}

static int put_exits(struct buf *out, struct error *err, const struct command *command, enum lang lang)
{
    if (buf_printf(out, err, ".SH %s\n.TP\n0\n%s\n", frames[lang].exits, frames[lang].done) != 0)
        return -1;
    for (size_t i = 0; i < sizeof command->exits / sizeof command->exits[0]; i++) {
        const struct exit_note *note = &command->exits[i];
        if (note->code != 0 && (buf_printf(out, err, ".TP\n%d\n", note->code) != 0 ||
                                put_line(out, err, "", told(lang, note->about)) != 0))
            return -1;
    }
    return buf_printf(out, err, ".PP\n%s\n", frames[lang].more_exits);
}

/* "hikae-tenant-add"; mem_free. */
static char *page_name(const struct command *command)
{
    char *name = mem_printf("hikae-%s", command->name);
    for (char *p = name; p != NULL && *p != '\0'; p++)
        if (*p == ' ')
            *p = '-';
    return name;
}

/* The line that names page and version; the title is the page's name in capitals. */
static int put_title(struct buf *out, struct error *err, const char *name, enum lang lang)
{
    if (buf_printf(out, err, ".TH \"") != 0)
        return -1;
    for (const char *p = name; *p != '\0'; p++)
        if (buf_u8(out, (uint8_t)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p), err) != 0)
            return -1;
    return buf_printf(out, err, "\" 1 2026-11-21 \"hikae " HIKAE_VERSION "\" \"%s\"\n.ad l\n.SH %s\n",
                      frames[lang].manual, frames[lang].name);
}

static int command_page(struct buf *out, struct error *err, const struct command *command, enum lang lang)
{
    const struct frame *frame = &frames[lang];
    struct buf CLEANUP(buf_free) synopsis = {0};
    char CLEANUP_FREE *name = page_name(command);
    if (name == NULL)
        return error_no_memory(err);
    if (synopsis_write(command, &synopsis, err) != 0 || buf_u8(&synopsis, 0, err) != 0)
        return -1;
    const char *rest = (const char *)synopsis.data;
    bool dry = (command->flags & COMMAND_DRY) != 0, some = command->options != NULL || dry;
    if (put_title(out, err, name, lang) != 0 || put_text(out, err, name) != 0 ||
        put_line(out, err, " \\- ", command->summary[lang]) != 0 ||
        buf_printf(out, err, ".SH %s\n", frame->synopsis) != 0 || put_line(out, err, ".B hikae ", command->name) != 0 ||
        (rest[0] == ' ' && put_line(out, err, "", rest + 1) != 0) ||
        buf_printf(out, err, ".SH %s\n", frame->description) != 0 ||
        put_line(out, err, "", told(lang, command->description)) != 0)
        return -1;
    if (some && buf_printf(out, err, ".SH %s\n", frame->options) != 0)
        return -1;
    if (put_options(out, err, command->options, lang) != 0 ||
        (dry && put_options(out, err, dry_run_option, lang) != 0) ||
        (some && buf_printf(out, err, ".PP\n%s\n", frame->more_options) != 0))
        return -1;
    if (put_exits(out, err, command, lang) != 0 || put_examples(out, err, command, lang) != 0)
        return -1;
    return buf_printf(out, err, ".SH %s\nhikae(1)\n", frame->see_also);
}

/* All commands by group, each with its page and what it does. */
static int put_commands(struct buf *out, struct error *err, enum lang lang)
{
    for (int group = 0; group < GROUP_COUNT; group++) {
        if (put_line(out, err, ".SS ", command_group_names[group][lang]) != 0)
            return -1;
        for (const struct command *const *c = command_table; *c != NULL; c++) {
            if ((int)(*c)->group != group || ((*c)->flags & COMMAND_HIDDEN) != 0)
                continue;
            char CLEANUP_FREE *name = page_name(*c);
            if (name == NULL)
                return error_no_memory(err);
            if (put_line(out, err, ".TP\n.BR ", name) != 0)
                return -1;
            out->size--;
            if (buf_printf(out, err, " (1)\n") != 0 || put_line(out, err, "", (*c)->summary[lang]) != 0)
                return -1;
        }
    }
    return 0;
}

static int overview(struct buf *out, struct error *err, const struct command *none, enum lang lang)
{
    (void)none;
    const struct frame *frame = &frames[lang];
    if (put_title(out, err, "hikae", lang) != 0 || buf_printf(out, err, "%s", frame->head) != 0 ||
        put_options(out, err, global_options, lang) != 0 || buf_printf(out, err, ".SH %s\n", frame->commands) != 0 ||
        put_commands(out, err, lang) != 0)
        return -1;
    return buf_printf(out, err, "%s%s", frame->tail, first_commands);
}

static int write_file(const char *dir, const char *name, const struct buf *text, struct error *err)
{
    char CLEANUP_FREE *path = mem_printf("%s/%s", dir, name);
    return path != NULL ? file_write_atomic(path, text->data, text->size, 0644, err) : error_no_memory(err);
}

static int write_page(const char *dir, const char *name, const struct command *command, enum lang lang,
                      int (*page)(struct buf *out, struct error *err, const struct command *command, enum lang lang),
                      struct error *err)
{
    struct buf CLEANUP(buf_free) text = {0};
    char CLEANUP_FREE *file = name != NULL ? mem_printf("%s.1", name) : NULL;
    if (file == NULL)
        return error_no_memory(err);
    return page(&text, err, command, lang) != 0 ? -1 : write_file(dir, file, &text, err);
}

static int write_pages(const char *dir, enum lang lang, struct error *err)
{
    if (file_mkdirs(dir, 0755, err) != 0 || write_page(dir, "hikae", NULL, lang, overview, err) != 0)
        return -1;
    for (const struct command *const *c = command_table; *c != NULL; c++) {
        char CLEANUP_FREE *name = page_name(*c);
        if (((*c)->flags & COMMAND_HIDDEN) == 0 && write_page(dir, name, *c, lang, command_page, err) != 0)
            return -1;
    }
    return 0;
}

/* The English pages in DIR, the Japanese ones in DIR/ja. */
static int write_manual(const char *dir, struct error *err)
{
    char CLEANUP_FREE *japanese = mem_printf("%s/ja", dir);
    if (japanese == NULL)
        return error_no_memory(err);
    return write_pages(dir, LANG_EN, err) != 0 ? -1 : write_pages(japanese, LANG_JA, err);
}

static int write_completion(const char *dir, struct error *err)
{
    static const struct {
        const char *name;
        int (*write)(struct buf *out, struct error *err);
    } shells[] = {{"hikae.bash", completion_bash}, {"_hikae", completion_zsh}, {"hikae.fish", completion_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        struct buf CLEANUP(buf_free) text = {0};
        if (shells[i].write(&text, err) != 0 || write_file(dir, shells[i].name, &text, err) != 0)
            return -1;
    }
    return 0;
}

enum hikae_status generate_run(struct run *run)
{
    struct error err = {0};
    bool man = strcmp(run->args[0], "man") == 0;
    if (!man && strcmp(run->args[0], "completion") != 0)
        return run_usage(run, "generate writes man or completion, not \"%s\"", run->args[0]);
    const char *dir = run->args[1];
    if (file_mkdirs(dir, 0755, &err) != 0 || (man ? write_manual(dir, &err) : write_completion(dir, &err)) != 0)
        return run_base(run, &err);
    return HIKAE_OK;
}
