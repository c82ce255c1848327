/* The tables of the catalogue and the statements on them. */
#ifndef HIKAE_CATALOG_SCHEMA_H
#define HIKAE_CATALOG_SCHEMA_H

/* "hikc": tells this database from any other SQLite file. */
#define CATALOG_APPLICATION_ID 0x68696b63
#define CATALOG_VERSION        1

/*
 * A place is one tenant on one target; the ledger names it by number, so that
 * its rows stay short. Names are the last part of objects' names; class is the
 * letter before them.
 */
static const char catalog_schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tenant(tid BLOB PRIMARY KEY CHECK(length(tid) = 16), name TEXT NOT NULL UNIQUE, policy TEXT NOT NULL,"
    "  state TEXT NOT NULL, class TEXT NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE place(place INTEGER PRIMARY KEY, tid BLOB NOT NULL CHECK(length(tid) = 16), target TEXT NOT NULL,"
    "  listed_ns INTEGER NOT NULL DEFAULT 0, UNIQUE(tid, target)) STRICT;"
    "CREATE TABLE ledger(place INTEGER NOT NULL REFERENCES place ON DELETE CASCADE, class INTEGER NOT NULL,"
    "  name TEXT NOT NULL, size INTEGER NOT NULL CHECK(size >= 0), seen_ns INTEGER NOT NULL,"
    "  PRIMARY KEY(place, class, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE checked(place INTEGER NOT NULL, class INTEGER NOT NULL, name TEXT NOT NULL, level INTEGER NOT NULL,"
    "  checked_ns INTEGER NOT NULL, PRIMARY KEY(place, class, name, level),"
    "  FOREIGN KEY(place, class, name) REFERENCES ledger ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
    "CREATE TABLE run(number INTEGER PRIMARY KEY AUTOINCREMENT, tid BLOB NOT NULL CHECK(length(tid) = 16),"
    "  kind TEXT NOT NULL, started_ns INTEGER NOT NULL, finished_ns INTEGER NOT NULL DEFAULT 0,"
    "  result TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE INDEX run_by_tenant ON run(tid, number);";

/*
 * What came after version 1, and is made where it is missing: an older version passes over it, so nobody's catalogue
 * has to be thrown away.
 */
static const char catalog_additions[] =
    "CREATE TABLE IF NOT EXISTS job(tid BLOB NOT NULL CHECK(length(tid) = 16), job TEXT NOT NULL,"
    "  done_ns INTEGER NOT NULL, tried_ns INTEGER NOT NULL, failures INTEGER NOT NULL, note TEXT NOT NULL,"
    "  PRIMARY KEY(tid, job)) STRICT, WITHOUT ROWID;";

/* One row a statement of enum statement. */
static const char *const catalog_statements[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_META_SET] = "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    [SQL_META_FORGET] = "DELETE FROM meta WHERE key = ?",
    [SQL_META_GET] = "SELECT value FROM meta WHERE key = ?",
    [SQL_TENANT_PUT] = "INSERT INTO tenant(tid, name, policy, state, class, body) VALUES(?, ?, ?, ?, ?, ?)"
                       " ON CONFLICT(tid) DO UPDATE SET name = excluded.name, policy = excluded.policy,"
                       " state = excluded.state, class = excluded.class, body = excluded.body",
    [SQL_TENANT_BY_NAME] = "SELECT tid, name, policy, state, class, body FROM tenant WHERE name = ?",
    [SQL_TENANT_BY_ID] = "SELECT tid, name, policy, state, class, body FROM tenant WHERE tid = ?",
    [SQL_TENANT_AFTER] =
        "SELECT tid, name, policy, state, class, body FROM tenant WHERE name > ? ORDER BY name LIMIT 1",
    [SQL_TENANT_FORGET] = "DELETE FROM tenant WHERE tid = ?",
    [SQL_TENANT_FORGET_PLACES] = "DELETE FROM place WHERE tid = ?",
    [SQL_TENANT_FORGET_JOBS] = "DELETE FROM job WHERE tid = ?",
    [SQL_PLACE_ADD] = "INSERT INTO place(tid, target) VALUES(?, ?) ON CONFLICT DO NOTHING",
    [SQL_PLACE_FIND] = "SELECT place, listed_ns FROM place WHERE tid = ? AND target = ?",
    [SQL_PLACE_LISTED] = "UPDATE place SET listed_ns = max(listed_ns, ?) WHERE place = ?",
    [SQL_PLACE_FORGET] = "DELETE FROM place WHERE tid = ? AND target = ?",
    [SQL_PLACE_FORGET_TARGET] = "DELETE FROM place WHERE target = ?",
    [SQL_LEDGER_PUT] = "INSERT INTO ledger(place, class, name, size, seen_ns) VALUES(?, ?, ?, ?, ?)"
                       " ON CONFLICT DO UPDATE SET size = excluded.size, seen_ns = excluded.seen_ns"
                       " WHERE excluded.seen_ns >= seen_ns",
    [SQL_LEDGER_FIND] = "SELECT size, seen_ns FROM ledger WHERE place = ? AND class = ? AND name = ?",
    [SQL_LEDGER_PAGE] = "SELECT class, name, size, seen_ns, 0 FROM ledger WHERE place = ? AND (class, name) > (?, ?)"
                        " ORDER BY class, name LIMIT ?",
    [SQL_LEDGER_SUM] = "SELECT count(*), coalesce(sum(size), 0) FROM ledger WHERE place = ?",
    [SQL_LEDGER_REMOVE] = "DELETE FROM ledger WHERE place = ? AND class = ? AND name = ?",
    [SQL_LEDGER_REMOVE_OLD] = "DELETE FROM ledger WHERE place = ? AND seen_ns < ?",
    [SQL_CHECKED_PUT] = "INSERT INTO checked(place, class, name, level, checked_ns)"
                        " SELECT place, class, name, ?4, ?5 FROM ledger WHERE place = ?1 AND class = ?2 AND name = ?3"
                        " ON CONFLICT DO UPDATE SET checked_ns = max(checked_ns, excluded.checked_ns)",
    [SQL_CHECKED_OLDEST] =
        "SELECT l.class, l.name, l.size, l.seen_ns, coalesce((SELECT max(checked_ns) FROM checked AS k"
        "  WHERE k.place = l.place AND k.class = l.class AND k.name = l.name AND k.level >= ?), 0) AS checked_ns"
        " FROM ledger AS l WHERE l.place = ? AND l.class BETWEEN ? AND ?"
        " ORDER BY checked_ns, l.class, l.name LIMIT ?",
    [SQL_CHECKED_SUM] =
        "SELECT count(*), coalesce(sum(checked_ns > 0), 0), coalesce(max(checked_ns), 0) FROM (SELECT coalesce("
        "(SELECT max(k.checked_ns) FROM checked AS k WHERE k.place = l.place AND k.class = l.class AND k.name = l.name"
        "  AND k.level >= ?), 0) AS checked_ns FROM ledger AS l WHERE l.place = ? AND l.class = ?)",
    [SQL_RUN_START] = "INSERT INTO run(tid, kind, started_ns) VALUES(?, ?, ?)",
    [SQL_RUN_FINISH] = "UPDATE run SET finished_ns = ?, result = ? WHERE number = ?",
    [SQL_RUN_PAGE] = "SELECT number, tid, kind, started_ns, finished_ns, result FROM run"
                     " WHERE number < ?1 AND (?2 IS NULL OR tid = ?2) AND (?3 IS NULL OR kind = ?3)"
                     " ORDER BY number DESC LIMIT 1",
    [SQL_JOB_PUT] = "INSERT INTO job(tid, job, done_ns, tried_ns, failures, note) VALUES(?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET done_ns = excluded.done_ns, tried_ns = excluded.tried_ns,"
                    " failures = excluded.failures, note = excluded.note",
    [SQL_JOB_ALL] = "SELECT tid, job, done_ns, tried_ns, failures, note FROM job ORDER BY tid, job",
    [SQL_RUN_TRIM] = "DELETE FROM run WHERE started_ns < ?",
};

#endif
