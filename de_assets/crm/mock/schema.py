"""The tables of the mock CRM's SQLite file. Used by store.py only."""

VERSION = 1

FIRST = """
CREATE TABLE property (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE contact (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    properties TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    archived_ms INTEGER
);
CREATE INDEX contact_by_modified ON contact (modified_ms, id);
CREATE TABLE unique_value (
    property TEXT NOT NULL,
    value TEXT NOT NULL,
    contact_id INTEGER NOT NULL REFERENCES contact (id),
    PRIMARY KEY (property, value)
) WITHOUT ROWID;
CREATE TABLE contact_write (
    contact_id INTEGER NOT NULL REFERENCES contact (id),
    position INTEGER NOT NULL,
    written_ms INTEGER NOT NULL,
    source_type TEXT NOT NULL,
    changed TEXT NOT NULL,
    PRIMARY KEY (contact_id, position)
) WITHOUT ROWID;
"""

# What the pages show of runs and rejects. A file from before they were there gets them when it is
# opened, so its version stays; the API does not need them.
FOR_PAGES = """
CREATE TABLE IF NOT EXISTS sync_run (
    run_id TEXT NOT NULL,
    scored_at TEXT NOT NULL,
    model_version TEXT NOT NULL,
    contacts INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (run_id, scored_at, model_version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejected_input (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    action TEXT NOT NULL,
    code TEXT NOT NULL,
    property TEXT NOT NULL,
    inputs INTEGER NOT NULL,
    is_whole_batch INTEGER NOT NULL
);
"""
